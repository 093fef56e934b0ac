"""Average precisions against cases worked out by hand, and the intersection over union of pixels."""

import numpy as np
import pytest
from faster_coco_eval.core import mask as codes

from ckptrank.detection.quality import Confusion, average_precisions
from ckptrank.tasks.objects import Annotation, Faults, gather_objects

BOXES = [(2, 2, 22, 22), (10, 20, 40, 40)]


def encode(box):
    canvas = np.zeros((50, 60), np.uint8)
    left, top, right, bottom = box
    canvas[top:bottom, left:right] = 1
    return codes.encode(np.asfortranarray(canvas))


def make_objects(crowd=False):
    """Two images; both objects of class 0 are in the first."""
    annotations = [
        Annotation("", "a", box, crowd and number == 1, encode(box)["counts"])
        for number, box in enumerate(BOXES)
    ]
    return gather_objects([((50, 60), annotations), ((50, 60), [])], ["a", "b"], Faults())


def find(*boxes, label=0, scores=None):
    return {
        "boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "labels": np.full(len(boxes), label),
        "scores": np.linspace(0.9, 0.5, len(boxes)) if scores is None else np.array(scores),
        "masks": [encode(box) for box in boxes],
    }


NOTHING = find()


def test_all_found_is_a_precision_of_one():
    found = average_precisions(make_objects(), [find(*BOXES), NOTHING], 2, masks=True)
    names = ["ap", "ap50", "ap75", "mask_ap", "mask_ap50", "mask_ap75"]
    assert found == dict.fromkeys(names, pytest.approx(1))


def test_nothing_found_is_zero_and_nothing_to_find_is_undefined():
    assert average_precisions(make_objects(), [NOTHING, NOTHING], 2)["ap"] == 0
    empty = gather_objects([((50, 60), [])], ["a", "b"], Faults())
    assert np.isnan(average_precisions(empty, [find(BOXES[0])], 2)["ap50"])


def test_half_found_reaches_half_of_the_recall():
    found = average_precisions(make_objects(), [find(BOXES[0]), NOTHING], 2)
    assert found["ap50"] == pytest.approx(51 / 101)  # recalls 0.00 to 0.50 of 101


def test_a_box_that_is_off_counts_at_low_overlaps_alone():
    left, top, right, bottom = BOXES[0]
    shifted = (left + 4, top, right + 4, bottom)  # overlap 16 / 24 = 0.67
    found = average_precisions(make_objects(), [find(shifted, BOXES[1]), NOTHING], 2)
    assert found["ap50"] == pytest.approx(1)
    assert found["ap75"] < 0.6
    # Thresholds 0.50 to 0.65 are met by both; above, by the surer false one and the true one.
    assert found["ap"] == pytest.approx((4 * 1 + 6 * 51 / 101 / 2) / 10, abs=0.01)


def test_a_surer_false_detection_lowers_the_precision_and_another_class_does_not_count():
    false = find((45, 5, 58, 15), scores=[0.99])
    found = average_precisions(make_objects(), [find(*BOXES), false], 2)
    assert found["ap50"] == pytest.approx(2 / 3)
    other = find((45, 5, 58, 15), label=1, scores=[0.99])
    assert average_precisions(make_objects(), [find(*BOXES), other], 2)["ap50"] == pytest.approx(1)


def test_what_lies_in_a_crowd_counts_neither_way():
    objects = make_objects(crowd=True)
    assert average_precisions(objects, [find(BOXES[0]), NOTHING], 2)["ap50"] == pytest.approx(1)
    both = find(*BOXES, scores=[0.5, 0.9])
    assert average_precisions(objects, [both, NOTHING], 2)["ap50"] == pytest.approx(1)


def test_the_mean_intersection_over_union():
    confusion = Confusion(3, 255)
    confusion.add(np.array([0, 0, 1, 1, 255]), np.array([0, 1, 1, 1, 2]))
    # Of the ground 1 of 2, of class 1 2 of 3; class 2 does not occur.
    assert confusion.mean_iou() == pytest.approx((1 / 2 + 2 / 3) / 2)
