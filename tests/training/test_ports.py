"""A generator between its ports, and the arrangement that engines run faster: the same numbers."""

from collections import Counter
from typing import get_args

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from training.config import GeneratorConfig
from training.networks import generator
from training.networks.branched import Branched
from training.networks.light import Block
from training.ports import Ported, longhand, onnx_graph, ported


def _light(matte: bool, seed: int, block: Block = "plain") -> nn.Module:
    """A light net with lively weights and BatchNorm statistics: a fresh one is nearly flat."""
    torch.manual_seed(seed)
    network = generator(GeneratorConfig(kind="light", width=8, blocks=1, block=block), matte=matte).eval()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.3)
            part.running_mean = torch.randn_like(part.bias) * 0.1
            part.running_var = torch.rand_like(part.bias) + 0.5
    nn.init.normal_(network.head.weight, std=0.05)
    nn.init.normal_(network.head.bias, std=0.5)
    return network.to(memory_format=torch.channels_last)  # as it is trained


@pytest.mark.parametrize("block", get_args(Block))
@pytest.mark.parametrize("matte", [True, False])
@pytest.mark.parametrize("size", [(64, 64), (64, 96)])
def test_the_faster_arrangement_gives_what_torch_gives_longhand(
    matte: bool, size: tuple[int, int], block: Block
) -> None:
    network = _light(matte, 3, block)
    picture = np.random.default_rng(4).integers(0, 256, (*size, 3), dtype=np.uint8)
    with torch.no_grad():
        levels = ported(network)(torch.from_numpy(picture)).numpy()
    expected = longhand(network, picture)
    assert levels.dtype == np.uint8
    assert levels.shape == (*size, 4 if matte else 3)
    assert np.ptp(expected) > 100
    assert np.abs(levels - expected).max() <= 1


@pytest.mark.parametrize(("channels_out", "stride"), [(6, 1), (6, 2), (5, 1)])
def test_branches_fold_into_one_convolution(channels_out: int, stride: int) -> None:
    torch.manual_seed(1)
    branches = Branched(6, channels_out, stride)
    for _ in range(3):
        branches(torch.randn(4, 6, 9, 8) * 2 + 1)  # its norms see something
    for norm in (branches.norm_3, branches.norm_1, branches.norm_0):
        if norm is not None:
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)
    shown = torch.randn(2, 6, 9, 8)
    torch.testing.assert_close(branches.folded()(shown), branches.eval()(shown), atol=1e-5, rtol=1e-5)
    assert (branches.norm_0 is not None) == (stride == 1 and channels_out == 6)


def test_on_stage_branches_cost_what_plain_blocks_cost() -> None:
    def operators(block: Block) -> Counter[str]:
        graph = onnx_graph(
            ported(_light(True, 2, block)), {"conditioning": np.zeros((64, 64, 3), np.uint8)}, ["figure"]
        )
        return Counter(node.op_type for node in onnx.load_from_string(graph).graph.node)

    assert operators("branched") == operators("plain")


@pytest.mark.parametrize("block", get_args(Block))
def test_arranging_leaves_the_generator_as_it_was(block: Block) -> None:
    network = _light(True, 5, block)
    picture = np.random.default_rng(6).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    before = longhand(network, picture)
    ported(network)
    assert (longhand(network, picture) == before).all()


def test_nets_without_another_arrangement_keep_the_plain_one() -> None:
    network = generator(GeneratorConfig(kind="resnet", width=4, blocks=1), matte=True).eval()
    assert isinstance(ported(network), Ported)


def test_the_faster_arrangement_keeps_the_rules_of_a_bundle() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    assert onnx_graph(ported(_light(True, 7)), {"conditioning": picture}, ["figure"])
