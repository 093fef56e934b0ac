"""The job that decodes a task's images for a checkpoint: what it makes, and what it says when it cannot."""

import numpy as np
import pytest
from tests.support.pictures import write_classes

from ckptrank.checkpoints import CARD
from ckptrank.features.fit import fit_images
from ckptrank.files.atomic import read_json, write_json
from ckptrank.networks.preprocessing import Preprocessing
from ckptrank.tasks import load_task
from ckptrank.tasks.fitted import FACTS
from ckptrank.tasks.inspection import inspect_task
from ckptrank.tasks.store import save_failed, save_task


@pytest.fixture
def folders(tmp_path):
    """A checkpoint that wants 8 pixels and a task of photos, prepared."""
    card = {"status": "ok", "preprocessing": Preprocessing(8, (0.5,) * 3, (0.5,) * 3).to_dict()}
    write_json(tmp_path / "net" / CARD, card)
    first = write_classes(tmp_path / "photos/train", {"cat": 3, "dog": 3})
    write_classes(tmp_path / "photos/test", {"cat": 2, "dog": 2}, first)
    task, findings = inspect_task(load_task({"source": "folder", "path": str(tmp_path / "photos")}))
    save_task(task, tmp_path / "task", findings)
    return tmp_path / "net", tmp_path / "task"


def test_both_splits_are_made(folders, tmp_path):
    fit_images(*folders, tmp_path / "images/net/both", workers=2)
    assert np.load(tmp_path / "images/net/both/train.npy").shape == (6, 8, 8, 3)
    assert np.load(tmp_path / "images/net/both/test.npy").shape == (4, 8, 8, 3)
    assert read_json(tmp_path / "images/net/both" / FACTS)["status"] == "ok"


def test_a_broken_checkpoint_or_task_leaves_its_reason(folders, tmp_path):
    checkpoint, task = folders
    write_json(
        tmp_path / "broken" / CARD, {"status": "failed", "reason": "checkpoint: no such file"}
    )
    save_failed(tmp_path / "empty", "task: no image")
    for number, pair in enumerate([(tmp_path / "broken", task), (checkpoint, tmp_path / "empty")]):
        fit_images(*pair, tmp_path / f"images/{number}/both", workers=1)
    facts = [read_json(tmp_path / f"images/{number}/both" / FACTS) for number in range(2)]
    assert [(f["status"], f["reason"]) for f in facts] == [
        ("failed", "checkpoint: no such file"),
        ("failed", "task: no image"),
    ]


def test_a_split_may_be_made_alone(folders, tmp_path):
    fit_images(*folders, tmp_path / "images/net/training", splits=["train"], workers=1)
    made = sorted(path.name for path in (tmp_path / "images/net/training").iterdir())
    assert made == [FACTS, "train.npy"]
