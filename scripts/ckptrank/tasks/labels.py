"""Class names to numbers, and splits where a data set has none."""

from collections.abc import Collection, Sequence

import numpy as np

from ckptrank.errors import PairFault
from ckptrank.sampling import hold_out
from ckptrank.seeds import seed_from


def number_labels(names: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Return (N,) int64: the place of each name among ``classes``."""
    places = {name: place for place, name in enumerate(classes)}
    return np.array([places[name] for name in names], dtype=np.int64)


def mark_labels(sets: Sequence[Collection[str]], classes: Sequence[str]) -> np.ndarray:
    """Return (N, C) uint8: 1 where a sample has the class."""
    places = {name: place for place, name in enumerate(classes)}
    matrix = np.zeros((len(sets), len(classes)), np.uint8)
    for row, names in zip(matrix, sets, strict=True):
        row[[places[name] for name in names]] = 1
    return matrix


def split_rows(
    labels: np.ndarray, test_fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted rows of a training and a test set: stratified, seeded."""
    try:
        return hold_out(labels, test_fraction, seed_from("split", seed))
    except ValueError as error:
        raise PairFault(str(error)) from error
