"""The window: pygame, full screen on a chosen display or a rectangle, cursor hidden, keys by name."""

import ctypes
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from engines.errors import Unavailable
from engines.images import Frame, Size, covering, resized
from live.pacing import Tick
from live.sinks.geometry import Pins, pinned, rotated

log = logging.getLogger(__name__)

TITLE = "understudy"
SHARE_OF_DISPLAY = 0.8
"""How much of a display a window takes when nobody said how large it should be."""

Fit = Literal["whole", "cover"]
Lines = Callable[[], tuple[str, ...]]


def _pygame() -> Any:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    # A stage window that minimizes itself when somebody clicks elsewhere is a black stage.
    os.environ.setdefault("SDL_VIDEO_MINIMIZE_ON_FOCUS_LOSS", "0")
    import pygame

    return pygame


def display_available() -> bool:
    """Whether a window can be seen on this machine now. Opens nothing that stays."""
    driver = os.environ.get("SDL_VIDEODRIVER", "")
    if driver in ("dummy", "offscreen"):
        return False
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return driver == "kmsdrm"
    pygame = _pygame()
    try:
        pygame.display.init()
        # Without a display SDL takes a driver that draws into memory, and says nothing.
        return pygame.display.get_driver() not in ("dummy", "offscreen")
    except pygame.error:
        return False
    finally:
        pygame.display.quit()


class Window:
    """A window for pictures of any size; all calls from the main thread.

    `headless` draws into memory: the same work and nothing to see. Raises `Unavailable` where there is no display.
    """

    def __init__(
        self,
        picture: Size,
        window: Size | None = None,
        fullscreen: bool = False,
        display: int = 0,
        fit: Fit = "whole",
        headless: bool = False,
        lines: Lines = tuple,
        at: tuple[int, int] | None = None,
        rotate: int = 0,
        pins: Pins | None = None,
        on_top: bool = False,
        darkens: Callable[[], bool] = lambda: False,
    ) -> None:
        if not headless and not display_available():
            raise Unavailable(
                "There is no display on this machine: perform with --headless (and --record FILE.mp4 to see it later)."
            )
        if headless:
            os.environ["SDL_VIDEODRIVER"] = "dummy"
        self._pygame = _pygame()
        self._pygame.display.init()
        self._pygame.font.init()
        self._display = self._existing_display(display)
        self._windowed = window or (picture if headless else self._comfortable(picture))
        self._is_fullscreen = fullscreen
        self._fit, self._lines = fit, lines
        self._at, self._rotate, self.pins, self._on_top = at, rotate, pins or Pins(), on_top
        self._darkens = darkens
        self.is_dark = False
        """Whether the last flip was black although the picture was not: `darkens` said so at the last moment."""
        self._text: tuple[tuple[str, ...], list[Any]] = ((), [])
        self._held: tuple[Frame, ...] = ()
        self._open()

    @property
    def driver(self) -> str:
        return str(self._pygame.display.get_driver())

    @property
    def size(self) -> Size:
        """As SDL gives it, which is not always as asked."""
        width, height = self._screen.get_size()
        return height, width

    def show(self, picture: Frame, _tick: Tick) -> None:
        """Draw and flip."""
        fitted, (top, left) = self._arranged(picture)
        surface = self._pygame.image.frombuffer(fitted, fitted.shape[1::-1], "RGB")  # no copy: hold it until the flip
        self._held = (fitted,)
        if fitted.shape[:2] != self.size:
            self._screen.fill((0, 0, 0))
        self._screen.blit(surface, (left, top))
        self._draw_lines()
        self.is_dark = self._darkens()
        if self.is_dark:
            self._screen.fill((0, 0, 0))
        self._pygame.display.flip()

    def _arranged(self, picture: Frame) -> tuple[Frame, tuple[int, int]]:
        """Turned, fitted and pinned; where its corner (y, x) goes."""
        fitted, (top, left) = fitted_to(rotated(picture, self._rotate), self.size, self._fit)
        if self.pins.is_straight:
            return fitted, (top, left)
        whole = np.zeros((*self.size, 3), np.uint8)
        whole[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
        return pinned(whole, self.pins.corners), (0, 0)

    def pin(self) -> None:
        """Begin or end moving the corners with the mouse."""
        self.pins.is_open = not self.pins.is_open
        self._pygame.mouse.set_visible(self.pins.is_open)

    def _take_mouse(self, event: Any) -> None:
        pygame = self._pygame
        if event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self.pins.press(event.pos, self.size)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 3 and self.pins.is_open:
            self.pins.straighten()
        elif event.type == pygame.MOUSEMOTION:
            self.pins.move(event.pos, self.size)
        elif event.type == pygame.MOUSEBUTTONUP and event.button == 1:
            self.pins.release()

    def keys(self) -> list[str]:
        """Names of the keys pressed since the last call: "b", "left", "f1"; "quit" when the window was closed."""
        pressed = []
        if not self._pygame.display.get_init():  # the display is gone; the next picture will say so
            return []
        for event in self._pygame.event.get():
            if event.type == self._pygame.QUIT:
                pressed.append("quit")
            elif event.type == self._pygame.KEYDOWN:
                pressed.append(str(self._pygame.key.name(event.key)))
            else:
                self._take_mouse(event)
        return pressed

    def toggle_fullscreen(self) -> None:
        self._is_fullscreen = not self._is_fullscreen
        self._pygame.display.quit()  # a new window: without a window manager SDL leaves the old one where it was
        self._pygame.display.init()
        self._open()

    def lose(self) -> None:
        """What it is like when the display goes away under the window; for chaos."""
        self._pygame.display.quit()

    def reopen(self) -> None:
        """After the display was lost: a new window, on the first display if the old one is no more."""
        self._pygame.display.quit()
        self._pygame.display.init()
        if self._display >= len(self._pygame.display.get_desktop_sizes()):
            self._display = 0
        self._open()

    def close(self) -> None:
        self._pygame.display.quit()

    def _open(self) -> None:
        pygame = self._pygame
        if self._is_fullscreen:
            width, height = pygame.display.get_desktop_sizes()[self._display]
            flags = pygame.FULLSCREEN
        else:
            height, width = self._windowed
            flags = pygame.RESIZABLE if self._at is None else pygame.NOFRAME
            if self._at is not None:
                os.environ["SDL_VIDEO_WINDOW_POS"] = f"{self._at[0]},{self._at[1]}"
        try:
            self._screen = pygame.display.set_mode((width, height), flags, display=self._display)
        except pygame.error as error:
            raise Unavailable(f"The display does not open a window of {width}x{height} ({error}).") from error
        pygame.display.set_caption(TITLE)
        pygame.mouse.set_visible(self.pins.is_open)
        pygame.display.set_allow_screensaver(False)
        if self._on_top:
            _keep_on_top()
        self._font = pygame.font.Font(None, max(18, height // 30))
        self._text = ((), [])

    def _existing_display(self, display: int) -> int:
        sizes = self._pygame.display.get_desktop_sizes()
        if display >= len(sizes):
            there = ", ".join(f"{index} ({width}x{height})" for index, (width, height) in enumerate(sizes))
            raise Unavailable(f"There is no display {display}: choose one of {there}.")
        return display

    def _comfortable(self, picture: Size) -> Size:
        """The picture's own size or a whole multiple that leaves some of the display free."""
        width, height = self._pygame.display.get_desktop_sizes()[self._display]
        share = min(height * SHARE_OF_DISPLAY / picture[0], width * SHARE_OF_DISPLAY / picture[1])
        scale = max(1, int(share)) if share >= 1 else share
        return max(16, round(picture[0] * scale)), max(16, round(picture[1] * scale))

    def _draw_lines(self) -> None:
        lines = self._lines()
        if lines != self._text[0]:
            self._text = (lines, [self._line(line) for line in lines])
        left = top = self._font.get_linesize() // 2
        for line in self._text[1]:
            self._screen.blit(line, (left, top))
            top += self._font.get_linesize()

    def _line(self, text: str) -> Any:
        """White on a translucent bar, to be read over any picture; made narrower when it is wider than the window."""
        text = text.replace("←", "<").replace("→", ">")  # not in pygame's own font
        ink = self._font.render(text, True, (255, 255, 255))
        bar = self._pygame.Surface((ink.get_width() + 12, self._font.get_linesize()), self._pygame.SRCALPHA)
        bar.fill((0, 0, 0, 150))
        bar.blit(ink, (6, 1))
        room = self._screen.get_width() - self._font.get_linesize()
        if bar.get_width() <= room:
            return bar
        return self._pygame.transform.smoothscale(bar, (room, max(1, bar.get_height() * room // bar.get_width())))


def _keep_on_top() -> None:
    """Over other windows. pygame 2.6 has no call for it, but the SDL inside it has, from 2.0.16."""
    import pygame
    from pygame._sdl2 import video

    folder = Path(pygame.__file__).parent
    found = [
        *folder.glob("SDL2.dll"),
        *folder.glob(".dylibs/libSDL2-2*"),
        *folder.parent.glob("pygame.libs/libSDL2-2*"),
    ]
    try:
        sdl = ctypes.CDLL(str(found[0]))
        sdl.SDL_GetWindowFromID.restype = ctypes.c_void_p
        window = sdl.SDL_GetWindowFromID(ctypes.c_uint32(video.Window.from_display_module().id))
        sdl.SDL_SetWindowAlwaysOnTop(ctypes.c_void_p(window), 1)
    except (IndexError, OSError, AttributeError):
        log.warning("this pygame cannot keep its window on top: have the window manager do it")


def fitted_to(picture: Frame, window: Size, fit: Fit) -> tuple[Frame, tuple[int, int]]:
    """The picture scaled for a window, and where its corner (y, x) goes; never stretched."""
    if fit == "cover":
        return np.ascontiguousarray(covering(picture, window)), (0, 0)
    scale = min(window[0] / picture.shape[0], window[1] / picture.shape[1])
    size = max(1, round(picture.shape[0] * scale)), max(1, round(picture.shape[1] * scale))
    return np.ascontiguousarray(resized(picture, size)), ((window[0] - size[0]) // 2, (window[1] - size[1]) // 2)
