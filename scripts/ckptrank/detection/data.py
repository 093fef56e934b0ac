"""Images with their objects, as detectors are trained and tested on them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ckptrank.detection.masks import decode_masks, paint_classes
from ckptrank.jobs.threads import count_workers, map_ahead
from ckptrank.tasks.decoding import decode
from ckptrank.tasks.objects import Objects
from ckptrank.tasks.store import StoredTask
from ckptrank.tasks.task import Images, is_array

READ_AHEAD = 4  # batches
Batch = tuple[list[Tensor], list[dict[str, Tensor]]]


@dataclass(frozen=True)
class ObjectImages:
    """A split: its images of their own size and their ``objects``. ``shapes``: what of masks a batch has: ``objects``
    (one for each), ``pixels`` (the class of each pixel), or nothing."""

    images: Images
    objects: Objects
    shapes: str = ""

    def __len__(self) -> int:
        return len(self.objects)

    def limited_to(self, rows: np.ndarray) -> "ObjectImages":
        """Return some images (sorted rows) and their objects."""
        images = self.images[rows] if is_array(self.images) else self.images.limited_to(rows)
        return ObjectImages(images, self.objects.limited_to(rows), self.shapes)

    def batches(self, rows: Iterable[np.ndarray], device: torch.device) -> Iterator[Batch]:
        """Yield images (3, H, W) in 0..1 and their targets on the device, read ahead by threads."""
        for batch in map_ahead(self._read, rows, workers=count_workers(), ahead=READ_AHEAD):
            images = [image.to(device).permute(2, 0, 1).float() / 255 for image, _ in batch]
            yield images, [{k: v.to(device) for k, v in target.items()} for _, target in batch]

    def picture(self, row: int) -> np.ndarray:
        """Return an image as uint8 (H, W, 3)."""
        if is_array(self.images):
            return np.array(self.images[row])
        return np.array(decode(self.images.read(row), self.images.name(row)))

    def _read(self, rows: np.ndarray) -> list[tuple[Tensor, dict[str, Tensor]]]:
        return [(torch.from_numpy(self.picture(row)), self._target(row)) for row in rows]

    def _target(self, image: int) -> dict[str, Tensor]:
        """Return what torchvision's detectors learn: boxes and labels from 1 on of what is no crowd."""
        objects = self.objects
        if self.shapes == "pixels":
            return {"pixels": torch.from_numpy(paint_classes(objects, image))}
        rows = [row for row in objects.rows(image) if not objects.crowd[row]]
        target = {
            "boxes": torch.from_numpy(objects.boxes[rows]),
            "labels": torch.from_numpy(objects.labels[rows] + 1),
        }
        if self.shapes == "objects":
            masks = [objects.masks[row] for row in rows]
            target["masks"] = torch.from_numpy(decode_masks(masks, objects.sizes[image]))
        return target


def load_split(task: StoredTask, split: str, shapes: str) -> ObjectImages:
    """Return a split of a prepared task; raise :class:`PairFault` where nobody said what is in its images."""
    return ObjectImages(task.images(split), task.objects(split), shapes)


def shrink(picture: np.ndarray, side: int) -> Image.Image:
    """Return a picture whose longer side is at most ``side`` pixels."""
    image = Image.fromarray(picture)
    image.thumbnail((side, side))
    return image
