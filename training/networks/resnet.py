"""The ResNet generator (Johnson et al. 2016, as in CycleGAN), with BatchNorm and nearest upsampling."""

from torch import Tensor, nn

from training.networks.parts import Residual, convolution, squashed


class ResNet(nn.Module):
    """(B, channels_in, H, W) to (B, channels_out, H, W); H and W are multiples of 4. Nine blocks are usual at 256."""

    def __init__(self, channels_in: int, channels_out: int, width: int, blocks: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, width, 7, 1, 3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            convolution(width, 2 * width, stride=2),
            convolution(2 * width, 4 * width, stride=2),
            *(Residual(4 * width) for _ in range(blocks)),
            nn.Upsample(scale_factor=2, mode="nearest"),
            convolution(4 * width, 2 * width),
            nn.Upsample(scale_factor=2, mode="nearest"),
            convolution(2 * width, width),
            nn.Conv2d(width, channels_out, 7, 1, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        return squashed(self.body(x))
