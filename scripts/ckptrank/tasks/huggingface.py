"""Data sets of the Hugging Face hub: their Parquet files, or images in class folders.

The ``datasets`` library is not needed: the hub's client fetches and caches the files, PyArrow reads
them. Repositories of other formats have a Parquet twin that the hub makes of every public data set
(``revision: refs/convert/parquet``).
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock

import numpy as np

from ckptrank.errors import PairFault
from ckptrank.files.hub import fetch_snapshot
from ckptrank.tasks.folder import SUFFIXES, load_splits
from ckptrank.tasks.labels import mark_labels, number_labels, split_rows
from ckptrank.tasks.task import TaskData, listing


def load(definition: dict) -> TaskData:
    """Load ``{"source": "huggingface", "repository": "owner/name", "revision": ...}``.

    ``path`` instead of ``repository``: a local folder of the same layout. ``train_split`` and
    ``test_split``: names of the splits (``train`` and ``test``); ``test_split: null`` holds out
    ``test_fraction`` of the training split, chosen by ``seed``. ``validation``: the name of the split by which
    fine-tuning chooses its settings, or a fraction of the training images. ``config``: the data set's
    configuration where it has several. ``image_column`` (``image``) and ``label_column``
    (``label``): a class number, a name, or a list of either for a multi-label task. Raises
    :class:`PairFault` when files or columns are missing.
    """
    splits = [definition.get("train_split", "train"), definition.get("test_split", "test")]
    validation = definition.get("validation")
    third = validation if isinstance(validation, str) else None
    named = [split for split in (*splits, third) if split]
    config = definition.get("config")
    folder = _find_folder(definition, named, config)
    files = {split: find_parquet(folder, split, config) for split in named}
    if not any(files.values()) and all((folder / split).is_dir() for split in named) and splits[1]:
        return load_splits(folder, *splits, third)
    for split, found in files.items():
        if not found:
            raise PairFault(
                f"{folder}: holds no Parquet files or class folders of split {split!r}; "
                "a data set with configurations needs `config`"
            )
    image, label = definition.get("image_column", "image"), definition.get("label_column", "label")
    tables = {split: ParquetImages(tuple(found), image) for split, found in files.items()}
    values = {split: table.read_column(label) for split, table in tables.items()}
    classes, labels = _number(values, tables[splits[0]].class_names(label))
    if splits[1]:
        train, test = tables[splits[0]], tables[splits[1]]
        if third is None:
            return TaskData(classes, train, labels[splits[0]], test, labels[splits[1]])
        parts = [labels[splits[0]], labels[third]]
        both = ParquetImages((*files[splits[0]], *files[third]), image)
        held = np.repeat([False, True], [*map(len, parts)])
        known = np.concatenate(parts)
        return TaskData(classes, both, known, test, labels[splits[1]], validation=held)
    if third is not None:
        raise PairFault("test_split: is null, so give `validation` as a fraction")
    if "test_fraction" not in definition:
        raise PairFault("test_split: is null; give `test_fraction`")
    whole, numbers = tables[splits[0]], labels[splits[0]]
    train, test = split_rows(numbers, definition["test_fraction"], definition.get("seed", 0))
    return TaskData(
        classes, whole.limited_to(train), numbers[train], whole.limited_to(test), numbers[test]
    )


def _find_folder(definition: dict, splits: Sequence[str], config: str | None) -> Path:
    if "path" in definition:
        folder = Path(definition["path"]).expanduser()
        if not folder.is_dir():
            raise PairFault(f"{folder}: no such folder")
        return folder
    patterns = [pattern for split in splits for pattern in _patterns(split, config)]
    images = [f"{split}/**/*{suffix}" for split in splits for suffix in SUFFIXES]
    return fetch_snapshot(
        definition["repository"], [*patterns, *images], definition.get("revision")
    )


def _patterns(split: str, config: str | None) -> list[str]:
    """Return where the Parquet files of a split lie, by the hub's customs."""
    places = [f"{config}/", f"data/{config}/"] if config else ["", "data/", "default/"]
    names = [f"{split}.parquet", f"{split}-*.parquet", f"{split}/*.parquet"]
    return [f"{place}{name}" for place in places for name in names]


def find_parquet(folder: Path, split: str, config: str | None = None) -> list[Path]:
    """Return the Parquet files of a split; without ``config`` also those of a single configuration."""
    found = {path for pattern in _patterns(split, config) for path in folder.glob(pattern)}
    if not found and config is None:
        places = {p.parent for p in folder.glob(f"*/{split}-*.parquet")}
        places |= {p.parent.parent for p in folder.glob(f"*/{split}/*.parquet")}
        if len(places) > 1:
            names = listing(sorted(place.name for place in places))
            raise PairFault(f"{folder}: has several configurations; set `config` to one of {names}")
        found = {
            path
            for place in places
            for pattern in (f"{split}-*.parquet", f"{split}/*.parquet")
            for path in place.glob(pattern)
        }
    return sorted(found)


class ParquetImages:
    """Encoded images in the rows of Parquet files, read a row group at a time."""

    def __init__(self, files: tuple[Path, ...], column: str, rows: np.ndarray | None = None):
        import pyarrow.parquet

        self._files, self._column, self._rows = files, column, rows
        self._open = [pyarrow.parquet.ParquetFile(file) for file in files]
        self._groups = [
            (number, group)
            for number, file in enumerate(self._open)
            for group in range(file.metadata.num_row_groups)
        ]
        counts = [self._open[n].metadata.row_group(group).num_rows for n, group in self._groups]
        self._group_starts = np.cumsum([0, *counts])
        self._file_starts = np.cumsum([0, *(file.metadata.num_rows for file in self._open)])
        self._lock = Lock()
        # Threads ask for neighbouring rows, which lie in one row group or in two.
        self._read_group = lru_cache(2)(self._load_group)
        self._check_column(column)

    def __len__(self) -> int:
        return int(self._file_starts[-1]) if self._rows is None else len(self._rows)

    def read(self, row: int) -> bytes:
        group, place = self._locate(row, self._group_starts)
        with self._lock:
            values = self._read_group(group)
        value = values[place].as_py()
        content = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(content, bytes):
            raise PairFault(f"{self.name(row)}: {self._column!r} holds no bytes of an image")
        return content

    def name(self, row: int) -> str:
        file, place = self._locate(row, self._file_starts)
        return f"{self._files[file]}, row {place}"

    def _locate(self, row: int, starts: np.ndarray) -> tuple[int, int]:
        """Return which part (of those that begin at ``starts``) holds a row, and its place there."""
        row = row if self._rows is None else int(self._rows[row])
        part = int(np.searchsorted(starts, row, side="right")) - 1
        return part, row - int(starts[part])

    def limited_to(self, rows: np.ndarray) -> "ParquetImages":
        kept = rows if self._rows is None else self._rows[rows]
        return ParquetImages(self._files, self._column, kept)

    def read_column(self, column: str) -> list:
        """Return all values of a column of plain values."""
        self._check_column(column)
        return [
            value
            for file in self._open
            for value in file.read(columns=[column]).column(column).to_pylist()
        ]

    def class_names(self, column: str) -> list[str] | None:
        """Return the names of a column of class numbers where the files state them."""
        metadata = self._open[0].schema_arrow.metadata or {}
        features = (
            json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        )
        return _find_names(features.get(column))

    def _load_group(self, group: int):
        number, index = self._groups[group]
        table = self._open[number].read_row_group(index, columns=[self._column])
        return table.column(self._column)

    def _check_column(self, column: str) -> None:
        names = self._open[0].schema_arrow.names
        if column not in names:
            raise PairFault(
                f"{self._files[0]}: has no column {column!r}; it has {', '.join(names)}"
            )


def _find_names(feature: object) -> list[str] | None:
    """Return the class names of a feature, or of the items of one that is a list."""
    if isinstance(feature, list):
        return _find_names(feature[0]) if feature else None
    if not isinstance(feature, dict):
        return None
    return feature.get("names") or _find_names(feature.get("feature"))


def _number(
    values: dict[str, list], names: list[str] | None
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Return the class names, and each split's labels as numbers or as a matrix."""
    several = any(isinstance(value, list) for found in values.values() for value in found)
    sets = {
        split: [(v or []) if several else [v] for v in found] for split, found in values.items()
    }
    known = {item for found in sets.values() for items in found for item in items}
    if None in known:
        raise PairFault("label_column: some rows have no label")
    if names is not None and not known <= set(range(len(names))):
        raise PairFault(f"label_column: a label is not a number below {len(names)}")
    classes = [str(item) for item in sorted(known)] if names is None else names
    named = {
        split: [[str(item) if names is None else names[item] for item in items] for items in found]
        for split, found in sets.items()
    }
    if several:
        labels = {split: mark_labels(found, classes) for split, found in named.items()}
    else:
        labels = {
            split: number_labels([name for (name,) in found], classes)
            for split, found in named.items()
        }
    return tuple(classes), labels
