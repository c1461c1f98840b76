"""Who can be on stage, who is, and how the next one comes on: loaded in the background, swapped whole on a tick."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from engines.bundle import find_bundles, open_bundle
from engines.errors import BadInput, UnderstudyError
from live.act import Act
from live.config import LiveOptions
from live.control.parameters import Controls
from live.fresh import Fresh
from live.pipeline import StandIn, TimedEngine
from live.stages import Faults

log = logging.getLogger(__name__)

ENTRANCE_S = 5.0
"""How long the old performer waits for the first picture of the new one before it leaves anyway."""

TOLD_S = 10.0
"""A name that nobody has, or a bundle that does not open, stands over the picture for so long and not all evening."""


class Repertoire:
    """All bundles that can be played, in order. The first is opened at once; raises `BundleError` or `EngineError`."""

    def __init__(self, paths: Sequence[Path], begin: Callable[[Path], Act], faults: Faults) -> None:
        self._paths, self._begin, self._faults = list(paths), begin, faults
        self._controls = self._beside = Controls()
        self._coming: Future[Act] | None = None
        self._fresh = Fresh()
        self._called: deque[Path] = deque()
        self._steps = 0
        self._named_last: Path | None = None
        self._dismissed: Path | None = None
        self._other_coming: Future[Act] | None = None
        self._leaving: Act | None = None
        self._entered_s = 0.0
        self._now_s = 0.0
        self._told_s: float | None = None
        self.other: Act | None = None
        """The one to crossfade to, kept ready."""
        self.act = begin(self._paths[0]).start()

    @property
    def names(self) -> list[str]:
        """By which they are called: the names of their folders."""
        return [path.name for path in self._paths]

    def on_stage(self, controls: Controls, now_s: float = 0.0) -> Act:
        """The act to show in this tick. Starts loading when the controls ask for another; never waits."""
        self._now_s = now_s
        if self._told_s is not None and now_s - self._told_s > TOLD_S:
            self._settle_fault()
        self._call_other(controls)
        self._hear(controls)
        if self._coming is None:
            self._let_go()
            wanted = self._wanted()
            if self._called:
                self._coming = self._load(self._called.popleft())
            elif wanted and wanted != self.act.path:
                self._coming = self._load(wanted)
            elif self._fresh.is_newer(self.act.path, self.act.stamp, now_s):
                self._coming = self._load(self.act.path)
        elif self._coming.done():
            self._enter(self._coming, now_s)
            self._coming = None
        self.act.is_awake = self.other is None or controls.crossfade < 1
        return self.act

    def agree(self, settle: Callable[..., None]) -> None:
        """Let the controls name who is on stage and who stands beside, once nobody else is awaited: whoever came on by
        another way (a key, a visitor who left), or stayed since the one that was asked for does not exist."""
        name = self.act.path.name
        if not (self._coming or self._called or self._steps or self._named_last) and self._controls.bundle != name:
            self._controls = replace(self._controls, bundle=name)
            settle(bundle=name)
        beside = self.other.path.name if self.other else ""
        if not self._other_coming and self._beside.other not in ("", beside):
            self._beside = replace(self._beside, other=beside)
            settle(other=beside)

    def beside(self, controls: Controls, now_s: float) -> list[tuple[Act, float]]:
        """Who else is seen, each over those before it by its share: the other performer, and the one that leaves."""
        seen = [(self.other, controls.crossfade)] if self.other and controls.crossfade > 0 else []
        if self._leaving:
            left = 1 - (now_s - self._entered_s) / max(controls.bundle_fade, 1e-3)
            if left > 0:
                return [*seen, (self._leaving, min(1.0, left))]
            self._retire(self._leaving)
            self._leaving = None
        return seen

    def call(self, path: Path) -> None:
        """Bring on somebody who may not be in the row yet; from any thread."""
        self._dismissed = None
        if path not in self._paths:
            self._paths.append(path)
        self._called.append(path)

    def dismiss(self, path: Path) -> None:
        """Take somebody out of the row; if they are on stage the next one follows, if there is one."""
        self._dismissed = path

    def _let_go(self) -> None:
        path = self._dismissed
        if path is None or path not in self._paths:
            return
        if self.act.path != path:
            self._paths.remove(path)
        elif len(self._paths) > 1 and not self._called:
            self._called.append(self._after(1))

    def close(self) -> None:
        for act in (self._leaving, self.other):
            if act:
                self._retire(act)
        self.act.close()

    def _call_other(self, controls: Controls) -> None:
        """Load whom the crossfade goes to: whom `other` names, else the next in the row."""
        if self._other_coming and self._other_coming.done():
            coming, self._other_coming = self._other_coming, None
            if (act := self._arrived(coming)) is not None:
                if self.other:
                    self._retire(self.other)
                self.other = act
        if self.other:
            self.other.is_awake = controls.crossfade > 0
        if self._other_coming:
            return
        before, self._beside = self._beside, controls
        named = controls.other != before.other
        if named or (controls.crossfade > 0 and not self.other and before.crossfade <= 0):
            wanted = self._named(controls.other) if controls.other else self._after(1)
            if wanted and not (self.other and self.other.path == wanted):
                self._other_coming = self._load(wanted)

    def _after(self, steps: int) -> Path:
        """The one so many places after the one on stage."""
        return self._paths[(self._paths.index(self.act.path) + steps) % len(self._paths)]

    def _hear(self, controls: Controls) -> None:
        """Note whom a control that moved asks for, also while another one comes on; a name that nobody has is told."""
        before, self._controls = self._controls, controls
        if steps := controls.next_bundle - before.next_bundle:
            self._steps, self._named_last = self._steps + steps, None
        if controls.bundle != before.bundle and (named := self._named(controls.bundle)):
            self._steps, self._named_last = 0, named

    def _wanted(self) -> Path | None:
        """Whom somebody asked for since the last one came on."""
        steps, named = self._steps, self._named_last
        self._steps, self._named_last = 0, None
        return named or (self._after(steps) if steps else None)

    def _named(self, name: str) -> Path | None:
        if name.isdigit() and int(name) < len(self._paths):
            return self._paths[int(name)]
        for path in self._paths:
            if path.name.lower() == name.lower():
                return path
        known = ", ".join(self.names)
        self._tell(BadInput(f"no performer is called {name!r}; there are {known}"))
        return None

    def _tell(self, error: Exception) -> None:
        self._told_s = self._now_s
        self._faults.report("repertoire", error)

    def _settle_fault(self) -> None:
        self._told_s = None
        self._faults.clear("repertoire")

    def _load(self, path: Path) -> "Future[Act]":
        future: Future[Act] = Future()

        def load() -> None:
            try:
                act = self._begin(path).start()
                act.performed.after(0, ENTRANCE_S)
                future.set_result(act)
            except Exception as error:  # whatever is wrong with a bundle, the one on stage goes on
                future.set_exception(error)

        threading.Thread(target=load, name="repertoire", daemon=True).start()
        return future

    def _enter(self, coming: "Future[Act]", now_s: float) -> None:
        if (act := self._arrived(coming)) is None:
            return
        if self._leaving:
            self._retire(self._leaving)
        self._leaving, self._entered_s, self.act = self.act, now_s, act

    def _arrived(self, coming: "Future[Act]") -> Act | None:
        """Who has come on; None, and a fault told, when that failed."""
        error = coming.exception()
        if isinstance(error, Exception):
            self._tell(error)
            return None
        self._settle_fault()
        return coming.result()

    @staticmethod
    def _retire(act: Act) -> None:
        threading.Thread(target=act.retire, name="retiring", daemon=True).start()


def playable(options: LiveOptions) -> list[Path]:
    """The bundles of a show, in order. Raises `BadInput` when there is none."""
    for path in options.bundles:
        if not path.exists():
            raise BadInput(f"{path}: there is no such bundle; `understudy bundles` lists what can be played")
    found = find_bundles(options.bundles)
    given = {path.resolve() for path in options.bundles}
    chosen = [path for path in found if path.resolve() in given or path.resolve().parent in given] or (
        [] if options.bundles else found
    )
    if not chosen:
        where = ", ".join(map(str, options.bundles)) or "bundles/ and in your data folder"
        raise BadInput(f"no bundle was found in {where}; export one, or name its folder with --bundle")
    return chosen


def open_stand_in(path: Path, options: LiveOptions, threads: int, waits: bool = False) -> StandIn:
    """A bundle from disk, opened on the engine that the options ask for.

    A show begins at once and moves to a compiled plan when that is built; who `waits` has one engine from the start.
    """
    from engines.backends import open_engine
    from engines.backends.staging import StageEngine
    from engines.performer import Performer

    bundle = open_bundle(path)
    opened = open_engine if waits or not bundle.manifest.graphs else StageEngine  # an atlas alone has no plan to build
    engine = TimedEngine(opened(bundle, options.backend, options.precision, threads))
    try:
        return StandIn(Performer(bundle, engine), engine)
    except UnderstudyError:
        engine.close()
        raise
