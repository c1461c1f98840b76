"""A PatchGAN of any width and depth, over whole pictures or over small crops of the figure.

Three layers of 32 channels over 64-pixel crops learn at once where the usual one sits at chance; BatchNorm is meant to
see real and generated pictures in one batch.
"""

from torch import Tensor, nn

from training.networks.parts import Norm, norm_of


class PatchGAN(nn.Module):
    """(B, C, H, W) to patch scores (B, 1, h, w) and the features before them, for feature matching.

    `published`: one more stage without stride and a 4x4 score, so that three layers judge patches of 70 pixels (Isola
    et al. 2017, section 6.1.2).
    """

    def __init__(
        self, channels_in: int, width: int, layers: int, norm: Norm = "batch", published: bool = False
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        channels = channels_in
        for level in range(layers + published):
            wider = min(width * 2**level, width * 8)
            stage: list[nn.Module] = [nn.Conv2d(channels, wider, 4, 2 if level < layers else 1, 1, bias=level == 0)]
            if level:
                stage.append(norm_of(norm, wider))
            stage.append(nn.LeakyReLU(0.2, inplace=True))
            self.stages.append(nn.Sequential(*stage))
            channels = wider
        self.score = nn.Conv2d(channels, 1, 4 if published else 3, 1, 1)
        self.apply(_he_initialized)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return self.score(x), features


def _he_initialized(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, a=0.2)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
