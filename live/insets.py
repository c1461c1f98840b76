"""The small picture in a corner: the camera, what the generator looks at, or the skeleton."""

from engines.images import Frame, resized
from engines.pose.skeleton import drawn_skeleton
from live.sources import Captured
from live.voices import Voice

HEIGHT = 0.26
"""As a share of the picture's."""


def chosen(wanted: str, captured: Captured | None, voice: Voice) -> Frame | None:
    """What `/inset` asks for; None where it is off or there is nothing of it."""
    if wanted == "camera":
        return captured.frame if captured else None
    if wanted == "off" or voice.performed is None:
        return None
    performed = voice.performed.value
    if wanted == "conditioning":
        return performed.drawn.conditioning
    scene, style = performed.scene, performed.manifest.skeleton
    if scene.landmarks is None:
        return None
    size = performed.manifest.size
    return drawn_skeleton(scene.landmarks, size, style) if style else drawn_skeleton(scene.landmarks, size)


def laid_in(picture: Frame, small: Frame | None) -> Frame:
    """A copy of `picture` (H, W, 3) with `small` in its lower left corner; `picture` itself where there is none."""
    if small is None:
        return picture
    rows, columns = picture.shape[:2]
    height = round(HEIGHT * rows)
    small = resized(small, (height, min(columns // 2, round(height * small.shape[1] / small.shape[0]))))
    margin = rows // 40
    made = picture.copy()
    made[-margin - height : -margin, margin : margin + small.shape[1]] = small
    return made
