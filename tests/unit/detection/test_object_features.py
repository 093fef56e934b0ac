"""Features inside boxes: one sample an object, from where it lies."""

import numpy as np
import pytest
import torch
from tests.support.scenes import make_pair
from torch import nn

from ckptrank.checkpoints.network import Network
from ckptrank.detection import object_features as module
from ckptrank.detection.object_features import write_object_features
from ckptrank.errors import PairFault
from ckptrank.features.store import open_features
from ckptrank.networks.preprocessing import Preprocessing
from ckptrank.tasks.store import open_task

pytestmark = pytest.mark.usefixtures("one_thread")


def write(pair, output, strides=(2, 4)):
    write_object_features(
        pair,
        output,
        strides=strides,
        min_size=96,
        max_size=96,
        batch_size=4,
        device=torch.device("cpu"),
        precision="auto",
    )
    return output


class Averages(nn.Module):
    """A network whose maps are the image, made smaller."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.AvgPool2d(2), nn.AvgPool2d(2)

    def forward(self, images):
        return self.second(self.first(images)).mean((2, 3))


def test_features_are_the_mean_of_the_map_inside_the_box(tmp_path, monkeypatch):
    pair = make_pair(tmp_path)
    preprocessing = Preprocessing(96, (0.0,) * 3, (1.0,) * 3)
    network = Network(Averages(), 3, None, preprocessing)
    monkeypatch.setattr(module, "load_network", lambda folder: network)
    features = open_features(write(pair, tmp_path / "f.h5")).train
    task = open_task(pair.task_folder)
    objects, images = task.objects("train"), task.images("train")
    np.testing.assert_array_equal(features.read("labels"), objects.labels)
    np.testing.assert_array_equal(features.read("sample_id"), np.arange(len(objects.labels)))
    np.testing.assert_array_equal(features.read("image")[:, 0], objects.images)
    found = features.read("features")
    assert found.shape == (len(objects.labels), 3)
    expected = np.stack(
        [
            images[image, top:bottom, left:right].mean((0, 1)) / 255
            for image, (left, top, right, bottom) in zip(
                objects.images, objects.boxes.astype(int), strict=True
            )
        ]
    )
    # A box is sampled at a few points of a map of a quarter of the image's size.
    assert np.abs(found - expected).mean() < 0.06
    assert np.abs(found - expected).mean() < np.abs(found - expected[::-1]).mean() / 2


def test_a_checkpoint_without_maps_leaves_its_reason(tmp_path):
    pair = make_pair(tmp_path)
    write(pair, tmp_path / "f.h5", strides=(32, 64))
    with pytest.raises(PairFault, match="gives no feature maps at two of the strides 32, 64"):
        open_features(tmp_path / "f.h5")
