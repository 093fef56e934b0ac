"""What about a task's images makes a ranking unsure, with what it does to the ranking."""

from collections.abc import Mapping

import numpy as np

from ckptrank.scores.protocol import HELD_OUT_FRACTION
from ckptrank.text import counted

IMBALANCED = 10  # times as many images of one class as of another
FEW_PER_CLASS = 10
FEW_TO_PROBE = 100  # held-out images, on which a probe's accuracy is off by up to ten points
MANY_CLASSES = 100
SHARE_OF_TWINS = 1  # per cent: of photos on one plain ground a few always look alike


def warn_of_images(labels: np.ndarray, tested: int, *, probed: bool = True) -> list[str]:
    """Return the warnings about a task of these training labels and so many test images.

    ``labels``: classes (N,) or a 0/1 matrix (N, C), of which accuracies are mean average precisions.
    ``probed``: a probe is among the measures.
    """
    sizes = _count(labels)
    if labels.ndim == 2:
        return _warn_of_several(sizes, len(labels), tested, probed)
    smallest, largest = int(sizes.min()), int(sizes.max())
    warnings = []
    if largest >= IMBALANCED * smallest:
        warnings.append(
            f"The largest class has {largest:,} training images, the smallest {smallest:,}: accuracies, and with them "
            "the order, are mostly about the large classes. Cap them with `shots` if all classes count alike."
        )
    if smallest < FEW_PER_CLASS:
        few = counted(int((sizes < FEW_PER_CLASS).sum()), "class has", "classes have")
        warnings.append(
            f"{few} fewer than {FEW_PER_CLASS} training images: what the "
            "scores say of them hangs on single images, and measures of covariances (LogME, H-score) say most about the rest."
        )
    held = _count_held_out(len(labels))
    if probed and held < FEW_TO_PROBE:
        warnings.append(
            f"Of {len(labels):,} training images the probe is judged on {held}: one image is "
            f"{100 / max(held, 1):.1f} points of its accuracy, so near places mean nothing."
        )
    if tested < FEW_TO_PROBE:
        warnings.append(
            f"With {tested} test images one is {100 / max(tested, 1):.1f} points of accuracy: fine-tuning will not tell "
            "near checkpoints apart either."
        )
    if len(sizes) >= MANY_CLASSES:
        warnings.append(
            f"{len(sizes)} classes: the errors behind the intervals were found on tasks of fewer, and a probe on few "
            "features separates many classes worse than fine-tuning would."
        )
    return warnings


def _warn_of_several(sizes: np.ndarray, trained: int, tested: int, probed: bool) -> list[str]:
    """Return the warnings about images of several labels; ``sizes``: training images with each class."""
    smallest, largest = int(sizes.min()), int(sizes.max())
    warnings = []
    without = trained - largest
    if smallest == trained:
        warnings.append(
            "Every training image has every class, so that their labels tell no checkpoint from another: nothing can be "
            "ranked. Fine-tune and compare; where the images have boxes `make detect` does so."
        )
    elif len(sizes) == 1 and without < FEW_PER_CLASS:
        few = counted(without, "training image is", "training images are")
        warnings.append(f"{few} without the one class: what the scores say hangs on so few images.")
    if largest >= IMBALANCED * smallest:
        warnings.append(
            f"The largest class is in {largest:,} training images, the smallest in {smallest:,}: average precisions count "
            "all classes alike, and that of a rare one hangs on few images."
        )
    if smallest < FEW_PER_CLASS:
        few = counted(int((sizes < FEW_PER_CLASS).sum()), "class is", "classes are")
        warnings.append(
            f"{few} in fewer than {FEW_PER_CLASS} training images: what the scores say there hangs on single images."
        )
    held = _count_held_out(trained)
    if probed and held < FEW_TO_PROBE:
        warnings.append(
            f"Of {trained:,} training images the probe is judged on {held}: its average precision hangs on single images, "
            "so near places mean nothing."
        )
    if tested < FEW_TO_PROBE:
        warnings.append(
            f"With {tested} test images average precisions hang on single images: fine-tuning will not tell near "
            "checkpoints apart either."
        )
    if len(sizes) >= MANY_CLASSES:
        warnings.append(
            f"{len(sizes)} classes: a probe on few features separates many classes worse than fine-tuning would."
        )
    return warnings


def warn_of_twins(found: Mapping, *, boxes: bool = False) -> list[str]:
    """Return the warning about near-duplicates, as :func:`ckptrank.tasks.twins.count_twins` counts them.

    ``boxes``: the task has annotations, whose splits are the sets or files that list its images.
    """
    if reason := found.get("not_looked_at"):
        return [f"Nobody looked for test images that are nearly training images: {reason}."]
    share = 100 * found["test_twins"] / max(found["test_looked_at"], 1)
    if share < SHARE_OF_TWINS:
        return []
    means = (
        ": list them in one set or annotation file"
        if boxes
        else " with `group_pattern` or `group_column`"
    )
    return [
        f"{share:.0f} % of the test images look almost like a training image ({found['examples'][0]}): accuracies after "
        f"fine-tuning will flatter, and all checkpoints will seem alike. Keep photos of one person or scene together{means}."
    ]


def warn_of_objects(facts: Mapping, *, detector: bool = False) -> list[str]:
    """Return what a ranking leaves out of a task with boxes.

    ``facts``: those of the prepared task; ``detector``: checkpoints that can carry none have no rank.
    """
    if "objects" not in facts:
        return []
    mean = facts["objects"]["train"] / facts["train_samples"]
    return [
        f"The images have boxes, {mean:.1f} an image: the order is by which classes are in an image and not by where they "
        "are. All detectors were tuned on two sets (docs/detection.md): on drawn scenes such an order agreed with theirs (Kendall's "
        "tau 0.69, 12 checkpoints), on photos of blood cells it went against theirs (-0.55, 11 checkpoints). "
        "`make detect` fine-tunes detectors and says how far it holds here."
        + (
            ""
            if detector
            else " Checkpoints without feature maps, as transformers of patches, are ranked too but carry no detector."
        )
    ]


def _count_held_out(trained: int) -> int:
    return round(HELD_OUT_FRACTION * trained)


def _count(labels: np.ndarray) -> np.ndarray:
    return labels.sum(axis=0, dtype=np.int64) if labels.ndim == 2 else np.bincount(labels)
