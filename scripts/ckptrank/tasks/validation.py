"""Validation images: training images that fine-tuning leaves out, to choose its settings by.

To all else they are training images, so a ranking sees them, and none of it sees a test image.
"""

from dataclasses import replace

import numpy as np

from ckptrank.errors import PairFault
from ckptrank.seeds import seed_from
from ckptrank.tasks.labels import find_groups, split_rows
from ckptrank.tasks.shots import choose_shots
from ckptrank.tasks.task import TaskData


def hold_out_validation(
    task: TaskData, fraction: float, seed: int, group_pattern: str | None = None
) -> TaskData:
    """Return the task with a fraction of its training images as validation images.

    They are so many of each class; where an image can have several, they are drawn from all images, and no class
    loses its last. ``group_pattern``: images in whose paths it finds the same stay together. Raises
    :class:`PairFault` where no such choice exists.
    """
    labels, number = task.train_labels, seed_from("validation", seed)
    groups = group_pattern and find_groups(task.train_images.paths, group_pattern)
    if groups or not task.multi_label:
        held = split_rows(labels, fraction, number, groups or None)[1]
    else:
        held = _draw_images(labels, fraction, number)
        if not labels[held].any():
            raise PairFault(
                "validation: no image with a class can be held out; give a larger fraction"
            )
    validation = np.zeros(len(labels), dtype=bool)
    validation[held] = True
    return replace(task, validation=validation)


def _draw_images(labels: np.ndarray, fraction: float, seed: int) -> list[int]:
    """Take images (N, C) in a random order until they are a fraction, but none that is the last of a class."""
    left = labels.sum(axis=0, dtype=np.int64)
    wanted, held = max(1, round(fraction * len(labels))), []
    for row in np.random.default_rng(seed).permutation(len(labels)):
        if len(held) < wanted and (left[labels[row] > 0] > 1).all():
            left -= labels[row]
            held.append(row)
    return held


def limit_to_shots(task: TaskData, shots: int, seed: int) -> TaskData:
    """Return the task with so many training images of each class, and what validation images it has."""
    if task.validation is None:
        return task.limited_to("train", choose_shots(task.train_labels, shots, seed))
    rest = np.flatnonzero(~task.validation)
    rows = rest[choose_shots(task.train_labels[rest], shots, seed)]
    return task.limited_to("train", np.union1d(rows, np.flatnonzero(task.validation)))


def check_validation(name: str, known: list[str], test: str, place: object) -> None:
    """Raise :class:`PairFault` unless a set named as validation images is there and is not the test set."""
    if name not in known:
        raise PairFault(
            f"{place}: holds no {name!r}, which `validation` names; give a fraction to hold out"
        )
    if name == test:
        raise PairFault(
            f"{place}: {name!r} is the test set, for there is no other; give `validation` as a fraction to hold out"
        )
