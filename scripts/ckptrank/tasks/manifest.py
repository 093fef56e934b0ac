"""A CSV file that lists images with their labels."""

import csv
import io
import logging
from pathlib import Path

import numpy as np

from ckptrank.errors import PairFault
from ckptrank.files.archives import locate
from ckptrank.tasks.image_files import ImageFiles
from ckptrank.tasks.labels import find_groups, mark_labels, number_labels, split_rows
from ckptrank.tasks.splits import TEST, TRAINING, VALIDATION, find_left_out, find_split
from ckptrank.tasks.task import TaskData
from ckptrank.tasks.validation import check_validation

logger = logging.getLogger("ckptrank")
SEPARATOR = "|"


def load(definition: dict) -> TaskData:
    """Load ``{"source": "manifest", "path": "images.csv"}``.

    The file has a header and the columns ``path``, ``label`` and ``split`` (``train`` and ``test``, or ``val``
    where there is no ``test``, in any spelling of :mod:`ckptrank.tasks.splits`), or those that ``path_column``,
    ``label_column`` and ``split_column`` name; without a split, ``test_fraction`` of the rows is held out,
    stratified and chosen by ``seed``; ``validation`` names the split by which fine-tuning chooses its settings, or is a
    fraction of the training images; images of one value of the column ``group_column``, or in whose paths
    ``group_pattern`` finds the same, then stay together. Paths are relative to ``root``, by default the file's
    own folder; ``root`` may be an archive. Labels separated by ``|`` make a multi-label task, ``multi_label: true`` makes one
    where no row has two; there, an empty label is a sample of no class. Fields are separated
    by commas, semicolons or tabs, whatever the header has; the text is UTF-8.
    Raises :class:`PairFault` naming the line or column that is wrong.
    """
    path = locate(definition["path"], definition.get("sha256"))
    root = locate(definition["root"]) if "root" in definition else path.parent
    columns = {name: definition.get(f"{name}_column", name) for name in ("path", "label", "split")}
    rows = _read(path, columns)
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
    train, test, validation = _split(path, rows, labels, definition)
    files = ImageFiles(root, tuple(row["path"] for row in rows))
    return TaskData(
        tuple(classes),
        files.limited_to(train),
        labels[train],
        files.limited_to(test),
        labels[test],
        validation=validation,
    )


def _read(path: Path, columns: dict[str, str]) -> list[dict[str, str]]:
    """Return the rows, with ``path``, ``label`` and, if there is one, ``split`` for the ``columns`` so named."""
    reader = csv.DictReader(
        io.StringIO(text := _decode(path), newline=""), delimiter=_find_delimiter(text)
    )
    names = [name.strip() for name in reader.fieldnames or ()]
    missing = [columns[name] for name in ("path", "label") if columns[name] not in names]
    if missing:
        raise PairFault(
            f"{path}: has no column {', '.join(missing)}; it has {', '.join(names)}. Name those that are meant by "
            "`path_column`, `label_column` and `split_column`"
        )
    reader.fieldnames = names
    wanted = {name: column for name, column in columns.items() if column in names}
    rows = []
    for row in reader:
        if None in row.values() or None in row:
            raise PairFault(f"{path}, line {reader.line_num}: not as many fields as the header")
        told = {name: value.strip() for name, value in row.items()}
        rows.append(told | {name: told[column] for name, column in wanted.items()})
    return rows


def _decode(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise PairFault(
            f"{path}, line {line}: is not in UTF-8 but perhaps in Latin-1; save it as UTF-8"
        ) from error


def _find_delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _split(
    path: Path, rows: list[dict[str, str]], labels: np.ndarray, definition: dict
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The rows of the training and the test set, and which of the former are validation images."""
    validation = definition.get("validation")
    named = validation.lower() if isinstance(validation, str) else None
    if "split" not in rows[0]:
        if named is not None:
            raise PairFault(f"{path}: has no column split, of which `validation` is one")
        if "test_fraction" not in definition:
            raise PairFault(f"{path}: has no column split; add it or give `test_fraction`")
        groups = _find_groups(path, rows, definition)
        fraction, seed = definition["test_fraction"], definition.get("seed", 0)
        return *split_rows(labels, fraction, seed, groups), None
    splits = [row["split"].lower() for row in rows]
    for line, split in enumerate(splits, start=2):
        if split not in (*TRAINING, *TEST, *VALIDATION):
            raise PairFault(
                f"{path}, line {line}: split is {rows[line - 2]['split']!r}, expected train and test, or val"
            )
    found = find_split(splits)
    if found is None:
        raise PairFault(
            f"{path}: split is {' or '.join(sorted(set(splits)))} everywhere; expected two"
        )
    if named is not None:
        check_validation(named, sorted(set(splits)), found[1], path)
    for name in find_left_out(sorted(set(splits))):
        if name != named:
            logger.warning("%s: left out the rows of %s, for there is a test set", path, name)
    training = [split in (found[0], named) for split in splits]
    train, test = (np.flatnonzero(chosen) for chosen in (training, [s == found[1] for s in splits]))
    return train, test, None if named is None else np.array([splits[row] == named for row in train])


def _find_groups(path: Path, rows: list[dict[str, str]], definition: dict) -> list[str] | None:
    column = definition.get("group_column")
    if column is not None:
        if column not in rows[0]:
            raise PairFault(f"{path}: has no column {column}, which `group_column` names")
        return [row[column] for row in rows]
    pattern = definition.get("group_pattern")
    return None if pattern is None else find_groups([row["path"] for row in rows], pattern)
