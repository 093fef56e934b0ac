"""Near-duplicates between the splits of a task: test images that look almost like a training image."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ckptrank.errors import PairFault
from ckptrank.files.atomic import write_json
from ckptrank.jobs.threads import count_workers, map_ahead
from ckptrank.tasks.decoding import decode
from ckptrank.tasks.store import open_task
from ckptrank.tasks.task import Images, is_array

logger = logging.getLogger("ckptrank")
SIDE = 16
"""Of the grid whose neighbours are compared: 256 bits an image."""
NEAR = 16
"""Bits in which twins differ at most: rescaling, compression and slight shifts in brightness change fewer."""
FLAT = 24
"""Images of fewer steps in brightness say nothing about themselves."""
MOST_TEST, MOST_TRAIN = 2_000, 100_000
EXAMPLES = 3


def write_twins(folder: str | Path, output: str | Path) -> None:
    """Write what :func:`count_twins` finds in a prepared task.

    Where its images cannot be used nothing was looked at, and ``not_looked_at`` says why.
    """
    try:
        task = open_task(folder)
        found = count_twins(task.images("train"), task.images("test"))
    except PairFault as fault:
        logger.warning("not looked for near-duplicates: %s", fault)
        found = {"test_looked_at": 0, "test_twins": 0, "examples": [], "not_looked_at": str(fault)}
    write_json(output, found)


def count_twins(train: Images, test: Images) -> dict:
    """Return how many test images look almost like a training image, and the first few pairs.

    Each image becomes 256 bits: which of two neighbours on a grid of its brightness is the brighter (dHash). Twins
    differ in at most :data:`NEAR`. Of more than 2,000 test or 100,000 training images evenly spaced ones are looked at.
    """
    rows = {split: _choose(len(images), most) for split, images, most in
            (("train", train, MOST_TRAIN), ("test", test, MOST_TEST))}  # fmt: skip
    known = np.stack([*_hashes(train, rows["train"])])
    usable = np.flatnonzero(_is_telling(known))
    found = []
    for row, bits in zip(rows["test"], _hashes(test, rows["test"]), strict=True):
        if not len(usable) or not _is_telling(bits[None])[0]:
            continue
        apart = np.bitwise_count(known[usable] ^ bits).sum(axis=1)
        if apart.min() <= NEAR:
            found.append((row, rows["train"][usable[apart.argmin()]]))
    examples = [f"{_name(test, a)} and {_name(train, b)}" for a, b in found[:EXAMPLES]]
    return {"test_looked_at": len(rows["test"]), "test_twins": len(found), "examples": examples}


def _choose(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def _hashes(images: Images, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield (4,) uint64 of each row."""
    return map_ahead(lambda row: _hash(images, row), rows, workers=count_workers(), ahead=64)


def _hash(images: Images, row: int) -> np.ndarray:
    if is_array(images):
        image = Image.fromarray(np.ascontiguousarray(images[row]))
    else:
        image = decode(images.read(row), images.name(row))
    small = image.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    brightness = np.asarray(small, dtype=np.int16)
    steps = brightness[:, 1:] > brightness[:, :-1]
    return np.packbits(steps).view(np.uint64)


def _is_telling(bits: np.ndarray) -> np.ndarray:
    set_bits = np.bitwise_count(bits).sum(axis=1)
    return (set_bits >= FLAT) & (set_bits <= SIDE * SIDE - FLAT)


def _name(images: Images, row: int) -> str:
    return f"image {row}" if is_array(images) else Path(images.name(row)).name
