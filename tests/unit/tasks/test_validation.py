"""Validation images: where they come from, what is refused, and that they stay training images to all but fine-tuning."""

import numpy as np
import pytest
import yaml
from tests.support.annotations import write_coco
from tests.support.pictures import write, write_classes

from ckptrank.errors import PairFault
from ckptrank.tasks import load_task
from ckptrank.tasks.inspection import inspect_task
from ckptrank.tasks.store import open_task, save_task
from ckptrank.workflow.config import SCHEMAS

NAMES = ("cat", "dog", "fish", "bird", "ant")


@pytest.fixture
def folder(tmp_path):
    root, first = tmp_path / "photos", 0
    for split, count in (("train", 10), ("val", 2), ("test", 3)):
        first = write_classes(root / split, {"cat": count, "dog": count}, first)
    return root


def load(path, source="folder", **fields):
    return load_task({"source": source, "path": str(path), **fields})


def test_a_folder_of_them_becomes_a_part_of_the_training_images(folder):
    task = load(folder, validation="val")
    assert task.validation.tolist() == [False] * 20 + [True] * 4
    assert task.train_labels[task.validation].tolist() == [0, 0, 1, 1]
    assert task.train_images.read(20) == (folder / "val/cat/0.png").read_bytes()
    assert len(task.test_labels) == 6
    assert load(folder).validation is None


def test_a_fraction_is_held_out_of_each_class_by_the_seed(folder):
    first, again, other = (load(folder, validation=0.2, seed=seed) for seed in (0, 0, 1))
    assert len(first.train_labels) == 20
    assert np.bincount(first.train_labels[first.validation]).tolist() == [2, 2]
    np.testing.assert_array_equal(first.validation, again.validation)
    assert (first.validation != other.validation).any()


def test_images_of_one_group_are_not_divided(folder):
    marks = {}
    for seed in range(5):
        task = load(folder, validation=0.4, seed=seed, group_pattern=r"(\d)\.png")
        for path, held in zip(task.train_images.paths, task.validation, strict=True):
            marks.setdefault((seed, path[-5]), set()).add(bool(held))
    assert {len(found) for found in marks.values()} == {1}


def test_every_source_takes_a_fraction():
    for schema in (SCHEMAS / "tasks").glob("*.yaml"):
        field = yaml.safe_load(schema.read_text())["properties"]["validation"]
        assert "number" in field["type"], schema.name
    task = load_task(
        {"source": "builtin", "name": "tissue", "train": 40, "test": 4, "validation": 0.25}
    )
    assert np.bincount(task.train_labels[task.validation]).tolist() == [5, 5]


def test_images_of_several_classes_are_drawn_at_random_and_leave_each_class_one(tmp_path):
    sets = [("cat", "dog"), ("cat",), ("dog", "fish"), ("cat", "bird"), (), ("dog",), ("cat",)] * 6
    annotations = [
        {"image_id": image, "category_id": 7 + NAMES.index(name), "bbox": [2, 2, 9, 9]}
        for image, names in enumerate([*sets, ("ant", "cat")])
        for name in names
    ]
    files = [f"{image}.png" for image in range(len(sets) + 1)]
    path = write_coco(tmp_path / "list.json", files, annotations, NAMES)
    for seed in range(8):
        task = load(path, "coco", validation=0.3, seed=seed, test_fraction=0.1)
        held = task.validation
        assert held.sum() == round(0.3 * len(held))
        assert task.train_labels[~held].any(axis=0).all()
        assert len(task.train_objects) == len(held)
    again = load(path, "coco", validation=0.3, seed=7, test_fraction=0.1)
    np.testing.assert_array_equal(held, again.validation)
    scarce = write_coco(tmp_path / "scarce.json", ["a.png", "b.png"], [
        {"image_id": 0, "category_id": 7, "bbox": [2, 2, 9, 9]},
        {"image_id": 0, "category_id": 8, "bbox": [2, 2, 9, 9]},
    ])  # fmt: skip
    with pytest.raises(PairFault, match="validation: no image with a class can be held out"):
        load(scarce, "coco", validation=0.5, test_path=str(scarce))


def test_shots_are_of_the_images_to_train_on(folder):
    named = load(folder, validation="val", shots=3)
    assert (len(named.train_labels), named.validation.sum()) == (10, 4)
    share = load(folder, validation=0.25, shots=4)
    assert (len(share.train_labels), share.validation.sum()) == (8, 2)


def test_rows_of_a_manifest(tmp_path):
    rows = "a,x,train\nc,x,Val\nb,y,train\nd,y,test\ne,x,test\n"
    path = tmp_path / "list.csv"
    path.write_text(f"path,label,split\n{rows}")
    task = load(path, "manifest", validation="val")
    assert task.train_images.paths == ("a", "c", "b")
    assert task.validation.tolist() == [False, True, False]
    assert task.test_images.paths == ("d", "e")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"validation": "dev"}, "holds no 'dev', which `validation` names; give a fraction"),
        ({"validation": "test"}, "'test' is the test set, for there is no other"),
        ({"validation": "val", "test": "val"}, "'val' is the test set"),
    ],
)
def test_sets_that_cannot_be_meant_are_refused(folder, fields, message):
    with pytest.raises(PairFault, match=message):
        load(folder, **fields)


def test_where_nothing_is_left_to_train_on_is_a_fault(folder, tmp_path):
    write(folder / "val/fish/0.png", 70)
    with pytest.raises(PairFault, match="validation: leaves no training sample of 'fish'"):
        load(folder, validation="val")
    with pytest.raises(PairFault, match="no training and test set beside 'val'"):
        load(folder / "train", validation="val", test_fraction=0.5)


def test_the_prepared_task_says_which_they_are(folder, tmp_path):
    (folder / "val/cat/0.png").write_bytes(b"no image")
    digests = {}
    for name, fields in (
        ("with", {"validation": "val"}),
        ("share", {"validation": 0.2}),
        ("none", {}),
    ):
        task, findings = inspect_task(load(folder, **fields), "skip")
        save_task(task, tmp_path / name, findings)
        digests[name] = findings.digest
    stored = open_task(tmp_path / "with")
    assert stored.validation().tolist() == [False] * 20 + [True] * 3
    assert stored.facts["validation_samples"] == 3
    assert open_task(tmp_path / "none").validation() is None
    assert digests["share"] != digests["none"]
