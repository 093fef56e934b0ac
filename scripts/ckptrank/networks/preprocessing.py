"""How a checkpoint wants its images, as a card states it; imports no PyTorch, for decoding needs none."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import torch


class Plan(NamedTuple):
    """How one image is resized: the ``box`` (left, top, right, bottom) of it that is kept, the width and height that
    this is ``resized`` to, and the ``corner`` (left, top) of the square that is cut out of that."""

    box: tuple[int, int, int, int]
    resized: tuple[int, int]
    corner: tuple[int, int]


@dataclass(frozen=True)
class Preprocessing:
    """How a checkpoint wants its images.

    ``size``: side of the square input in pixels. ``crop``: fraction of the resized image's shorter
    side that the centre crop keeps (1.0: resize the shorter side to ``size``). ``crop_mode``:
    ``center``, or ``squash`` to resize both sides alike without regard to the aspect ratio before the
    crop, or ``inner`` to keep that fraction of both sides of the image itself and squash it. ``mean`` and
    ``std``: per RGB channel, on the 0..1 scale. Sizes and crops are rounded as torchvision and timm round
    them, so that the pixels are theirs; with the interpolation ``tensorflow`` they are TensorFlow 1's (its
    bilinear one reads at whole multiples of the ratio of the sides and never averages more than two pixels),
    rounded to whole values.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos", "tensorflow"] = "bilinear"
    crop: float = 1.0
    crop_mode: Literal["center", "squash", "inner"] = "center"

    @classmethod
    def from_dict(cls, values: dict) -> "Preprocessing":
        return cls(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})

    def to_dict(self) -> dict:
        return asdict(self)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether images of the array shape (N, H, W, 3) need no resizing."""
        return shape[1:3] == (self.size, self.size) and self.crop == 1.0

    def fit(self, images: np.ndarray) -> np.ndarray:
        """Resize and crop uint8 (N, H, W, 3) images to (N, size, size, 3); a no-op when they fit."""
        if self.fits(images.shape):
            return images
        return np.stack([self.fit_one(Image.fromarray(image)) for image in images])

    def fit_one(self, image: Image.Image) -> np.ndarray:
        """Resize and crop one RGB image to uint8 (size, size, 3)."""
        plan = self.plan(*image.size)
        if plan.box != (0, 0, *image.size):
            image = image.crop(plan.box)
        if self.interpolation == "tensorflow":
            resized = Image.fromarray(_resize_as_tensorflow(np.asarray(image), *plan.resized))
        else:
            resized = image.resize(plan.resized, Image.Resampling[self.interpolation.upper()])
        left, top = plan.corner
        return np.asarray(resized.crop((left, top, left + self.size, top + self.size)))

    def plan(self, width: int, height: int) -> "Plan":
        """Return what is done to an image of so many pixels."""
        side = int(self.size / self.crop + 1e-6)
        box = _limit_aspect(width, height)
        if self.crop_mode == "inner":
            box, side = _cut_middle(box, self.crop), self.size
        width, height = box[2] - box[0], box[3] - box[1]
        tensorflow = self.interpolation == "tensorflow"
        whole = round if tensorflow else int
        if self.crop_mode != "center":
            width, height = side, side
        elif width <= height:
            width, height = side, whole(side * height / width)
        else:
            width, height = whole(side * width / height), side
        left, top = width - self.size, height - self.size
        corner = (left // 2, top // 2) if tensorflow else (round(left / 2.0), round(top / 2.0))
        return Plan(box, (width, height), corner)

    def normalise(self, images: "torch.Tensor") -> "torch.Tensor":
        """Turn uint8 (N, H, W, 3) into normalised float (N, 3, H, W), channels last in memory."""
        import torch

        samples, height, width, channels = images.shape
        # Whole rows at a time, in place: three times as fast as broadcasting over three channels.
        mean = (torch.tensor(self.mean, device=images.device) * 255).repeat(width)
        std = (torch.tensor(self.std, device=images.device) * 255).repeat(width)
        rows = images.reshape(samples, height, width * channels).float()
        rows = rows.sub_(mean).div_(std)
        return rows.view(samples, height, width, channels).permute(0, 3, 1, 2)


def _limit_aspect(width: int, height: int, most: int = 16) -> tuple[int, int, int, int]:
    """Return the box without a strip's ends: resized by its shorter side it would not fit into memory."""
    wide, high = min(width, most * height), min(height, most * width)
    left, top = (width - wide) // 2, (height - high) // 2
    return left, top, left + wide, top + high


def _cut_middle(box: tuple[int, int, int, int], fraction: float) -> tuple[int, int, int, int]:
    """Keep a fraction of both sides, as TensorFlow's ``central_crop``."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    across, down = int((width - fraction * width) / 2), int((height - fraction * height) / 2)
    return left + across, top + down, right - across, bottom - down


def _resize_as_tensorflow(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize uint8 (H, W, 3) by TensorFlow 1's bilinear interpolation: no half-pixel centres, no filter."""
    values = pixels.astype(np.float32)
    for axis, size in ((0, height), (1, width)):
        there = values.shape[axis]
        at = np.arange(size, dtype=np.float32) * np.float32(there / size)
        low = at.astype(np.intp)
        high = np.minimum(low + 1, there - 1)
        share = (at - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        first = values.take(low, axis)
        values = first + (values.take(high, axis) - first) * share
    return np.rint(values).astype(np.uint8)
