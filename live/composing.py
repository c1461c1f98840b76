"""One shown picture from all that is there in a tick: the performer, the camera, the controls, the last picture."""

import numpy as np

from engines.finish import composed
from engines.images import Frame, Size, covering
from live.control.parameters import Controls
from live.look import Feedback, blended, finished, flipped
from live.mailbox import Post
from live.pipeline import Performed
from live.sources import Captured


class Composer:
    """Makes pictures of one size after the other, and makes none anew while nothing has changed."""

    def __init__(self) -> None:
        self._feedback = Feedback()
        self._made_of: tuple[object, ...] = ()
        self._picture: Frame | None = None

    def picture(
        self,
        resting: Frame,
        performed: Post[Performed] | None,
        captured: Post[Captured] | None,
        controls: Controls,
        elapsed_s: float,
    ) -> Frame:
        """What to show now. `resting` is what the performer shows before its first picture, and gives the size."""
        canvas = resting.shape[0], resting.shape[1]
        if controls.blackout >= 1:
            self._made_of = ()
            return np.zeros((*canvas, 3), np.uint8)
        made_of = (resting, performed, _seen_camera(captured, controls), controls)
        if self._picture is None or controls.feedback > 0 or not _same(made_of, self._made_of):
            raw = _mixed(
                resting, performed.value if performed else None, captured.value if captured else None, controls
            )
            self._picture = finished(self._feedback(raw, controls.feedback, elapsed_s), controls)
            self._made_of = made_of
        return self._picture


def _same(made_of: tuple[object, ...], before: tuple[object, ...]) -> bool:
    """Posts and controls are frozen and made anew for every change: being the same objects is enough."""
    return len(made_of) == len(before) and all(new is old for new, old in zip(made_of, before, strict=True))


def _seen_camera(captured: Post[Captured] | None, controls: Controls) -> Post[Captured] | None:
    """Only a picture that is all camera changes with every frame of it."""
    return captured if controls.mix <= 0 else None


def _mixed(resting: Frame, performed: Performed | None, captured: Captured | None, controls: Controls) -> Frame:
    if controls.mix <= 0 and captured:  # the newest frame, so that it is there even when an engine hangs
        return _camera(captured.frame, (resting.shape[0], resting.shape[1]), controls.mirror)
    if performed is None:
        return resting
    generated = _on_backdrop(performed, controls)
    if controls.mix >= 1 or performed.scene.frame is None:
        return generated
    return blended(_camera(performed.scene.frame, generated.shape[:2], mirror=False), generated, controls.mix)


def _on_backdrop(performed: Performed, controls: Controls) -> Frame:
    drawn = performed.drawn
    if drawn.figure is None or controls.backdrop == "plate":
        return drawn.image
    canvas = drawn.image.shape[:2]
    if controls.backdrop == "camera" and performed.scene.frame is not None:
        return composed(drawn, performed.manifest, _camera(performed.scene.frame, canvas, mirror=False))
    return composed(drawn, performed.manifest, np.zeros((*canvas, 3), np.uint8))


def _camera(frame: Frame, canvas: Size, mirror: bool) -> Frame:
    fitted = np.ascontiguousarray(covering(frame, canvas))
    return flipped(fitted) if mirror else fitted
