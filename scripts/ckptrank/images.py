"""Labelled images as training and extraction take them: uint8 arrays of the network's input size."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

    from ckptrank.checkpoints.network import Preprocessing
    from ckptrank.tasks.store import StoredTask


@dataclass(frozen=True)
class LabelledImages:
    """uint8 images (N, size, size, 3), with labels (N,) int64 or a 0/1 matrix (N, C)."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def batch(
        self, rows: np.ndarray, device: "torch.device"
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Return the rows' images and labels on ``device``."""
        import torch

        images = torch.from_numpy(np.ascontiguousarray(self.images[rows])).to(device)
        return images, torch.from_numpy(self.labels[rows]).to(device)

    def limited_to(self, rows: np.ndarray) -> "LabelledImages":
        return LabelledImages(self.images[rows], self.labels[rows])


def load_images(task: "StoredTask", split: str, preprocessing: "Preprocessing") -> LabelledImages:
    """Return a split of a task at the size that a checkpoint's preprocessing asks for."""
    return LabelledImages(preprocessing.fit(task.images(split)), task.labels(split))
