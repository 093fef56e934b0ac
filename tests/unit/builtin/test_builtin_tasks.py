import hashlib
import subprocess
import sys

import numpy as np
import pytest

from ckptrank.builtin.images.sources import SOURCES
from ckptrank.tasks import builtin, load_task

CLASSES = {
    "objects": 20,
    "digits": 10,
    "materials": 16,
    "tissue": 2,
    "distort": 12,
    "greek": 20,
    "alphabets": 48,
    "flowers": 24,
    "defects": 2,
    "counting": 8,
    "poses": 8,
}

# Over sixty training and test images each. The same with NumPy 2.0 to 2.4, with and without AVX,
# and with Pillow 11.2 to 13.0; Pillow 11.1 and older fill polygons a little differently.
DIGESTS = {
    "objects": "ffc5ecaacfbc35fc",
    "digits": "3e9536651ad02050",
    "materials": "86fb271aaf68e685",
    "tissue": "289355dec07696ad",
    "distort": "ce8e83f155e7b5a9",
    "greek": "8f8b60e50e7fe063",
    "alphabets": "5db40078db683aba",
    "flowers": "4dcc0ac74964472c",
    "defects": "e83e37218036c708",
    "counting": "cb5a3d2a1840e653",
    "poses": "0d557f6bb08421eb",
}


def load_small(name):
    return builtin.load({"source": "builtin", "name": name, "train": 60, "test": 60})


@pytest.fixture(scope="module")
def tasks():
    return {name: load_small(name) for name in CLASSES}


def test_defaults_are_those_of_the_benchmark():
    sizes = {name: (task.train, task.test) for name, task in builtin.TASKS.items()}
    assert sizes == {
        "objects": (1000, 1600),
        "digits": (600, 1197),
        "materials": (1008, 1600),
        "tissue": (1000, 1600),
        "distort": (1008, 1600),
        "greek": (1000, 1600),
        "alphabets": (1440, 2400),
        "flowers": (1200, 2400),
        "defects": (1000, 2000),
        "counting": (1000, 2000),
        "poses": (1200, 2400),
        "scenes": (600, 300),
        **dict.fromkeys(SOURCES, (2000, 1000)),
    }


@pytest.mark.parametrize("name", CLASSES)
def test_splits_have_the_sizes_asked_for_and_even_training_classes(tasks, name):
    task = tasks[name]
    assert len(task.classes) == CLASSES[name]
    assert task.description
    for images, labels in (
        (task.train_images, task.train_labels),
        (task.test_images, task.test_labels),
    ):
        assert images.shape == (60, 32, 32, 3)
        assert images.dtype == np.uint8
        assert labels.shape == (60,)
        assert set(labels) == set(range(CLASSES[name]))
    assert np.ptp(np.bincount(task.train_labels)) <= 1


@pytest.mark.parametrize("name", CLASSES)
def test_no_image_occurs_twice(tasks, name):
    images = np.concatenate([tasks[name].train_images, tasks[name].test_images])
    assert len({image.tobytes() for image in images}) == 120


@pytest.mark.parametrize("name", CLASSES)
def test_images_are_the_same_everywhere(tasks, name):
    task = tasks[name]
    digest = hashlib.sha256()
    for array in (task.train_images, task.train_labels, task.test_images, task.test_labels):
        digest.update(array.tobytes())
    assert digest.hexdigest()[:16] == DIGESTS[name]


def test_sizes_default_one_by_one():
    task = builtin.load({"source": "builtin", "name": "digits", "title": "Digits", "test": 7})
    assert len(task.train_labels) == 600
    assert len(task.test_labels) == 7


def test_digits_are_each_used_once(monkeypatch):
    """Originals that carry their index in two pixels, drawn as they are."""
    _, labels = builtin.load_digits()
    marked = np.zeros((len(labels), 8, 8), np.uint8)
    marked[:, 0, 0], marked[:, 0, 1] = np.divmod(np.arange(len(labels)), 256)
    monkeypatch.setattr(builtin, "load_digits", lambda: (marked, labels))
    monkeypatch.setattr(
        builtin, "draw_digits", lambda originals, rng: np.repeat(originals[..., None], 3, axis=3)
    )
    task = builtin.load({"source": "builtin", "name": "digits", "train": 597, "test": 1200})

    def indices(images):
        return images[:, 0, 0, 0].astype(int) * 256 + images[:, 0, 1, 0]

    train, test = indices(task.train_images), indices(task.test_images)
    assert sorted([*train, *test]) == list(range(1797))
    np.testing.assert_array_equal(task.train_labels, labels[train])
    np.testing.assert_array_equal(task.test_labels, labels[test])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "cats"}, "name: no built-in task 'cats'; there are objects, digits"),
        ({"source": "torchvision"}, "source: expected 'builtin', got 'torchvision'"),
        ({"trian": 100}, "unknown fields trian"),
        ({"train": 9}, "train: 'digits' has 10 classes and needs at least one"),
        ({"train": 0}, "train: expected a positive number of images, got 0"),
        ({"test": 0}, "test: expected a positive number of images, got 0"),
        ({"test": 50.0}, "test: expected a positive number of images, got 50.0"),
        ({"train": True}, "train: expected a positive number of images, got True"),
        ({"train": 600, "test": 1198}, r"600 \+ 1198 samples asked of 'digits', 1797 exist"),
        ({"train": 1790, "test": 1}, "train: 1790 even samples of 'digits' take 179 of the 8"),
    ],
)
def test_bad_definitions_are_rejected(changes, message):
    with pytest.raises(ValueError, match=message):
        builtin.load({"source": "builtin", "name": "digits"} | changes)


def test_a_name_is_required():
    with pytest.raises(ValueError, match="name: no built-in task None"):
        builtin.load({"source": "builtin"})


def test_drawing_every_task_imports_nothing_heavy():
    code = """
import sys
from ckptrank.tasks import builtin
for name in builtin.TASKS:
    builtin.load({"source": "builtin", "name": name, "train": 90, "test": 1})
print(sorted({"torch", "sklearn", "matplotlib", "scipy", "pandas"} & set(sys.modules)))
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert run.stdout == "[]\n"


def test_few_shots_are_rows_of_the_full_task():
    definition = {"source": "builtin", "name": "digits", "train": 100, "test": 10}
    full, few = load_task(definition), load_task({**definition, "shots": 3, "seed": 1})
    assert np.bincount(few.train_labels).tolist() == [3] * 10
    known = {image.tobytes() for image in full.train_images}
    assert all(image.tobytes() in known for image in few.train_images)
    np.testing.assert_array_equal(few.test_images, full.test_images)
