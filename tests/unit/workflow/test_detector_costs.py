"""The arithmetic of detectors against the layers that they have."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from ckptrank.checkpoints.builtin import make_untrained
from ckptrank.detection.heads import build
from ckptrank.jobs.precision import set_precision
from ckptrank.networks.flops import count_forward_flops
from ckptrank.workflow.detector_costs import (
    MASK,
    REGION,
    TRAINED_MASKS,
    TRAINED_REGIONS,
    count_work,
    fit,
)

DETECTOR = {"strides": [4, 8, 16], "channels": 32, "min_size": 64, "max_size": 96}
CLASSES = 5


def make_detector(head):
    precision = set_precision("float32", torch.device("cpu"), auto="tf32")
    network = make_untrained("resnet")
    return build(head, network, CLASSES, **DETECTOR, freeze_norms=False, precision=precision).eval()


@torch.no_grad()
def count(function, *arguments):
    """Return the operations of a call; the library's own counter does not follow lists of images."""
    with FlopCounterMode(display=False) as counter:
        function(*arguments)
    return counter.get_total_flops()


@pytest.fixture(scope="module")
def backbone():
    return count_forward_flops(make_untrained("resnet").backbone, (3, 64, 96))


def expect(head, backbone=0.0):
    detector = DETECTOR | {"head": head}
    return count_work(detector, (64, 96), backbone=backbone, dimension=128, classes=CLASSES)


@pytest.mark.parametrize("head", ["fcos", "fcn"])
def test_what_one_stage_computes(head, backbone):
    work = expect(head, backbone)
    counted = count(make_detector(head), [torch.rand(3, 64, 96)])
    assert work.test_flops == work.train_flops == pytest.approx(counted, rel=0.01)


def test_the_second_stage_takes_its_layers_for_every_region(backbone):
    detector = make_detector("mask_rcnn")
    heads, channels = detector.roi_heads, DETECTOR["channels"]
    region = count(
        lambda maps: heads.box_predictor(heads.box_head(maps)),
        torch.rand(1, channels, REGION, REGION),
    )
    mask = count(
        lambda maps: heads.mask_predictor(heads.mask_head(maps)),
        torch.rand(1, channels, MASK, MASK),
    )
    first = count(
        lambda images: detector.rpn.head(list(detector.backbone(images).values())),
        torch.rand(1, 3, 64, 96),
    )
    boxes, masks = expect("faster_rcnn", backbone), expect("mask_rcnn", backbone)
    found = masks.train_flops - boxes.train_flops
    assert found == pytest.approx(TRAINED_MASKS * mask, rel=0.01)
    assert boxes.train_flops == pytest.approx(first + TRAINED_REGIONS * region, rel=0.01)


@pytest.mark.parametrize(
    ("min_size", "max_size", "shape", "size"),
    [
        (96, 96, 1, (96, 96)),
        (240, 320, 4 / 3, (256, 320)),  # padded to whole strides
        (800, 1333, 4 / 3, (800, 1088)),
        (800, 1333, 2, (672, 1344)),  # the longer side bounds it
    ],
)
def test_the_size_at_which_a_detector_sees_an_image(min_size, max_size, shape, size):
    assert fit({"min_size": min_size, "max_size": max_size}, shape) == size
