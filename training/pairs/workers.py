"""Some processes that share the slow parts of building pairs, and tell how far they are.

Processes are spawned, not forked: MediaPipe and cv2 hold threads. Each serves jobs until its pipe is closed, so it
ends with its parent, however that ends. Jobs and results are pickled on the way, so they hold plain data.
"""

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, TypeVar

import cv2

from engines.errors import Unavailable

Progress = Callable[[str, int, int], None]
Tick = Callable[[int], None]
Job = TypeVar("Job")
Result = TypeVar("Result")


class Workers:
    """`run` does jobs in `count` processes, or in this one if `count` is 1. To be closed; a context manager."""

    def __init__(self, count: int, progress: Progress) -> None:
        self._progress = progress
        self._count = count
        self._processes: list[tuple[SpawnProcess, Connection]] = []

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes at once; what they wrote is whole, since files are renamed into place."""
        for process, pipe in self._processes:
            pipe.close()
            process.terminate()
        for process, _ in self._processes:
            process.join(10)
        self._processes = []

    def run(self, stage: str, total: int, function: Callable[[Job, Tick], Result], jobs: Sequence[Job]) -> list[Result]:
        """The results in the order of the jobs. `function` ticks a count of `total`; its exception is raised here."""
        done = 0

        def tick(count: int) -> None:
            nonlocal done
            done += count
            self._progress(stage, done, total)

        tick(0)
        if self._count == 1 or len(jobs) == 0:
            return [function(job, tick) for job in jobs]
        self._start(min(self._count, len(jobs)))
        results: dict[int, Result] = {}
        for i, result in self._served(function, jobs, tick):
            results[i] = result
        return [results[i] for i in range(len(jobs))]

    def _served(
        self, function: Callable[[Job, Tick], Result], jobs: Sequence[Job], tick: Tick
    ) -> Iterator[tuple[int, Result]]:
        waiting = list(enumerate(jobs))[::-1]
        idle = [pipe for _, pipe in self._processes]
        busy: dict[Any, int] = {}
        ready: Any
        while waiting or busy:
            while waiting and idle:
                pipe = idle.pop()
                busy[pipe], job = waiting.pop()
                pipe.send((function, job))
            for ready in wait(list(busy)):
                kind, value = self._received(ready)
                if kind == "tick":
                    tick(value)
                elif kind == "error":
                    raise value
                else:
                    idle.append(ready)
                    yield busy.pop(ready), value

    def _received(self, pipe: Any) -> tuple[str, Any]:
        try:
            received: tuple[str, Any] = pipe.recv()
        except (EOFError, OSError) as error:
            raise Unavailable(
                "A worker process died, most likely for want of memory; run the command again with --workers 1, "
                "it goes on where it was."
            ) from error
        return received

    def _start(self, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        while len(self._processes) < count:
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            self._processes.append((process, ours))


def _serve(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to everybody; the parent decides
    cv2.setNumThreads(1)  # as many processes as cores already
    with contextlib.suppress(EOFError, OSError):
        while True:
            function, job = pipe.recv()
            try:
                pipe.send(("result", function(job, lambda count: pipe.send(("tick", count)))))
            except (EOFError, BrokenPipeError):
                return
            except Exception as error:
                pipe.send(("error", error))
