"""One person found in every frame: MediaPipe's pose landmarker behind a small door."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engines.errors import BadInput, Unavailable
from engines.images import Frame, Size
from engines.pose.landmarks import COUNT, Joint, Landmarks, in_heights, middle, torso_length
from engines.pose.model import pose_model
from engines.pose.puppet import BuiltInDancer
from engines.pose.quiet import native_logs_silenced

Mode = Literal["video", "image"]

# MediaPipe's z is said to be in frame widths but is larger: by 3.2 to 4.1 than its own metric landmarks on four clips
# and the drawn dancer (correlation 0.92 to 1.00), and by 3.8 than the drawn dancer's known depth.
DEPTH_EXCESS = 3.6
# How many people are compared when one is chosen. It costs nothing where only one is in view.
CANDIDATES = 3
# A person whose hips move this many torso lengths from one frame to the next is another person.
JUMP = 1.2
# Somebody who was locked and away may come back this many torso lengths from where they were last.
FAR = 3.0
# When the built-in dancer stands in front of the camera with open arms.
WARM_UP_S = 8.5
# After so long without the person followed, the largest is taken again instead of the nearest.
FORGOTTEN_S = 1.0


@dataclass(frozen=True)
class Tracked:
    """What was found in one frame; nobody is None."""

    landmarks: Landmarks | None
    mask: NDArray[np.uint8] | None  # (H, W): 255 where the person is; only from a tracker with masks
    time_s: float


NOBODY_SEEN = -np.inf


class Tracker:
    """Follows one person: the largest at first, then the nearest to where it was.

    In video mode the frames of one sequence are given in order; a time that goes backwards (a clip that loops) begins a
    new sequence. In image mode every frame stands for itself, and the largest person is taken. Landmarks are
    MediaPipe's own, but for z, which is brought to frame widths; smooth them with `smoothing.OneEuro`.

    In video mode MediaPipe follows a single person (letting it look for a second one in every frame costs 6.5 of
    17 ms), so who that is gets decided here, when somebody is found or jumps: all people are looked for once, and
    MediaPipe is shown the frame with the others painted over. For one thread. Raises Unavailable when MediaPipe or the
    model is not to be had.
    """

    def __init__(self, model: Path | None = None, masks: bool = False, mode: Mode = "video") -> None:
        if mode not in ("video", "image"):
            raise BadInput(f"A tracker's mode is 'video' or 'image', not '{mode}'.")
        self.masks = masks
        self.mode = mode
        self._model = model or pose_model()
        if not self._model.is_file():
            raise Unavailable(f"There is no pose model at {self._model}: leave the path away to use the default one.")
        self._everybody = _Landmarker(self._model, "image", CANDIDATES, masks)
        self._everybody.warm_up()
        self._follower = _Landmarker(self._model, "video", 1, masks) if mode == "video" else None
        self._last: Landmarks | None = None
        self._seen_s = NOBODY_SEEN
        self._time_s = NOBODY_SEEN
        self._next = False
        self.is_locked = False
        """While this is set, the person followed is never forgotten and never exchanged for another."""

    def choose_next(self) -> None:
        """In the next frame (of a sequence) follow the next person to the right; after the last the first."""
        self._next = True

    def track(self, frame: Frame, time_s: float) -> Tracked:
        """The person in `frame` ((H, W, 3) uint8 RGB), which was captured at `time_s`."""
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise BadInput(f"A frame is (height, width, 3) uint8, not {frame.shape} {frame.dtype}.")
        size = (frame.shape[0], frame.shape[1])
        if self._follower is None:
            return _tracked(_largest(self._everybody.found(frame), size), time_s)
        if time_s < self._time_s:
            self._begin_again()
        self._time_s = time_s
        person = self._followed(self._follower, frame, size)
        if person is not None:
            self._last, self._seen_s = person.landmarks, time_s
        elif time_s - self._seen_s > FORGOTTEN_S and not self.is_locked:
            self._last = None
        return _tracked(person, time_s)

    def _followed(self, follower: "_Landmarker", frame: Frame, size: Size) -> "_Person | None":
        found = follower.found(frame, self._time_s)
        if not found:
            return None
        if self._last is not None and not self._next and _distance(found[0], self._last, size) < JUMP:
            return found[0]
        people = self._everybody.found(frame)
        if self._next and people:
            self._next = False
            self._last = _beside(people, found[0].landmarks if self._last is None else self._last, size).landmarks
        if self.is_locked and self._last is not None:
            people = [person for person in people if _distance(person, self._last, size) < FAR]
            if not people:
                return None
        elif len(people) < 2:
            return found[0]
        chosen = _largest(people, size) if self._last is None else _nearest(people, self._last, size)
        assert chosen is not None
        if _distance(found[0], chosen.landmarks, size) < JUMP / 2:
            return found[0]
        alone = _alone(frame, chosen, people)
        # MediaPipe looks at its last region once more before it searches the picture: hence twice.
        follower.found(alone, self._time_s)
        return (follower.found(alone, self._time_s) or [chosen])[0]

    def _begin_again(self) -> None:
        assert self._follower is not None
        self._follower.close()
        self._follower = _Landmarker(self._model, "video", 1, self.masks)
        self._last, self._seen_s = None, NOBODY_SEEN

    def close(self) -> None:
        """Let go of MediaPipe's threads and memory; may be called twice."""
        self._everybody.close()
        if self._follower is not None:
            self._follower.close()

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


@dataclass(frozen=True)
class _Person:
    landmarks: Landmarks
    mask: NDArray[np.uint8] | None


def _tracked(person: _Person | None, time_s: float) -> Tracked:
    return Tracked(None, None, time_s) if person is None else Tracked(person.landmarks, person.mask, time_s)


def _hips(landmarks: Landmarks, size: Size) -> NDArray[np.float32]:
    return middle(in_heights(landmarks, size), Joint.LEFT_HIP, Joint.RIGHT_HIP)[:2]


def _distance(person: _Person, other: Landmarks, size: Size) -> float:
    """Between the hips of two people, in torso lengths of the larger one."""
    torso = max(float(torso_length(in_heights(landmarks, size))) for landmarks in (person.landmarks, other))
    # A body seen from above or bent towards the camera has no torso to speak of.
    return float(np.linalg.norm(_hips(person.landmarks, size) - _hips(other, size)) / max(torso, 0.05))


def _nearest(people: list[_Person], last: Landmarks, size: Size) -> _Person:
    return min(people, key=lambda person: _distance(person, last, size))


def _beside(people: list[_Person], last: Landmarks, size: Size) -> _Person:
    """Who stands next to the right of the one at `last`; the leftmost after the rightmost."""
    row = sorted(people, key=lambda person: float(_hips(person.landmarks, size)[0]))
    return row[([id(person) for person in row].index(id(_nearest(row, last, size))) + 1) % len(row)]


def _largest(people: list[_Person], size: Size) -> _Person | None:
    def extent(person: _Person) -> float:
        spread = np.ptp(in_heights(person.landmarks, size)[:, :2], axis=0)
        return float(spread[0] * spread[1])

    return max(people, key=extent, default=None)


def _box(landmarks: Landmarks, size: Size, margin: float) -> tuple[slice, slice]:
    """Rows and columns around a person, with a margin in parts of its height."""
    pixels = landmarks[:, :2] * np.array([size[1], size[0]], np.float32)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    margin *= float(high[1] - low[1])
    left, top = np.maximum(low - margin, 0).astype(int)
    right, bottom = np.maximum(high + margin, 0).astype(int)
    return slice(top, bottom + 1), slice(left, right + 1)


def _alone(frame: Frame, chosen: _Person, people: list[_Person]) -> Frame:
    """`frame` with everybody but `chosen` painted over in gray."""
    size = (frame.shape[0], frame.shape[1])
    painted = frame.copy()
    for person in people:
        if person is not chosen:
            painted[_box(person.landmarks, size, 0.15)] = 128
    around = _box(chosen.landmarks, size, 0.12)
    painted[around] = frame[around]
    return painted


class _Landmarker:
    """MediaPipe's own class with its exceptions translated, its log lines silenced and its clock kept in order."""

    def __init__(self, model: Path, mode: Mode, people: int, masks: bool) -> None:
        self._image, self._vision, base = _mediapipe()
        running = self._vision.RunningMode.VIDEO if mode == "video" else self._vision.RunningMode.IMAGE
        options = self._vision.PoseLandmarkerOptions(
            # The bytes, not the path: MediaPipe does not take every path on Windows.
            base_options=base(model_asset_buffer=model.read_bytes()),
            running_mode=running,
            num_poses=people,
            output_segmentation_masks=masks,
        )
        with native_logs_silenced():
            self._landmarker = self._translated(lambda: self._vision.PoseLandmarker.create_from_options(options), model)
        self._mode = mode
        self._clock_ms = 0
        self._close = weakref.finalize(self, _let_go, self._landmarker)

    def found(self, frame: Frame, time_s: float = 0.0) -> list[_Person]:
        image = self._image.Image(self._image.ImageFormat.SRGB, np.ascontiguousarray(frame))
        if self._mode == "image":
            result = self._translated(lambda: self._landmarker.detect(image))
        else:
            # MediaPipe refuses two frames of one millisecond.
            self._clock_ms = max(self._clock_ms + 1, round(time_s * 1000))
            result = self._translated(lambda: self._landmarker.detect_for_video(image, self._clock_ms))
        masks = result.segmentation_masks or [None] * len(result.pose_landmarks)
        return [_Person(_as_landmarks(p), _as_mask(m)) for p, m in zip(result.pose_landmarks, masks, strict=True)]

    def warm_up(self) -> None:
        """See a person once, so that what the first one costs and logs is over before the first frame of the show."""
        with native_logs_silenced():
            self.found(BuiltInDancer((240, 320)).frame_at(WARM_UP_S))

    def close(self) -> None:
        self._close()

    @staticmethod
    def _translated(call: Callable[[], Any], model: Path | None = None) -> Any:
        try:
            return call()
        # FileNotFoundError is what MediaPipe raises for a model without metadata.
        except (RuntimeError, ValueError, OSError) as error:
            about = f" with the model {model}" if model else ""
            raise Unavailable(f"MediaPipe cannot find poses{about} ({str(error).splitlines()[0]}).") from error


def _let_go(landmarker: Any) -> None:
    try:
        landmarker.close()
    except RuntimeError:
        # At exit MediaPipe's thread pool is gone already; without this its destructor would print a traceback.
        landmarker._handle = None


def _mediapipe() -> tuple[Any, Any, Any]:
    try:
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision
    except ImportError as error:
        raise Unavailable(
            f"MediaPipe is not usable here ({error}): install it with 'pip install mediapipe'."
        ) from error
    return mediapipe, vision, BaseOptions


def _as_landmarks(points: Any) -> Landmarks:
    values = np.array([(p.x, p.y, p.z / DEPTH_EXCESS, p.visibility) for p in points], np.float32)
    assert values.shape == (COUNT, 4)
    return values


def _as_mask(mask: Any) -> NDArray[np.uint8] | None:
    if mask is None:
        return None
    # mediapipe 1.x gives (H, W, 1), 0.10 gave (H, W).
    values = mask.numpy_view()
    return (values.reshape(values.shape[:2]) * 255 + 0.5).astype(np.uint8)
