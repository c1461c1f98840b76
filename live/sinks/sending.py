"""To other programs: NDI, a virtual camera, Spout, Syphon. Each with a thread of its own; the newest picture wins."""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.errors import BadInput, Unavailable
from engines.images import Frame, Size
from live.extras import imported, only_on
from live.mailbox import Latest
from live.pacing import Tick

WHATS = ("picture", "figure", "matte", "skeleton")
RETRY_S = 5.0
AGAIN_S = 0.2
"""What does not change is sent again after so long, for who connects later."""
PATIENCE_S = 0.2

Rgba = NDArray[np.uint8]
Tap = Callable[[Frame], Frame | Rgba | None]
"""What of a shown picture is sent, RGB or RGBA; None is nothing new."""


class Sender(Protocol):
    """An open door to another program, for pictures of one size. Used by one thread."""

    def send(self, picture: Rgba) -> None: ...
    def close(self) -> None: ...


class Sending:
    """A sink that hands RGBA to another program. What cannot run here is told in one sentence, and tried again."""

    def __init__(self, name: str, opened: Callable[[Size], Sender], tap: Tap) -> None:
        self.name, self._opened, self._tap = name, opened, tap
        self.fault: str | None = None
        self.sent = 0
        self._rests = False
        self._last: tuple[Frame | Rgba | None, float] = (None, -1.0)
        self._slot: Latest[Rgba] = Latest()
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def show(self, picture: Frame, tick: Tick) -> None:
        if self._rests:
            return
        tapped = self._tap(picture)
        # The display shows a picture more than once; to send it as often would take a core from what makes the next.
        if tapped is None or (tapped is self._last[0] and 0 <= tick.time_s - self._last[1] < AGAIN_S):
            return
        self._last = tapped, tick.time_s
        self._slot.put(_rgba(tapped))

    def close(self) -> None:
        self._halt.set()
        self._thread.join(2)

    def _run(self) -> None:
        while not self._halt.is_set():
            try:
                self._send_all()
            except Exception as error:  # the guard of this part
                self.fault, self._rests = str(error) or type(error).__name__, True
                if self._halt.wait(RETRY_S):
                    return
                self._rests = False

    def _send_all(self) -> None:
        sender: Sender | None = None
        size: Size = (0, 0)
        taken = self._slot.count
        try:
            while not self._halt.is_set():
                post = self._slot.after(taken, PATIENCE_S)
                if post is None:
                    continue
                taken, picture = post.number, post.value
                if sender is None or picture.shape[:2] != size:
                    if sender:
                        sender.close()
                    size = picture.shape[0], picture.shape[1]
                    sender = self._opened(size)
                sender.send(picture)
                self.fault = None  # not before: what is tried again in vain is one fault and not one each time
                self.sent += 1
        finally:
            if sender:
                sender.close()


def _rgba(picture: Frame | Rgba) -> Rgba:
    """A copy with alpha; opaque where there was none."""
    if picture.shape[2] == 4:
        return picture.copy()
    made = np.empty((*picture.shape[:2], 4), np.uint8)
    made[..., :3], made[..., 3] = picture, 255
    return made


class NdiSender:
    """An NDI stream with straight alpha. The library is proprietary and comes with the package cyndilib."""

    def __init__(self, size: Size, name: str = "understudy", fps: int = 60) -> None:
        self._library = imported("cyndilib", "ndi", "NDI")
        from fractions import Fraction

        from cyndilib.sender import Sender as NativeSender
        from cyndilib.video_frame import VideoSendFrame
        from cyndilib.wrapper.ndi_structs import FourCC

        frame = VideoSendFrame()
        frame.set_resolution(size[1], size[0])
        frame.set_fourcc(FourCC.RGBA)
        frame.set_frame_rate(Fraction(fps, 1))
        self._native: Any = NativeSender(name, clock_video=False)
        self._native.set_video_frame(frame)
        self._native.open()

    def send(self, picture: Rgba) -> None:
        self._native.write_video_async(np.ascontiguousarray(picture).reshape(-1))

    def close(self) -> None:
        self._native.close()


class VirtualCamera:
    """A camera that other programs can choose. Without alpha."""

    def __init__(self, size: Size, fps: int = 30) -> None:
        module = imported("pyvirtualcam", "virtual-camera", "a virtual camera")
        try:
            self._camera: Any = module.Camera(width=size[1], height=size[0], fps=fps)
        except RuntimeError as error:
            first = str(error).strip().split("\n")[0]
            raise Unavailable(
                f"there is no virtual camera on this machine ({first}): on Linux load v4l2loopback "
                "(modprobe v4l2loopback), on Windows and macOS install OBS"
            ) from error

    def send(self, picture: Rgba) -> None:
        self._camera.send(np.ascontiguousarray(picture[..., :3]))

    def close(self) -> None:
        self._camera.close()


class SpoutSender:
    """Spout, with alpha. Windows only. Unproven: nobody has run it with this program yet."""

    def __init__(self, size: Size, name: str = "understudy") -> None:
        only_on("win32", "Spout", "Windows")
        module = imported("SpoutGL", "spout", "Spout")
        self._size = size
        self._native: Any = module.SpoutSender()
        self._native.setSenderName(name)

    def send(self, picture: Rgba) -> None:
        height, width = self._size
        gl_rgba = 0x1908
        self._native.sendImage(np.ascontiguousarray(picture).tobytes(), width, height, gl_rgba, False, 0)
        self._native.setFrameSync("understudy")

    def close(self) -> None:
        self._native.releaseSender()


class SyphonSender:
    """Syphon, with alpha. macOS only. Unproven: nobody has run it with this program yet."""

    def __init__(self, size: Size, name: str = "understudy") -> None:
        only_on("darwin", "Syphon", "macOS")
        imported("syphon", "syphon", "Syphon")
        import syphon
        from syphon.utils.numpy import copy_image_to_mtl_texture
        from syphon.utils.raw import create_mtl_texture

        self._copy = copy_image_to_mtl_texture
        self._server: Any = syphon.SyphonMetalServer(name)
        self._texture: Any = create_mtl_texture(self._server.device, size[1], size[0])

    def send(self, picture: Rgba) -> None:
        self._copy(np.ascontiguousarray(picture), self._texture)
        self._server.publish_frame_texture(self._texture)

    def close(self) -> None:
        self._server.stop()


SENDERS: Mapping[str, Callable[[Size, str], Sender]] = {
    "ndi": NdiSender,
    "virtual-camera": lambda size, _name: VirtualCamera(size),
    "spout": SpoutSender,
    "syphon": SyphonSender,
}


def send_spec(text: str) -> tuple[str, str]:
    """`KIND` or `KIND:WHAT` as people write it: what opens the door, and what goes through. Raises `BadInput`."""
    kind, _, what = text.partition(":")
    if kind not in SENDERS or (what or "picture") not in WHATS:
        kinds, whats = ", ".join(SENDERS), ", ".join(WHATS)
        raise BadInput(f"--send {text}: write KIND or KIND:WHAT; KIND is one of {kinds}, WHAT one of {whats}")
    return kind, what or "picture"


def sending(text: str, taps: Mapping[str, Tap]) -> Sending:
    """The sink for one `--send`."""
    kind, what = send_spec(text)
    name = "understudy" if what == "picture" else f"understudy {what}"
    return Sending(text, lambda size: SENDERS[kind](size, name), taps[what])
