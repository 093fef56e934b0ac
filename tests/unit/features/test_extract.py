import threading

import numpy as np
import pytest
import torch
from tests.support.networks import allow_at_once, make_images, make_network

from ckptrank.errors import PairFault
from ckptrank.features.extract import extract_features
from ckptrank.features.store import open_features
from ckptrank.tasks.images import LabelledImages

SPLITS = {"train": make_images(10), "test": make_images(7, seed=1)}


def extract(network, path, batch_size=4, splits=("train", "test"), known=None):
    extract_features(
        network,
        {split: SPLITS[split] for split in splits},
        path,
        known=known,
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


def test_what_a_ranking_has_passed_is_not_passed_again(tmp_path, monkeypatch):
    network, passed = make_network(head_classes=5).eval(), []
    known = extract(network, tmp_path / "known.h5", splits=["train"])
    assert known.attributes["samples"] == 10
    with pytest.raises(ValueError, match=r"known\.h5: holds no test samples"):
        known.test.read("features")
    read = LabelledImages.read
    monkeypatch.setattr(
        LabelledImages, "read", lambda self, rows, **_: (passed.append(self), read(self, rows))[1]
    )
    whole = extract(network, tmp_path / "whole.h5", splits=["test"], known=known)
    assert {id(images) for images in passed} == {id(SPLITS["test"])}
    at_once = extract(network, tmp_path / "at_once.h5")
    for split in SPLITS:
        for name in ("features", "logits", "labels", "sample_id"):
            pair = (getattr(each, split).read(name) for each in (whole, at_once))
            np.testing.assert_array_equal(*pair)
    assert whole.attributes["samples"] == at_once.attributes["samples"] == 17
    assert whole.attributes["seconds"] > known.attributes["seconds"]


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


def extract_in(precision, path, monkeypatch, instructions=True):
    monkeypatch.setattr("ckptrank.jobs.precision._processor_has_bfloat16", lambda: instructions)
    extract_features(
        make_network(head_classes=5),
        SPLITS,
        path,
        checkpoint="net",
        task="colours",
        attributes={},
        batch_size=4,
        device=torch.device("cpu"),
        precision=precision,
    )
    return open_features(path)


def test_a_network_too_large_for_the_gpu_fails_alone(tmp_path, monkeypatch):
    network = make_network()

    def fill(_images):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB. GPU 0 has ...")

    monkeypatch.setattr(network.backbone, "forward", fill)
    with pytest.raises(PairFault, match=r"\(CUDA out of memory\); lower compute.extract_batch"):
        extract(network, tmp_path / "a.h5")
    assert not list(tmp_path.iterdir())


def test_a_batch_too_large_for_the_gpu_is_computed_in_parts(tmp_path, monkeypatch):
    network = make_network(head_classes=5)
    whole = extract(network, tmp_path / "a.h5", batch_size=7)
    allow_at_once(monkeypatch, network, 2)
    parts = extract(network, tmp_path / "b.h5", batch_size=7)
    for split in ("train", "test"):
        for name in ("features", "logits"):
            first, second = (getattr(found, split).read(name) for found in (whole, parts))
            np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)


def test_half_precision_is_asked_for_and_recorded(tmp_path, monkeypatch):
    exact = extract_in("float32", tmp_path / "a.h5", monkeypatch)
    half = extract_in("bfloat16", tmp_path / "b.h5", monkeypatch)
    a, b = exact.test.read("features"), half.test.read("features")
    assert b.dtype == np.float32
    assert not np.array_equal(a, b)
    np.testing.assert_allclose(a, b, rtol=0.05, atol=0.02)
    assert (exact.attributes["precision"], half.attributes["precision"]) == ("float32", "bfloat16")


def test_a_processor_without_bfloat16_computes_exactly(tmp_path, monkeypatch, caplog):
    exact = extract_in("float32", tmp_path / "a.h5", monkeypatch)
    same = extract_in("bfloat16", tmp_path / "b.h5", monkeypatch, instructions=False)
    np.testing.assert_array_equal(exact.test.read("features"), same.test.read("features"))
    assert same.attributes["precision"] == "float32"
    assert "no bfloat16 instructions" in caplog.text


def test_images_are_read_ahead_of_the_network(tmp_path, monkeypatch):
    """The first batch is not computed until three more have been read, by another thread."""
    started, ahead = [], threading.Event()
    read = LabelledImages.read

    def note_reading(data, rows, **options):
        started.append(int(rows[0]))
        if len(started) == 4:
            ahead.set()
        assert threading.current_thread() is not threading.main_thread()
        return read(data, rows, **options)

    network = make_network()
    forward = network.forward

    def wait_and_compute(images):
        assert ahead.wait(20)
        return forward(images)

    monkeypatch.setattr(LabelledImages, "read", note_reading)
    monkeypatch.setattr(network, "forward", wait_and_compute)
    extract(network, tmp_path / "a.h5", batch_size=2)
    assert started == [0, 2, 4, 6, 8, 0, 2, 4, 6]
