"""From annotated images, as a source has read them, to a task."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ckptrank.errors import PairFault
from ckptrank.tasks.image_files import ImageFiles
from ckptrank.tasks.labels import split_rows
from ckptrank.tasks.objects import Annotation, Faults, Objects, gather_objects, share_masks
from ckptrank.tasks.task import TaskData, listing
from ckptrank.text import counted, listed

SHOWN = 20  # classes of a message


@dataclass(frozen=True)
class AnnotatedImage:
    """``size``: (height, width) in pixels."""

    path: Path
    size: tuple[int, int]
    annotations: list[Annotation]


def read_text(file: Path) -> str:
    """Return what a file of annotations says; raise :class:`PairFault` where it is not in UTF-8."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PairFault(f"{file}: is not in UTF-8 (byte {error.start}: {error.reason})") from error


def make_task(
    definition: dict,
    root: Path,
    train: Sequence[AnnotatedImage],
    test: Sequence[AnnotatedImage],
    faults: Faults,
    classes: Sequence[str] = (),
) -> TaskData:
    """Return the task of images below ``root``.

    Of the ``definition`` count ``test_fraction`` and its ``seed``: without ``test``, that share of ``train`` is held
    out; ``classes``, by default those given in their order, or all that occur; and ``on_bad_annotation``, for what is
    among the ``faults`` or found here. Objects of other classes are left out, which a note says. Raises
    :class:`PairFault` without any object, and where none is of a class that the definition names.
    """
    counts = Counter(each.name for image in (*train, *test) for each in image.annotations)
    known = definition.get("classes") or [name for name in classes if name in counts]
    chosen = tuple(known or sorted(counts))
    parts = [_gather(root, images, chosen, faults) for images in (train, test)]
    notes = faults.settle(definition.get("on_bad_annotation", "error"))
    notes += _compare_classes(root, chosen, counts)
    if not chosen:
        raise PairFault(f"{root}: its images have no object that a class could be learnt from")
    if "test_fraction" in definition:
        files, objects = parts[0]
        labels = objects.mark(len(chosen))
        splits = split_rows(labels, definition["test_fraction"], definition.get("seed", 0))
        parts = [(files.limited_to(rows), objects.limited_to(rows)) for rows in splits]
    objects = share_masks(*(found for _, found in parts))
    pairs = zip((files for files, _ in parts), objects, strict=True)
    return TaskData.of_objects(chosen, *pairs, notes=notes)


def read_instances(path: Path, size: tuple[int, int], faults: Faults) -> np.ndarray | None:
    """Return the numbers of the objects that the pixels (H, W) of an image belong to; None where they cannot be read.

    ``size``: the image's height and width, which its file of numbers must have.
    """
    try:
        with Image.open(path) as image:
            numbers = np.asarray(image)
    except OSError as error:
        faults.add(str(path), f"cannot be read ({error})")
        return None
    if numbers.shape != size:
        said = " x ".join(map(str, numbers.shape[1::-1]))
        faults.add(str(path), f"has {said} pixels, the image {size[1]} x {size[0]}")
        return None
    return numbers


def encode_pixels(mask: np.ndarray) -> bytes:
    """Return COCO's compressed run-length code of a mask (H, W)."""
    from faster_coco_eval.core import mask as codes

    return codes.encode(np.asfortranarray(mask, np.uint8))["counts"]


def _compare_classes(root: Path, chosen: Sequence[str], counts: Counter) -> tuple[str, ...]:
    """Say which objects are of no chosen class and so were left out; raise :class:`PairFault` where a class has none.

    ``counts``: objects of each class that occurs.
    """
    missing = [name for name in chosen if name not in counts]
    if missing:
        there = f"there are {listing(sorted(counts), SHOWN)}" if counts else "there are none"
        raise PairFault(
            f"{root}: no object is of {listing(missing)}, which `classes` names; {there}"
        )
    others = [(name, count) for name, count in counts.most_common() if name not in chosen]
    if not others:
        return ()
    objects = counted(sum(count for _, count in others), "object")
    names = [f"{name} ({count:,})" for name, count in others[:SHOWN]]
    more = [f"{len(others) - SHOWN} more"] if len(others) > SHOWN else []
    return (
        f"{objects} of classes that `classes` does not name were left out: {listed(names + more)}",
    )


def _gather(
    root: Path, images: Sequence[AnnotatedImage], classes: Sequence[str], faults: Faults
) -> tuple[ImageFiles, Objects]:
    files = ImageFiles(root, tuple(str(image.path.relative_to(root)) for image in images))
    found = [(image.size, image.annotations) for image in images]
    return files, gather_objects(found, classes, faults)
