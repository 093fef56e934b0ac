"""Which samples of a task a measure may see."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ckptrank.sampling import cap_per_class, halve, hold_out
from ckptrank.seeds import seed_from

HELD_OUT_FRACTION = 0.2


@dataclass(frozen=True)
class Protocol:
    """Which samples a measure may see.

    ``score_on``: ``paper`` lets a measure that needs samples which it was not fitted on score the test set,
    and has all others score the training samples; ``test`` has every measure that can score other samples
    score the test set; ``train`` leaves all of them the training samples alone.
    ``samples_per_class``: at most so many training samples of each class; None: all.
    """

    score_on: Literal["paper", "train", "test"]
    samples_per_class: int | None

    def scores_test_set(self, held_out: bool) -> bool:
        """Whether a measure is given the test set; ``held_out``: it needs samples that it was not fitted on."""
        return self.score_on == "test" or (self.score_on == "paper" and held_out)


def choose_rows(
    labels: np.ndarray,
    protocol: Protocol,
    held_out: bool,
    task: str,
    part: int | None = None,
    *,
    groups: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return (rows to fit on, rows to score or None) among the training samples of a task.

    ``part``: the number of a random half of the samples, instead of them all. Seeded by the task
    (and the part) alone, so that every checkpoint is judged on the same samples. ``groups``: samples of one group,
    as the objects of an image, lie all on one side.
    """
    rows = np.arange(len(labels))
    cap = protocol.samples_per_class
    if cap is not None:
        rows = cap_per_class(labels, cap, seed_from("cap", task))
    if part is not None:
        rows = rows[halve(labels[rows], seed_from("half", task, part))]
    if protocol.scores_test_set(held_out) or not held_out:
        return rows, None
    seed = seed_from("hold out", task)
    if groups is None:
        fit, held = hold_out(labels[rows], HELD_OUT_FRACTION, seed)
    else:
        # Its package imports what a score seldom needs.
        from ckptrank.tasks.labels import split_rows

        fit, held = split_rows(labels[rows], HELD_OUT_FRACTION, seed, groups[rows])
    return rows[fit], rows[held]
