"""What about the images makes a ranking unsure is said, and only where it is so."""

import numpy as np

from ckptrank.rank.cautions import warn_of_images, warn_of_objects, warn_of_twins


def labels(*sizes):
    return np.repeat(np.arange(len(sizes)), sizes)


def test_a_plain_task_has_no_warning():
    assert warn_of_images(labels(300, 300, 100), 150) == []
    assert warn_of_twins({"test_looked_at": 150, "test_twins": 0, "examples": []}) == []


def test_each_fault_is_named_with_its_numbers():
    (imbalanced,) = warn_of_images(labels(900, 90), 200)
    assert "The largest class has 900 training images, the smallest 90" in imbalanced
    few, probe = warn_of_images(labels(40, 40, 9), 150)
    assert few.startswith("1 class has fewer than 10")
    assert "judged on 18: one image is 5.6 points" in probe
    (unprobed,) = warn_of_images(labels(40, 40, 9), 150, probed=False)
    assert unprobed == few
    (tested,) = warn_of_images(labels(300, 300), 40)
    assert "With 40 test images one is 2.5 points" in tested
    (many,) = warn_of_images(labels(*[20] * 120), 240)
    assert many.startswith("120 classes")
    (twins,) = warn_of_twins({"test_looked_at": 50, "test_twins": 10, "examples": ["a and b"]})
    assert twins.startswith("20 % of the test images look almost like a training image (a and b)")
    nothing = {
        "test_looked_at": 0,
        "test_twins": 0,
        "examples": [],
        "not_looked_at": "x.jpg: broken",
    }
    (unknown,) = warn_of_twins(nothing)
    assert unknown.endswith("nearly training images: x.jpg: broken.")


def test_several_labels_an_image_are_counted_each():
    marks = np.zeros((1000, 2), np.uint8)
    marks[:, 0] = 1
    marks[:50, 1] = 1
    assert "is in 1,000 training images, the smallest in 50" in warn_of_images(marks, 500)[0]


def test_of_several_labels_it_speaks_of_average_precisions_and_of_no_measured_error():
    marks = np.zeros((60, 120), np.uint8)
    marks[:, :119] = 1
    marks[:4, 119] = 1
    uneven, few, probe, tested, many = warn_of_images(marks, 20)
    assert "count all classes alike" in uneven
    assert few.startswith("1 class is in fewer than 10 training images")
    assert "judged on 12: its average precision" in probe
    assert "With 20 test images average precisions" in tested
    assert "errors" not in many
    assert probe not in warn_of_images(marks, 20, probed=False)
    said = " ".join((uneven, few, probe, tested, many))
    for words in ("points of accuracy", "shots", "H-score", "intervals"):
        assert words not in said


def test_twins_among_annotated_images_are_kept_together_by_their_sets():
    found = {"test_looked_at": 50, "test_twins": 10, "examples": ["a and b"]}
    (warning,) = warn_of_twins(found, boxes=True)
    assert "list them in one set" in warning
    assert "group_" not in warning


def test_of_boxes_it_says_that_places_are_not_looked_at():
    (warning,) = warn_of_objects({"train_samples": 40, "objects": {"train": 100}})
    assert "2.5 an image" in warning
    assert "`make detect`" in warning
    assert "carry no detector" in warning
    (of_detector,) = warn_of_objects(
        {"train_samples": 40, "objects": {"train": 100}}, detector=True
    )
    assert warning.startswith(of_detector)
    assert "carry no detector" not in of_detector
    assert warn_of_objects({"train_samples": 40}) == []


def test_one_class_is_told_apart_by_the_images_without_it():
    marks = np.ones((300, 1), np.uint8)
    (nothing,) = warn_of_images(marks, 150, probed=False)
    assert "nothing can be ranked" in nothing
    assert "make detect" in nothing
    marks[:4] = 0
    (few,) = warn_of_images(marks, 150, probed=False)
    assert few.startswith("4 training images are without the one class")
    marks[:40] = 0
    assert warn_of_images(marks, 150, probed=False) == []
