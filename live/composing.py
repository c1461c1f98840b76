"""One shown picture from all that is there in a tick: the performers, the camera, the controls, the last picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import BadInput
from engines.images import Frame, Size, covering
from live import insets
from live.cards import test_card
from live.control.parameters import Controls
from live.effects import GRAIN_HZ, glowing, grained, mirrored_in, room_graded, silk_turned, vignetted
from live.figures import Figures
from live.guard import FlashGuard
from live.look import Feedback, blended, finished, flipped, graded
from live.mailbox import Post
from live.passing import Performed
from live.sources import Captured
from live.voices import Voice, flat, laid_out

PARTS = 3
"""Performers whose past is remembered: the one on stage, the other one, and the one that leaves."""


Ground = Callable[[Voice], Frame]
_NOTHING: Frame = np.zeros((1, 1, 3), np.uint8)


@dataclass
class _Part:
    """What is remembered of one performer."""

    figures: Figures = field(default_factory=Figures)
    smooth: Feedback = field(default_factory=Feedback)
    is_idle: bool = False


class Composer:
    """Makes pictures of one size after the other, and makes none anew while nothing has changed. Main thread only.

    `backdrop` is the picture behind the figure where the controls ask for one.
    """

    def __init__(self, backdrop: Frame | None = None) -> None:
        self._backdrop = backdrop
        self._feedback, self._guard = Feedback(), FlashGuard()
        self._parts: dict[str, _Part] = {}
        self._made_of: tuple[object, ...] = ()
        self._raw: Frame | None = None
        self._picture: Frame | None = None
        self._voices: tuple[Voice, ...] = ()
        self._captured: Captured | None = None
        self._controls = Controls()
        self._room: tuple[object, ...] = ()
        self._cutout: NDArray[np.uint8] | None = None
        self._cutout_of: tuple[object, ...] = ()
        self._matte: tuple[NDArray[np.uint8], Frame] = (_NOTHING, _NOTHING)
        self._grain: tuple[Frame | None, float, int, Frame] = (None, 0.0, 0, _NOTHING)

    @property
    def is_holding_flashes(self) -> bool:
        """Whether the flash guard softens what is shown now."""
        return self._guard.is_holding

    def picture(
        self,
        resting: Frame,
        performed: Post[Performed] | None,
        captured: Post[Captured] | None,
        controls: Controls,
        elapsed_s: float,
        time_s: float = 0.0,
        others: Sequence[Voice] = (),
    ) -> Frame:
        """What to show now. `resting` is what the performer shows before its first picture, and gives the size."""
        canvas = resting.shape[0], resting.shape[1]
        if controls.blackout >= 1 or controls.panic:
            self._made_of = ()
            return self._guarded(np.zeros((*canvas, 3), np.uint8), time_s, controls, is_dark=True)
        voices = (Voice(resting, performed), *(voice for voice in others if voice.share > 0))
        seen = captured if controls.mix <= 0 or controls.passthrough or controls.inset == "camera" else None
        made_of = (
            *(part for voice in voices for part in (voice.resting, voice.performed, voice.share)),
            seen,
            controls,
        )
        moves = controls.feedback > 0 or (controls.smooth_after > 0 and not controls.freeze)
        if self._picture is None or moves or not _same(made_of, self._made_of):
            if not (controls.freeze and self._voices and self._raw is not None and self._raw.shape[:2] == canvas):
                self._voices = voices
            self._captured, self._controls = captured.value if captured else None, controls
            self._picture = self._made(canvas, elapsed_s)
            self._made_of = made_of
        if controls.grain > 0 and not controls.test_card:
            return self._guarded(self._grained(self._picture, controls.grain, time_s), time_s, controls)
        return self._guarded(self._picture, time_s, controls)

    def _grained(self, picture: Frame, amount: float, time_s: float) -> Frame:
        """With grain that moves as film does, which is slower than the display."""
        made_of = picture, amount, int(time_s * GRAIN_HZ)
        if self._grain[0] is not picture or self._grain[1:3] != made_of[1:]:
            self._grain = *made_of, grained(picture, amount, time_s)
        return self._grain[3]

    def cutout(self) -> NDArray[np.uint8] | None:
        """The last picture's figures alone, (H, W, 4) with straight alpha; None where the performer has no matte.

        The very same array as long as there is nothing new. Not to be written to.
        """
        if not self._voices or not any(voice.has_matte for voice in self._voices):
            return None
        made_of = (*(part for voice in self._voices for part in (voice.performed, voice.share)), self._controls)
        if self._cutout is None or not _same(made_of, self._cutout_of):
            self._cutout, self._cutout_of = self._cut_out(), made_of
        return self._cutout

    def matte(self) -> Frame | None:
        """The alpha of `cutout` as a gray picture, and the same array as long."""
        cutout = self.cutout()
        if cutout is None:
            return None
        if self._matte[0] is not cutout:
            gray = cv2.cvtColor(cv2.extractChannel(cutout, 3), cv2.COLOR_GRAY2RGB)
            self._matte = cutout, np.asarray(gray, np.uint8)
        return self._matte[1]

    def _cut_out(self) -> NDArray[np.uint8]:
        canvas, controls = self._voices[0].size, self._controls
        if controls.blackout >= 1 or controls.panic:
            return np.zeros((*canvas, 4), np.uint8)
        if len(self._voices) == 1 and not _plays_with_figure(replace(controls, plate_hue=0.0, plate_light=1.0)):
            made = laid_out(self._voices[0].performed.value, canvas)  # type: ignore[union-attr]
            colored = finished(np.ascontiguousarray(made[..., :3]), replace(controls, flip=False))
            alpha = made[..., 3]
        else:
            colored, alpha = self._told_apart(canvas)
        joined = cv2.merge([*cv2.split(colored), np.ascontiguousarray(alpha)])
        return np.asarray(cv2.flip(joined, 1) if controls.flip else joined, np.uint8)

    def _told_apart(self, canvas: Size) -> tuple[Frame, NDArray[np.uint8]]:
        """Color and alpha of whatever the figures do, for twice their cost: what lies over black and over white alike
        is opaque, what differs is not."""
        dark, bright = (self._voiced(partial(flat, level), canvas, 0.0, again=True) for level in (0, 255))
        alpha = 255 - cv2.subtract(bright, dark).min(axis=2)
        straight = cv2.divide(dark, cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), scale=255)
        return finished(np.asarray(straight, np.uint8), replace(self._controls, flip=False)), alpha

    def forget(self) -> None:
        """A clean slate: no trails, no ghosts."""
        self._feedback.forget()
        for part in self._parts.values():
            part.figures.forget()
            part.smooth.forget()

    def _made(self, canvas: Size, elapsed_s: float) -> Frame:
        controls = self._controls
        if controls.test_card:
            return finished(test_card(canvas), replace(Controls(), blackout=controls.blackout, flip=controls.flip))
        if controls.passthrough and self._captured:
            return finished(_camera(self._captured.frame, canvas, mirror=False), Controls(blackout=controls.blackout))
        if not controls.freeze or self._raw is None or self._raw.shape[:2] != canvas:
            self._raw = self._mixed(canvas, elapsed_s)
        picture = self._feedback(
            self._raw, controls.feedback, elapsed_s, controls.feedback_zoom, controls.feedback_turn
        )
        small = insets.chosen(controls.inset, self._captured, self._voices[0])
        return insets.laid_in(_looked(picture, controls), small)

    def _mixed(self, canvas: Size, elapsed_s: float) -> Frame:
        controls, first = self._controls, self._voices[0]
        if controls.mix <= 0 and self._captured:  # the newest frame, so that it is there even when an engine hangs
            return _camera(self._captured.frame, canvas, controls.mirror)
        generated = self._voiced(self._ground, canvas, elapsed_s)
        performed = first.performed.value if first.performed else None
        if controls.mix >= 1 or performed is None or performed.scene.frame is None:
            return generated
        return blended(_camera(performed.scene.frame, canvas, mirror=False), generated, controls.mix)

    def _voiced(self, ground: Ground, canvas: Size, elapsed_s: float, again: bool = False) -> Frame:
        """All performers, each laid over those before it by its share."""
        made: Frame | None = None
        for voice in self._voices:
            picture = covering(self._performed(voice, ground, elapsed_s, again), canvas)
            made = picture if made is None else blended(made, picture, voice.share)
        assert made is not None
        return made

    def _performed(self, voice: Voice, ground: Ground, elapsed_s: float, again: bool) -> Frame:
        if voice.performed is None:
            return ground(voice) if again else self._lit(voice.resting)
        performed, controls = voice.performed.value, self._controls
        part = self._part(performed)
        figure = performed.drawn.figure
        if figure is None:
            picture = silk_turned(performed.drawn.image, controls.silk) if controls.silk else performed.drawn.image
        elif not again and controls.backdrop == "plate" and not _plays_with_figure(controls):
            picture = performed.drawn.image
        else:
            picture = part.figures.drawn_on(ground(voice), performed, controls)
        return picture if again else part.smooth(picture, controls.smooth_after, elapsed_s)

    def _part(self, performed: Performed) -> _Part:
        """What is remembered of this performer; nothing of one whose attract mode has just begun or ended."""
        name = performed.manifest.name
        part = self._parts.pop(name, None) or _Part()
        self._parts[name] = part  # the newest is last
        while len(self._parts) > PARTS:
            del self._parts[next(iter(self._parts))]
        if part.is_idle != performed.is_idle:
            part.is_idle = performed.is_idle
            self.forget()
        return part

    def _ground(self, voice: Voice) -> Frame:
        """What lies behind the figure, to be drawn into."""
        backdrop, canvas = self._controls.backdrop, voice.size
        frame = voice.performed.value.scene.frame if voice.performed else None
        if backdrop == "camera" and frame is not None:
            return _camera(frame, canvas, mirror=False).copy()
        if backdrop == "picture" and self._backdrop is not None:
            return self._lit(covering(self._backdrop, canvas)).copy()
        if backdrop in ("black", "transparent", "camera"):
            return np.zeros((*canvas, 3), np.uint8)
        return self._lit(voice.resting).copy()

    def _lit(self, room: Frame) -> Frame:
        """The room in its own light, made once for as long as it stays."""
        hue, light = self._controls.plate_hue, self._controls.plate_light
        if (hue, light) == (0, 1):
            return room
        if not _same((room, hue, light), self._room[:3]):
            self._room = (room, hue, light, room_graded(room, hue, light))
        return self._room[3]  # type: ignore[return-value]

    def _guarded(self, picture: Frame, time_s: float, controls: Controls, is_dark: bool = False) -> Frame:
        return self._guard(picture, time_s, is_dark) if controls.guard else picture


def backdrop_of(path: Path | None) -> Frame | None:
    """The picture behind the figure. Raises `BadInput`."""
    if path is None:
        return None
    image = cv2.imread(str(path))
    if image is None:
        raise BadInput(f"{path}: is no picture that can be read; name a PNG or JPEG")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def _looked(picture: Frame, controls: Controls) -> Frame:
    """The looks, in the order of a camera: mirrors, color, glow, lens, then the projector's turn and the fade."""
    picture = mirrored_in(picture, round(controls.kaleidoscope))
    picture = graded(picture, controls)
    if controls.bloom > 0:
        picture = glowing(picture, controls.bloom, controls.bloom_gold)
    if controls.vignette > 0:
        picture = vignetted(picture, controls.vignette)
    return finished(picture, Controls(blackout=controls.blackout, flip=controls.flip))


def _plays_with_figure(controls: Controls) -> bool:
    return (
        max(controls.shadow, controls.place) > 0
        or round(controls.echo) > 0
        or round(controls.figures) > 1
        or controls.outline >= 1
        or controls.silk != 0
        or (controls.plate_hue, controls.plate_light) != (0, 1)
    )


def _same(made_of: tuple[object, ...], before: tuple[object, ...]) -> bool:
    """Posts and controls are frozen and made anew for every change: being the same objects is enough."""
    return len(made_of) == len(before) and all(
        new is old or (isinstance(new, float) and new == old) for new, old in zip(made_of, before, strict=True)
    )


def _camera(frame: Frame, canvas: Size, mirror: bool) -> Frame:
    fitted = np.ascontiguousarray(covering(frame, canvas))
    return flipped(fitted) if mirror else fitted
