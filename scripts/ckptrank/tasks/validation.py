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
    """Return the task with a fraction of the training images of each class as validation images.

    ``group_pattern``: images in whose paths it finds the same stay together. Raises :class:`PairFault` where no
    such choice exists.
    """
    groups = group_pattern and find_groups(task.train_images.paths, group_pattern)
    held = split_rows(task.train_labels, fraction, seed_from("validation", seed), groups or None)[1]
    validation = np.zeros(len(task.train_labels), dtype=bool)
    validation[held] = True
    return replace(task, validation=validation)


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
