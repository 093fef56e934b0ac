"""Scenes of several things, with their exact boxes and masks: the task *scenes*, to detect and to segment them.

Images are 96 pixels wide and high, so that a thing is about as large as those that the built-in networks were
pre-trained on. A thing hides what it is drawn over; its mask is what can be seen of it.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from ckptrank.builtin.images.drawing import (
    SIZE,
    add_pixel_noise,
    linear_maps,
    noise_fields,
    tinted_colours,
    to_images,
)
from ckptrank.builtin.images.shapes import OBJECTS, Part

SIDE = 3 * SIZE
KINDS = ("house", "tree", "car", "fish", "cup", "mushroom", "key", "chair")
FINE = 2  # pixels of the canvas on which a pixel's cover is counted
MOST = 6
EMPTY_SHARE = 0.06
MOST_OVERLAP = 0.1  # of the smaller of two things' boxes
TRIES = 12


@dataclass(frozen=True, eq=False)
class Scenes:
    """``images`` (N, 96, 96, 3) uint8; of the M things ``image`` and ``kind`` (M,) int64, in the images' order, and
    ``masks`` (M, 96, 96) bool, of which no two of an image share a pixel and none is empty."""

    images: np.ndarray
    image: np.ndarray
    kind: np.ndarray
    masks: np.ndarray

    @property
    def boxes(self) -> np.ndarray:
        """(M, 4) int64: left, top, right, bottom; right and bottom outside."""
        rows, columns = self.masks.any(axis=2), self.masks.any(axis=1)
        left, top = columns.argmax(axis=1), rows.argmax(axis=1)
        right, bottom = SIDE - columns[:, ::-1].argmax(axis=1), SIDE - rows[:, ::-1].argmax(axis=1)
        return np.column_stack([left, top, right, bottom])


def draw_scenes(count: int, rng: np.random.Generator) -> Scenes:
    """Draw scenes of up to six things of eight kinds, some images without any."""
    images = np.empty((count, SIDE, SIDE, 3), np.uint8)
    owners, kinds, masks = [], [], []
    for number in range(count):
        wanted = 0 if rng.random() < EMPTY_SHARE else rng.integers(1, MOST + 1)
        placed = _place(rng.integers(len(KINDS), size=wanted), rng)
        images[number] = _paint([cover for _, cover in placed], rng)
        hidden = np.zeros((SIDE, SIDE), bool)
        visible = []
        for kind, cover in placed[::-1]:  # what is drawn last lies on top
            solid = cover >= 0.5
            visible.append((kind, solid & ~hidden))
            hidden |= solid
        for kind, mask in visible[::-1]:
            owners.append(number)
            kinds.append(kind)
            masks.append(mask)
    shaped = np.array(masks, bool).reshape(-1, SIDE, SIDE)
    return Scenes(images, np.array(owners, np.int64), np.array(kinds, np.int64), shaped)


def _place(kinds: np.ndarray, rng: np.random.Generator) -> list[tuple[int, np.ndarray]]:
    """Return (kind, cover) of the things that find room; a cover (96, 96) is in [0, 1]."""
    placed, taken = [], []
    for kind in kinds:
        for _ in range(TRIES):
            matrix = linear_maps(rng, 1, rotation=20, scale=(9, 21), aspect=0.2)[0]
            reach = np.abs(matrix).sum(axis=1).max()
            centre = rng.uniform(reach, SIDE - reach, 2)
            box = np.concatenate([centre - reach, centre + reach])
            if all(_overlap(other, box) <= MOST_OVERLAP for other in taken):
                taken.append(box)
                placed.append((int(kind), _cover(OBJECTS[KINDS[kind]], matrix, centre)))
                break
    return placed


def _cover(thing: tuple[Part, ...], matrix: np.ndarray, centre: np.ndarray) -> np.ndarray:
    canvas = Image.new("L", (FINE * SIDE, FINE * SIDE))
    pen = ImageDraw.Draw(canvas)
    for fill, points in thing:
        pen.polygon(((points @ matrix.T + centre) * FINE).ravel().tolist(), fill=fill)
    blocks = np.asarray(canvas, np.uint16).reshape(SIDE, FINE, SIDE, FINE)
    return blocks.sum(axis=(1, 3)) / np.float32(255 * FINE**2)


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the share of the smaller of two boxes that lies in the other."""
    sides = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    areas = [np.prod(box[2:] - box[:2]) for box in (first, second)]
    return float(np.prod(np.maximum(sides, 0)) / min(areas))


def _paint(covers: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Paint cloudy things one after the other on a cloudy ground with lines and specks; return an image."""
    grounds, figures = tinted_colours(rng, 1 + len(covers), 0.7, 0.5)
    values = grounds[0] + 0.35 * rng.random() * _clouds(rng)[..., None]
    for cover in _clutter(rng):
        values += cover[..., None] * (rng.random(3).astype(np.float32) - values)
    for number, cover in enumerate(covers, start=1):
        colours = grounds[number], figures[number]
        colour = max(colours, key=lambda each: float(np.abs(each - grounds[0]).sum()))
        cloudy = colour + 0.3 * rng.random() * _clouds(rng)[..., None]
        values += cover[..., None] * (cloudy - values)
    return to_images(add_pixel_noise(rng, values[None], rng.uniform(0, 0.06, 1)))[0]


def _clouds(rng: np.random.Generator) -> np.ndarray:
    """Return (96, 96) cloudy noise in [-1, 1]. Enlarged as bytes, whose rounding is the same everywhere."""
    field = to_images(noise_fields(rng, 1, 1.5))[0]
    large = Image.fromarray(field).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(large, np.float32) / 127.5 - 1


def _clutter(rng: np.random.Generator) -> list[np.ndarray]:
    """Return the covers (96, 96) of up to five lines and discs that are no things."""
    covers = []
    for _ in range(rng.integers(6)):
        canvas = Image.new("L", (SIDE, SIDE))
        pen = ImageDraw.Draw(canvas)
        x, y = rng.uniform(0, SIDE, 2)
        if rng.random() < 0.5:
            pen.line((x, y, *rng.uniform(0, SIDE, 2)), fill=255, width=int(rng.integers(1, 4)))
        else:
            radius = rng.uniform(1, 6)
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        covers.append(np.asarray(canvas, np.float32) / 255)
    return covers
