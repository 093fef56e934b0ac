"""A prepared task on disk: one folder with ``task.json`` and NumPy arrays that are read by mapping."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ckptrank.errors import PairFault
from ckptrank.files import read_json, write_json
from ckptrank.tasks.task import TaskData

SPLITS = ("train", "test")


@dataclass(frozen=True)
class StoredTask:
    """``facts``: what ``task.json`` says (classes, counts, description)."""

    folder: Path
    facts: dict

    @property
    def classes(self) -> int:
        return len(self.facts["classes"])

    def images(self, split: str) -> np.ndarray:
        """Return uint8 (N, H, W, 3), mapped from disk."""
        return np.load(self.folder / f"{split}_images.npy", mmap_mode="r")

    def labels(self, split: str) -> np.ndarray:
        return np.load(self.folder / f"{split}_labels.npy")


def save_task(task: TaskData, folder: str | Path) -> None:
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        np.save(folder / f"{split}_images.npy", getattr(task, f"{split}_images"))
        np.save(folder / f"{split}_labels.npy", getattr(task, f"{split}_labels"))
    write_json(
        folder / "task.json",
        {
            "status": "ok",
            "reason": "",
            "classes": list(task.classes),
            "train_samples": len(task.train_labels),
            "test_samples": len(task.test_labels),
            "multi_label": task.train_labels.ndim == 2,
            "description": task.description,
        },
    )


def save_failed(folder: str | Path, reason: str) -> None:
    """Leave a prepared task that only says why it cannot be used."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "task.json", {"status": "failed", "reason": reason})


def open_task(folder: str | Path) -> StoredTask:
    """Open a prepared task; raise :class:`PairFault` with the reason when its preparation failed."""
    folder = Path(folder)
    facts = read_json(folder / "task.json")
    if facts["status"] != "ok":
        raise PairFault(facts["reason"])
    return StoredTask(folder, facts)
