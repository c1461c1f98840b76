"""A film that goes on from its own pictures, step by step, and what a stage may do to it in between."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.film.flow import Between, fetched
from engines.film.motion import look
from engines.film.statistics import FilmLook, guarded, look_of
from engines.film.stirring import noise, stirred
from engines.images import Frame, covering

log = logging.getLogger(__name__)

Step = Callable[[Frame, Frame], Frame]
"""The generator: a picture and the one before it, to the next."""

LONGEST_WAIT_S = 1.0
"""After so long without being asked for a picture it goes on from where it was, and catches nothing up."""
MOST_AT_ONCE = 2
"""Steps for one picture. A machine that is too slow for the tempo shows a slower film, not one picture a second."""
SMOOTH_HZ = 24.0
"""A film of fewer steps a second than this gets pictures in between."""
PUSH = 0.12
"""How far a silhouette that has just come pushes the picture away from itself, in widths, at full strength."""
STANDING = 0.3
"""... and how much of that remains when it stands still."""
SPRAY = 0.25
"""Noise within a silhouette at full strength, a share of the range: what a film makes its own waves and leaves of."""

COLLAPSED_FOR = 40
"""So many steps of standstill, gray or glare, and it begins anew."""
STANDSTILL, GRAY, GLARE = 0.05, 0.25, 4.0
"""Of the film's own change and contrast: farther out than what a preflight allows, since a stage may want extremes."""


@dataclass(frozen=True)
class Touch:
    """What is done to a picture before it is fed back.

    `inject` mixes in `camera`; `disturb` is how much `mask` (H, W) uint8, a silhouette, pushes the picture about;
    `stir` is noise on it; `guard` how strongly it is pulled back to the film's look. All shares are 0..1.
    """

    inject: float = 0.0
    disturb: float = 0.0
    stir: float = 0.0
    guard: float = 0.0
    camera: Frame | None = None
    mask: NDArray[np.uint8] | None = None

    @classmethod
    def of(cls, knobs: Mapping[str, float], camera: Frame | None, mask: NDArray[np.uint8] | None) -> "Touch":
        """From the knobs of a bundle; one that it lacks does nothing."""
        shares = {name: knobs.get(name, 0.0) for name in ("inject", "disturb", "stir", "guard")}
        return cls(**shares, camera=camera, mask=mask)


class Dream:
    """Goes on from `beginning`, and from `before` it if that is known. For one thread; the same seed dreams the same.

    Unless it is `undying` it begins anew when it has collapsed.
    """

    def __init__(
        self,
        beginning: Frame,
        film: FilmLook | None,
        before: Frame | None = None,
        seed: int = 0,
        undying: bool = False,
    ) -> None:
        self._beginning, self._before_it, self._film, self._seed = beginning, before, film, seed
        self._undying = undying
        self.restarts = 0
        """How often it collapsed and began anew by itself."""
        self.begin()

    def begin(self) -> None:
        """From the beginning, as if nothing had been."""
        self._picture = self._beginning
        self._before = self._beginning if self._before_it is None else self._before_it
        self._rng = np.random.default_rng(self._seed)
        self._silhouette: NDArray[np.float32] | None = None
        self._poorly = 0

    @property
    def picture(self) -> Frame:
        """The last one."""
        return self._picture

    def step(self, generator: Step, touch: Touch) -> Frame:
        """The next picture. Begins anew when it has collapsed for some while."""
        picture = self._picture
        if self._film is not None:
            picture = guarded(picture, self._film, touch.guard)
        if touch.inject > 0 and touch.camera is not None:
            camera = covering(touch.camera, picture.shape[:2])
            picture = np.asarray(cv2.addWeighted(picture, 1 - touch.inject, camera, touch.inject, 0), np.uint8)
        picture = self._disturbed(picture, touch)
        after = generator(stirred(picture, touch.stir, self._rng), self._before)
        self._before, self._picture = picture, after
        if self._film is not None and not self._undying and self._has_collapsed(self._film):
            self.restarts += 1
            log.warning("the film collapsed for %d steps and begins anew (%d)", COLLAPSED_FOR, self.restarts)
            self.begin()
        return self._picture

    def _disturbed(self, picture: Frame, touch: Touch) -> Frame:
        """Pushed away from the silhouette's middle, most where it has just come to: a body wading through it."""
        if touch.mask is None or touch.disturb <= 0:
            self._silhouette = None
            return picture
        height, width = picture.shape[:2]
        small = covering(np.repeat(touch.mask[..., None], 3, axis=2), (height, width))[..., 0]
        sigma = max(1.0, width / 40)
        now = cv2.GaussianBlur(small.astype(np.float32) / 255, (0, 0), sigma)
        last = now if self._silhouette is None else self._silhouette
        self._silhouette = np.asarray(now, np.float32)
        field = STANDING * now + np.clip(now - last, 0, 1)
        gradient = np.stack([cv2.Sobel(field, cv2.CV_32F, 1, 0), cv2.Sobel(field, cv2.CV_32F, 0, 1)], axis=-1)
        # Fetched from nearer to the middle, so what was there goes outward. Sobel's gain is 8, and the edge of a
        # blurred mask has a slope of 0.4 / sigma.
        pushed = fetched(picture, (touch.disturb * PUSH * width * sigma / 8 / 0.4) * gradient)
        # Light and dark as foam is, in no color: what is added step after step would else become a rainbow.
        grains = noise((height, width), self._rng).mean(axis=2, keepdims=True) * np.float32(3**0.5)
        spray = (127.5 * SPRAY * touch.disturb) * grains * now[..., None]
        return np.clip(np.rint(pushed + spray), 0, 255).astype(np.uint8)

    def _has_collapsed(self, film: FilmLook) -> bool:
        changed = float(cv2.absdiff(look(self._picture), look(self._before)).mean())
        contrast = look_of(self._picture).contrast / max(1e-6, float(np.mean(film.deviation_high)))
        poor = changed < STANDSTILL * film.changes or changed > GLARE * max(film.changes, 4.0) or contrast < GRAY
        self._poorly = self._poorly + 1 if poor else 0
        return self._poorly >= COLLAPSED_FOR


class Playing:
    """A dream at its film's tempo: pictures for any moment, with those in between where its steps are long."""

    def __init__(self, dream: Dream, rate_hz: float) -> None:
        self._dream, self._period_s = dream, 1 / rate_hz
        self._is_smooth = rate_hz < SMOOTH_HZ
        self._between: Between | None = None
        self._shown = dream.picture
        self._began_s: float | None = None

    def begin(self) -> None:
        self._dream.begin()
        self._between, self._began_s, self._shown = None, None, self._dream.picture

    def at(self, time_s: float, generator: Step, touch: Touch) -> Frame:
        """The picture at `time_s`; times rise. Takes the steps that have become due, but never many at once."""
        if self._began_s is None or not 0 <= time_s - self._began_s <= LONGEST_WAIT_S + self._period_s:
            self._began_s = time_s - self._period_s
        late = int((time_s - self._began_s) / self._period_s + 1e-6) - MOST_AT_ONCE
        self._began_s += max(0, late) * self._period_s
        while time_s - self._began_s >= self._period_s - 1e-6:
            self._began_s += self._period_s
            last, self._shown = self._shown, self._dream.step(generator, touch)
            self._between = Between(last, self._shown) if self._is_smooth else None
        if self._between is None:
            return self._shown
        return self._between.at((time_s - self._began_s) / self._period_s)
