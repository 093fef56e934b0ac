"""Masks over a picture: translucent, with a white line around each. Colour and stripes tell the class."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from ckptrank.report.kit import theme

COLORS = theme.CATEGORICAL
STRIPES = (
    (0, 0),
    (1, 1),
    (1, -1),
    (1, 0),
    (0, 1),
)  # across which (x, y) they alternate; the first are none
LOOKS = len(COLORS) * len(STRIPES)
WIDTH = 4  # pixels of a stripe
WHITE = 255
FILLED = 0.75  # how much of a fill is its colour, the rest being the picture
GREYS = 50, 165  # of a picture below masks, on which white and all colours stand out


def fill_masks(picture: Image.Image, masks: Sequence[tuple[np.ndarray, int]]) -> Image.Image:
    """Return a picture, grey and faded so that all colour is the masks', with these filled.

    ``masks``: each (H, W) bool of any size, which is scaled to the picture's, and the number of its look, of which
    there are :data:`LOOKS`, then they begin again. Where masks overlap the smaller one is in front.
    """
    grey = np.asarray(picture.convert("L"), np.float32)[..., None].repeat(3, axis=2)
    plain = np.interp(grey, (0, 255), GREYS)
    filled = plain
    for mask, look in sorted(masks, key=lambda each: -each[0].sum()):
        area = Image.fromarray(mask).convert("L").resize(picture.size, Image.Resampling.BILINEAR)
        area = area.point(lambda value: 255 * (value > 127))
        inside = np.asarray(area) > 0
        line = (np.asarray(area.filter(ImageFilter.MaxFilter(3))) > 0) & ~inside
        color, striped = _look(look, inside.shape)
        fill = FILLED * np.where(striped[..., None], WHITE, color) + (1 - FILLED) * plain
        filled = np.where(inside[..., None], fill, np.where(line[..., None], WHITE, filled))
    return Image.fromarray(filled.round().astype(np.uint8))


def draw_swatch(look: int, width: int, height: int) -> Image.Image:
    """Return how a mask of a look is filled, on white."""
    whole = np.ones((height, width), bool)
    return fill_masks(Image.new("RGB", (width, height), "white"), [(whole, look)])


def _look(number: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the colour (3,) of a look, and where (H, W) its stripes are white."""
    turn, place = divmod(number % LOOKS, len(COLORS))
    color = np.array([int(COLORS[place][at : at + 2], 16) for at in (1, 3, 5)], np.float32)
    y, x = np.indices(shape)
    across, down = STRIPES[turn]
    return color, (across * x + down * y) // WIDTH % 2 == 1
