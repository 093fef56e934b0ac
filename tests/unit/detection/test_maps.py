"""The feature maps that are found in networks of any make."""

import pytest
import torch
from torch import nn
from torchvision.models import get_model, resnet18

from ckptrank.checkpoints.builtin import make_untrained
from ckptrank.checkpoints.network import Network
from ckptrank.detection.maps import FeatureMaps, find_stages
from ckptrank.errors import PairFault
from ckptrank.networks.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(32, (0.5,) * 3, (0.25,) * 3)


def list_stages(body, strides=(4, 8, 16, 32)):
    return [(stage.name, stage.stride, stage.channels) for stage in find_stages(body, strides)]


def halve(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU())


def test_the_stages_of_a_library_s_network():
    network = resnet18(weights=None)
    expected = [("layer1", 4, 64), ("layer2", 8, 128), ("layer3", 16, 256), ("layer4", 32, 512)]
    assert list_stages(network) == expected
    assert list_stages(network, (8, 32)) == [expected[1], expected[3]]


@pytest.mark.parametrize(
    ("architecture", "channels"),
    [("resnet", [32, 64, 128]), ("mobilenet_v1", [32, 64, 128]), ("inception_v1", [64, 128])],
)
def test_the_stages_of_built_in_networks(architecture, channels):
    found = list_stages(make_untrained(architecture).backbone)
    assert [each[2] for each in found] == channels
    assert [each[1] for each in found] == [4, 8, 16][: len(channels)]
    assert found[-1][0] == "body"


BY_LIBRARY = {
    "torchvision": {
        "densenet121": ["features.denseblock1", "features.denseblock2", "features.denseblock3", "features"],
        "vgg11": ["features.9", "features.14", "features.19", "features"],
        "mobilenet_v2": ["features.3", "features.6", "features.13", "features"],
        "efficientnet_b0": ["features.2", "features.3", "features.5", "features"],
        "convnext_tiny": ["features.1", "features.3", "features.5", "features"],
    },
    "timm": {
        "resnet18": ["layer1", "layer2", "layer3", "layer4"],
        "mobilenetv3_small_050": ["blocks.0", "blocks.1", "blocks.3", "blocks"],
        "efficientnet_lite0": ["blocks.1", "blocks.2", "blocks.4", "bn2"],
        "convnext_atto": ["stages.0", "stages.1", "stages.2", "norm_pre"],
        "resnetv2_50": ["stages.0", "stages.1", "stages.2", "norm"],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("library", "name", "layers"),
    [(library, *each) for library, models in BY_LIBRARY.items() for each in models.items()],
)
def test_the_stages_of_the_makes_that_the_docs_name(library, name, layers):
    """The ends of the stages, not a stem before them, and maps that can be trained through."""
    if library == "timm":
        body = pytest.importorskip("timm").create_model(name, pretrained=False, num_classes=0)
    else:
        body = get_model(name, weights=None)
    found = find_stages(body, (4, 8, 16, 32))
    assert [stage.name for stage in found] == layers
    assert [stage.stride for stage in found] == [4, 8, 16, 32]
    maps = FeatureMaps(Network(body, 1, None, PREPROCESSING), (4, 8, 16, 32), freeze_norms=True)
    given = list(maps.train()(torch.rand(1, 3, 96, 64)).values())
    sides = [(96 // stage.stride, 64 // stage.stride) for stage in found]
    assert [tuple(each.shape[1:]) for each in given] == [
        (stage.channels, *side) for stage, side in zip(found, sides, strict=True)
    ]
    sum(each.sum() for each in given).backward()


def test_a_map_that_is_enlarged_to_be_pooled_is_no_stage():
    body = nn.Sequential(*[halve(n, n + 1) for n in range(3, 8)], nn.AdaptiveAvgPool2d(7))
    assert list_stages(body)[-2:] == [("3", 16, 7), ("4", 32, 8)]


def test_networks_without_usable_maps():
    with pytest.raises(PairFault, match="comes after 3 of its 11 layers: what follows gives no"):
        list_stages(make_untrained("vit").backbone)
    flat = nn.Sequential(halve(3, 4), halve(4, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(PairFault, match=r"at two of the strides .* \(it has maps at: 2, 4\)"):
        list_stages(flat)
    picky = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4))
    with pytest.raises(PairFault, match="cannot compute an image of 128 pixels"):
        list_stages(picky)


def test_maps_are_what_the_layers_give_and_what_follows_is_not_computed():
    first, second = halve(3, 4), halve(4, 5)
    body = nn.Sequential(nn.MaxPool2d(2), first, second, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    maps = FeatureMaps(Network(body, 5, None, PREPROCESSING), (4, 8)).eval()
    body[4].forward = lambda maps: pytest.fail("computed")
    images = torch.rand(2, 3, 48, 64)
    found = maps(images)
    torch.testing.assert_close(found["0"], first(nn.functional.max_pool2d(images, 2)))
    assert [tuple(each.shape) for each in found.values()] == [(2, 4, 12, 16), (2, 5, 6, 8)]


@pytest.mark.parametrize("frozen", [True, False])
def test_batch_norms_keep_their_statistics_if_asked_to(frozen):
    network = make_untrained("resnet_half")
    maps = FeatureMaps(network, (4, 8, 16), freeze_norms=frozen).train()
    before = {k: v.clone() for k, v in network.backbone.named_buffers() if "running_mean" in k}
    maps(torch.rand(2, 3, 64, 64))
    after = dict(network.backbone.named_buffers())
    same = [torch.equal(value, after[name]) for name, value in before.items()]
    assert all(same) if frozen else not any(same)
