"""Resizing on the device gives the bytes that Pillow gives."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from ckptrank.networks.preprocessing import Preprocessing
from ckptrank.networks.resizing import PART, Resizer

CPU = torch.device("cpu")
ZERO, ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
SIDES = st.integers(1, 70)


def draw(images, height, width, *, noise):
    generator = np.random.default_rng(height)
    if noise:  # sums that leave the range of a byte
        return 255 * generator.integers(0, 2, (images, height, width, 3), np.uint8)
    return generator.integers(0, 256, (images, height, width, 3), np.uint8)


@given(
    height=SIDES,
    width=SIDES,
    size=st.integers(1, 60),
    interpolation=st.sampled_from(["bilinear", "bicubic"]),
    crop=st.sampled_from([1.0, 0.9, 0.875, 0.5]),
    mode=st.sampled_from(["center", "squash", "inner"]),
    noise=st.booleans(),
)
@example(4, 2, 1, "bilinear", 1.0, "squash", False)  # orders that differ in few images
def test_bytes_are_pillows(height, width, size, interpolation, crop, mode, noise):
    preprocessing = Preprocessing(size, ZERO, ONE, interpolation, crop, mode)
    images = draw(3, height, width, noise=noise)
    found = Resizer(preprocessing, height, width, CPU)(torch.from_numpy(images))
    expected = [preprocessing.fit_one(Image.fromarray(image)) for image in images]
    assert found.dtype == torch.uint8
    assert np.array_equal(found.numpy(), expected)


def test_a_batch_of_more_images_than_are_resized_at_once():
    preprocessing = Preprocessing(24, ZERO, ONE, "bicubic", 0.875)
    images = draw(PART + 3, 10, 10, noise=False)
    found = Resizer(preprocessing, 10, 10, CPU)(torch.from_numpy(images))
    assert np.array_equal(found.numpy(), preprocessing.fit(images))


@pytest.mark.parametrize("interpolation", ["nearest", "lanczos", "tensorflow"])
def test_other_interpolations_are_refused(interpolation):
    with pytest.raises(ValueError, match=f"{interpolation}: not one of bilinear, bicubic"):
        Resizer(Preprocessing(8, ZERO, ONE, interpolation), 4, 4, CPU)


def test_a_device_that_sums_otherwise_is_refused(monkeypatch):
    preprocessing = Preprocessing(8, ZERO, ONE)
    monkeypatch.setattr(
        Preprocessing, "fit", lambda self, images: np.zeros((len(images), 8, 8, 3), np.uint8)
    )
    with pytest.raises(ValueError, match="cpu: does not give Pillow's bytes"):
        Resizer(preprocessing, 4, 4, CPU)
