"""The images that set the first checkpoint apart are those that only its neighbours place right."""

import base64
import io

import numpy as np
from PIL import Image
from tests.support.networks import make_images

from ckptrank.features.store import create_features
from ckptrank.features.why import compare_neighbours, write_why
from ckptrank.files.atomic import read_json
from ckptrank.tasks.inspection import inspect_task
from ckptrank.tasks.store import save_task
from ckptrank.tasks.task import TaskData

LABELS = np.repeat([0, 1], 4)
GOOD = np.array([[1, 0], [1, 0.1], [1, 0.2], [1, 0.3], [0, 1], [0.1, 1], [0.2, 1], [0.3, 1]])


def test_counts_and_examples():
    blind = GOOD.copy()
    blind[0] = [0, 1.0]  # looks like the other class, and is the nearest to the fifth
    found = compare_neighbours(GOOD, blind, LABELS)
    assert [found[key] for key in ("both", "only_first", "only_second", "neither")] == [6, 2, 0, 0]
    rows = {row: (near, far) for row, near, far in found["examples"]}
    assert set(rows) == {0, 4}
    assert rows[0] == (1, 4)
    assert LABELS[rows[4][0]] == 1
    assert rows[4][1] == 0
    assert compare_neighbours(blind, GOOD, LABELS)["only_second"] == 2


def test_the_first_two_are_told_with_pictures(tmp_path):
    images = make_images(16, classes=2)
    task = TaskData(("cat", "dog"), images.images, images.labels, images.images, images.labels)
    task, findings = inspect_task(task)
    save_task(task, tmp_path / "task", findings)
    values = np.eye(2, dtype=np.float32)[images.labels]
    for name, features in (("a", values), ("b", np.ones_like(values))):
        with create_features(tmp_path / f"{name}.h5", name, "t") as writer:
            writer.add_split("train", images.labels, np.arange(16))
            writer.write("train", 0, features=features)
            writer.add_split("test", images.labels[:0], np.arange(0))
    files = [str(tmp_path / f"{name}.h5") for name in "ab"]
    write_why(tmp_path / "task", files, tmp_path / "why.json")
    why = read_json(tmp_path / "why.json")
    assert (why["checkpoints"], why["images"]) == (["a", "b"], 16)
    assert why["both"] + why["only_first"] == 16
    assert {example["image"]["class"] for example in why["examples"]} <= {"cat", "dog"}
    for example in why["examples"]:
        assert example["first"]["class"] == example["image"]["class"] != example["second"]["class"]
    picture = why["examples"][0]["image"]["picture"].split(",")[1]
    assert Image.open(io.BytesIO(base64.b64decode(picture))).size == (8, 8)
    write_why(tmp_path / "task", files[:1], tmp_path / "why.json")
    assert read_json(tmp_path / "why.json") is None
