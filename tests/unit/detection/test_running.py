"""What a detector takes: measured on the checkpoint, and a reason where none can stand on it."""

from dataclasses import replace

import pytest
import torch
from tests.support.scenes import HEAD, make_pair, prepare_scenes, prepare_scratch

from ckptrank.checkpoints import load_network
from ckptrank.detection.data import load_split
from ckptrank.detection.heads import HEADS
from ckptrank.detection.running import measure_detector, measure_training
from ckptrank.files.atomic import read_json
from ckptrank.finetune.sweep import Pair
from ckptrank.tasks.store import open_task

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
TIMES = ("step_seconds",)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    return prepare_scenes(tmp_path_factory.mktemp("t") / "scenes")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return prepare_scratch(tmp_path_factory.mktemp("c") / "net")


def measure(checkpoint, scenes, head=HEAD, batch_size=2):
    images = load_split(open_task(scenes), "train", head.shapes)
    options = {"classes": 8, "head": head, "batch_size": batch_size}
    network = load_network(checkpoint)
    return measure_training(network, images, **options, device=CPU, precision="auto")


@pytest.mark.parametrize("name", HEADS)
def test_each_head_is_measured(checkpoint, scenes, name):
    found = measure(checkpoint, scenes, replace(HEAD, head=name))
    own = sum(parameter.numel() for parameter in load_network(checkpoint).backbone.parameters())
    assert found["status"] == "ok"
    assert 0 < found["step_seconds"] < 60
    assert found["parameters"] > own
    assert found["kept_bytes"] > 2 * 96 * 96 * 3 * 4


def test_it_is_the_same_again_but_for_the_times(checkpoint, scenes):
    first, second = (measure(checkpoint, scenes) for _ in range(2))
    assert [key for key in first if first[key] != second[key]] in ([], [*TIMES])


def test_more_images_larger_ones_and_wider_pyramids_keep_more(checkpoint, scenes):
    least = measure(checkpoint, scenes)
    more = measure(checkpoint, scenes, batch_size=4)
    larger = measure(checkpoint, scenes, replace(HEAD, min_size=192, max_size=192))
    wider = measure(checkpoint, scenes, replace(HEAD, channels=64))
    assert 1.8 < more["kept_bytes"] / least["kept_bytes"] < 2.2
    assert 3.5 < larger["kept_bytes"] / least["kept_bytes"] < 4.5
    assert wider["kept_bytes"] > 1.1 * least["kept_bytes"]
    assert wider["parameters"] > least["parameters"] == more["parameters"] == larger["parameters"]


def write(pair, folder):
    detector = {**vars(HEAD), "strides": [*HEAD.strides]}
    options = {"batch_size": 2, "detector": detector, "device": CPU, "precision": "auto"}
    measure_detector(pair, folder / "out.json", **options)
    return read_json(folder / "out.json")


def test_it_is_left_as_a_file(checkpoint, scenes, tmp_path):
    found = write(Pair("net", "scenes", checkpoint, scenes), tmp_path)
    assert (found["checkpoint"], found["task"], found["status"]) == ("net", "scenes", "ok")


@pytest.mark.parametrize(
    ("architecture", "fields", "reason"),
    [
        ("vit", {}, "comes after 3 of its 11 layers: what follows gives no maps"),
        ("resnet_half", {"name": "digits"}, "its images have no boxes"),
    ],
)
def test_where_no_detector_can_stand_it_says_why(tmp_path, architecture, fields, reason):
    found = write(make_pair(tmp_path, architecture, **fields), tmp_path)
    assert (found["checkpoint"], found["status"]) == ("net", "failed")
    assert reason in found["reason"]
