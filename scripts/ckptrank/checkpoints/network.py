"""The one shape in which every checkpoint source hands over a network."""

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import nn


@dataclass(frozen=True)
class Preprocessing:
    """How a checkpoint wants its images.

    ``size``: side of the square input in pixels. ``crop``: fraction of the resized image's shorter
    side that the centre crop keeps (1.0: resize the shorter side to ``size``). ``mean`` and ``std``:
    per RGB channel, on the 0..1 scale.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["nearest", "bilinear", "bicubic"] = "bilinear"
    crop: float = 1.0

    @classmethod
    def from_dict(cls, values: dict) -> "Preprocessing":
        return cls(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})

    def to_dict(self) -> dict:
        return asdict(self)

    def fit(self, images: np.ndarray) -> np.ndarray:
        """Resize and crop uint8 (N, H, W, 3) images to (N, size, size, 3); a no-op when they fit."""
        if images.shape[1:3] == (self.size, self.size) and self.crop == 1.0:
            return images
        return np.stack([self._fit_one(image) for image in images])

    def _fit_one(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        scale = self.size / self.crop / min(height, width)
        shape = (max(self.size, round(width * scale)), max(self.size, round(height * scale)))
        resized = Image.fromarray(image).resize(shape, Image.Resampling[self.interpolation.upper()])
        left, top = (shape[0] - self.size) // 2, (shape[1] - self.size) // 2
        return np.asarray(resized.crop((left, top, left + self.size, top + self.size)))

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Turn uint8 (N, H, W, 3) into normalised float (N, 3, H, W), channels last in memory."""
        mean = torch.tensor(self.mean, device=images.device) * 255
        std = torch.tensor(self.std, device=images.device) * 255
        return ((images.float() - mean) / std).permute(0, 3, 1, 2)


class Network(nn.Module):
    """A checkpoint as a network: a backbone that gives (N, D) features, and its head when it has one."""

    def __init__(
        self,
        backbone: nn.Module,
        dimension: int,
        head: nn.Module | None,
        preprocessing: Preprocessing,
    ):
        super().__init__()
        self.backbone = backbone
        self.dimension = dimension
        self.head = head
        self.preprocessing = preprocessing

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Map uint8 (N, H, W, 3) images of the right size to features (N, D) and logits or None."""
        features = self.backbone(self.preprocessing.normalise(images))
        return features, None if self.head is None else self.head(features)
