"""Masks as arrays, from COCO's run-length codes, and the class of each pixel. The report reads them without PyTorch."""

from collections.abc import Sequence

import numpy as np

from ckptrank.tasks.objects import Objects

NOWHERE = 255  # the class of pixels that count neither as a class nor as the ground


def decode_masks(masks: Sequence[bytes | str], size: Sequence[int]) -> np.ndarray:
    """Return masks (K, H, W) uint8, 0 or 1, of compressed run-length codes in an image of ``size`` (H, W).

    Raises ``ValueError`` where a code is of an image of another size.
    """
    from faster_coco_eval.core import mask as codes

    size = [int(side) for side in size]
    if not masks:
        return np.zeros((0, *size), np.uint8)
    listed = [{"size": size, "counts": counts} for counts in masks]
    return np.ascontiguousarray(np.moveaxis(codes.decode(listed), 2, 0))


def paint_classes(objects: Objects, image: int) -> np.ndarray:
    """Return the class of each pixel (H, W) uint8: 0 the ground, c + 1, or :data:`NOWHERE` in a crowd.

    Where objects overlap the smaller one is in front.
    """
    rows = list(objects.rows(image))
    masks = decode_masks([objects.masks[row] for row in rows], objects.sizes[image]).astype(bool)
    pixels = np.zeros(objects.sizes[image], np.uint8)
    for place in sorted(range(len(rows)), key=lambda place: -masks[place].sum()):
        row = rows[place]
        pixels[masks[place]] = NOWHERE if objects.crowd[row] else objects.labels[row] + 1
    return pixels
