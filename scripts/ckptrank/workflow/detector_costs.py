"""The arithmetic of a detector by its head and the size of its images, for the estimate of a run.

Operations as :mod:`ckptrank.networks.flops` counts them, of the layers that :mod:`ckptrank.detection.heads` puts on a
backbone. How many regions the second stage looks at depends on the image; the most that torchvision lets through is
counted, as far as there are places for them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

PADDED_TO = 32  # pixels, each side of a batch
# Of torchvision: anchors of a place; regions of an image that the second stage trains on and tests, masks likewise.
ANCHORS = 3
TRAINED_REGIONS, TESTED_REGIONS = 512, 1000
TRAINED_MASKS, TESTED_MASKS = 128, 100
# Sides of the maps of a region and of its mask, and the widths of the layers on them.
REGION, MASK, HIDDEN, MASKED = 7, 14, 1024, 256
# Seconds of a core in training and in testing that an image takes beside them: regions are cut out and matched, doubles
# dropped, findings judged. Measured on drawn scenes on an AMD EPYC; the second stage's regions are as many for every image.
SECONDS = {
    "fcos": (0.002, 0.006),
    "fcn": (0.001, 0.001),
    "faster_rcnn": (0.13, 0.07),
    "mask_rcnn": (0.13, 0.07),
}


@dataclass(frozen=True)
class Work:
    """What an image costs: the operations of its forward pass in training and in testing, and the seconds of a core that it
    takes beside them, in training with the backward pass: matching boxes, suppressing doubles, judging what was found."""

    train_flops: float
    test_flops: float
    train_seconds: float = 0.0
    test_seconds: float = 0.0


def fit(detector: Mapping, shape: float) -> tuple[int, int]:
    """Return (height, width) of an image as a detector sees it, whose longer side is ``shape`` times its shorter one."""
    short = min(detector["min_size"], detector["max_size"] / shape)
    return _pad(short), _pad(short * shape)


def _pad(side: float) -> int:
    return math.ceil(round(side) / PADDED_TO) * PADDED_TO


def count_work(
    detector: Mapping, size: tuple[int, int], *, backbone: float, dimension: int, classes: int
) -> Work:
    """Return what an image of ``size`` (height, width) costs.

    ``detector``: ``head``, ``strides`` and ``channels``, as the config has them. ``backbone``: operations of its forward
    pass at that size. ``dimension``: channels of its last map; each finer one is taken to have half of them.
    """
    channels, head, height, width = detector["channels"], detector["head"], *size
    places = [math.ceil(height / each) * math.ceil(width / each) for each in detector["strides"]]
    shared = backbone
    for finer, count in enumerate(reversed(places)):
        shared += count * convolve(dimension // 2**finer, channels)
        shared += count * convolve(channels, channels, 3)
    if head == "fcn":
        inner = channels // 4
        pixel = convolve(channels, inner, 3) + convolve(inner, classes + 1)
        trained = tested = shared + places[0] * pixel
    elif head == "fcos":
        depth = 2 if channels < 256 else 4
        place = 2 * depth * convolve(channels, channels, 3)
        place += convolve(channels, classes + 1 + 4 + 1, 3)
        trained = tested = shared + sum(places) * place
    else:
        place = convolve(channels, channels, 3) + convolve(channels, 5 * ANCHORS)
        shared += sum(places) * place
        region = convolve(channels * REGION**2, HIDDEN) + convolve(HIDDEN, HIDDEN)
        region += convolve(HIDDEN, 5 * (classes + 1))
        trained = shared + TRAINED_REGIONS * region
        tested = shared + min(TESTED_REGIONS, ANCHORS * sum(places)) * region
        if head == "mask_rcnn":
            mask = convolve(channels, MASKED, 3) + 3 * convolve(MASKED, MASKED, 3)
            mask += 4 * (convolve(MASKED, MASKED) + convolve(MASKED, classes + 1))
            trained += TRAINED_MASKS * mask * MASK**2
            tested += TESTED_MASKS * mask * MASK**2
    return Work(trained, tested, *SECONDS[head])


def convolve(given: int, made: int, side: int = 1) -> int:
    """Return the operations of a convolution at one place; of one place, a linear layer's."""
    return 2 * given * made * side**2
