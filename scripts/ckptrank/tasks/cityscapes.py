"""Cityscapes where somebody has it: street scenes with a mask for each of the objects of eight classes."""

from pathlib import Path

import numpy as np

from ckptrank.errors import PairFault
from ckptrank.files.archives import locate
from ckptrank.tasks.annotated import AnnotatedImage, encode_pixels, make_task, read_instances
from ckptrank.tasks.image_sizes import read_size
from ckptrank.tasks.objects import Annotation, Faults
from ckptrank.tasks.task import TaskData

# Of the data set's labels those of things, by their numbers (its scripts call them `hasInstances`).
CLASSES = {
    24: "person",
    25: "rider",
    26: "car",
    27: "truck",
    28: "bus",
    31: "train",
    32: "motorcycle",
    33: "bicycle",
}
INSTANCES = 1000  # a pixel of the third car is 26002, one of a group of cars 26


def load(definition: dict) -> TaskData:
    """Load ``{"source": "cityscapes", "path": ...}``: the folder with ``leftImg8bit`` and ``gtFine``.

    ``train`` and ``test``: its folders, by default ``train`` and ``val``, whose annotations are public. ``classes``:
    some of the eight, objects of the others being left out. Masks are read from ``*_gtFine_instanceIds.png``; groups are
    crowds. The data cannot be fetched without an account; the folder is the ``root`` of torchvision's ``Cityscapes``.
    Raises :class:`PairFault` where they are not there, and naming annotations that cannot be read, unless
    ``on_bad_annotation`` is ``skip``.
    """
    root, faults = locate(definition["path"]), Faults()
    train, test = (
        _read_split(root, definition.get(split, default), faults)
        for split, default in (("train", "train"), ("test", "val"))
    )
    return make_task(definition, root, train, test, faults, list(CLASSES.values()))


def _read_split(root: Path, split: str, faults: Faults) -> list[AnnotatedImage]:
    folder = root / "leftImg8bit" / split
    files = sorted(folder.glob("*/*_leftImg8bit.png"))
    if not files:
        raise PairFault(f"{folder}: holds no images CITY/*_leftImg8bit.png")
    return [image for file in files if (image := _read_image(root, split, file, faults))]


def _read_image(root: Path, split: str, file: Path, faults: Faults) -> AnnotatedImage | None:
    name = file.name.removesuffix("_leftImg8bit.png")
    place = root / "gtFine" / split / file.parent.name / f"{name}_gtFine_instanceIds.png"
    try:
        size = read_size(file)
    except PairFault as fault:
        faults.add(str(place), f"cannot be read with its image ({fault})")
        return None
    numbers = read_instances(place, size, faults)
    if numbers is None:
        return None
    found = [
        _annotate(place, int(number), numbers == number)
        for number in np.unique(numbers)
        if (number // INSTANCES or number) in CLASSES
    ]
    return AnnotatedImage(file, size, found)


def _annotate(place: Path, number: int, mask: np.ndarray) -> Annotation:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    crowd = number < INSTANCES
    name = CLASSES[number if crowd else number // INSTANCES]
    code = encode_pixels(mask)
    return Annotation(f"{place}, object {number}", name, tuple(map(float, box)), crowd, code)
