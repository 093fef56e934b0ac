"""A task with objects: its two views, its file, and the built-in one."""

import hashlib

import h5py
import numpy as np
import pytest
from faster_coco_eval.core import mask as codes

from ckptrank.errors import PairFault
from ckptrank.tasks import load_task
from ckptrank.tasks.inspection import inspect_task
from ckptrank.tasks.objects import FILE
from ckptrank.tasks.prepare import prepare_task
from ckptrank.tasks.store import open_task

SCENES = {"source": "builtin", "name": "scenes", "train": 40, "test": 10}


@pytest.fixture(scope="module")
def scenes():
    return load_task(SCENES)


def decode(objects, row):
    size = objects.sizes[objects.images[row]].tolist()
    return codes.decode({"size": size, "counts": objects.masks[row]}).astype(bool)


def test_boxes_of_the_scenes_bound_their_masks(scenes):
    objects = scenes.train_objects
    for row, box in enumerate(objects.boxes.astype(int)):
        mask = decode(objects, row)
        left, top, right, bottom = box
        assert mask[top:bottom, left:right].sum() == mask.sum() > 20
        for edge in (mask[:, left], mask[:, right - 1], mask[top], mask[bottom - 1]):
            assert edge.any()


def test_no_pixel_of_a_scene_belongs_to_two_things(scenes):
    objects = scenes.train_objects
    for image in range(len(objects)):
        masks = [decode(objects, row) for row in objects.rows(image)]
        assert np.sum(masks, axis=0).max() <= 1 if masks else True


def test_scenes_have_up_to_six_things_and_some_have_none(scenes):
    counts = np.diff(scenes.train_objects.bounds)
    assert counts.min() == 0
    assert 4 <= counts.max() <= 6
    assert scenes.train_images.shape == (40, 96, 96, 3)
    empty = counts == 0
    assert not scenes.train_labels[empty].any()
    assert scenes.train_labels[~empty].any(axis=1).all()


def test_scenes_are_the_same_everywhere(scenes):
    digest = hashlib.sha256()
    for split in ("train", "test"):
        objects = scenes.objects(split)
        for array in (scenes.images(split), objects.bounds, objects.boxes, objects.labels):
            digest.update(np.ascontiguousarray(array).tobytes())
    assert digest.hexdigest()[:16] == "6ee08850a6848598"


def test_objects_of_some_images(scenes):
    objects = scenes.train_objects
    chosen = np.array([3, 7, 30])
    part = objects.limited_to(chosen)
    rows = [row for image in chosen for row in objects.rows(image)]
    np.testing.assert_array_equal(part.boxes, objects.boxes[rows])
    np.testing.assert_array_equal(part.mark(8), scenes.train_labels[chosen])
    assert part.masks == tuple(objects.masks[row] for row in rows)


def test_a_prepared_task_keeps_its_objects(scenes, tmp_path):
    prepare_task(SCENES, tmp_path / "scenes")
    stored = open_task(tmp_path / "scenes")
    for split in ("train", "test"):
        kept, drawn = stored.objects(split), scenes.objects(split)
        for name in ("bounds", "sizes", "boxes", "labels", "crowd"):
            np.testing.assert_array_equal(getattr(kept, name), getattr(drawn, name))
        assert kept.masks == drawn.masks
    facts = stored.facts["objects"]
    assert facts["train"] == len(scenes.train_objects.boxes)
    assert facts["masks"] is True
    assert facts["train_images_without"] == int((~scenes.train_labels.any(axis=1)).sum())
    with h5py.File(tmp_path / "scenes" / FILE) as file:
        assert set(file["train"]) == {"bounds", "sizes", "boxes", "labels", "crowd", "masks"}


def test_a_task_of_classes_alone_has_no_objects(tmp_path):
    prepare_task({"source": "builtin", "name": "tissue", "train": 4, "test": 4}, tmp_path / "t")
    stored = open_task(tmp_path / "t")
    assert "objects" not in stored.facts
    assert not (tmp_path / "t" / FILE).exists()
    with pytest.raises(PairFault, match="t: its images have no boxes"):
        stored.objects("train")


def test_the_digest_of_a_task_tells_its_objects(scenes):
    other = load_task(SCENES)
    other.test_objects.boxes[0, 0] += 1
    digests = {inspect_task(task)[1].digest for task in (scenes, other)}
    assert len(digests) == 2
