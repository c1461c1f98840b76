"""Optical flow, and the pictures between two pictures."""

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame, resized

Flow = NDArray[np.float32]
FLOW_WIDTH = 480
"""Flow is looked for in pictures this wide: of a 1080p film it is as good as at full size, in a tenth of the time."""


def flow_between(first: Frame, second: Frame) -> Flow:
    """(H, W, 2): how far right and down each pixel of `first` has gone in `second`, in pixels.

    DIS at its medium preset (Kroeger et al. 2016, "Fast optical flow using dense inverse search"); needs no weights.
    """
    height, width = first.shape[:2]
    small = (max(16, round(height * FLOW_WIDTH / width)), FLOW_WIDTH) if width > FLOW_WIDTH else (height, width)
    grays = [cv2.cvtColor(resized(frame, small), cv2.COLOR_RGB2GRAY) for frame in (first, second)]
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = search.calc(grays[0], grays[1], np.zeros((*small, 2), np.float32))
    if small != (height, width):
        scale = np.array([width / small[1], height / small[0]], np.float32)
        flow = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR) * scale
    return np.asarray(flow, np.float32)


def fetched(frame: Frame, flow: Flow) -> Frame:
    """`frame` with each pixel fetched from where `flow` points; edges are held."""
    height, width = frame.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(cv2.remap(frame, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


class Between:
    """The pictures between `first` and `second`, each moved toward the other and mixed.

    Flow is found once, both ways. Where the two ways disagree (something appears, or there is nothing to follow) the
    motion is not believed, and the pictures are cross-faded there.
    """

    def __init__(self, first: Frame, second: Frame) -> None:
        self._first, self._second = first, second
        there, back = flow_between(first, second), flow_between(second, first)
        self._there, self._back = _believed(there, back), _believed(back, there)

    def at(self, share: float) -> Frame:
        """The picture `share` (0..1) of the way; 0 and 1 are the pictures themselves."""
        if share <= 0:
            return self._first
        if share >= 1:
            return self._second
        # The flow of a pixel is taken for that of the pixel it lands on: true where motion is smooth.
        early = fetched(self._first, -share * self._there)
        late = fetched(self._second, -(1 - share) * self._back)
        return np.asarray(cv2.addWeighted(early, 1 - share, late, share, 0), np.uint8)


def _believed(flow: Flow, back: Flow) -> Flow:
    """`flow` where following it there and back ends near where it began, fading to nothing where it does not."""
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    returned = cv2.remap(back, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    error = np.linalg.norm(flow + returned, axis=-1)
    # Sundaram, Brox and Keutzer 2010, "Dense point trajectories", eq. 5: 1 % of the motion and half a pixel squared.
    allowed = np.sqrt(0.01 * (np.square(flow).sum(-1) + np.square(returned).sum(-1)) + 0.5)
    trust = cv2.GaussianBlur(np.clip(2 - error / allowed, 0, 1).astype(np.float32), (0, 0), 2.0)
    return np.asarray(flow * trust[..., None], np.float32)
