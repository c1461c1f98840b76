"""Generators and discriminators, found by name. Pictures are (B, C, H, W) float, -1..1; a matte is 0..1."""

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from training.config import DiscriminatorConfig, GeneratorConfig


def generator(
    config: "GeneratorConfig",
    channels_in: int = 3,
    matte: bool = False,
    channels_out: int | None = None,
    shape: tuple[int, int] = (1, 1),
) -> nn.Module:
    """A fresh generator: (B, channels_in, H, W) to color, to color and matte (B, 4, H, W), or to what is asked for.

    `shape` (H, W) is for those that know the places of a picture.
    """
    channels_out = channels_out or (4 if matte else 3)
    match config.kind:
        case "light":
            from training.networks.light import Light

            return Light(channels_in, channels_out, config.width, config.blocks, config.block)
        case "refiner":
            from training.networks.refiner import Refiner

            return Refiner(config.width, config.blocks)
        case "unet":
            from training.networks.unet import UNet

            return UNet(channels_in, channels_out, config.width, config.downs, config.dropout)
        case "resnet":
            from training.networks.resnet import ResNet

            return ResNet(channels_in, channels_out, config.width, config.blocks, config.norm)
        case "flowing":
            from training.networks.flowing import Flowing

            return Flowing(channels_in, config.width, config.blocks, shape, config.memory)
        case "hues":
            from training.networks.hues import Hues

            return Hues(channels_in, config.width, config.blocks, config.dropout)


def discriminator(config: "DiscriminatorConfig", conditioned_channels: int = 3, seen: int = 3) -> nn.Module | None:
    """A fresh discriminator of `seen` channels, or None. Crops are judged without their condition, pictures with it."""
    from training.networks.patchgan import PatchGAN

    match config.kind:
        case "none":
            return None
        case "crops":
            return PatchGAN(seen, config.width, config.layers, config.norm, config.published)
        case "patch":
            return PatchGAN(seen + conditioned_channels, config.width, config.layers, config.norm, config.published)


def needed_multiple(config: "GeneratorConfig") -> int:
    """Height and width of a picture have to be multiples of this."""
    return {"light": 32, "refiner": 32, "unet": 2**config.downs, "resnet": 4, "flowing": 16, "hues": 32}[config.kind]
