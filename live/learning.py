"""A performer that is learned while it performs: `understudy learn CLIP --live`.

A second process learns and writes the bundle anew as it gets better; the show plays the folder and swaps each newer
version in (`live.fresh`). What is learned there, and how, is no business of the stage's: it is handed a function.
"""

import logging
import multiprocessing
import signal
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from engines.atlas.growing import be_modest, grown_atlas
from engines.errors import Unavailable, UnderstudyError, VideoError
from engines.take.clip import open_clip
from live.config import LiveOptions

log = logging.getLogger(__name__)

Perform = Callable[[LiveOptions], int]
Learning = Callable[[Callable[[], None]], None]
"""Learns into the bundle of the show, in a process of its own (so it is picklable), and tells of each version."""

# A step of training, a checkpoint and a look at held-out pairs end before this; what is killed then is a minute old.
LEAVE_S = 10.0


def learn_live(learning: Learning, out: Path, options: LiveOptions, *, perform: Perform | None = None) -> int:
    """Perform with the bundle `out` as soon as `learning` has written its first version.

    Returns the show's exit code; whoever leaves the show ends the learning. Raises VideoError when nothing can be
    learned from, Unavailable without a display.
    """
    from live.sinks.window import display_available
    from live.staging import perform as performed

    if perform is None and not (options.headless or display_available()):
        raise Unavailable("There is no display to perform on while it learns: add --headless, or leave --live away.")
    perform = perform or performed
    learner = Learner(learning)
    try:
        print(f"{out}: learning; the show begins with the first key figures", flush=True)
        learner.wait()
        return perform(options.model_copy(update={"bundles": (out,)}))
    finally:
        learner.close()


def atlas_of(clip: Path, out: Path, size: int) -> Learning:
    """Learns the key figures of `clip`, more of them as more of it is tracked. Raises VideoError when it is no clip."""
    open_clip(clip)  # what cannot be read is said at once, not by the other process
    return partial(_learn_atlas, clip, out, size)


def _learn_atlas(clip: Path, out: Path, size: int, written: Callable[[], None]) -> None:
    def told(_bundle: object) -> None:
        be_modest()  # from now on somebody performs; the first version is waited for
        written()

    grown_atlas(open_clip(clip), out, size=size, written=told)


class Learner:
    """The other process. Raises nothing of its own accord: `wait` tells what became of the first version."""

    def __init__(self, learning: Learning) -> None:
        context = multiprocessing.get_context("spawn")
        self._heard, said = context.Pipe(duplex=False)
        self._process = context.Process(target=_learn, args=(learning, said), name="learning", daemon=True)
        self._process.start()
        said.close()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until a version is written; False when none came in time. Raises VideoError when none will."""
        if not self._heard.poll(timeout_s):
            return False
        try:
            fault = self._heard.recv()
        except EOFError:
            raise VideoError("The process that learns the clip ended without a word; run the command again.") from None
        if fault:
            raise VideoError(fault)
        return True

    def close(self) -> None:
        """Stop learning; what is written stays."""
        self._process.terminate()
        self._process.join(LEAVE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._heard.close()


def _learn(learning: Learning, said: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to everybody; who performs decides
    shown = 0

    def written() -> None:
        nonlocal shown
        shown += 1
        try:
            said.send("")
        except OSError:  # nobody performs any more, however that ended
            raise KeyboardInterrupt from None

    try:
        learning(written)
    except KeyboardInterrupt:
        return
    except UnderstudyError as error:
        if shown:
            print(f"understudy: the learning ended: {error}", file=sys.stderr, flush=True)
        else:
            said.send(str(error))
