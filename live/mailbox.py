"""How threads of the show hand values over: one slot, the newest wins, nobody waits and nothing queues."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Post(Generic[T]):
    """A value and its place in the row of all values that were put; the first is number 1."""

    value: T
    number: int


class Latest(Generic[T]):
    """A one-slot mailbox for one writer and any number of readers, each of which remembers what it has seen.

    Values are shared by reference, so they must be frozen: whoever puts one never touches it again.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._post: Post[T] | None = None
        self._count = self._taken = 0
        self.tell: Callable[[T], object] | None = None
        """Hears every value before any reader can, in the writer's thread; so it must be quick."""

    def put(self, value: T) -> None:
        """Replace whatever is in the slot; never blocks on a reader."""
        if self.tell:
            self.tell(value)
        with self._condition:
            self._count += 1
            self._post = Post(value, self._count)
            self._condition.notify_all()

    def clear(self) -> None:
        """Take out what is in the slot: it is over. Numbers go on."""
        with self._condition:
            self._post = None
            self._taken = self._count
            self._condition.notify_all()

    @property
    def newest(self) -> Post[T] | None:
        """What is in the slot now, seen or not; None before the first `put` and after `clear`."""
        return self._post

    @property
    def count(self) -> int:
        """How many values were ever put."""
        return self._count

    def after(self, number: int, timeout_s: float) -> Post[T] | None:
        """The newest value if it came after `number`, waiting up to `timeout_s` for one; None if none came.

        The values that this reader missed are `post.number - number - 1`.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._post is not None and self._post.number > number, timeout_s)
            post = self._post
            if post is None or post.number <= number:
                return None
            self._taken = post.number
            self._condition.notify_all()
            return post

    def until_taken(self, timeout_s: float) -> None:
        """Return when some reader has taken the newest value, or after `timeout_s`.

        For a writer whose work would be thrown away: what it makes then is made of the newest there is.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._taken >= self.count, timeout_s)
