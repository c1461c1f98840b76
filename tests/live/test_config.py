"""Settings of a show: every file in configs/live is good, and a bad one is refused with file, key and value."""

from pathlib import Path

import pytest

from engines.errors import ConfigError
from live.config import LiveOptions, live_options

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "live").glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_is_read_and_begins_with_its_command(path: Path) -> None:
    assert live_options(path)
    assert path.read_text().splitlines()[0] == f"# understudy live --config configs/live/{path.name}"


def test_the_command_line_overrides_the_file(tmp_path: Path) -> None:
    path = tmp_path / "stage.toml"
    path.write_text('osc_in = 7500\nsource = "0"\n')
    options = live_options(path, {"osc_in": 7600})
    assert (options.osc_in, options.source) == (7600, "0")


def test_the_region_of_the_command_line_goes_before_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "stage.toml"
    path.write_text('[controls]\nregion = "dancer"\n')
    assert live_options(path).initial_controls(False).region == "dancer"
    assert live_options(path, {"region": "background"}).initial_controls(False).region == "background"


def test_sizes_are_written_width_by_height(tmp_path: Path) -> None:
    path = tmp_path / "stage.toml"
    path.write_text('window = "1280x720"\n')
    assert live_options(path).window == (720, 1280)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("osc_im = 7400", "osc_im is no setting"),
        ("osc_in = 99999", "osc_in = 99999.*65535"),
        ('window = "huge"', "window = 'huge'.*WIDTHxHEIGHT"),
        ("seconds = -1", "seconds = -1.*greater than 0"),
        ('fit = "stretch"', "fit = 'stretch'.*'whole' or 'cover'"),
        ("[controls]\nmixx = 1", "mixx is no control"),
        ("[controls]\nmix = 3", "mix = 3.*0 to 1"),
        ('[controls]\nbackdrop = "sea"', "backdrop = 'sea'"),
        ("osc_in = ", "not TOML"),
    ],
    ids=lambda value: value.split("\n")[-1][:20],
)
def test_a_bad_setting_is_refused_with_key_and_value(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "stage.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as refused:
        live_options(path)
    assert "\n" not in str(refused.value)


def test_a_config_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        live_options(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("said", "is_camera", "mirrors"), [(None, True, True), (None, False, False), (False, True, False)]
)
def test_only_a_camera_is_a_mirror_unless_somebody_says_otherwise(
    said: bool | None, is_camera: bool, mirrors: bool
) -> None:
    assert LiveOptions(mirror=said).initial_controls(is_camera).mirror is mirrors


def test_initial_controls_are_in_natural_units() -> None:
    assert LiveOptions(controls={"hue": 90.0}).initial_controls(False).hue == 90
