"""Figures with alpha, RGBA (H, W, 4) uint8: straight as stored, premultiplied where resized, moved or laid down."""

import numpy as np

from engines.images import Frame, resized


def premultiplied(figure: Frame) -> Frame:
    alpha = figure[..., 3:].astype(np.uint16)
    return np.concatenate([((figure[..., :3] * alpha + 127) // 255).astype(np.uint8), figure[..., 3:]], axis=-1)


def unpremultiplied(figure: Frame) -> Frame:
    alpha = np.maximum(figure[..., 3:].astype(np.uint16), 1)
    color = np.minimum((figure[..., :3].astype(np.uint16) * 255 + alpha // 2) // alpha, 255).astype(np.uint8)
    return np.concatenate([color, figure[..., 3:]], axis=-1)


def laid_over(premultiplied: Frame, plate: Frame) -> Frame:
    rest = 255 - premultiplied[..., 3:].astype(np.uint16)
    return np.minimum(premultiplied[..., :3] + (plate * rest + 127) // 255, 255).astype(np.uint8)


def resized_alpha(figure: Frame, size: tuple[int, int]) -> Frame:
    return figure if figure.shape[:2] == size else unpremultiplied(resized(premultiplied(figure), size))
