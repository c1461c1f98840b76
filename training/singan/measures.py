"""Figures of a generator that learned one picture: how well it has it, and how varied and how true its samples are."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.images import Frame, resized
from training.singan.modes import sampled
from training.singan.runs import Learned

SAMPLES = 50
PATCH = 7
DIRECTIONS = 64
PATCHES = 4096


def measured(learned: Learned, samples: int = SAMPLES) -> dict[str, float]:
    """psnr_db of the reconstruction, and diversity and patch_distance of `samples` samples."""
    figures = {"psnr_db": psnr_db(learned.reconstruction(), learned.picture)}
    if learned.config.purpose == "samples":
        drawn = list(sampled(learned, samples))
        figures["diversity"] = diversity(drawn, learned.picture)
        figures["patch_distance"] = float(np.mean([patch_distance(one, learned.picture) for one in drawn[:10]]))
    return figures


def psnr_db(picture: Frame, reference: Frame) -> float:
    error = float(np.square(picture.astype(np.float64) - reference).mean())
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))


def diversity(samples: Sequence[Frame], picture: Frame) -> float:
    """SinGAN, section 3: standard deviation of every pixel's intensity over the samples, mean, over the picture's."""
    gray = np.stack([sample.astype(np.float64).mean(axis=2) for sample in samples])
    return float(gray.std(axis=0).mean() / picture.astype(np.float64).mean(axis=2).std())


def patch_distance(sample: Frame, picture: Frame) -> float:
    """How far the patches of a sample are from being distributed as the picture's, in levels of 255; 0 is alike.

    Sliced Wasserstein distance (Rabin et al. 2011) of 7 x 7 patches at full, half and quarter size: like single-image
    FID a distance of inner statistics, but of pixels, so that no network has to be fetched. Directions are seeded.
    """
    distances = []
    for shrink in (1, 2, 4):
        size = (picture.shape[0] // shrink, picture.shape[1] // shrink)
        if min(size) < 2 * PATCH:
            break
        own, other = (_patches(resized(image, size)) for image in (picture, sample))
        directions = np.random.default_rng(0).standard_normal((own.shape[1], DIRECTIONS))
        directions /= np.linalg.norm(directions, axis=0)
        distances.append(np.abs(np.sort(own @ directions, axis=0) - np.sort(other @ directions, axis=0)).mean())
    return float(np.mean(distances) / PATCH)


def _patches(picture: Frame) -> NDArray[np.float64]:
    """(PATCHES, 3 x 7 x 7) patches at seeded places."""
    windows = np.lib.stride_tricks.sliding_window_view(picture.astype(np.float64), (PATCH, PATCH), axis=(0, 1))
    flat = windows.reshape(-1, 3 * PATCH * PATCH)
    return np.asarray(flat[np.random.default_rng(1).integers(0, len(flat), PATCHES)])
