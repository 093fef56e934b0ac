"""Where the objects of a task's images lie: boxes, classes and masks, and the file that keeps them.

``objects.h5`` of a prepared task, beside its images, holds a group ``train`` and a group ``test``. Image ``i`` has
the objects ``bounds[i]`` to ``bounds[i + 1]``, of which it may have none:

- ``bounds`` (N + 1,) int64; ``sizes`` (N, 2) int64, each image's height and width in pixels,
- ``boxes`` (M, 4) float32: left, top, right, bottom in pixels, right and bottom outside the object,
- ``labels`` (M,) int64: the class; ``crowd`` (M,) bool, see :class:`Objects`,
- ``masks`` (M,) bytes of any length, where the task has masks: COCO's compressed run-length code in an image of the
  size above, which ``pycocotools`` reads as ``{"size": size, "counts": mask}``.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ckptrank.errors import PairFault
from ckptrank.files.atomic import atomic_path

logger = logging.getLogger("ckptrank")
FILE = "objects.h5"
TOLERANCE = 1.0  # pixels that a box may reach over the border: corners are counted from 0 or from 1


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of N images, M in all; arrays as in the file, see the module.

    ``crowd``: regions that are neither trained nor counted: COCO's crowds, VOC's difficult objects. ``masks``: None
    where the task has none.
    """

    bounds: np.ndarray
    sizes: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    masks: tuple[bytes, ...] | None = None

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def images(self) -> np.ndarray:
        """(M,) the image of each object."""
        return np.repeat(np.arange(len(self)), np.diff(self.bounds))

    def rows(self, image: int) -> range:
        """Return which objects are in an image."""
        return range(self.bounds[image], self.bounds[image + 1])

    def mark(self, classes: int) -> np.ndarray:
        """Return (N, C) uint8: 1 where an image has an object of the class that is no crowd."""
        matrix = np.zeros((len(self), classes), np.uint8)
        counted = ~self.crowd
        matrix[self.images[counted], self.labels[counted]] = 1
        return matrix

    def count_empty(self) -> int:
        """Return how many images have no object that is no crowd."""
        return len(self) - len(np.unique(self.images[~self.crowd]))

    def limited_to(self, images: np.ndarray) -> "Objects":
        """Return the objects of some images."""
        counts = np.diff(self.bounds)[images]
        rows = [row for image in images for row in self.rows(image)]
        return Objects(
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            self.sizes[images],
            self.boxes[rows],
            self.labels[rows],
            self.crowd[rows],
            None if self.masks is None else tuple(self.masks[row] for row in rows),
        )

    def without_masks(self) -> "Objects":
        return Objects(self.bounds, self.sizes, self.boxes, self.labels, self.crowd)


@dataclass(frozen=True)
class Annotation:
    """An object as its source has it. ``place``: what messages call it: file and line, and id."""

    place: str
    name: str
    box: tuple[float, float, float, float]
    crowd: bool = False
    mask: bytes | None = None


@dataclass
class Faults:
    """What is wrong with annotations, gathered so that one message names the first of them all."""

    found: list[str] = field(default_factory=list)

    def add(self, place: str, what: str) -> None:
        self.found.append(f"{place}: {what}")

    def settle(self, policy: str) -> tuple[str, ...]:
        """Return what a reader of the report must know, or raise :class:`PairFault` unless ``policy`` is ``skip``."""
        if not self.found:
            return ()
        first = "; ".join(self.found[:3])
        if policy == "error":
            raise PairFault(
                f"{len(self.found)} bad annotations: {first}; mend them, or set `on_bad_annotation: skip`"
            )
        for fault in self.found:
            logger.warning("%s", fault)
        return (f"{len(self.found)} bad annotations were mended or left out: {first}",)


def gather_objects(
    images: Sequence[tuple[tuple[int, int], Sequence[Annotation]]],
    classes: Sequence[str],
    faults: Faults,
) -> Objects:
    """Return the objects of images, each given by its (height, width) and its annotations.

    Objects of other ``classes`` are left out. To ``faults`` goes what has no area or reaches over the border; if that
    is to be skipped, boxes are cut at the border and the rest is left out. There are masks where no object lacks one.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    bounds, kept = [0], []
    for size, annotations in images:
        for annotation in annotations:
            number = numbers.get(annotation.name)
            if number is None:
                continue
            box = _check_box(annotation, size, faults)
            if box is not None:
                kept.append((box, number, annotation.crowd, annotation.mask))
        bounds.append(len(kept))
    boxes, labels, crowd, masks = zip(*kept, strict=True) if kept else ((), (), (), ())
    return Objects(
        np.array(bounds, np.int64),
        np.array([size for size, _ in images], np.int64).reshape(-1, 2),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(labels, np.int64),
        np.array(crowd, bool),
        None if None in masks else masks,
    )


def _check_box(
    annotation: Annotation, size: tuple[int, int], faults: Faults
) -> tuple[float, float, float, float] | None:
    """Return the box within the image; None where nothing of it is left."""
    left, top, right, bottom = annotation.box
    height, width = size
    said = f"box {left:g}, {top:g} to {right:g}, {bottom:g}"
    if not (right > left and bottom > top):
        faults.add(annotation.place, f"{said} has no area")
        return None
    over = max(-left, -top, right - width, bottom - height)
    left, right = max(left, 0), min(right, width)
    top, bottom = max(top, 0), min(bottom, height)
    inside = right > left and bottom > top
    if over > TOLERANCE or not inside:
        faults.add(annotation.place, f"{said} is not in the image of {width} x {height} pixels")
    return (left, top, right, bottom) if inside else None


def save_objects(folder: Path, splits: dict[str, Objects]) -> None:
    """Write the objects of both splits into the folder of a prepared task."""
    import h5py

    with atomic_path(folder / FILE) as temporary, h5py.File(temporary, "w") as file:
        for split, objects in splits.items():
            group = file.create_group(split)
            for name in ("bounds", "sizes", "boxes", "labels", "crowd"):
                group.create_dataset(name, data=getattr(objects, name))
            if objects.masks is not None:
                kind = h5py.vlen_dtype(np.uint8)
                masks = group.create_dataset("masks", len(objects.masks), kind)
                for row, code in enumerate(objects.masks):
                    masks[row] = np.frombuffer(code, np.uint8)


def read_objects(folder: Path, split: str) -> Objects:
    """Read the objects of a split of a prepared task.

    Raises :class:`PairFault` where the task has none, for it only says which classes an image has.
    """
    import h5py

    if not (folder / FILE).is_file():
        raise PairFault(
            f"{folder.name}: its images have no boxes; detection needs a source that has"
        )
    with h5py.File(folder / FILE, "r") as file:
        group = file[split]
        fields = [group[name][:] for name in ("bounds", "sizes", "boxes", "labels", "crowd")]
        masks = tuple(code.tobytes() for code in group["masks"][:]) if "masks" in group else None
    return Objects(*fields, masks)


def share_masks(*splits: Objects) -> tuple[Objects, ...]:
    """Return the splits, without masks unless all of them have some."""
    if all(objects.masks is not None for objects in splits):
        return splits
    return tuple(objects.without_masks() for objects in splits)
