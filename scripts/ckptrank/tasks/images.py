"""Labelled images as training and extraction take them: uint8 arrays of the network's input size."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ckptrank.files.atomic import release_pages
from ckptrank.tasks.fitted import open_images
from ckptrank.tasks.task import is_array

if TYPE_CHECKING:
    import torch

    from ckptrank.networks.preprocessing import Preprocessing
    from ckptrank.tasks.store import StoredTask


@dataclass(frozen=True)
class LabelledImages:
    """uint8 images (M, size, size, 3), often mapped from disk, and what belongs to each sample.

    ``labels``: (N,) int64 or a 0/1 matrix (N, C). ``rows``: (N,) the image of each sample, or None
    when the samples are all images in order. ``stored``: (M, height, width, 3) the task's own images, of which
    ``preprocessing`` made ``images``; None where these are they, or files.
    """

    images: np.ndarray
    labels: np.ndarray
    rows: np.ndarray | None = None
    stored: np.ndarray | None = None
    preprocessing: "Preprocessing | None" = None

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, rows: np.ndarray, *, pinned: bool = False) -> "torch.Tensor":
        """Return the images of some samples as uint8 in memory of the host, page-locked if ``pinned``.

        Pages of a mapped file do not stay with the process: its memory is that of one batch.
        """
        import torch

        rows = rows if self.rows is None else self.rows[rows]
        batch = torch.empty(
            (len(rows), *self.images.shape[1:]), dtype=torch.uint8, pin_memory=pinned
        )
        np.take(self.images, rows, axis=0, out=batch.numpy(), mode="clip")
        release_pages(self.images)
        return batch

    def batch(
        self, rows: np.ndarray, device: "torch.device"
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Return the images and labels of some samples on ``device``."""
        import torch

        return self.read(rows).to(device), torch.from_numpy(self.labels[rows]).to(device)

    def limited_to(self, rows: np.ndarray) -> "LabelledImages":
        """Return some of the samples, without copying images."""
        kept = rows if self.rows is None else self.rows[rows]
        return replace(self, labels=self.labels[rows], rows=kept)

    def as_stored(self) -> "LabelledImages":
        """Return the same samples with the task's own images."""
        return LabelledImages(self.stored, self.labels, self.rows)


def load_images(
    task: "StoredTask",
    split: str,
    preprocessing: "Preprocessing",
    fitted: str | Path | None = None,
) -> LabelledImages:
    """Return a split of a task at the size that a checkpoint's preprocessing asks for.

    ``fitted``: the folder of its images at that size (:mod:`ckptrank.tasks.fitted`), where the task has
    them at another.
    """
    images, labels = open_images(task, split, preprocessing, fitted), task.labels(split)
    stored = task.images(split)
    if not is_array(stored) or preprocessing.fits(stored.shape):
        return LabelledImages(images, labels)
    return LabelledImages(images, labels, stored=stored, preprocessing=preprocessing)
