"""A folder of images with one subfolder per class, or an archive of it."""

import logging
import os
from pathlib import Path

from ckptrank.errors import PairFault
from ckptrank.files.archives import locate
from ckptrank.tasks.image_files import ImageFiles
from ckptrank.tasks.labels import find_groups, number_labels, split_rows
from ckptrank.tasks.task import TaskData

logger = logging.getLogger("ckptrank")
SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm",
    ".pnm", ".jp2", ".tga", ".avif",
)  # fmt: skip


def load(definition: dict) -> TaskData:
    """Load ``{"source": "folder", "path": ...}``.

    ``path``: a folder, or an archive (.zip, .tar.gz, ...) by path or address, whose ``sha256`` may be
    given. With a folder ``train`` and a folder ``test`` in it (other names by those two fields), each
    holds a subfolder per class. Without them the class folders lie in ``path`` itself and
    ``test_fraction`` of each class is held out, chosen by ``seed``; ``group_pattern`` keeps those images together
    in whose paths it finds the same (:func:`~ckptrank.tasks.labels.find_groups`). Files that have no suffix of an
    image are passed over. Raises :class:`PairFault` naming the folder that is wrong.
    """
    root = find_root(locate(definition["path"], definition.get("sha256")))
    splits = [definition.get(split, split) for split in ("train", "test")]
    present = [(root / name).is_dir() for name in splits]
    if all(present):
        if "test_fraction" in definition:
            raise PairFault(
                f"{root}: has folders {splits[0]!r} and {splits[1]!r}; take `test_fraction` away"
            )
        return load_splits(root, *splits)
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


def load_splits(root: Path, train: str, test: str) -> TaskData:
    """Return the task of two folders below ``root`` with a subfolder per class in each."""
    found = {split: scan(root / split) for split in (train, test)}
    classes = sorted({name for split in found.values() for name in split[2]})
    fields = []
    for split, (paths, names, _) in found.items():
        fields += [ImageFiles(root / split, tuple(paths)), number_labels(names, classes)]
    return TaskData(tuple(classes), *fields)


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

    An image's class is the first folder of its path; empty folders count as classes without images.
    """
    paths, names, passed = [], [], 0
    classes = [path.name for path in _subfolders(folder)]
    for name in classes:
        for place, folders, files in os.walk(folder / name):
            folders.sort()
            images = sorted(file for file in files if file.lower().endswith(SUFFIXES))
            passed += len(files) - len(images)
            paths += [os.path.relpath(os.path.join(place, file), folder) for file in images]
            names += [name] * len(images)
    if not paths:
        raise PairFault(f"{folder}: holds no class folders with images")
    if passed:
        logger.warning(
            "%s: passed over %d files that are no images by their suffix", folder, passed
        )
    return paths, names, classes


def _subfolders(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith((".", "__MACOSX"))
    )


def _has_images(folder: Path) -> bool:
    return any(path.name.lower().endswith(SUFFIXES) for path in folder.iterdir())
