"""The CIFAR ResNets of presets/real_networks.py are those whose weights are published (akamaster/pytorch_resnet_cifar10)."""

import pytest
import torch
from tests.support.workspaces import ROOT

from ckptrank.checkpoints.own_code import create

BUILD = f"{ROOT}/presets/real_networks.py:cifar_resnet"
# Blocks of a stage -> weights and biases of the published network, whose shortcuts have none (option A).
PARAMETERS = {3: 269_722, 5: 464_154, 7: 658_586, 9: 853_018}


def build(blocks, **arguments):
    torch.manual_seed(0)
    library = {"name": "python", "model": BUILD, "arguments": {"blocks": blocks, **arguments}}
    return create(library).eval()


def list_published(blocks):
    """Key -> shape of a published state dict, less the counters of batch normalisation."""
    shapes = {"conv1.weight": (16, 3, 3, 3), "linear.weight": (10, 64), "linear.bias": (10,)}
    widths = {"bn1": 16}
    for stage, width in enumerate((16, 32, 64), start=1):
        for block in range(blocks):
            place = f"layer{stage}.{block}"
            before = width // 2 if block == 0 and stage > 1 else width
            shapes[f"{place}.conv1.weight"] = (width, before, 3, 3)
            shapes[f"{place}.conv2.weight"] = (width, width, 3, 3)
            widths |= {f"{place}.bn1": width, f"{place}.bn2": width}
    for name, width in widths.items():
        for tensor in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{tensor}"] = (width,)
    return shapes


@pytest.mark.parametrize("blocks", PARAMETERS)
def test_each_depth_is_the_published_network(blocks):
    network = build(blocks)
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[blocks]
    published = {key: torch.rand(shape) for key, shape in list_published(blocks).items()}
    missing, unexpected = network.load_state_dict(published, strict=False)
    assert not unexpected
    assert all(key.endswith(".num_batches_tracked") for key in missing)
    images = torch.rand(2, 3, 32, 32)
    maps = [images.new_zeros(2, 16, 32, 32)]
    for stage in (network.layer1, network.layer2, network.layer3):
        maps.append(stage(maps[-1]))
    assert [tuple(each.shape[1:]) for each in maps[1:]] == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]
    assert network(images).shape == (2, 10)
    assert build(blocks, classes=7)(images).shape == (2, 7)


def test_a_shortcut_takes_every_second_pixel_between_channels_of_zeros():
    """A quarter of the new channels before and after, as the published weights were trained."""
    shortcut = build(3).layer2[0].shortcut
    maps = torch.rand(1, 16, 6, 6)
    expected = torch.zeros(1, 32, 3, 3)
    for channel in range(16):
        for row in range(3):
            for column in range(3):
                expected[0, 8 + channel, row, column] = maps[0, channel, 2 * row, 2 * column]
    torch.testing.assert_close(shortcut(maps), expected)
