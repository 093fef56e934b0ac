"""Data sets of torchvision, with the splits that papers on transfer use.

| data set | training images | test images | split |
|---|---|---|---|
| Caltech101 | 3,060 | 6,084 | 30 of each of 102 categories, seeded; the background is a category, as in NeuCRaB |
| Flowers102 | 2,040 | 6,149 | official: training and validation, test |
| PCAM | 262,144 | 32,768 | official: training, test |
| SUN397 | 76,128 | 10,875 | seeded, of NeuCRaB's sizes; its own lists are not to be had here |
| OxfordIIITPet | 3,680 | 3,669 | official: trainval, test |
| DTD | 3,760 | 1,880 | official, partition 1: training and validation, test |
| EuroSAT | 21,600 | 5,400 | seeded: a fifth of each class is held out |
| StanfordCars | 8,144 | 8,041 | official |
| FGVCAircraft | 6,667 | 3,333 | official: trainval, test |
| Food101 | 75,750 | 25,250 | official |
| CIFAR10, CIFAR100 | 50,000 | 10,000 | official |
| VOC2007 | 5,011 | 4,952 | official: trainval, test; 20 labels, an image may have several |
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from ckptrank.errors import PairFault
from ckptrank.files.caches import cache_folder
from ckptrank.files.downloads import fetch_by
from ckptrank.sampling import cap_per_class
from ckptrank.seeds import seed_from
from ckptrank.tasks.folder import scan
from ckptrank.tasks.image_files import ImageFiles
from ckptrank.tasks.labels import mark_labels, number_labels, split_rows
from ckptrank.tasks.task import Images, TaskData
from ckptrank.tasks.validation import check_validation

Samples = tuple[Images, np.ndarray]
CALTECH_SHOTS = 30
SUN_TRAIN, SUN_TEST = 76_128, 10_875
EUROSAT_TEST_FRACTION = 0.2


def load(definition: dict) -> TaskData:
    """Load ``{"source": "torchvision", "name": ..., "root": ..., "download": ...}``.

    ``root``: the folder that torchvision calls so, by default ``datasets`` in this project's cache.
    ``download: true`` lets torchvision fetch and verify (MD5) what is missing; its downloads do not
    resume. ``seed`` chooses the splits that are seeded. ``validation: val``: fine-tuning chooses its settings by
    the official validation images, of DTD, FGVCAircraft and Flowers102; they stay training images. Raises
    :class:`PairFault` when the data are not there or cannot be fetched, a passing one where a network is down or silent.
    """
    root = Path(definition["root"]) if "root" in definition else cache_folder() / "datasets"
    root = root.expanduser()
    root.mkdir(parents=True, exist_ok=True)
    seed = definition.get("seed", 0)
    name, loaders = definition["name"], _LOADERS
    if isinstance(definition.get("validation"), str):
        known = ["val"] if name in _VALIDATED else []
        check_validation(definition["validation"], known, "test", f"torchvision {name}")
        loaders = _VALIDATED
    try:
        download = definition.get("download", False)
        return fetch_by(
            lambda: loaders[name](root, download, seed), f"torchvision {name} in {root}"
        )
    except (RuntimeError, OSError, ValueError, ImportError) as error:
        raise PairFault(f"torchvision {name} in {root}: {error}") from error


def _load_official(
    name: str,
    train: tuple[str, ...],
    test: tuple[str, ...],
    root: Path,
    download: bool,
    seed: int,
    *,
    validation: str | None = None,
) -> TaskData:
    """Load a data set whose class takes ``split`` and ``loader``; join the splits named.

    ``validation``: which of the training splits has the validation images.
    """
    parts = {split: _open(name, root, download, split=split) for split in (*train, *test)}
    classes = tuple(next(iter(parts.values())).classes)
    joined = []
    for splits in (train, test):
        samples = [_list(parts[split]) for split in splits]
        paths = [path for found, _ in samples for path in found]
        joined += [_as_files(paths), np.concatenate([labels for _, labels in samples])]
    if validation is None:
        return TaskData(classes, *joined)
    held = np.concatenate([np.full(len(parts[split]), split == validation) for split in train])
    return TaskData(classes, *joined, validation=held)


def _open(name: str, root: Path, download: bool, **options: object):
    """Open a data set that hands over paths where others hand over images."""
    from torchvision import datasets

    return getattr(datasets, name)(root, download=download, loader=str, **options)


def _list(dataset) -> tuple[list[str], np.ndarray]:
    samples = [dataset[row] for row in range(len(dataset))]
    return [path for path, _ in samples], np.array([label for _, label in samples], np.int64)


def _as_files(paths: list[str]) -> ImageFiles:
    root = os.path.commonpath([os.path.dirname(path) for path in paths])
    return ImageFiles(Path(root), tuple(os.path.relpath(path, root) for path in paths))


def _load_caltech101(root: Path, download: bool, seed: int) -> TaskData:
    from torchvision import datasets

    folder = Path(datasets.Caltech101(root, download=download).root) / "101_ObjectCategories"
    paths, names, classes = scan(folder)
    labels = number_labels(names, classes)
    train = cap_per_class(labels, CALTECH_SHOTS, seed_from("split", seed))
    test = np.setdiff1d(np.arange(len(labels)), train)
    files = ImageFiles(folder, tuple(paths))
    return _split(files, labels, classes, train, test)


def _load_sun397(root: Path, download: bool, seed: int) -> TaskData:
    dataset = _open("SUN397", root, download)
    paths, labels = _list(dataset)
    order = np.argsort(paths)  # as the file system lists them, they differ between machines
    files = _as_files([paths[row] for row in order])
    chosen = np.random.default_rng(seed_from("split", seed)).permutation(len(files))
    share = min(1.0, len(files) / (SUN_TRAIN + SUN_TEST))  # below 1 only for a part of the data
    train = np.sort(chosen[: int(SUN_TRAIN * share)])
    test = np.sort(chosen[int(SUN_TRAIN * share) :][: int(SUN_TEST * share)])
    return _split(files, labels[order], dataset.classes, train, test)


def _load_eurosat(root: Path, download: bool, seed: int) -> TaskData:
    dataset = _open("EuroSAT", root, download)
    paths, labels = _list(dataset)
    train, test = split_rows(labels, EUROSAT_TEST_FRACTION, seed)
    return _split(_as_files(paths), labels, dataset.classes, train, test)


def _split(
    files: ImageFiles, labels: np.ndarray, classes: list[str], train: np.ndarray, test: np.ndarray
) -> TaskData:
    return TaskData(
        tuple(classes), files.limited_to(train), labels[train], files.limited_to(test), labels[test]
    )


def _load_pets(root: Path, download: bool, seed: int) -> TaskData:
    from torchvision import datasets

    fields = []
    for split in ("trainval", "test"):
        dataset = datasets.OxfordIIITPet(root, split=split, download=download)
        fields += [
            _as_files([str(path) for path in dataset._images]),  # it takes no `loader`
            np.array(dataset._labels, np.int64),
        ]
    return TaskData(tuple(dataset.classes), *fields)


def _load_pcam(root: Path, download: bool, seed: int) -> TaskData:
    """Open PatchCamelyon's HDF5 files: the images are read a chunk at a time when they are used."""
    import h5py
    from torchvision import datasets

    fields = []
    for split in ("train", "test"):
        datasets.PCAM(root, split=split, download=download)
        names = {kind: datasets.PCAM._FILES[split][kind][0] for kind in ("images", "targets")}
        images = h5py.File(root / "pcam" / names["images"])["x"]
        labels = h5py.File(root / "pcam" / names["targets"])["y"][:]
        fields += [images, labels.reshape(-1).astype(np.int64)]
    return TaskData(("normal", "tumour"), *fields)


def _load_cifar(name: str, root: Path, download: bool, seed: int) -> TaskData:
    from torchvision import datasets

    fields = []
    for train in (True, False):
        dataset = getattr(datasets, name)(root, train=train, download=download)
        fields += [dataset.data, np.array(dataset.targets, np.int64)]
    return TaskData(tuple(dataset.classes), *fields)


def _load_voc2007(root: Path, download: bool, seed: int) -> TaskData:
    """Load Pascal VOC 2007 for classification: a class counts where an object of it is not `difficult`."""
    from torchvision import datasets

    samples = []
    for split in ("trainval", "test"):
        dataset = datasets.VOCDetection(root, year="2007", image_set=split, download=download)
        samples.append((dataset.images, [_read_objects(path) for path in dataset.annotations]))
    classes = sorted({name for _, sets in samples for names in sets for name in names})
    fields = []
    for paths, sets in samples:
        fields += [_as_files(paths), mark_labels(sets, classes)]
    return TaskData(tuple(classes), *fields)


def _read_objects(path: str) -> set[str]:
    return {
        found.findtext("name")
        for found in ElementTree.parse(path).iter("object")
        if found.findtext("difficult", "0") != "1"
    }


_LOADERS: dict[str, Callable[[Path, bool, int], TaskData]] = {
    "Caltech101": _load_caltech101,
    "CIFAR10": partial(_load_cifar, "CIFAR10"),
    "CIFAR100": partial(_load_cifar, "CIFAR100"),
    "DTD": partial(_load_official, "DTD", ("train", "val"), ("test",)),
    "EuroSAT": _load_eurosat,
    "FGVCAircraft": partial(_load_official, "FGVCAircraft", ("trainval",), ("test",)),
    "Flowers102": partial(_load_official, "Flowers102", ("train", "val"), ("test",)),
    "Food101": partial(_load_official, "Food101", ("train",), ("test",)),
    "OxfordIIITPet": _load_pets,
    "PCAM": _load_pcam,
    "StanfordCars": partial(_load_official, "StanfordCars", ("train",), ("test",)),
    "SUN397": _load_sun397,
    "VOC2007": _load_voc2007,
}
# With the official validation images marked; FGVCAircraft's `trainval` is both.
_VALIDATED: dict[str, Callable[[Path, bool, int], TaskData]] = {
    name: partial(_load_official, name, ("train", "val"), ("test",), validation="val")
    for name in ("DTD", "FGVCAircraft", "Flowers102")
}
