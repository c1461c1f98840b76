"""One progress bar for every command that makes somebody wait."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]
"""Called with (done, total) as often as the worker likes."""


def silent(_done: int, _total: int) -> None:
    """The progress of a caller who does not want to see any."""


@contextmanager
def bar(title: str) -> Iterator[Progress]:
    """A rich progress bar on stderr, so that what a command prints can still be piped."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(title, total=None)

        def show(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        yield show
