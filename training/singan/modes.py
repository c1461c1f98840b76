"""What can be asked of a generator that learned one picture: samples, and what is foreign redrawn in its manner.

Pictures in and out are (H, W, 3) uint8; masks (H, W) uint8, 255 where something was pasted or changed.
"""

import math
from collections.abc import Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.errors import BadInput, ConfigError
from engines.images import Frame, Size, resized
from engines.noise import NoiseLoop
from training.singan.networks import Growing
from training.singan.pictures import as_picture, as_tensor, at_size
from training.singan.runs import Learned

Mask = NDArray[np.uint8]

HARMONIZED_REACH, EDITED_REACH = 7, 20
"""How far beyond what was pasted or changed is redrawn too, px; the published values, at 250 px."""
MASK_BLUR_PX = 5.0
PUBLISHED_SIDE = 250
MOST_SIDE = 2048
SAME_SHAPE = 0.02  # sides in this relation, but for rounding, are those of the learned picture
MOST_CHANGED = 24
"""An edit differs from the picture by more than this many levels somewhere; less is what saving a JPEG does."""


def sampled(learned: Learned, count: int, size: Size | None = None, start: int = 0, seed: int = 0) -> Iterator[Frame]:
    """`count` random pictures of `size` (default: the learned one's); noise is new from scale `start` on.

    Below it is that of the picture itself, so its layout stays. Raises ConfigError for a scale that is not there.
    """
    _check_sampling(learned)
    _check_start(learned, start, least=0)
    sizes = sizes_for(learned, size or learned.sizes[-1])
    for number in range(count):
        noises = noises_of(learned, sizes, start, torch.Generator().manual_seed(seed + number))
        with torch.no_grad():
            yield as_picture(learned.generator(noises, sizes))


def noises_of(learned: Learned, sizes: list[Size], start: int, random: torch.Generator) -> list[Tensor | None]:
    """The fixed noise below `start`, fitted to the size; fresh noise from there on."""
    noises: list[Tensor | None] = []
    for scale, size in enumerate(sizes):
        shape = learned.generator.noise_shape(scale, size)
        fixed = learned.fixed_noises()[scale]
        if scale >= start:
            noises.append(torch.randn(1, *shape, generator=random))
        else:
            noises.append(None if fixed is None else _repeated(fixed, (shape[1], shape[2])))
    return noises


def _repeated(noise: Tensor, size: Size) -> Tensor:
    """The fixed noise at another size: nearest, since an interpolated one would be weaker."""
    return noise if tuple(noise.shape[2:]) == tuple(size) else torch.nn.functional.interpolate(noise, size)


def sizes_for(learned: Learned, size: Size) -> list[Size]:
    """Every scale's size for a picture of another size or aspect."""
    height, width = learned.sizes[-1]
    if max(size) > MOST_SIDE or min(size) < min(learned.sizes[0]):
        raise BadInput(
            f"a picture of {size[1]} x {size[0]} cannot be made: each side is {min(learned.sizes[0])} to {MOST_SIDE} px"
        )
    return [(max(1, round(h * size[0] / height)), max(1, round(w * size[1] / width))) for h, w in learned.sizes]


def redrawn(learned: Learned, picture: Frame, start: int | None = None) -> Frame:
    """`picture` in the manner of the learned one, from scale `start` on, at the learned size or as many pixels.

    A low start gives away its structure, a high one keeps all but its texture. Raises ConfigError, and BadInput for a
    picture that is too long for the coarsest scale.
    """
    start = start_of(learned, start)
    size = size_like(learned, picture)
    sizes = learned.sizes if size == learned.sizes[-1] else sizes_for(learned, size)
    with torch.no_grad():
        return as_picture(redrawn_tensor(learned, as_tensor(resized(picture, size)), start, sizes))


def size_like(learned: Learned, picture: Frame) -> Size:
    """The learned size for a picture of its shape; for any other as many pixels in the shape of its own."""
    height, width = learned.sizes[-1]
    longer = (picture.shape[1] / picture.shape[0]) / (width / height)
    if abs(math.log(longer)) < SAME_SHAPE:
        return height, width
    return max(1, round(height / math.sqrt(longer))), max(1, round(width * math.sqrt(longer)))


def redrawn_tensor(learned: Learned, picture: Tensor, start: int, sizes: list[Size]) -> Tensor:
    """The same with (1, 3, H, W) in -1..1, at any `sizes`; all of it can be exported."""
    generator = learned.generator
    if isinstance(generator, Growing):
        return generator([at_size(picture, sizes[0]), *[None] * (len(sizes) - 1)], sizes)  # type: ignore[no-any-return]
    state = at_size(picture, sizes[start - 1])
    return generator([None] * len(sizes), sizes, state, start)  # type: ignore[no-any-return]


def start_of(learned: Learned, start: int | None) -> int:
    """The scale at which something foreign is put in, checked; by default in the finer half."""
    if not learned.takes_pictures:
        raise ConfigError(
            f"{learned.folder}: was trained for samples from noise and takes no picture in; "
            "train configs/training/singan_redraw.toml or singan_paper.toml on it"
        )
    if learned.config.purpose == "redraw":
        if start not in (None, 0):
            raise ConfigError(f"{learned.folder}: start scale {start} does not exist; this run has 0 alone")
        return 0
    start = max(1, len(learned.sizes) - 3) if start is None else start
    _check_start(learned, start, least=1)
    return start


def harmonized(
    learned: Learned, naive: Frame, mask: Mask, start: int | None = None, reach: int = HARMONIZED_REACH
) -> Frame:
    """`naive`, a figure pasted into the learned picture, with it and its surroundings redrawn in the picture's manner.

    Around it stays what was learned. Raises BadInput for a mask of another size or an empty one.
    """
    if mask.shape != naive.shape[:2]:
        raise BadInput(
            f"the mask is {mask.shape[1]} x {mask.shape[0]}, but the picture {naive.shape[1]} x {naive.shape[0]}; "
            "draw it on the picture itself"
        )
    if not (mask > 127).any():
        raise BadInput("the mask is empty: white is what was pasted, black is what stays")
    size = size_like(learned, naive)
    share = widened(resized(mask[..., None].repeat(3, axis=2), size)[..., 0], reach)[..., None]
    made, around = redrawn(learned, naive, start).astype(np.float32), resized(naive, size).astype(np.float32)
    return np.rint(share * made + (1 - share) * around).astype(np.uint8)


def edited(learned: Learned, changed: Frame, mask: Mask | None = None, start: int | None = None) -> Frame:
    """A picture that was cut and moved about by hand, made whole; the mask is where it differs, if none is given."""
    if mask is None:
        height, width = learned.sizes[-1]
        if size_like(learned, changed) != (height, width):
            raise BadInput(
                f"the edit is {changed.shape[1]} x {changed.shape[0]}, of another shape than the learned picture "
                f"({width} x {height}), so what was changed cannot be seen; name it with --mask MASK.png"
            )
        changed = resized(changed, (height, width))
        mask = difference_mask(changed, learned.picture)
        if not mask.any():
            raise BadInput("the edit differs nowhere from the learned picture; change something in it first")
    return harmonized(learned, changed, mask, start, EDITED_REACH)


def difference_mask(changed: Frame, picture: Frame) -> Mask:
    """255 where an edit differs from what was learned."""
    apart = np.abs(changed.astype(np.int16) - picture).max(axis=2)
    return np.asarray(np.where(apart > MOST_CHANGED, 255, 0), np.uint8)


def painted(learned: Learned, painting: Frame, start: int | None = None, colors: int = 0) -> Frame:
    """A flat painting as a picture of the learned kind; its colors are first moved to `colors` of the picture's."""
    if colors:
        painting = with_colors_of(painting, learned.picture, colors)
    return redrawn(learned, painting, start)


def with_colors_of(painting: Frame, picture: Frame, colors: int) -> Frame:
    """Every pixel in the nearest of the `colors` main colors of `picture` (k-means)."""
    pixels = picture.reshape(-1, 3).astype(np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1.0)
    cv2.setRNGSeed(0)
    _, _, centers = cv2.kmeans(pixels, min(colors, len(pixels)), None, criteria, 2, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    apart = np.square(painting[:, :, None].astype(np.float32) - centers[None, None]).sum(axis=3)
    return np.rint(centers[apart.argmin(axis=2)]).astype(np.uint8)


def enlarged(learned: Learned, picture: Frame, factor: float) -> Frame:
    """`picture` enlarged by `factor` with the learned picture's fine structure (super-resolution, section 4 of SinGAN).

    The finest scales are applied again and again, each time at a size that is larger by their own step.
    """
    start_of(learned, None)
    if not 1 < factor < math.inf:
        raise BadInput(f"a factor of {factor:g} makes nothing larger; ask for more than 1, for example 2")
    generator, sizes = learned.generator, learned.sizes
    chained = not isinstance(generator, Growing)
    coarse = sizes[-2] if chained else sizes[0]
    if coarse == sizes[-1] or len(sizes) < 2:
        raise BadInput(f"{learned.folder}: has one scale only, so it has learned nothing finer")
    goal = (round(picture.shape[0] * factor), round(picture.shape[1] * factor))
    if max(goal) > MOST_SIDE:
        raise BadInput(f"{goal[1]} x {goal[0]} is more than {MOST_SIDE} px; ask for a smaller factor")
    step = sizes[-1][0] / coarse[0]
    tensor = as_tensor(picture)
    rounds = max(1, int(np.ceil(np.log(factor) / np.log(step) - 1e-6)))
    each = factor ** (1 / rounds)
    with torch.no_grad():
        for number in range(rounds):
            height, width = picture.shape[0] * each ** (number + 1), picture.shape[1] * each ** (number + 1)
            size = (round(height), round(width))
            if chained:
                tensor = generator.advanced(tensor, len(sizes) - 1, None, size)
            else:
                ladder = [(round(h * height / sizes[-1][0]), round(w * width / sizes[-1][1])) for h, w in sizes]
                tensor = generator([at_size(tensor, ladder[0]), *[None] * (len(sizes) - 1)], ladder)
            tensor = tensor.clamp(-1, 1)
    return as_picture(at_size(tensor, goal))


def animated(
    learned: Learned, count: int, walk: float, amplitude: float, start: int = 0, seed: int = 0, knots: int = 8
) -> Iterator[Frame]:
    """`count` frames of a walk through noise that ends where it began, so that the film can run for ever.

    `walk` is how many `knots` of noise are passed in a loop of `count` frames (a whole number of rounds), `amplitude`
    0..1 how far it leaves the picture itself; scales below `start` stand still.
    """
    _check_sampling(learned)
    _check_start(learned, start, least=0)
    rounds = max(1, round(walk))
    sizes = learned.sizes
    shapes = [learned.generator.noise_shape(scale, size) for scale, size in enumerate(sizes)]
    loops = [NoiseLoop(int(np.prod(shape)), seed + scale, knots) for scale, shape in enumerate(shapes)]
    for number in range(count):
        phase = knots * rounds * number / count
        noises: list[Tensor | None] = []
        for scale, shape in enumerate(shapes):
            fixed = learned.fixed_noises()[scale]
            if scale < start:
                noises.append(fixed)
                continue
            wandering = torch.from_numpy(loops[scale].at(phase).reshape(1, *shape))
            noises.append(mixed(fixed, wandering, amplitude))
        with torch.no_grad():
            yield as_picture(learned.generator(noises, sizes))


def mixed(fixed: Tensor | None, wandering: Tensor, amplitude: "float | Tensor") -> Tensor:
    """Of unit variance between the noise of the picture and another; where the picture has none, as strong as asked."""
    if fixed is None:
        return amplitude * wandering
    return (1 - amplitude * amplitude) ** 0.5 * fixed + amplitude * wandering


def widened(mask: Mask, reach: int) -> NDArray[np.float32]:
    """(H, W) 0..1: the mask grown by `reach` (at 250 px) with a soft edge."""
    scale = max(mask.shape) / PUBLISHED_SIDE
    radius = max(1, round(reach * scale))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    grown = cv2.dilate(np.where(mask > 127, 255, 0).astype(np.uint8), disk)
    return np.asarray(cv2.GaussianBlur(grown, (0, 0), MASK_BLUR_PX * scale) / np.float32(255), np.float32)


def _check_sampling(learned: Learned) -> None:
    if learned.config.purpose == "redraw":
        raise ConfigError(
            f"{learned.folder}: was trained to redraw pictures and makes none from noise; "
            "train configs/training/singan.toml on it"
        )


def _check_start(learned: Learned, start: int, least: int) -> None:
    last = len(learned.sizes) - 1
    if not least <= start <= last:
        raise ConfigError(f"{learned.folder}: start scale {start} does not exist; choose {least} to {last}")
