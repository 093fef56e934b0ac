"""A folder of images with one subfolder per class, or an archive of it."""

import logging
import os
from collections.abc import Collection
from pathlib import Path

import numpy as np

from ckptrank.errors import PairFault
from ckptrank.files.archives import locate
from ckptrank.tasks.image_files import ImageFiles
from ckptrank.tasks.labels import find_groups, number_labels, split_rows
from ckptrank.tasks.splits import find_left_out, find_split
from ckptrank.tasks.task import TaskData, listing
from ckptrank.tasks.validation import check_validation

logger = logging.getLogger("ckptrank")
HIDDEN = (".", "__MACOSX")
SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm",
    ".pnm", ".jp2", ".tga", ".avif",
)  # fmt: skip


def load(definition: dict) -> TaskData:
    """Load ``{"source": "folder", "path": ...}``.

    ``path``: a folder, or an archive (.zip, .tar.gz, ...) by path or address, whose ``sha256`` may be
    given. With folders of a training and a test set in it, each holds a subfolder per class: those that
    the fields ``train`` and ``test`` name, else ``train`` and ``test``, or ``val`` where there is no
    ``test``, in any spelling of :mod:`ckptrank.tasks.splits`. Without them the class folders lie in ``path``
    itself and ``test_fraction`` of each class is held out, chosen by ``seed``; ``group_pattern`` keeps those images
    together in whose paths it finds the same (:func:`~ckptrank.tasks.labels.find_groups`). ``validation``: the name of
    a third folder, whose images fine-tuning chooses its settings by, or a fraction of the training images. Hidden files, files
    that have no suffix of an image and empty folders are passed over. Raises :class:`PairFault` naming the
    folder that is wrong.
    """
    root = find_root(locate(definition["path"], definition.get("sha256")))
    inside = [path.name for path in _subfolders(root)]
    found = find_split(inside) or ("train", "test")
    splits = [
        definition.get(name, usual) for name, usual in zip(("train", "test"), found, strict=True)
    ]
    present = [(root / name).is_dir() for name in splits]
    validation = definition.get("validation")
    named = validation if isinstance(validation, str) else None
    used = (*splits, named)
    left_out = [name for name in find_left_out(inside) if all(present) and name not in used]
    if left_out:
        logger.warning("%s: left out %s, for there is a test set", root, listing(left_out))
    if all(present):
        if "test_fraction" in definition:
            raise PairFault(
                f"{root}: has folders {splits[0]!r} and {splits[1]!r}; take `test_fraction` away"
            )
        if named is not None:
            check_validation(named, inside, splits[1], root)
        return load_splits(root, *splits, named)
    if named is not None:
        raise PairFault(f"{root}: has no training and test set beside {named!r}")
    if "test_fraction" not in definition:
        absent = splits[present.index(False)]
        raise PairFault(
            f"{root}: has no folder {absent!r}; give `test_fraction` to split one folder of classes"
        )
    paths, names, classes = scan(root)
    labels = number_labels(names, classes)
    pattern = definition.get("group_pattern")
    groups = None if pattern is None else find_groups(paths, pattern)
    train, test = split_rows(labels, definition["test_fraction"], definition.get("seed", 0), groups)
    files = ImageFiles(root, tuple(paths))
    return TaskData(
        tuple(classes), files.limited_to(train), labels[train], files.limited_to(test), labels[test]
    )


def load_splits(root: Path, train: str, test: str, validation: str | None = None) -> TaskData:
    """Return the task of two folders below ``root``, or three, with a subfolder per class in each."""
    training = [name for name in (train, validation) if name is not None]
    found = {split: scan(root / split) for split in (*training, test)}
    classes = sorted({name for split in found.values() for name in split[2]})
    labels = {split: number_labels(names, classes) for split, (_, names, _) in found.items()}
    images = {split: ImageFiles(root / split, tuple(paths)) for split, (paths, *_) in found.items()}
    known, marks = images[train], None
    if validation is not None:
        both = [os.path.join(split, path) for split in training for path in images[split].paths]
        known = ImageFiles(root, tuple(both))
        marks = np.repeat([False, True], [len(images[split]) for split in training])
    return TaskData(
        tuple(classes),
        known,
        np.concatenate([labels[split] for split in training]),
        images[test],
        labels[test],
        validation=marks,
    )


def find_root(folder: Path) -> Path:
    """Return the folder below ``folder`` where the data begin: archives often hold one folder only."""
    if not folder.is_dir():
        raise PairFault(f"{folder}: is a file, expected a folder or an archive")
    while len(inside := _subfolders(folder)) == 1 and not _has_images(folder):
        if not _subfolders(inside[0]):
            break
        folder = inside[0]
    return folder


def scan(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Return the images below ``folder`` (paths, sorted), the class of each, and all classes.

    An image's class is the first folder of its path; one without images is no class. Hidden files and
    folders (``._IMG_1.JPG``, ``.ipynb_checkpoints``) are not looked at.
    """
    paths, names, passed = [], [], 0
    for name in [path.name for path in _subfolders(folder)]:
        for place, folders, files in os.walk(folder / name):
            folders[:] = sorted(each for each in folders if not each.startswith(HIDDEN))
            shown = sorted(file for file in files if not file.startswith(HIDDEN))
            images = [file for file in shown if file.lower().endswith(SUFFIXES)]
            passed += len(shown) - len(images)
            paths += [os.path.relpath(os.path.join(place, file), folder) for file in images]
            names += [name] * len(images)
    classes = sorted(set(names))
    if empty := find_empty(folder, classes):
        logger.warning("%s: %s without images, no class", folder, listing(empty))
    if not paths:
        raise PairFault(f"{folder}: holds no class folders with images")
    if passed:
        logger.warning(
            "%s: passed over %d files that are no images by their suffix", folder, passed
        )
    return paths, names, classes


def find_empty(folder: Path, classes: Collection[str]) -> list[str]:
    """Return the folders that :func:`scan` took for no class."""
    return [path.name for path in _subfolders(folder) if path.name not in classes]


def _subfolders(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(HIDDEN)
    )


def _has_images(folder: Path) -> bool:
    names = [path.name.lower() for path in folder.iterdir() if not path.name.startswith(HIDDEN)]
    return any(name.endswith(SUFFIXES) for name in names)
