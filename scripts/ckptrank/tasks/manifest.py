"""A CSV file that lists images with their labels."""

import csv
from pathlib import Path

import numpy as np

from ckptrank.errors import PairFault
from ckptrank.files.archives import locate
from ckptrank.tasks.image_files import ImageFiles
from ckptrank.tasks.labels import find_groups, mark_labels, number_labels, split_rows
from ckptrank.tasks.task import TaskData

SEPARATOR = "|"


def load(definition: dict) -> TaskData:
    """Load ``{"source": "manifest", "path": "images.csv"}``.

    The file has a header and the columns ``path``, ``label`` and ``split`` (``train`` or ``test``);
    without a column ``split``, ``test_fraction`` of the rows is held out, stratified and chosen by
    ``seed``; images of one value of the column ``group_column``, or in whose paths ``group_pattern`` finds the
    same, then stay together. Paths are relative to ``root``, by default the file's own folder; ``root`` may be an
    archive. Labels separated by ``|`` make a multi-label task, ``multi_label: true`` makes one
    where no row has two; there, an empty label is a sample of no class. A ``.tsv`` file has tabs.
    Raises :class:`PairFault` naming the line or column that is wrong.
    """
    path = locate(definition["path"], definition.get("sha256"))
    root = locate(definition["root"]) if "root" in definition else path.parent
    rows = _read(path)
    if not rows:
        raise PairFault(f"{path}: has no rows")
    several = definition.get("multi_label", any(SEPARATOR in row["label"] for row in rows))
    if several:
        sets = [[name for name in row["label"].split(SEPARATOR) if name] for row in rows]
        classes = sorted({name for names in sets for name in names})
        labels = mark_labels(sets, classes)
    else:
        names = [row["label"] for row in rows]
        if "" in names:
            raise PairFault(f"{path}, line {names.index('') + 2}: the label is empty")
        classes = sorted(set(names))
        labels = number_labels(names, classes)
    train, test = _split(path, rows, labels, definition)
    files = ImageFiles(root, tuple(row["path"] for row in rows))
    return TaskData(
        tuple(classes), files.limited_to(train), labels[train], files.limited_to(test), labels[test]
    )


def _read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        missing = {"path", "label"} - set(reader.fieldnames or ())
        if missing:
            raise PairFault(f"{path}: has no column {', '.join(sorted(missing))}")
        rows = []
        for row in reader:
            if None in row.values() or None in row:
                raise PairFault(f"{path}, line {reader.line_num}: not as many fields as the header")
            rows.append({key: value.strip() for key, value in row.items()})
    return rows


def _split(
    path: Path, rows: list[dict[str, str]], labels: np.ndarray, definition: dict
) -> tuple[np.ndarray, np.ndarray]:
    if "split" not in rows[0]:
        if "test_fraction" not in definition:
            raise PairFault(f"{path}: has no column split; add it or give `test_fraction`")
        groups = _find_groups(path, rows, definition)
        return split_rows(labels, definition["test_fraction"], definition.get("seed", 0), groups)
    splits = [row["split"] for row in rows]
    for line, split in enumerate(splits, start=2):
        if split not in ("train", "test"):
            raise PairFault(f"{path}, line {line}: split is {split!r}, expected train or test")
    is_train = np.array([split == "train" for split in splits])
    return np.flatnonzero(is_train), np.flatnonzero(~is_train)


def _find_groups(path: Path, rows: list[dict[str, str]], definition: dict) -> list[str] | None:
    column = definition.get("group_column")
    if column is not None:
        if column not in rows[0]:
            raise PairFault(f"{path}: has no column {column}, which `group_column` names")
        return [row[column] for row in rows]
    pattern = definition.get("group_pattern")
    return None if pattern is None else find_groups([row["path"] for row in rows], pattern)
