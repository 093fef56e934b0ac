"""Decoded images of a task at a network's input size: what a job makes once for a pair, to be mapped by others.

A folder for each use of a (task, checkpoint), ``TASK/CHECKPOINT/USE``, with ``train.npy``, ``test.npy`` or both in
it. Folders of a task that want the same pixels share the files by hard links: each is whole by itself and may be
deleted, the disk holds them once.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ckptrank.errors import PairFault
from ckptrank.files.atomic import atomic_path, locked, read_json, release_pages, write_json
from ckptrank.jobs.log import progress
from ckptrank.jobs.threads import map_ahead
from ckptrank.sampling import SPLITS
from ckptrank.tasks.decoding import decode
from ckptrank.tasks.inspection import hash_content
from ckptrank.tasks.task import is_array

if TYPE_CHECKING:
    from ckptrank.networks.preprocessing import Preprocessing
    from ckptrank.tasks.store import StoredTask
    from ckptrank.tasks.task import Images

logger = logging.getLogger("ckptrank")
AHEAD = 256
FACTS = "images.json"


def write_fitted(
    task: "StoredTask",
    preprocessing: "Preprocessing",
    folder: str | Path,
    workers: int,
    splits: Sequence[str] = SPLITS,
) -> None:
    """Write splits at the size that a network wants into ``folder``, decoded by so many threads.

    Those that are stored at that size already are left out. Where another folder of the task holds the
    same images they are linked. Raises :class:`PairFault` when an image has changed since the task was
    prepared, ``OSError`` when the disk has no room.
    """
    folder, key = Path(folder), _key(task, preprocessing)
    folder.mkdir(parents=True, exist_ok=True)
    # Jobs that want the same wait for the first of them.
    with locked(folder.parents[1] / f".{key}.lock"):
        for split in splits:
            if not _fits(task.images(split), preprocessing):
                path = folder / f"{split}.npy"
                if not _link_twin(path, key):
                    _write(task, split, preprocessing, path, workers)
        facts = {"status": "ok", "reason": "", "key": key, "splits": list(splits)}
        write_json(folder / FACTS, facts)


def write_failed(folder: str | Path, reason: str) -> None:
    """Leave a folder without images that says why."""
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    write_json(folder / FACTS, {"status": "failed", "reason": reason, "key": "", "splits": []})


def open_images(
    task: "StoredTask", split: str, preprocessing: "Preprocessing", folder: str | Path | None
) -> np.ndarray:
    """Return uint8 (N, size, size, 3), mapped from disk: the task's own, or those in ``folder``.

    Raises :class:`PairFault` when they could not be made, ``ValueError`` when they were made for another
    task or another network, or for another use, or were not asked for.
    """
    images = task.images(split)
    if _fits(images, preprocessing):
        return images
    if folder is None:
        raise ValueError(
            f"{task.folder}: its images are of another size, and no decoded ones are given"
        )
    facts = read_json(Path(folder) / FACTS)
    if facts["status"] != "ok":
        raise PairFault(facts["reason"])
    if facts["key"] != _key(task, preprocessing):
        raise ValueError(f"{folder}: made of another version of the task or network; delete it")
    if split not in facts["splits"]:
        raise ValueError(f"{folder}: holds no {split} images")
    return np.load(Path(folder) / f"{split}.npy", mmap_mode="r")


def _fits(images: "Images", preprocessing: "Preprocessing") -> bool:
    return is_array(images) and preprocessing.fits(images.shape)


def _key(task: "StoredTask", preprocessing: "Preprocessing") -> str:
    """What the pixels depend on: the task's images, and how they are resized and cropped."""
    spatial = {
        key: value for key, value in preprocessing.to_dict().items() if key not in ("mean", "std")
    }
    text = json.dumps([task.facts["digest"], spatial], sort_keys=True)
    return f"{preprocessing.size}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _link_twin(path: Path, key: str) -> bool:
    """Link the file of another checkpoint with the same key; False where there is none."""
    for facts in path.parents[2].glob(f"*/*/{FACTS}"):
        with suppress(OSError):  # another job may delete it, and not every file system has links
            if read_json(facts)["key"] == key:
                os.link(facts.with_name(path.name), path)
                logger.info("%s: shared with %s", path.name, facts.parents[1].name)
                return True
    return False


def _write(
    task: "StoredTask", split: str, preprocessing: "Preprocessing", path: Path, workers: int
) -> None:
    images, size = task.images(split), preprocessing.size
    hashes = None if is_array(images) else task.hashes(split)

    def fit(row: int) -> np.ndarray:
        if hashes is None:
            return preprocessing.fit_one(Image.fromarray(images[row]))
        content = images.read(row)
        if hash_content(content) != hashes[row].tobytes():
            raise PairFault(
                f"{images.name(row)}: changed since the task was prepared; delete {task.folder}"
            )
        return preprocessing.fit_one(decode(content, images.name(row)))

    needed = len(images) * size * size * 3
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise OSError(
            f"{path.parent}: {needed >> 20} MiB are needed for the images of {task.folder.name} at "
            f"{size} x {size} pixels, {free >> 20} MiB are free"
        )
    rows = progress(
        map_ahead(fit, range(len(images)), workers=workers, ahead=AHEAD),
        description=f"decoding {split} images",
        unit="image",
        total=len(images),
    )
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.lib.format.write_array_header_1_0(
            file,
            {"descr": "|u1", "fortran_order": False, "shape": (len(images), size, size, 3)},
        )
        for number, row in enumerate(rows):
            file.write(row)
            if hashes is None and number % AHEAD == 0:
                release_pages(images)
        file.flush()
        os.fsync(file.fileno())
