"""Networks in memory are ordered as the workflow orders checkpoints."""

import numpy as np
import pytest
import torch
from torch import nn

from ckptrank.rank import rank_models

NOISE = torch.randn(30, 3, 4, 4, generator=torch.Generator().manual_seed(0))
IMAGES = [(NOISE[i] + i % 3, i % 3) for i in range(30)]


def make_classifier():
    torch.manual_seed(1)
    head = nn.Linear(6, 10)
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 6), nn.ReLU(), head)


def test_the_features_of_a_classifier_are_what_its_last_layer_takes(monkeypatch):
    seen = {}
    monkeypatch.setattr(
        "ckptrank.measures.logme",
        lambda features, labels: seen.setdefault(len(labels), features).sum(),
    )
    model = make_classifier().train()
    rank_models({"a": model}, IMAGES, measures=["logme"], resamples=0, batch_size=7)
    with torch.inference_mode():
        expected = model[:4](torch.stack([image for image, _ in IMAGES])).numpy()
    np.testing.assert_allclose(seen[30], expected, rtol=1e-5)
    assert model.training
    assert model[0].training


def test_the_better_is_first_and_the_draw_gives_intervals():
    blind = nn.Sequential(nn.InstanceNorm2d(3), nn.Flatten())
    models = {"blind": blind, "sees": nn.Flatten(), "classifier": make_classifier()}
    order = rank_models(models, IMAGES, resamples=6).set_index("checkpoint")
    assert order["rank"]["blind"] == 3
    assert (order["rank_low"] <= order["rank"]).all()
    assert (order["rank"] <= order["rank_high"]).all()
    assert not order["with_first"]["blind"]


def test_networks_may_want_images_of_their_own():
    scaled = [(image / 4, label) for image, label in IMAGES]
    models = {"a": nn.Flatten(), "b": nn.Flatten()}
    same = rank_models(models, {"a": IMAGES, "b": IMAGES}, resamples=2)
    assert same["with_first"].all()
    with pytest.raises(ValueError, match="labels of b are not those of the first"):
        rank_models(models, {"a": IMAGES, "b": scaled[1:]}, resamples=2)


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(ValueError, match=r"measures: leep: not among .*logme"):
        rank_models({"a": nn.Flatten()}, IMAGES, measures=["leep", "logme"])
    with pytest.raises(ValueError, match=r"a gives features of shape \(30, 3, 4, 4\)"):
        rank_models({"a": nn.ReLU()}, IMAGES)
