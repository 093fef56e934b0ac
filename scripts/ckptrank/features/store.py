"""The feature file: what one forward pass of a checkpoint over a task leaves behind (HDF5).

Groups ``train`` and ``test``, or ``train`` alone where a ranking looks at no test image, each hold ``features`` (N, D) float32, ``labels`` (N,) int64 or (N, C)
uint8, ``sample_id`` (N,), and ``logits`` (N, Z) float32 when the checkpoint has a head. The root's
attributes say where they came from; ``status`` is ``ok`` or ``failed`` with a ``reason``.
"""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from ckptrank.errors import PairFault
from ckptrank.files.atomic import atomic_path
from ckptrank.sampling import SPLITS

SCHEMA_VERSION = 1
_BLOCK_BYTES = 2**25


class FeatureWriter:
    """Streams batches of one split after the other, so that memory does not grow with the samples."""

    def __init__(self, file: h5py.File):
        self._file = file

    def add_split(self, split: str, labels: np.ndarray, sample_ids: np.ndarray) -> None:
        group = self._file.create_group(split)
        group.create_dataset("labels", data=labels)
        group.create_dataset("sample_id", data=sample_ids)

    def write(self, split: str, start: int, **batches: np.ndarray | None) -> None:
        """Write the rows from ``start`` of each named dataset (``features``, ``logits``)."""
        group = self._file[split]
        samples = len(group["labels"])
        for name, batch in batches.items():
            if batch is None:
                continue
            if name not in group:
                rows = max(1, min(samples, (1 << 20) // (4 * batch.shape[1])))
                group.create_dataset(
                    name, (samples, batch.shape[1]), "float32", chunks=(rows, batch.shape[1])
                )
            group[name][start : start + len(batch)] = batch

    def copy_split(self, split: str, source: Path) -> None:
        """Take a split over from another feature file."""
        with h5py.File(source, "r") as file:
            file.copy(split, self._file)

    def set_attributes(self, **attributes: object) -> None:
        for name, value in attributes.items():
            self._file.attrs[name] = json.dumps(value) if isinstance(value, dict | list) else value


@contextmanager
def create_features(path: str | Path, checkpoint: str, task: str) -> Iterator[FeatureWriter]:
    """Open a new feature file; it appears under ``path`` only when the block ends without an error."""
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(
            schema_version=SCHEMA_VERSION, checkpoint=checkpoint, task=task, status="ok", reason=""
        )
        yield FeatureWriter(file)


def write_failed(path: str | Path, checkpoint: str, task: str, reason: str) -> None:
    """Write a feature file that only says why there are no features."""
    with create_features(path, checkpoint, task) as writer:
        writer.set_attributes(status="failed", reason=reason)


@dataclass(frozen=True)
class Split:
    """One split of a feature file, read on demand and optionally limited to the rows ``keep``.

    ``memory`` holds the datasets that were read, all their rows, for every limited form of the split.
    """

    path: Path
    name: str
    keep: np.ndarray | None = None
    memory: dict[str, np.ndarray | None] | None = None

    def read(self, dataset: str) -> np.ndarray | None:
        if self.memory is None:
            return self._load(dataset, self.keep)
        if dataset not in self.memory:
            self.memory[dataset] = self._load(dataset)
        values = self.memory[dataset]
        return values if values is None or self.keep is None else values[self.keep]

    def shape(self, dataset: str) -> tuple[int, ...]:
        """Return the shape that reading the dataset gives, without reading it; () where there is none."""
        with self._open() as group:
            shape = group[dataset].shape if dataset in group else ()
        return shape if not shape or self.keep is None else (len(self.keep), *shape[1:])

    def _load(self, dataset: str, rows: np.ndarray | None = None) -> np.ndarray | None:
        with self._open() as group:
            if dataset not in group:
                return None
            return group[dataset][:] if rows is None else _read_rows(group[dataset], rows)

    @contextmanager
    def _open(self) -> Iterator[h5py.Group]:
        with h5py.File(self.path, "r") as file:
            if self.name not in file:
                raise ValueError(f"{self.path}: holds no {self.name} samples")
            yield file[self.name]

    def limited_to(self, keep: np.ndarray) -> "Split":
        return replace(self, keep=keep if self.keep is None else self.keep[keep])


def _read_rows(stored: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    """Return some rows of a dataset, in any order, and hold no more than these and a block."""
    values = np.empty((len(rows), *stored.shape[1:]), stored.dtype)
    order = np.argsort(rows, kind="stable")
    step = max(1, _BLOCK_BYTES // (stored.dtype.itemsize * math.prod(stored.shape[1:])))
    starts = np.arange(0, len(stored) + step, step)
    places = np.searchsorted(rows, starts, sorter=order)
    for start, first, last in zip(starts, places, places[1:], strict=False):
        if first < last:
            chosen = order[first:last]
            values[chosen] = stored[start : start + step][rows[chosen] - start]
    return values


@dataclass(frozen=True)
class Features:
    """A feature file opened for reading."""

    path: Path
    attributes: dict
    train: Split
    test: Split


def open_features(path: str | Path, *, in_memory: bool = False) -> Features:
    """Open a feature file; with ``in_memory`` a dataset is read once, whatever rows are asked for later.

    Raises :class:`PairFault` with the recorded reason when the extraction failed, and
    ``ValueError`` when the file has another schema version.
    """
    path = Path(path)
    with h5py.File(path, "r") as file:
        attributes = dict(file.attrs)
    version = attributes.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ValueError(
            f"{path}: schema version {version}, expected {SCHEMA_VERSION}; "
            "delete the file and run the workflow again"
        )
    if attributes["status"] != "ok":
        raise PairFault(attributes["reason"])
    train, test = (Split(path, name, memory={} if in_memory else None) for name in SPLITS)
    return Features(path, attributes, train, test)
