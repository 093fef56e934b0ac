"""Slim's networks against what TensorFlow computed with the same seeded variables (tests/data/tf_slim_features.csv).

Of noise at a network's own size (``own_``) and at 180 pixels, where maps are odd and even by turns, sixteen of the
features: a mistake in padding, pooling or normalisation shows as 2e-4 of the largest one at the least.
"""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.support.slim import list_kernels, make_network, make_noise, make_variable, name_module
from torch import nn

from ckptrank.checkpoints.network import Network
from ckptrank.checkpoints.slim.architectures import ARCHITECTURES, Gate
from ckptrank.checkpoints.slim.input_range import RANGES, compare_ranges, main
from ckptrank.checkpoints.slim.resnet import ResNet50V2
from ckptrank.checkpoints.slim.variables import read_state
from ckptrank.checkpoints.slim.vtab import match_variables
from ckptrank.errors import PairFault
from ckptrank.networks.flops import count_parameters
from ckptrank.networks.preprocessing import Preprocessing

with open(Path(__file__).parents[2] / "data" / "tf_slim_features.csv", newline="") as file:
    EXPECTED = {row["architecture"]: row for row in csv.DictReader(file)}


def test_the_architectures_are_those_of_the_paper():
    assert list(EXPECTED) == list(ARCHITECTURES)
    assert len(EXPECTED) == 13


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_features_are_those_of_tensorflow(name):
    row = EXPECTED[name]
    network = make_network(name, float(row["gain"]))
    assert count_parameters(network) == int(row["parameters"])
    for size, value, largest in (
        (180, "feature", "largest"),
        (ARCHITECTURES[name].size, "own", "own_largest"),
    ):
        expected = np.array([float(row[f"{value}_{i}"]) for i in range(16)])
        with torch.inference_mode():
            features = network(make_noise(size)[:1]).numpy()
        assert features.shape == (1, int(row["dimension"]))
        found = features[0, :: features.shape[1] // 16][:16]
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * float(row[largest]))


@pytest.mark.parametrize("name", ["resnet_v1_50", "inception_v2", "mobilenet_v3_small"])
def test_gradients_reach_every_parameter(name):
    network = make_network(name, float(EXPECTED[name]["gain"])).train()
    network(make_noise(96)).square().sum().backward()
    still = [key for key, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # what normalisation takes off again
    assert all(key.endswith("bias") for key in still)


def test_normalisation_without_gamma_has_none_to_train():
    model = ARCHITECTURES["inception_v1"].build()
    layers = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(layers) == 57
    for layer in layers:
        assert [key for key, _ in layer.named_parameters()] == ["bias"]
        assert set(layer.state_dict()) == {"bias", "running_mean", "running_var", "num_batches_tracked"}  # fmt: skip
        assert (layer.eps, layer.momentum) == (1e-3, pytest.approx(0.0003))


def test_the_gate_is_slims():
    gate = Gate()(torch.tensor([-4.0, 0.0, 4.0]))
    np.testing.assert_allclose(gate, [0, 0.50001, 1.00002], rtol=1e-6)
    model = ARCHITECTURES["mobilenet_v3_large"].build()
    assert sum(isinstance(layer, Gate) for layer in model.modules()) == 8


@pytest.mark.parametrize(
    ("name", "size", "crop", "mode", "low", "high"),
    [
        ("inception_v3", 299, 0.875, "inner", -1, 1),
        ("mobilenet_v1_025", 224, 0.875, "inner", -1, 1),
        ("resnet_v1_101", 224, 0.875, "center", -123.68, 131.32),
    ],
)
def test_images_are_prepared_as_slim_does(name, size, crop, mode, low, high):
    preprocessing = ARCHITECTURES[name].preprocessing
    assert (preprocessing.size, preprocessing.crop, preprocessing.crop_mode) == (size, crop, mode)
    images = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, 1, 1, 3)
    reds = preprocessing.normalise(images)[:, 0, 0, 0]
    np.testing.assert_allclose(reds, [low, high], rtol=1e-5)


@pytest.mark.parametrize("projection_first", [True, False])
def test_the_variables_of_vtabs_modules_find_their_places(projection_first):
    model = ResNet50V2()
    shapes = name_module(model, projection_first)
    found = match_variables(model, shapes | {"global_step": ()}, "m.index")
    assert {variable.name for variable in found.values()} == set(shapes)
    kernels = list_kernels(model, projection_first)
    for count in (0, 1, 4, 20, 52):
        name = f"module/conv2d{f'_{count}' if count else ''}/kernel"
        assert found[f"{kernels[count]}.weight"].name == name
    assert found["features.19.running_var"].name == "module/batch_normalization_48/moving_variance"


def test_a_module_of_vtab_that_is_another_network():
    model = ResNet50V2()
    shapes = name_module(model)
    with pytest.raises(PairFault, match=r"m\.index: module/dense/kernel has shape|no place"):
        match_variables(model, shapes | {"module/dense/kernel": (2048, 10)}, "m.index")
    with pytest.raises(PairFault, match=r"m\.index: has module/conv2d/bias, for which"):
        match_variables(model, shapes | {"module/conv2d/bias": (64,)}, "m.index")
    wide = shapes | {"module/conv2d_7/kernel": (1, 1, 512, 256)}
    with pytest.raises(PairFault, match=r"module/conv2d_7/kernel has shape \(1, 1, 512, 256\)"):
        match_variables(model, wide, "m.index")
    del shapes["module/batch_normalization_3/beta"]
    with pytest.raises(PairFault, match="beta"):
        match_variables(model, shapes, "m.index")


def test_a_module_of_vtab_is_computed_as_its_code_says():
    """The second unit of a block, by hand; the root's pooling sees zeros beyond the border."""
    model = ResNet50V2()
    shapes = name_module(model)
    wanted = match_variables(model, shapes, "m.index")
    state = read_state(wanted, lambda name: make_variable(name, shapes[name]))
    model.load_state_dict(state, strict=False)
    unit = model.eval().features[4]
    maps = torch.randn(1, 256, 5, 5, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        norm = unit.normalised[0]
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        given = (maps - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]  # fmt: skip
        torch.testing.assert_close(unit(maps), maps + unit.residual(given.relu()))
        pooled = model.features[1:3](-torch.ones(1, 1, 8, 8))
    assert pooled.shape == (1, 1, 4, 4)
    assert pooled[0, 0].tolist() == [[0, 0, 0, 0], *([0, -1, -1, -1] for _ in range(3))]


@pytest.mark.parametrize("truth", RANGES)
def test_the_range_of_the_input_is_found_without_labels(truth):
    generator = np.random.default_rng(0)
    small = generator.integers(0, 256, (8, 8, 8, 3), dtype=np.uint8)
    images = small.repeat(4, axis=1).repeat(4, axis=2)
    torch.manual_seed(0)
    backbone = nn.Sequential(
        nn.Conv2d(3, 16, 7, bias=False), nn.BatchNorm2d(16), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    network = Network(backbone, 16, None, Preprocessing(32, *RANGES[truth]))
    with torch.inference_mode():
        taken = backbone[0](network.preprocessing.normalise(torch.from_numpy(images)))
        backbone[1].running_mean.copy_(taken.mean((0, 2, 3)))
        backbone[1].running_var.copy_(taken.var((0, 2, 3)))
    distances = compare_ranges(network, images)
    assert next(iter(distances)) == truth
    first, second = list(distances.values())[:2]
    assert first < 1e-3 < 10 * first + 1e-2 < second


def test_the_range_of_the_input_needs_photographs(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(SystemExit, match=r"no \.jpg, \.jpeg or \.png below it"):
        main("a checkpoint", str(tmp_path))
