"""The look at a task's images, and the prepared task on disk."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from tests.support.pictures import draw, encode, write_classes

from ckptrank.errors import PairFault
from ckptrank.networks.preprocessing import Preprocessing
from ckptrank.tasks import load_task
from ckptrank.tasks.image_files import ImageFiles
from ckptrank.tasks.images import LabelledImages
from ckptrank.tasks.inspection import inspect_task
from ckptrank.tasks.store import open_task, save_task
from ckptrank.tasks.task import TaskData
from ckptrank.tasks.twins import write_twins

PREPROCESSING = Preprocessing(8, (0.5,) * 3, (0.5,) * 3, "bilinear", 0.8)


@pytest.fixture
def photos(tmp_path):
    root = tmp_path / "photos"
    first = write_classes(root / "train", {"cat": 3, "dog": 3})
    write_classes(root / "test", {"cat": 2, "dog": 2}, first)
    return root


def load(photos, **fields):
    return load_task({"source": "folder", "path": str(photos), **fields})


def prepare(photos, tmp_path, **fields):
    task, findings = inspect_task(load(photos, **fields), fields.get("on_bad_image", "error"))
    folder = tmp_path / "resources/tasks/photos"
    save_task(task, folder, findings)
    return open_task(folder)


def array_task(**changes):
    generator = np.random.default_rng(0)
    fields = {
        "classes": ("a", "b"),
        "train_images": generator.integers(0, 256, (700, 9, 7, 3), dtype=np.uint8),
        "train_labels": np.arange(700) % 2,
        "test_images": generator.integers(0, 256, (5, 9, 7, 3), dtype=np.uint8),
        "test_labels": np.arange(5) % 2,
    }
    return TaskData(**(fields | changes))


# Inspection


def test_sound_images_leave_nothing_to_say(photos):
    task, findings = inspect_task(load(photos))
    assert findings.warnings == []
    assert findings.skipped == {"train": 0, "test": 0}
    assert findings.duplicates == 0
    assert findings.hashes["train"].shape == (6, 16)
    assert len(task.train_labels) == 6


def test_unreadable_images_are_named(photos):
    (photos / "train/cat/1.png").write_bytes(b"no image")
    (photos / "train/dog/2.png").write_bytes(encode(draw(5))[:200])
    with pytest.raises(
        PairFault, match=r"2 unreadable train images: .*cat/1\.png.*dog/2\.png.*skip"
    ):
        inspect_task(load(photos))


def test_unreadable_images_are_counted_where_that_is_wanted(photos):
    (photos / "train/cat/1.png").write_bytes(b"no image")
    (photos / "test/dog/0.png").write_bytes(b"")
    task, findings = inspect_task(load(photos), "skip")
    assert findings.skipped == {"train": 1, "test": 1}
    assert "cat/1.png" in findings.skipped_examples[0]
    assert findings.warnings == [
        "1 unreadable train images were left out",
        "1 unreadable test images were left out",
    ]
    assert task.train_images.paths == tuple(
        f"{name}/{i}.png" for name in ("cat", "dog") for i in range(3) if (name, i) != ("cat", 1)
    )
    assert task.train_labels.tolist() == [0, 0, 1, 1, 1]
    assert len(findings.hashes["train"]) == 5


def test_an_image_that_is_gone_is_unreadable(photos):
    task = load(photos)
    (photos / "train/cat/0.png").unlink()
    with pytest.raises(PairFault, match=r"train/cat/0\.png: No such file"):
        inspect_task(task)


def test_unreadable_test_images_spoil_what_reads_test_images_alone(photos, tmp_path):
    for image in photos.glob("test/*/*"):
        image.write_bytes(b"no image")
    task = prepare(photos, tmp_path)
    assert len(task.images("train")) == len(task.labels("train")) == 6
    assert task.labels("test").tolist() == [0, 0, 1, 1]
    reason = r"4 unreadable test images: .*cat/0\.png.*set `on_bad_image: skip`"
    with pytest.raises(PairFault, match=f"^task: {reason}"):
        task.images("test")
    assert [note for note in task.facts["warnings"] if re.match(reason, note)]
    write_twins(task.folder, tmp_path / "twins.json")
    assert json.loads((tmp_path / "twins.json").read_text())["test_looked_at"] == 0


def test_a_class_that_loses_its_last_image_is_a_fault(photos):
    for i in range(3):
        (photos / f"train/cat/{i}.png").write_bytes(b"no image")
    with pytest.raises(PairFault, match="no training sample of 'cat'"):
        inspect_task(load(photos), "skip")


def test_test_images_that_are_training_images_are_a_warning(photos):
    content = (photos / "train/dog/1.png").read_bytes()
    (photos / "test/cat/1.png").write_bytes(content)
    (photos / "train/dog/2.png").write_bytes(content)
    _, findings = inspect_task(load(photos))
    assert findings.duplicates == 1
    assert findings.duplicate_examples == [
        [str(photos / "test/cat/1.png"), str(photos / "train/dog/1.png")]
    ]
    assert findings.warnings == ["1 of 4 test images are also training images"]


def test_duplicates_in_arrays_are_found_too():
    images = array_task().test_images.copy()
    images[3] = array_task().train_images[600]
    _, findings = inspect_task(array_task(test_images=images))
    assert findings.duplicate_examples == [["image 3", "image 600"]]


@pytest.mark.parametrize(
    "labels", [np.zeros(5, int), np.array([[1, 0]] * 5, np.uint8)], ids=["one", "several"]
)
def test_a_class_without_test_images_is_a_warning(labels):
    train = (
        np.eye(2, dtype=np.uint8)[np.arange(700) % 2] if labels.ndim == 2 else np.arange(700) % 2
    )
    _, findings = inspect_task(array_task(test_labels=labels, train_labels=train))
    assert findings.warnings == ["no test image of 'b'"]


def test_the_digest_follows_images_labels_and_names():
    digests = {
        inspect_task(task)[1].digest
        for task in (
            array_task(),
            array_task(),
            array_task(classes=("a", "c")),
            array_task(test_labels=np.array([1, 1, 0, 1, 0])),
            array_task(test_images=array_task().test_images[::-1]),
        )
    }
    assert len(digests) == 4


# The prepared task


def test_image_files_stay_where_they_are(photos, tmp_path):
    task = prepare(photos, tmp_path)
    assert isinstance(task.images("test"), ImageFiles)
    assert task.images("test").read(3) == (photos / "test/dog/1.png").read_bytes()
    assert task.labels("test").tolist() == [0, 0, 1, 1]
    facts = json.loads((task.folder / "task.json").read_text())
    assert facts["warnings"] == []
    assert (facts["smallest_class"], facts["largest_class"]) == (3, 3)
    assert len(facts["digest"]) == 64
    assert "hashes" not in facts


@pytest.mark.parametrize("chunk", [64 << 20, 1000])
def test_arrays_are_written_as_numpy_writes_them(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr("ckptrank.tasks.store.CHUNK", chunk)
    task = array_task()
    save_task(*_swap(inspect_task(task), tmp_path / "tasks/a"))
    np.save(tmp_path / "expected.npy", task.train_images)
    written = (tmp_path / "tasks/a/train_images.npy").read_bytes()
    assert written == (tmp_path / "expected.npy").read_bytes()
    assert isinstance(open_task(tmp_path / "tasks/a").images("train"), np.memmap)


def _swap(inspected, folder):
    return inspected[0], folder, inspected[1]


# Reading


def test_batches_and_subsets_read_the_right_images():
    array = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    data = LabelledImages(array, np.arange(10) * 10)
    part = data.limited_to(np.array([9, 3, 5])).limited_to(np.array([2, 0]))
    assert len(part) == 2
    assert part.labels.tolist() == [50, 90]
    assert part.read(np.array([1, 0, 1]))[:, 0, 0, 0].tolist() == [9, 5, 9]
    images, labels = part.batch(np.array([0]), "cpu")
    assert (images[0, 0, 0, 0].item(), labels.item()) == (5, 50)


def resident():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def test_memory_does_not_grow_with_the_images(tmp_path):
    """128 MiB of images are read by a process that keeps hold of none of them."""
    array = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.uint8, (10_000, 64, 70, 3))
    array[:] = 1
    del array
    data = LabelledImages(np.load(tmp_path / "a.npy", mmap_mode="r"), np.zeros(10_000, int))
    data.read(np.arange(64))
    before = resident()
    total = sum(int(data.read(np.arange(i, i + 50))[0, 0, 0, 0]) for i in range(0, 10_000, 50))
    assert total == 200
    assert resident() - before < 30
