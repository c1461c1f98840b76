"""What is kept on this machine: only what was made here, whole, by this user; and made once, by one process."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engines.backends.kept import KEEP, Kept, cache_folder, key_of
from engines.errors import EngineError

KEY = key_of("a", "b")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes are POSIX's")


def test_a_key_depends_on_every_part_and_on_their_order() -> None:
    keys = {key_of("a", "b"), key_of("b", "a"), key_of("ab"), key_of("a", "b", ""), key_of("a")}
    assert len(keys) == 5
    assert key_of("a", "b") == KEY


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "plans")
    assert kept.read(KEY) is None
    assert kept.write(KEY, b"plan") == ""
    assert kept.read(KEY) == b"plan"
    assert kept.holds(KEY)


def test_the_folder_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "understudy" / "plans"


@POSIX
def test_nobody_else_can_look_into_the_folder_or_write_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "plans"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    Kept(folder).write(KEY, b"plan")
    assert folder.stat().st_mode & 0o777 == 0o700
    (file,) = folder.glob("*.kept")
    assert file.stat().st_mode & 0o777 == 0o600


@POSIX
def test_what_others_could_have_written_is_not_read(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.write(KEY, b"plan")
    (file,) = tmp_path.glob("*.kept")
    file.chmod(0o620)
    assert kept.read(KEY) is None
    file.chmod(0o600)
    assert kept.read(KEY) == b"plan"


@POSIX
def test_a_link_is_not_followed(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.write(KEY, b"plan")
    (file,) = tmp_path.glob("*.kept")
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert kept.read(KEY) is None


def test_a_file_under_another_name_is_not_what_was_kept(tmp_path: Path) -> None:
    kept, other = Kept(tmp_path), key_of("c")
    kept.write(KEY, b"plan")
    (file,) = tmp_path.glob("*.kept")
    file.rename(file.with_stem(other))
    assert kept.read(other) is None


@pytest.mark.parametrize("cut", [0, 10, 60, -1], ids=str)
def test_a_crash_in_the_middle_of_a_write_leaves_nothing_that_is_read(tmp_path: Path, cut: int) -> None:
    kept = Kept(tmp_path)
    kept.write(KEY, b"plan" * 100)
    (file,) = tmp_path.glob("*.kept")
    file.write_bytes(file.read_bytes()[:cut])
    assert kept.read(KEY) is None
    assert kept.made(KEY, lambda: b"again") == (b"again", "")
    assert kept.read(KEY) == b"again"


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    kept = Kept(tmp_path / "file" / "plans")
    made, why = kept.made(KEY, lambda: b"plan")
    assert made == b"plan"
    assert "cannot be kept in" in why
    assert kept.read(KEY) is None


@POSIX
def test_a_full_disk_costs_time_and_nothing_else(tmp_path: Path) -> None:
    import resource

    kept, limits = Kept(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # no file of this process may be larger
    try:
        made, why = kept.made(KEY, lambda: b"plan" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert made == b"plan" * 1000
    assert "cannot be kept" in why
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_what_a_crash_left_half_written_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / f"{KEY}.{os.getpid()}.part").write_bytes(b"half")
    assert Kept(tmp_path).write(KEY, b"plan") == ""


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    for number in range(KEEP + 3):
        key = key_of(str(number))
        kept.write(key, b"plan")
        os.utime(tmp_path / f"{key}.kept", (number, number))
    assert len(list(tmp_path.glob("*.kept"))) <= KEEP + 1
    assert kept.read(key_of("0")) is None
    assert kept.read(key_of(str(KEEP + 2))) == b"plan"


BUILDER = """
import sys, time
from pathlib import Path
from engines.backends.kept import Kept, key_of
def make():
    print("builds", flush=True)
    time.sleep(0.6)
    return b"plan"
print(Kept(Path(sys.argv[1])).made(key_of("a", "b"), make)[0].decode(), flush=True)
"""


def test_of_two_processes_one_builds_and_the_other_waits(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUILDER, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].split() for process in both]
    assert sorted(said) == [["builds", "plan"], ["plan"]]


def test_who_dies_while_building_is_followed_by_who_waits(tmp_path: Path) -> None:
    endless = BUILDER.replace("0.6", "600")
    first = subprocess.Popen([sys.executable, "-c", endless, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "builds\n"
    first.kill()
    first.wait()
    assert Kept(tmp_path).made(KEY, lambda: b"mine")[0] == b"mine"


def test_waiting_for_another_builder_can_be_stopped(tmp_path: Path) -> None:
    kept, release, begun = Kept(tmp_path), threading.Event(), threading.Event()

    def make() -> bytes:
        begun.set()
        release.wait(30)
        return b"plan"

    builder = threading.Thread(target=lambda: kept.made(KEY, make))
    builder.start()
    begun.wait(30)
    with pytest.raises(EngineError, match="was stopped"):
        kept.made(KEY, lambda: b"never", lambda: False)
    release.set()
    builder.join()
    assert kept.read(KEY) == b"plan"
