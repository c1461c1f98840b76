"""The ResNet generator (Johnson et al. 2016, as in CycleGAN), upsampled by nearest neighbors, not transposed.

Nine blocks are usual at 256 pixels, six at 128. With InstanceNorm it is a teacher: what goes on stage has BatchNorm.
"""

from torch import Tensor, nn

from training.networks.parts import Norm, Residual, convolution, norm_of, squashed

FIRST_BLOCK = 5


class ResNet(nn.Module):
    """(B, channels_in, H, W) to (B, channels_out, H, W); H and W are multiples of 4."""

    def __init__(self, channels_in: int, channels_out: int, width: int, blocks: int, norm: Norm = "batch") -> None:
        super().__init__()
        self._told = (0, FIRST_BLOCK - 2, FIRST_BLOCK - 1, FIRST_BLOCK, FIRST_BLOCK + blocks // 2)
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, width, 7, 1, 3, bias=False),
            norm_of(norm, width),
            nn.ReLU(inplace=True),
            convolution(width, 2 * width, 2, norm),
            convolution(2 * width, 4 * width, 2, norm),
            *(Residual(4 * width, norm) for _ in range(blocks)),
            nn.Upsample(scale_factor=2, mode="nearest"),
            convolution(4 * width, 2 * width, norm=norm),
            nn.Upsample(scale_factor=2, mode="nearest"),
            convolution(2 * width, width, norm=norm),
            nn.Conv2d(width, channels_out, 7, 1, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        return squashed(self.body(x))

    def encoded(self, x: Tensor) -> list[Tensor]:
        """What its encoder makes of `x`, from the pixels to the middle block: what a patch is compared by."""
        found = []
        for place, layer in enumerate(list(self.body)[: self._told[-1] + 1]):
            if place == 0:
                found.append(x)
            x = layer(x)
            if place in self._told[1:]:
                found.append(x)
        return found
