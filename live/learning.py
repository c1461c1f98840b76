"""A performer that is learned while it performs: `understudy learn CLIP --live`.

A second process tracks the clip and writes the bundle anew as the atlas grows; the show plays the folder and swaps each
newer version in (`live.fresh`).
"""

import logging
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from engines.atlas.growing import be_modest, grown_atlas
from engines.bundle import Bundle
from engines.errors import UnderstudyError, VideoError
from engines.take.clip import open_clip
from live.config import LiveOptions

log = logging.getLogger(__name__)

Perform = Callable[[LiveOptions], int]


def learn_live(clip: Path, out: Path, options: LiveOptions, *, size: int = 512, perform: Perform | None = None) -> int:
    """Learn `clip` into the bundle `out`, and perform with it as soon as its first version is there.

    Returns the show's exit code; whoever leaves the show ends the learning. Raises VideoError when nothing of the clip
    can be learned from.
    """
    from live.show import perform as performed

    perform = perform or performed
    open_clip(clip)  # what cannot be read is said at once, not by the other process
    learner = Learner(clip, out, size)
    try:
        print(f"{clip}: learning; the show begins with the first key figures", flush=True)
        learner.wait()
        return perform(options.model_copy(update={"bundles": (out,)}))
    finally:
        learner.close()


class Learner:
    """The other process. Raises nothing of its own accord: `wait` tells what became of the first version."""

    def __init__(self, clip: Path, out: Path, size: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._heard, said = context.Pipe(duplex=False)
        self._process = context.Process(target=_learn, args=(clip, out, size, said), name="learning", daemon=True)
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
        self._process.join(5)


def _learn(clip: Path, out: Path, size: int, said: Connection) -> None:
    def written(bundle: Bundle) -> None:
        be_modest()  # from now on somebody performs; the first version is waited for
        said.send("")
        log.info("%s: %s key figures", out, bundle.manifest.made_by["keys"])

    try:
        grown_atlas(open_clip(clip), out, size=size, written=written)
    except UnderstudyError as error:
        said.send(str(error))
