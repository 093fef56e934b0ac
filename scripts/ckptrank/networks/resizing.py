"""Resizing of images where they lie, on the device: to the bit what decoding makes of them.

Pillow resizes bytes in two passes, along rows and then along columns, by weights of 22 binary digits, and rounds to
bytes after each. The same sums of whole numbers are taken here, a weight at a time for many images.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ckptrank.networks.preprocessing import Preprocessing

DIGITS = 22  # of a weight, binary
PROBES = 32  # images of noise; in those of a few pixels one alone can be equal by chance
PART = 64  # images at a time: their sums take four bytes where a pixel has one


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _cubic(x: np.ndarray, a: float = -0.5) -> np.ndarray:
    x = np.abs(x)
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


# Interpolation -> its filter and how far that reaches, in pixels.
FILTERS = {"bilinear": (_triangle, 1.0), "bicubic": (_cubic, 2.0)}


class _Pass(NamedTuple):
    """Along one axis: the pixels (taps, size) that each new one is made of, and their weights."""

    pixels: Tensor
    weights: Tensor

    def apply(self, images: Tensor, axis: int) -> Tensor:
        shape = [1] * images.ndim
        shape[axis] = -1
        total = torch.tensor(1 << (DIGITS - 1), dtype=torch.int32, device=images.device)
        for pixels, weights in zip(self.pixels, self.weights, strict=True):
            total = images.index_select(axis, pixels).int().mul_(weights.view(shape)).add_(total)
        return total.bitwise_right_shift_(DIGITS).clamp_(0, 255).byte()


class Resizer:
    """Makes of uint8 images (N, height, width, 3) on a device what ``preprocessing`` makes of each: (N, size, size, 3).

    Which axis comes first is Pillow's own choice, and its versions differ in it: noise shows which it is. Raises
    ``ValueError`` where neither order gives Pillow's bytes there, and for an interpolation that is not in :data:`FILTERS`.
    """

    def __init__(self, preprocessing: Preprocessing, height: int, width: int, device: torch.device):
        if preprocessing.interpolation not in FILTERS:
            raise ValueError(f"{preprocessing.interpolation}: not one of {', '.join(FILTERS)}")
        plan = preprocessing.plan(width, height)
        left, top, right, bottom = plan.box
        self._box = (slice(None), slice(top, bottom), slice(left, right))
        kept = [np.arange(first, first + preprocessing.size) for first in plan.corner]
        shape = FILTERS[preprocessing.interpolation]
        sides = zip((right - left, bottom - top), plan.resized, kept, strict=True)
        across, down = (_make_pass(*shape, *each, device) for each in sides)
        self._passes = [(across, 2), (down, 1)]
        noise = np.random.default_rng(0).integers(0, 256, (PROBES, height, width, 3), np.uint8)
        noise[::2] = 255 * (noise[::2] // 128)  # sums that leave the range of a byte
        expected = preprocessing.fit(noise)
        if not self._gives(expected, noise, device):
            self._passes.reverse()
            if not self._gives(expected, noise, device):
                raise ValueError(f"{device}: does not give Pillow's bytes")

    def __call__(self, images: Tensor) -> Tensor:
        return torch.cat([self._resize(part) for part in images[self._box].split(PART)])

    def _gives(self, expected: np.ndarray, images: np.ndarray, device: torch.device) -> bool:
        return np.array_equal(self(torch.from_numpy(images).to(device)).cpu().numpy(), expected)

    def _resize(self, images: Tensor) -> Tensor:
        for each, axis in self._passes:
            images = each.apply(images, axis)
        return images


def _make_pass(filtered, reach: float, there: int, side: int, kept: np.ndarray, device) -> _Pass:
    """Return what makes the pixels ``kept`` of ``side`` new ones out of those that are ``there``."""
    scale = there / side
    stretch = max(scale, 1.0)  # of the filter, where the image gets smaller
    centre = (kept + 0.5) * scale
    # Halves are rounded towards zero and sums taken in Pillow's order: its weights to the last digit.
    first = np.maximum((centre - reach * stretch + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + reach * stretch + 0.5).astype(np.int64), there)
    taps = np.arange(math.ceil(reach * stretch) * 2 + 1)[:, None]
    pixels = first + taps
    weights = filtered((pixels - centre + 0.5) * (1.0 / stretch)) * (pixels < last)
    weights = weights / np.cumsum(weights, axis=0)[-1]
    whole = np.trunc(weights * (1 << DIGITS) + np.copysign(0.5, weights)).astype(np.int32)
    pixels = np.minimum(pixels, there - 1)  # beyond the border the weight is nought
    return _Pass(torch.from_numpy(pixels).to(device), torch.from_numpy(whole).to(device))
