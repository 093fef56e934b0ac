"""A prepared task on disk: one folder with ``task.json`` and NumPy arrays that are read by mapping."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ckptrank.errors import PairFault
from ckptrank.files.atomic import read_json, release_pages, write_json
from ckptrank.sampling import SPLITS
from ckptrank.tasks.image_files import EncodedImages, ImageFiles, PackedImages
from ckptrank.tasks.inspection import Findings
from ckptrank.tasks.objects import Objects, read_objects, save_objects
from ckptrank.tasks.task import Images, TaskData, is_array

CHUNK = 64 << 20
VALIDATION = "train_validation.npy"


@dataclass(frozen=True)
class StoredTask:
    """``facts``: what ``task.json`` says (classes, counts, description, warnings, digest)."""

    folder: Path
    facts: dict

    @property
    def classes(self) -> int:
        return len(self.facts["classes"])

    def images(self, split: str) -> Images:
        """Return uint8 (N, H, W, 3), mapped from disk, or encoded images of any size.

        Raises :class:`PairFault` with the reason where those of the split cannot be used.
        """
        if reason := self.facts["unusable"].get(split):
            raise PairFault(f"task: {reason}")
        images = self.folder / f"{split}_images.npy"
        if images.is_file():
            return np.load(images, mmap_mode="r")
        bounds = self.folder / f"{split}_bounds.npy"
        if bounds.is_file():
            return PackedImages(self.folder / f"{split}_images.bin", np.load(bounds))
        files = read_json(self.folder / f"{split}_files.json")
        return ImageFiles(Path(files["root"]), tuple(files["paths"]))

    def labels(self, split: str) -> np.ndarray:
        return np.load(self.folder / f"{split}_labels.npy")

    def validation(self) -> np.ndarray | None:
        """Return which training images (N,) fine-tuning chooses its settings by; None: it has none but the test images."""
        path = self.folder / VALIDATION
        return np.load(path) if path.is_file() else None

    def objects(self, split: str) -> Objects:
        """Return where the objects of the images lie; raise :class:`PairFault` where nobody said."""
        return read_objects(self.folder, split)

    def hashes(self, split: str) -> np.ndarray:
        """Return the hashes (N, 16) that the images had when the task was prepared."""
        return np.load(self.folder / f"{split}_hashes.npy")


def save_task(task: TaskData, folder: str | Path, findings: Findings) -> None:
    """Write a task that was inspected.

    Image files stay where they are and are listed; images of other sources are copied one by one.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        if split not in findings.unusable:
            _save_images(task.images(split), folder, split)
        np.save(folder / f"{split}_labels.npy", task.labels(split))
        np.save(folder / f"{split}_hashes.npy", findings.hashes[split])
    if task.validation is not None:
        np.save(folder / VALIDATION, task.validation)
    objects = {split: found for split in SPLITS if (found := task.objects(split)) is not None}
    if objects:
        save_objects(folder, objects)
    write_json(
        folder / "task.json",
        {
            "status": "ok",
            "reason": "",
            "classes": list(task.classes),
            "train_samples": len(task.train_labels),
            "test_samples": len(task.test_labels),
            "validation_samples": 0 if task.validation is None else int(task.validation.sum()),
            "smallest_class": int(task.class_sizes.min()),
            "largest_class": int(task.class_sizes.max()),
            "multi_label": task.train_labels.ndim == 2,
            "description": task.description,
            **findings.to_dict(),
            **({"objects": _count_objects(objects)} if objects else {}),
        },
    )


def _count_objects(objects: dict[str, Objects]) -> dict:
    return {
        "masks": all(found.masks is not None for found in objects.values()),
        **{split: int((~found.crowd).sum()) for split, found in objects.items()},
        **{f"{split}_images_without": found.count_empty() for split, found in objects.items()},
    }


def _save_images(images: Images, folder: Path, split: str) -> None:
    if isinstance(images, ImageFiles):
        write_json(
            folder / f"{split}_files.json", {"root": str(images.root), "paths": images.paths}
        )
    elif is_array(images):
        _save_array(images, folder / f"{split}_images.npy")
    else:
        packed = PackedImages.write(folder / f"{split}_images.bin", _contents(images))
        np.save(folder / f"{split}_bounds.npy", packed.bounds)


def _contents(images: EncodedImages) -> Iterator[bytes]:
    return (images.read(row) for row in range(len(images)))


def _save_array(images: np.ndarray, path: Path) -> None:
    """Write what ``np.save`` writes, a chunk at a time: the array may be a file larger than memory."""
    rows = max(1, CHUNK // (images.nbytes // len(images)))
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": tuple(images.shape)}
        )
        for start in range(0, len(images), rows):
            np.ascontiguousarray(images[start : start + rows]).tofile(file)
            release_pages(images)


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
