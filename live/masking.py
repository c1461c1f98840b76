"""Masks of the person, from the tracker, for as long as somebody on stage looks at them; else they cost nothing."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from engines.images import Frame
from engines.pose.tracker import Tracked

if TYPE_CHECKING:
    from live.passing import TracksPeople

MASKED_KINDS = ("composite", "previous")
"""Kinds of conditioning that look at the person's silhouette: cut out of the picture, or stirring a dreamed film."""


class Masking:
    """A tracker without masks, and while `wanted` one with them. The change takes the moment that opening takes.

    Opened when it is first asked; in the tracker's thread, so that the last picture stays meanwhile.
    """

    def __init__(
        self,
        plain: Callable[[], "TracksPeople"],
        masking: Callable[[], "TracksPeople"],
        wanted: Callable[[], bool],
    ) -> None:
        self._plain, self._masking, self._wanted = plain, masking, wanted
        self._tracker: TracksPeople | None = None
        self._gives_masks = False

    def track(self, frame: Frame, time_s: float) -> Tracked:
        wanted = self._wanted()
        if self._tracker is None or wanted != self._gives_masks:
            self.close()
            self._tracker, self._gives_masks = (self._masking if wanted else self._plain)(), wanted
        return self._tracker.track(frame, time_s)

    def close(self) -> None:
        if self._tracker:
            self._tracker.close()
            self._tracker = None
