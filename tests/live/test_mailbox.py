"""Promises of the mailbox between threads."""

import threading
import time

from live.mailbox import Latest


def test_the_newest_value_wins() -> None:
    box: Latest[str] = Latest()
    box.put("old")
    box.put("new")
    post = box.after(0, 0)
    assert post is not None
    assert post.value == "new"


def test_a_reader_sees_each_value_once() -> None:
    box: Latest[int] = Latest()
    box.put(7)
    post = box.after(0, 0)
    assert post is not None
    assert box.after(post.number, 0) is None


def test_two_readers_do_not_steal_from_each_other() -> None:
    box: Latest[int] = Latest()
    box.put(7)
    assert [box.after(0, 0), box.after(0, 0)] == [box.newest, box.newest]


def test_what_was_taken_out_reaches_nobody_and_the_next_value_goes_on_with_its_number() -> None:
    box: Latest[str] = Latest()
    box.put("over")
    box.clear()
    assert box.newest is None
    assert box.after(0, 0) is None
    box.put("new")
    post = box.after(1, 0)
    assert post is not None
    assert (post.value, post.number, box.count) == ("new", 2, 2)


def test_what_a_reader_missed_can_be_counted() -> None:
    box: Latest[int] = Latest()
    for value in range(5):
        box.put(value)
    post = box.after(1, 0)
    assert post is not None
    assert post.number - 1 - 1 == 3


def test_a_waiting_reader_is_woken_by_a_value() -> None:
    box: Latest[int] = Latest()
    got: list[int] = []

    def read() -> None:
        post = box.after(0, 5)
        got.extend([post.value] if post else [])

    reader = threading.Thread(target=read)
    reader.start()
    box.put(3)
    reader.join(5)
    assert got == [3]


def test_an_empty_mailbox_does_not_hold_its_reader() -> None:
    box: Latest[int] = Latest()
    start = time.monotonic()
    assert box.after(0, 0.01) is None
    assert box.newest is None
    assert time.monotonic() - start < 5


def test_a_writer_goes_on_at_once_when_its_value_was_taken() -> None:
    box: Latest[int] = Latest()
    box.put(7)
    box.after(0, 0)
    writer = threading.Thread(target=box.until_taken, args=(60,), daemon=True)
    writer.start()
    writer.join(5)
    assert not writer.is_alive()


def test_a_writer_whose_value_nobody_took_waits_no_longer_than_it_said() -> None:
    box: Latest[int] = Latest()
    box.put(7)
    writer = threading.Thread(target=box.until_taken, args=(0.2,), daemon=True)
    writer.start()
    writer.join(0.02)
    assert writer.is_alive()
    writer.join(5)
    assert not writer.is_alive()
