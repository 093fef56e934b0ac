import numpy as np
import pytest
import torch
from networks import make_images, make_network

from ckptrank.errors import PairFault
from ckptrank.extraction import extract_features
from ckptrank.features import open_features

SPLITS = {"train": make_images(10), "test": make_images(7, seed=1)}


def extract(network, path, batch_size=4):
    extract_features(
        network,
        SPLITS,
        path,
        checkpoint="net",
        task="colours",
        attributes={"sha256": "abc"},
        batch_size=batch_size,
        device=torch.device("cpu"),
    )
    return open_features(path)


def test_features_and_logits_are_those_of_the_network(tmp_path):
    network = make_network(head_classes=5).eval()
    features = extract(network, tmp_path / "a.h5")
    with torch.inference_mode():
        expected = network(torch.from_numpy(SPLITS["test"].images))
    np.testing.assert_allclose(features.test.read("features"), expected[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(features.test.read("logits"), expected[1], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(features.train.read("labels"), SPLITS["train"].labels)
    np.testing.assert_array_equal(features.train.read("sample_id"), np.arange(10))
    for name in ("seconds", "device", "versions", "preprocessing", "sha256"):
        assert name in features.attributes


def test_a_network_in_training_mode_is_evaluated_all_the_same(tmp_path):
    network = make_network().train()
    a = extract(network, tmp_path / "a.h5", batch_size=3).train.read("features")
    b = extract(network, tmp_path / "b.h5", batch_size=10).train.read("features")
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_fail_the_pair(tmp_path, value):
    network = make_network()
    with torch.no_grad():
        network.backbone[1].bias[0] = value
    with pytest.raises(
        PairFault, match=r"features of the train images 0\.\.3 hold NaN or infinity"
    ):
        extract(network, tmp_path / "a.h5")
    assert not list(tmp_path.iterdir())
