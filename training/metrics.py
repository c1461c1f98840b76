"""What the figures of `understudy evaluate` mean, each as one function; nothing that trains uses them.

Pictures are (H, W, 3) uint8 RGB, masks (H, W) uint8 with the person above 127, landmarks (33, 4) in 0..1 of a square
picture. Errors are in levels of 0..255. NaN means: there was nothing to measure.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame
from engines.pose.landmarks import Joint, Landmarks, torso_length

Mask = NDArray[np.uint8]
Where = NDArray[np.bool_]
Flow = NDArray[np.float32]

JUDGED = np.arange(Joint.LEFT_SHOULDER, Joint.RIGHT_FOOT_INDEX + 1)
PERSON_MARGIN = 0.02  # of the picture's side: hair, hems and a halo of the matte belong to the figure
FACE_REACH, HAND_REACH, FOOT_REACH = 0.25, 0.15, 0.15  # half sides of the boxes, in torso lengths
HANDS = (
    (Joint.LEFT_WRIST, Joint.LEFT_PINKY, Joint.LEFT_INDEX),
    (Joint.RIGHT_WRIST, Joint.RIGHT_PINKY, Joint.RIGHT_INDEX),
)
FEET = ((Joint.LEFT_HEEL, Joint.LEFT_FOOT_INDEX), (Joint.RIGHT_HEEL, Joint.RIGHT_FOOT_INDEX))

# The 17 keypoints of COCO in its own order, and their fall-off sigmas (cocoapi: cocoeval.py, kpt_oks_sigmas).
COCO = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
COCO_SIGMAS = np.array(
    [
        0.026,
        0.025,
        0.025,
        0.035,
        0.035,
        0.079,
        0.079,
        0.072,
        0.072,
        0.062,
        0.062,
        0.107,
        0.107,
        0.087,
        0.087,
        0.089,
        0.089,
    ]
)

# Wang, Simoncelli, Bovik 2003, "Multi-scale structural similarity for image quality assessment", section 3.2.
MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, SIGMA, K1, K2, LEVELS = 11, 1.5, 0.01, 0.03, 255.0


def l1(image: Frame, real: Frame, where: Where | None = None) -> float:
    """Mean absolute difference, over the whole picture or where `where` is true."""
    if where is None:
        return float(cv2.absdiff(image, real).mean())
    return float(cv2.absdiff(image, real)[where].mean()) if where.any() else float("nan")


def psnr(image: Frame, real: Frame) -> float:
    """Peak signal to noise over RGB in dB; infinite for equal pictures."""
    error = np.square(image.astype(np.float64) - real).mean()
    return float("inf") if error == 0 else float(10 * np.log10(LEVELS**2 / error))


def ssim(image: Frame, real: Frame) -> float:
    """Structural similarity of the luma (BT.601), -1..1.

    Wang et al. 2004: Gaussian window 11 x 11 with sigma 1.5, K1 0.01, K2 0.03, L 255, averaged over all places where
    the window fits; the picture is not shrunk before.
    """
    luminance, structure = _similarity(_gray(image), _gray(real))
    return float((luminance * structure).mean())


def ms_ssim(image: Frame, real: Frame) -> float:
    """Multi-scale SSIM of the luma over five scales (Wang et al. 2003); NaN unless both sides are above 160 pixels.

    Below that the window no longer fits into the coarsest scale. A scale whose structure is opposite counts as 0.
    """
    if min(image.shape[:2]) <= (WINDOW - 1) * 2 ** (len(MS_WEIGHTS) - 1):
        return float("nan")
    a, b, product = _gray(image), _gray(real), 1.0
    for scale, weight in enumerate(MS_WEIGHTS):
        if scale:
            a, b = _halved(a), _halved(b)
        luminance, structure = _similarity(a, b)
        last = scale == len(MS_WEIGHTS) - 1
        product *= max(0.0, float((luminance * structure if last else structure).mean())) ** weight
    return product


def person(mask: Mask) -> Where:
    """The person without a margin."""
    return mask > 127


def figure(mask: Mask) -> Where:
    """The person's mask grown by `PERSON_MARGIN`: where `sharpness` and `l1_figure` look."""
    reach = 2 * max(1, round(PERSON_MARGIN * mask.shape[0])) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return cv2.dilate(person(mask).astype(np.uint8), kernel) > 0


def face(landmarks: Landmarks, side: int) -> Where:
    """A box around the nose."""
    return _boxes(landmarks, ((Joint.NOSE,),), FACE_REACH, side)


def hands(landmarks: Landmarks, side: int) -> Where:
    """A box around each hand's middle, which lies between wrist and knuckles."""
    return _boxes(landmarks, HANDS, HAND_REACH, side)


def feet(landmarks: Landmarks, side: int) -> Where:
    """A box around each foot's middle, which lies between heel and toe."""
    return _boxes(landmarks, FEET, FOOT_REACH, side)


def gradient_energy(image: Frame, where: Where) -> float:
    """Mean Sobel gradient magnitude of the luma where `where` is true. Sharpness is this over the real frames' own."""
    gray = _gray(image)
    magnitude = cv2.magnitude(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))
    return float(magnitude[where].mean()) if where.any() else float("nan")


def pck(found: Landmarks | None, reference: Landmarks, threshold: float) -> float:
    """Share of landmarks 11..32 found nearer than `threshold` torso lengths of the reference; nobody found is 0."""
    if found is None:
        return 0.0
    return float((pose_errors(found, reference) < threshold).mean())


def pose_errors(found: Landmarks, reference: Landmarks) -> NDArray[np.float32]:
    """(22,): distances of landmarks 11..32 from where they should be, in torso lengths of the reference."""
    distances = np.linalg.norm(found[JUDGED, :2] - reference[JUDGED, :2], axis=-1)
    return distances / max(float(torso_length(reference[:, :2])), 1e-6)


def oks(found: Landmarks | None, reference: Landmarks, area: float) -> float:
    """Object keypoint similarity of COCO over its 17 keypoints, 0..1; nobody found is 0.

    `area` is the person's, as a share of the picture (COCO's s squared is the segment's area).
    """
    if found is None:
        return 0.0
    squared = np.square(found[list(COCO), :2] - reference[list(COCO), :2]).sum(axis=-1)
    return float(np.exp(-squared / (2 * max(area, 1e-6) * np.square(2 * COCO_SIGMAS))).mean())


def backward_flow(current: Frame, previous: Frame) -> Flow:
    """(H, W, 2): for each pixel of `current`, how far away it was in `previous` (x, y). DIS, medium preset.

    Kroeger et al. 2016, "Fast optical flow using dense inverse search"; needs no weights.
    """
    start = np.zeros((*current.shape[:2], 2), np.float32)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(search.calc(_luma(current), _luma(previous), start), np.float32)


def warp_error(current: Frame, previous: Frame, flow: Flow, where: Where) -> float:
    """Mean absolute difference of `current` from `previous` moved along `flow`, where `where` is true.

    Flicker: the flow is the real clip's, so a picture that moves as the dancer moved has an error near the real one's.
    """
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    moved = cv2.remap(previous, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return l1(current, np.asarray(moved, np.uint8), where)


def forward_flow(previous: Frame, current: Frame) -> Flow:
    """(H, W, 2) by Farneback's method with the settings of TecoGAN's tOF (Chu et al. 2020)."""
    start = np.zeros((*current.shape[:2], 2), np.float32)
    flow = cv2.calcOpticalFlowFarneback(_luma(previous), _luma(current), start, 0.5, 3, 15, 3, 5, 1.2, 0)
    return np.asarray(flow, np.float32)


def tof(flow: Flow, real_flow: Flow) -> float:
    """Mean distance in pixels between a clip's flow and the real one's: does it move as the real one moves?"""
    return float(np.linalg.norm(flow - real_flow, axis=-1).mean())


def _luma(image: Frame) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _gray(image: Frame) -> NDArray[np.float32]:
    """Luma without rounding."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2GRAY), np.float32)


def _similarity(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Luminance and contrast-structure terms at every place where the window fits."""
    c1, c2 = (K1 * LEVELS) ** 2, (K2 * LEVELS) ** 2
    mean_a, mean_b = _windowed(a), _windowed(b)
    variance_a, variance_b = _windowed(a * a) - mean_a**2, _windowed(b * b) - mean_b**2
    covariance = _windowed(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance, (2 * covariance + c2) / (variance_a + variance_b + c2)


def _windowed(values: NDArray[np.float32]) -> NDArray[np.float64]:
    # In float64: variances are small differences of large squares.
    half = WINDOW // 2
    blurred = cv2.GaussianBlur(values.astype(np.float64), (WINDOW, WINDOW), SIGMA)
    return np.asarray(blurred[half:-half, half:-half], np.float64)


def _halved(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """2 x 2 averages; an odd last row or column counts twice, so that 161 pixels still hold five scales."""
    even = np.pad(values, [(0, length % 2) for length in values.shape], mode="edge")
    height, width = even.shape
    return even.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3), dtype=np.float32)


def _boxes(landmarks: Landmarks, groups: tuple[tuple[Joint, ...], ...], reach: float, side: int) -> Where:
    """True inside a box around the middle of each group; what leaves the picture is cut off."""
    half = reach * float(torso_length(landmarks[:, :2]))
    inside = np.zeros((side, side), bool)
    for group in groups:
        x, y = landmarks[list(group), :2].mean(axis=0)
        left, top, right, bottom = np.clip(np.round(np.array([x - half, y - half, x + half, y + half]) * side), 0, side)
        inside[int(top) : int(bottom), int(left) : int(right)] = True
    return inside
