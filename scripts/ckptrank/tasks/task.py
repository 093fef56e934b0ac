"""What every task source returns: two labelled splits of images, checked."""

from dataclasses import dataclass

import numpy as np

from ckptrank.errors import PairFault


@dataclass(frozen=True, eq=False)
class TaskData:
    """A downstream task.

    ``train_images``, ``test_images``: (N, H, W, 3) uint8 RGB, the same H and W in both.
    ``train_labels``, ``test_labels``: (N,) int64 in 0..C-1, or (N, C) uint8 of 0 and 1 for a
    multi-label task; C = ``len(classes)`` >= 2, and each class has a training sample.

    Raises :class:`PairFault` naming the field and the fault where the data is not like that.
    """

    classes: tuple[str, ...]
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    description: str = ""

    def __post_init__(self) -> None:
        self._check_classes()
        for split in ("train", "test"):
            images = getattr(self, f"{split}_images")
            _check_images(images, f"{split}_images")
            self._check_labels(getattr(self, f"{split}_labels"), len(images), f"{split}_labels")
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
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

    def _check_classes(self) -> None:
        if len(self.classes) < 2:
            raise PairFault(f"classes: a task needs at least two, got {len(self.classes)}")
        if len(set(self.classes)) < len(self.classes):
            twice = sorted({name for name in self.classes if self.classes.count(name) > 1})
            raise PairFault(f"classes: named more than once: {_listing(twice)}")

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
        if self.multi_label:
            counts = self.train_labels.sum(axis=0)
        else:
            counts = np.bincount(self.train_labels, minlength=len(self.classes))
        missing = [name for name, count in zip(self.classes, counts, strict=True) if count == 0]
        if missing:
            raise PairFault(f"train_labels: no training sample of {_listing(missing)}")


def _check_images(images: np.ndarray, name: str) -> None:
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        raise PairFault(f"{name}: expected (N, H, W, 3) uint8, got {images.shape} {images.dtype}")
    if images.size == 0:
        raise PairFault(f"{name}: the split is empty, shape {images.shape}")


def _listing(names: list[str], most: int = 5) -> str:
    listed = ", ".join(repr(name) for name in names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more"
