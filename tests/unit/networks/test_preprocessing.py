"""TensorFlow 1's resizing and crops, by its own formula in double precision."""

import numpy as np
import pytest
from PIL import Image

from ckptrank.networks.preprocessing import Preprocessing

ONE, ZERO = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)


def draw(height, width):
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def resize(image, height, width):
    """Pixel by pixel: coordinates are whole multiples of the ratio, no centres of pixels, no filter."""
    n, m = image.shape[:2]
    out = np.empty((height, width, 3))
    for i in range(height):
        for j in range(width):
            y, x = i * n / height, j * m / width
            top, left = int(y), int(x)
            below, right = min(top + 1, n - 1), min(left + 1, m - 1)
            upper = image[top, left] * (1 - (x - left)) + image[top, right] * (x - left)
            lower = image[below, left] * (1 - (x - left)) + image[below, right] * (x - left)
            out[i, j] = upper * (1 - (y - top)) + lower * (y - top)
    return out


def fit(image, size, crop, mode):
    return Preprocessing(size, ZERO, ONE, "tensorflow", crop, mode).fit_one(Image.fromarray(image))


def assert_rounded(found, expected):
    assert found.shape == expected.shape
    assert abs(found - expected).max() <= 0.5 + 1e-4


@pytest.mark.parametrize(("height", "width", "size"), [(37, 53, 24), (17, 19, 24), (8, 8, 16)])
def test_both_sides_alike(height, width, size):
    """As VTAB's harness: larger, smaller, and without regard to the aspect ratio."""
    image = draw(height, width)
    assert_rounded(fit(image, size, 1.0, "squash"), resize(image, size, size))


def test_the_middle_and_then_both_sides_alike():
    """As slim's inception preprocessing: int((n - 0.875 n) / 2) off each side, then resized."""
    image = draw(61, 40)
    assert_rounded(fit(image, 24, 0.875, "inner"), resize(image[3:-3, 2:-2], 24, 24))


def test_the_shorter_side_and_then_the_middle():
    """As slim's VGG preprocessing: to 32 by the nearest whole longer side, then 24 from (n - 24) // 2."""
    image = draw(61, 40)
    resized = resize(image, round(61 * 32 / 40), 32)
    assert_rounded(fit(image, 24, 24 / 32, "center"), resized[12:36, 4:28])
