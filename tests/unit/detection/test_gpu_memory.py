"""Detectors on a GPU whose memory does not suffice: their tests take fewer images at once, their training is a fault."""

from dataclasses import replace

import pytest
import torch
from tests.support.scenes import HEAD, prepare_scenes, prepare_scratch

from ckptrank.checkpoints import load_network
from ckptrank.detection import train as module
from ckptrank.detection.data import load_split
from ckptrank.detection.heads import HEADS
from ckptrank.detection.train import train_detector
from ckptrank.errors import PairFault
from ckptrank.finetune.recipe import Recipe
from ckptrank.tasks.store import open_task

pytestmark = pytest.mark.usefixtures("one_thread")
BATCH = 4


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    return open_task(prepare_scenes(tmp_path_factory.mktemp("t") / "scenes", test=7))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return prepare_scratch(tmp_path_factory.mktemp("c") / "net")


def run(scenes, checkpoint, head=HEAD):
    train, test = (load_split(scenes, split, head.shapes) for split in ("train", "test"))
    return train_detector(
        load_network(checkpoint),
        train,
        test,
        classes=8,
        head=head,
        recipe=Recipe(0.02, BATCH, [2]),
        seed=3,
        device=torch.device("cpu"),
        examples=1,
    )


def allow_at_once(monkeypatch, *, training, testing):
    """Let detectors fail on more images than so many; return the numbers of those that they were tested on."""
    build, tested = module.build, []

    def build_limited(**options):
        detector = build(**options)
        forward = detector.forward

        def limited(images, targets=None):
            if not detector.training:
                tested.append(len(images))
            if len(images) > (training if detector.training else testing):
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")
            return forward(images, targets)

        detector.forward = limited
        return detector

    monkeypatch.setattr(module, "build", build_limited)
    return tested


@pytest.mark.parametrize("name", HEADS)
def test_a_test_batch_that_is_too_large_is_halved_to_the_same_result(
    scenes, checkpoint, monkeypatch, name
):
    head = replace(HEAD, head=name)
    expected = run(scenes, checkpoint, head)
    tested = allow_at_once(monkeypatch, training=BATCH, testing=1)
    assert run(scenes, checkpoint, head) == expected
    assert tested == [7, 3, 1, 2, 1, 1, 4, 2, 1, 1, 2, 1, 1]


@pytest.mark.parametrize(
    "limits", [{"training": BATCH, "testing": 0}, {"training": 3, "testing": 7}]
)
def test_one_image_to_test_or_a_batch_to_train_on_that_is_too_much_is_a_fault(
    scenes, checkpoint, monkeypatch, limits
):
    tested = allow_at_once(monkeypatch, **limits)
    with pytest.raises(PairFault, match=r"\(CUDA out of memory\); lower the batch size or the im"):
        run(scenes, checkpoint)
    assert tested == ([] if limits["testing"] else [7, 3, 1])
