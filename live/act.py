"""One performer on stage: what follows the dancer for it, what runs it, and the pictures that come of it."""

from collections.abc import Callable
from pathlib import Path

from engines.images import Frame, Size
from engines.scene import Scene
from live.control.parameters import Controls
from live.fresh import stamp_of
from live.gauges import Gauges
from live.mailbox import Latest
from live.masking import MASKED_KINDS
from live.passing import FollowsPeople, Performed, Prepared, Seen
from live.pipeline import POSE_KINDS, Drawing, Preparing, StandIn
from live.sources import Captured
from live.stages import Faults, Stage

Opened = Callable[[Path], StandIn]
Followed = Callable[[StandIn], FollowsPeople]


class Act:
    """One performer on stage: its follower, its two threads, and the pictures they make."""

    def __init__(
        self,
        path: Path,
        opened: Opened,
        follower: Followed,
        frames: Latest[Captured],
        seen: Latest[Seen],
        read_controls: Callable[[], Controls],
        faults: Faults,
        gauges: Gauges,
    ) -> None:
        self.path, self._opened = path, opened
        self.stamp = stamp_of(path)
        self.is_awake = True
        """A performer that nobody sees costs nothing: it is asleep."""
        self.is_closed = False
        self._gauges, self._faults = gauges, faults
        self._stand_in = opened(path)
        self._is_fresh = True
        self.manifest = self._stand_in.performer.manifest
        self.resting: Frame = resting_of(self._stand_in)
        self.prepared: Latest[Prepared] = Latest()
        self.performed: Latest[Performed] = Latest()
        followed = follower(self._stand_in)
        self._stages = (
            Stage(
                f"conditioning of {self.name}",
                lambda: Preparing(
                    lambda: self._stand_in,
                    followed,
                    frames,
                    seen,
                    read_controls,
                    self.prepared,
                    lambda: gauges.typical_latency_s,
                    lambda: self.is_awake,
                ),
                faults,
                hurries=True,
            ),
            Stage(f"engine of {self.name}", self._drawing, faults),
        )

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def canvas(self) -> Size:
        return self.resting.shape[0], self.resting.shape[1]

    @property
    def said(self) -> str:
        """What it runs on, for the overlay."""
        return self._stand_in.said

    @property
    def wants_masks(self) -> bool:
        """Whether it looks at the person's mask, and is still here."""
        return self.manifest.conditioning in MASKED_KINDS and self.is_awake and not self.is_closed

    @property
    def wants_people(self) -> bool:
        """Whether it must know where people are, and is still here."""
        kinds = (*POSE_KINDS, *MASKED_KINDS)
        return self.manifest.conditioning in kinds and self.is_awake and not self.is_closed

    @property
    def engine(self) -> tuple[str, str]:
        """Backend and precision that it runs on now."""
        return self._stand_in.engine.backend, self._stand_in.engine.precision

    def start(self) -> "Act":
        for stage in self._stages:
            stage.start()
        return self

    def renew_engine(self) -> None:
        """The engine hangs: go on with another."""
        self._stages[1].renew()

    def retire(self) -> None:
        """Close while the show goes on: what was broken in it is broken no more."""
        self.close()
        for stage in self._stages:
            self._faults.clear(stage.name)

    def close(self) -> None:
        """Stop both threads, waiting a little for each."""
        self.is_closed = True
        for stage in self._stages:
            stage.halt()
        for stage in self._stages:
            stage.close()

    def _drawing(self) -> Drawing:
        """The engine's part; after a fault with an engine opened anew."""
        if not self._is_fresh:
            self._stand_in = self._opened(self.path)
        self._is_fresh = False
        return Drawing(self._stand_in, self.prepared, self.performed, self._gauges)


def resting_of(stand_in: StandIn) -> Frame:
    """The performer before anybody was seen: the empty room."""
    nobody = Scene()
    return stand_in.performer.drawn(stand_in.performer.conditioned(nobody), nobody).image
