"""How good detections are: COCO's average precisions by faster-coco-eval, and the mean intersection over union."""

from collections.abc import Sequence

import numpy as np

from ckptrank.tasks.objects import Objects

Detections = Sequence[dict]
"""Of each image: ``boxes`` (K, 4), ``labels`` (K,) from 0 on, ``scores`` (K,), and ``masks`` (K run-length codes)."""
BOX_METRICS = ("ap", "ap50", "ap75")
MASK_METRICS = ("mask_ap", "mask_ap50", "mask_ap75")
PIXEL_METRICS = ("miou",)


def average_precisions(
    objects: Objects, detections: Detections, classes: int, *, masks: bool = False
) -> dict[str, float]:
    """Return COCO's AP (the mean over IoU 0.50 to 0.95 and classes), AP50 and AP75 (0..1), of masks too if asked for.

    What lies in a crowd counts neither way. NaN where there is no object to find.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    truth = COCO(_describe(objects, classes, masks))
    found = [each for image, each in enumerate(detections) for each in _list(image, each, masks)]
    names = dict.fromkeys(BOX_METRICS + (MASK_METRICS if masks else ()), 0.0)
    if objects.crowd.all():
        return dict.fromkeys(names, float("nan"))
    if not found:
        return names
    results = truth.loadRes(found)
    for kind, chosen in (("bbox", BOX_METRICS), ("segm", MASK_METRICS if masks else ())):
        if chosen:
            evaluation = COCOeval_faster(truth, results, kind, print_function=_say_nothing)
            evaluation.run()
            names |= dict(zip(chosen, map(float, evaluation.stats[:3]), strict=True))
    return names


def _say_nothing(*_words: object) -> None:
    """Take what the library prints."""


def _describe(objects: Objects, classes: int, masks: bool) -> dict:
    """Return the objects in COCO's format; ids begin with 1."""
    annotations = []
    for row, (image, box) in enumerate(zip(objects.images, objects.boxes, strict=True)):
        left, top, right, bottom = map(float, box)
        entry = {
            "id": row + 1,
            "image_id": int(image) + 1,
            "category_id": int(objects.labels[row]) + 1,
            "bbox": [left, top, right - left, bottom - top],
            "area": (right - left) * (bottom - top),
            "iscrowd": int(objects.crowd[row]),
        }
        if masks:
            size = objects.sizes[image].tolist()
            entry["segmentation"] = {"size": size, "counts": objects.masks[row].decode()}
        annotations.append(entry)
    images = [
        {"id": image + 1, "height": int(height), "width": int(width)}
        for image, (height, width) in enumerate(objects.sizes)
    ]
    categories = [{"id": number + 1, "name": str(number)} for number in range(classes)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _list(image: int, found: dict, masks: bool) -> list[dict]:
    entries = []
    for number, (box, label, score) in enumerate(
        zip(found["boxes"], found["labels"], found["scores"], strict=True)
    ):
        left, top, right, bottom = map(float, box)
        entry = {
            "image_id": image + 1,
            "category_id": int(label) + 1,
            "bbox": [left, top, right - left, bottom - top],
            "score": float(score),
        }
        if masks:
            entry["segmentation"] = found["masks"][number]
        entries.append(entry)
    return entries


class Confusion:
    """Pixels counted by true and by found class, from which the intersections over unions follow."""

    def __init__(self, classes: int, nowhere: int):
        self.counts = np.zeros((classes, classes), np.int64)
        self.nowhere = nowhere

    def add(self, truth: np.ndarray, found: np.ndarray) -> None:
        """Count an image's pixels; those whose true class is ``nowhere`` do not count."""
        counted = truth != self.nowhere
        classes = len(self.counts)
        pairs = classes * truth[counted].astype(np.int64) + found[counted]
        self.counts += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)

    def mean_iou(self) -> float:
        """Return the mean over the classes that occur, the ground among them (0..1)."""
        both = np.diag(self.counts)
        either = self.counts.sum(axis=0) + self.counts.sum(axis=1) - both
        return float(np.mean(both[either > 0] / either[either > 0]))
