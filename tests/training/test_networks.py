import pytest
import torch
from torch import nn

from training.averaging import averaged_copy, follow, reestimate_norms
from training.config import DiscriminatorConfig, GeneratorConfig
from training.macs import macs, parameters
from training.networks import discriminator, generator, needed_multiple

SMALL = [
    GeneratorConfig(kind="light", width=8, blocks=1),
    GeneratorConfig(kind="unet", width=8, downs=5),
    GeneratorConfig(kind="resnet", width=8, blocks=1),
]


@pytest.mark.parametrize("config", SMALL, ids=lambda config: config.kind)
@pytest.mark.parametrize("matte", [False, True])
def test_a_generator_gives_pictures_of_the_size_it_was_shown(config: GeneratorConfig, matte: bool) -> None:
    side = 2 * needed_multiple(config)
    shown = generator(config, matte=matte).eval()(torch.randn(2, 3, side, side))
    assert shown.shape == (2, 4 if matte else 3, side, side)
    assert shown[:, :3].abs().max() <= 1
    assert not matte or 0 <= shown[:, 3].min() <= shown[:, 3].max() <= 1


def test_the_published_unet_has_its_published_size_and_true_cost() -> None:
    net = generator(GeneratorConfig(kind="unet", width=64, downs=8))
    assert parameters(net) == 54_413_955  # as every port of it prints
    assert round(macs(net, (1, 3, 256, 256)) / 1e9, 2) == 6.05


def test_the_published_resnet_has_its_true_cost() -> None:
    net = generator(GeneratorConfig(kind="resnet", width=64, blocks=9))
    assert macs(net, (1, 3, 256, 256)) / 1e9 == pytest.approx(49.55 + _upsampled_by_convolution(), rel=0.01)


def _upsampled_by_convolution() -> float:
    # Two 3x3 convolutions at the output's resolution where the published net has transposed ones at the input's.
    at_output = 9 * (256 * 128 * 128**2 + 128 * 64 * 256**2) / 1e9
    return at_output * (1 - 1 / 4)


def test_a_transposed_convolution_is_charged_at_its_input() -> None:
    assert macs(nn.ConvTranspose2d(3, 5, 4, 2, 1), (1, 3, 8, 8)) == 8 * 8 * 3 * 5 * 16


def test_the_default_generator_fits_the_stage() -> None:
    net = generator(GeneratorConfig(), matte=True)
    assert macs(net, (1, 3, 512, 512)) < 6.4e9
    assert parameters(net) < 3.2e6


def test_the_default_generator_holds_nothing_that_is_slow_on_stage() -> None:
    refused = (nn.ConvTranspose2d, nn.InstanceNorm2d, nn.Dropout)
    assert not [module for module in generator(GeneratorConfig()).modules() if isinstance(module, refused)]


def test_one_pixel_of_the_default_generator_sees_a_whole_body() -> None:
    torch.manual_seed(0)
    net = generator(GeneratorConfig(width=8)).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)  # blocks start as the identity, through which nothing spreads
    shown = torch.randn(1, 3, 512, 512).requires_grad_()
    net(shown)[0, :, 256, 256].sum().backward()
    assert shown.grad is not None
    rows = torch.nonzero(shown.grad.abs().sum(dim=(0, 1, 3))).flatten()
    assert rows.max() - rows.min() > 400


def test_a_discriminator_of_crops_sees_no_condition() -> None:
    crops, patch = DiscriminatorConfig(kind="crops", width=8), DiscriminatorConfig(kind="patch", width=8)
    for config, channels in ((crops, 3), (patch, 6)):
        judge = discriminator(config)
        assert judge is not None
        assert judge(torch.randn(2, channels, 64, 64))[0].shape == (2, 1, 8, 8)
    assert discriminator(DiscriminatorConfig(kind="none")) is None


def test_an_average_starts_where_its_network_is_and_then_lags_behind_it() -> None:
    net = nn.Linear(2, 2)
    average = averaged_copy(net)
    with torch.no_grad():
        net.weight.add_(1)
    before = average.get_parameter("weight").clone()
    follow(average, net, decay=0.9, step=1000)
    torch.testing.assert_close(average.get_parameter("weight"), before + 0.1)


def test_reestimated_norms_are_those_of_the_data() -> None:
    net = nn.Sequential(nn.BatchNorm2d(1))
    batches = [torch.full((2, 1, 4, 4), value) + torch.randn(2, 1, 4, 4) * 0.01 for value in (1.0, 3.0)]
    reestimate_norms(net, batches)
    norm = net[0]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_mean.item() == pytest.approx(2.0, abs=0.02)
    assert not net.training
    assert norm.momentum == 0.1


def test_the_published_discriminator_judges_patches_of_seventy_pixels() -> None:
    judge = discriminator(DiscriminatorConfig(kind="patch", width=4, norm="instance", published=True), 0)
    assert judge is not None
    shown = torch.randn(1, 3, 256, 256).requires_grad_()
    for module in judge.modules():
        if isinstance(module, nn.InstanceNorm2d):
            module.forward = lambda x: x  # type: ignore[method-assign]  # a norm sees the whole picture
    scores, _ = judge(shown)
    assert scores.shape == (1, 1, 30, 30)
    scores[0, 0, 15, 15].backward()
    assert shown.grad is not None
    rows = torch.nonzero(shown.grad.abs().sum(dim=(0, 1, 3))).flatten()
    assert rows.max() - rows.min() + 1 == 70


@pytest.mark.parametrize("config", [SMALL[0], SMALL[2]], ids=lambda config: config.kind)
def test_what_an_encoder_says_of_a_patch_begins_with_its_pixels(config: GeneratorConfig) -> None:
    net = generator(config).eval()
    shown = torch.randn(1, 3, 64, 64)
    found = net.encoded(shown)  # type: ignore[operator]
    assert len(found) >= 4
    assert found[0].numel() == shown.numel()
    sides = [feature.shape[-1] for feature in found]
    assert sides == sorted(sides, reverse=True)


def test_with_instance_norm_pictures_of_a_batch_do_not_see_each_other() -> None:
    net = generator(GeneratorConfig(kind="resnet", width=4, blocks=2, norm="instance"))
    both = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(net(both)[:1], net(both[:1]), atol=1e-5, rtol=1e-4)
