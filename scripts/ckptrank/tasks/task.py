"""What every task source returns: two labelled splits of images, checked."""

from dataclasses import dataclass, replace

import numpy as np

from ckptrank.errors import PairFault
from ckptrank.sampling import SPLITS
from ckptrank.tasks.image_files import EncodedImages
from ckptrank.tasks.objects import Objects

Images = np.ndarray | EncodedImages


def is_array(images: Images) -> bool:
    """Whether images are an array (or what reads like one, say an HDF5 data set), not encoded files."""
    return hasattr(images, "shape")


@dataclass(frozen=True, eq=False)
class TaskData:
    """A downstream task.

    ``train_images``, ``test_images``: (N, H, W, 3) uint8 RGB, the same H and W in both; or N encoded
    images of any size.
    ``train_labels``, ``test_labels``: (N,) int64 in 0..C-1, or (N, C) uint8 of 0 and 1 for a
    multi-label task; C = ``len(classes)`` >= 2, or 1 where there are objects, and each class has a training sample.
    ``train_objects``, ``test_objects``: where the objects of the images lie, in a task to detect them; its labels
    say which classes an image has. ``notes``: what a reader of the report must know of how it was read.
    ``validation``: (N,) which training images fine-tuning leaves out, to choose its settings by; None: none.

    Raises :class:`PairFault` naming the field and the fault where the data is not like that.
    """

    classes: tuple[str, ...]
    train_images: Images
    train_labels: np.ndarray
    test_images: Images
    test_labels: np.ndarray
    description: str = ""
    train_objects: Objects | None = None
    test_objects: Objects | None = None
    notes: tuple[str, ...] = ()
    validation: np.ndarray | None = None

    @classmethod
    def of_objects(
        cls,
        classes: tuple[str, ...],
        train: tuple[Images, Objects],
        test: tuple[Images, Objects],
        **fields: object,
    ) -> "TaskData":
        """Return the task of images with objects, whose labels follow from them."""
        (train_images, train_objects), (test_images, test_objects) = train, test
        return cls(
            classes,
            train_images,
            train_objects.mark(len(classes)),
            test_images,
            test_objects.mark(len(classes)),
            train_objects=train_objects,
            test_objects=test_objects,
            **fields,
        )

    def __post_init__(self) -> None:
        self._check_classes()
        for split in SPLITS:
            _check_images(self.images(split), f"{split}_images")
            self._check_labels(self.labels(split), len(self.images(split)), f"{split}_labels")
        if is_array(self.train_images) != is_array(self.test_images):
            raise PairFault("test_images: one split is an array and the other is not")
        if is_array(self.train_images) and (
            self.train_images.shape[1:] != self.test_images.shape[1:]
        ):
            raise PairFault(
                f"test_images: of shape {self.test_images.shape[1:]}, "
                f"but train_images are {self.train_images.shape[1:]}"
            )
        if self.train_labels.ndim != self.test_labels.ndim:
            raise PairFault("test_labels: one split is multi-label and the other is not")
        self._check_coverage()

    @property
    def multi_label(self) -> bool:
        return self.train_labels.ndim == 2

    @property
    def class_sizes(self) -> np.ndarray:
        """(C,) training images of each class."""
        return self._count(self.train_labels)

    def _count(self, labels: np.ndarray) -> np.ndarray:
        if self.multi_label:
            return labels.sum(axis=0, dtype=np.int64)
        return np.bincount(labels, minlength=len(self.classes))

    def images(self, split: str) -> Images:
        return getattr(self, f"{split}_images")

    def labels(self, split: str) -> np.ndarray:
        return getattr(self, f"{split}_labels")

    def objects(self, split: str) -> Objects | None:
        return getattr(self, f"{split}_objects")

    def limited_to(self, split: str, rows: np.ndarray) -> "TaskData":
        """Return the task with the rows ``rows`` (sorted) of one split alone."""
        images, objects = self.images(split), self.objects(split)
        kept = images[rows] if is_array(images) else images.limited_to(rows)
        fields = {
            f"{split}_images": kept,
            f"{split}_labels": self.labels(split)[rows],
            f"{split}_objects": None if objects is None else objects.limited_to(rows),
        }
        if split == "train" and self.validation is not None:
            fields["validation"] = self.validation[rows]
        return replace(self, **fields)

    def _check_classes(self) -> None:
        if len(self.classes) < 2 - (self.train_objects is not None):
            raise PairFault(f"classes: a task needs at least two, got {len(self.classes)}")
        if len(set(self.classes)) < len(self.classes):
            twice = sorted({name for name in self.classes if self.classes.count(name) > 1})
            raise PairFault(f"classes: named more than once: {listing(twice)}")

    def _check_labels(self, labels: np.ndarray, samples: int, name: str) -> None:
        dtypes = {1: np.int64, 2: np.uint8}
        if labels.ndim not in dtypes or labels.dtype != dtypes[labels.ndim]:
            raise PairFault(
                f"{name}: expected (N,) int64 or (N, {len(self.classes)}) uint8, "
                f"got {labels.shape} {labels.dtype}"
            )
        if len(labels) != samples:
            raise PairFault(f"{name}: {len(labels)} labels for {samples} images")
        if labels.ndim == 2 and labels.shape[1] != len(self.classes):
            raise PairFault(f"{name}: {labels.shape[1]} columns for {len(self.classes)} classes")
        largest = len(self.classes) - 1 if labels.ndim == 1 else 1
        if labels.min() < 0 or labels.max() > largest:
            raise PairFault(
                f"{name}: out of range, {labels.min()} to {labels.max()} is not in 0..{largest}"
            )

    def _check_coverage(self) -> None:
        missing = self._list_empty(self.class_sizes)
        if missing:
            raise PairFault(f"train_labels: no training sample of {listing(missing)}")
        if self.validation is None:
            return
        if not self.validation.any():
            raise PairFault("validation: the split is empty")
        unseen = self._list_empty(self._count(self.train_labels[~self.validation]))
        if unseen:
            raise PairFault(f"validation: leaves no training sample of {listing(unseen)}")

    def _list_empty(self, sizes: np.ndarray) -> list[str]:
        return [name for name, size in zip(self.classes, sizes, strict=True) if size == 0]


def _check_images(images: Images, name: str) -> None:
    if not is_array(images):
        if not len(images):
            raise PairFault(f"{name}: the split is empty")
        return
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        raise PairFault(f"{name}: expected (N, H, W, 3) uint8, got {images.shape} {images.dtype}")
    if images.size == 0:
        raise PairFault(f"{name}: the split is empty, shape {images.shape}")


def listing(names: list[str], most: int = 5) -> str:
    """Return the first few names, quoted, and how many more there are."""
    listed = ", ".join(repr(name) for name in names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more"
