"""Latency and memory of a network: the memory is that of the layers, counted by hand."""

import torch
from tests.support.networks import make_network

from ckptrank.features.running import measure_network, measure_running
from ckptrank.files.atomic import read_json, write_json

CPU = torch.device("cpu")


def test_memory_is_that_of_the_layers():
    found = measure_network(make_network(dimension=6), CPU, "auto")
    image, maps = 3 * 8 * 8 * 4, 6 * 8 * 8 * 4
    assert found["passing_bytes"] == 2 * maps
    # The image for the convolution, its result for the normalisation, that of the activation for itself.
    assert image + 2 * maps <= found["activation_bytes"] < 1.1 * (image + 2 * maps) + 200
    assert 0 < found["latency_seconds"] < 60


def test_wider_networks_keep_more():
    narrow, wide = (measure_network(make_network(dimension=d), CPU, "auto") for d in (6, 60))
    assert wide["activation_bytes"] > 8 * narrow["activation_bytes"]


def test_a_checkpoint_that_failed_has_its_reason(tmp_path):
    write_json(tmp_path / "card.json", {"status": "failed", "reason": "no weights"})
    measure_running(tmp_path, tmp_path / "out.json", device=CPU, precision="auto")
    assert read_json(tmp_path / "out.json") == {"status": "failed", "reason": "no weights"}
