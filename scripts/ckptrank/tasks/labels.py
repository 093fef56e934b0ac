"""Class names to numbers, and splits where a data set has none."""

import re
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
    labels: np.ndarray, test_fraction: float, seed: int, groups: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted rows of a training and a test set: stratified, seeded.

    ``groups``: the group of each row, such as who is on the photo; none is split, so that classes keep their
    proportions only nearly. Raises :class:`PairFault` where no such split exists.
    """
    if groups is not None:
        return _split_groups(labels, np.asarray(groups), test_fraction, seed_from("split", seed))
    try:
        return hold_out(labels, test_fraction, seed_from("split", seed))
    except ValueError as error:
        raise PairFault(str(error)) from error


def find_groups(names: Sequence[str], pattern: str) -> list[str]:
    """Return the group of each file name: what the pattern's first parentheses match in it, or all that it matches.

    Raises :class:`PairFault` for a pattern that is none and for a name that it does not fit.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise PairFault(f"group_pattern: {pattern!r} is no regular expression: {error}") from error
    found = [compiled.search(name) for name in names]
    if None in found:
        raise PairFault(f"group_pattern: {pattern!r} does not fit {names[found.index(None)]!r}")
    return [match[1 if compiled.groups else 0] for match in found]


def _split_groups(
    labels: np.ndarray, groups: np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Take groups in a random order into the test set while that brings the classes nearer to the fraction."""
    names, of_row = np.unique(groups, return_inverse=True)
    marks = labels if labels.ndim == 2 else np.eye(labels.max() + 1, dtype=np.int64)[labels]
    counts = np.zeros((len(names), marks.shape[1]))
    np.add.at(counts, of_row, marks)
    total, taken, chosen = counts.sum(axis=0), np.zeros(marks.shape[1]), []
    for group in np.random.default_rng(seed).permutation(len(names)):
        after = taken + counts[group]
        nearer = (
            np.square(fraction * total - after).sum() < np.square(fraction * total - taken).sum()
        )
        if nearer and (after < total)[total > 0].all():
            taken = after
            chosen.append(group)
    if not chosen:
        raise PairFault(
            f"{len(names)} groups: none can be held out as a whole; each class needs images of two groups"
        )
    held = np.isin(of_row, chosen)
    return np.flatnonzero(~held), np.flatnonzero(held)
