"""Few-shot training sets: so many samples of each class, seeded and nested."""

import numpy as np

from ckptrank.sampling import cap_per_class
from ckptrank.seeds import seed_from


def choose_shots(labels: np.ndarray, shots: int, seed: int) -> np.ndarray:
    """Return the sorted rows of ``shots`` samples of each class, all of a class that has fewer.

    ``labels``: (N,) class numbers or an (N, C) matrix of 0 and 1. Of a multi-label task, samples are
    taken in a seeded order while one of their classes lacks samples, so frequent classes get more.
    Nested: for one seed, fewer shots are a subset of more shots.
    """
    number = seed_from("shots", seed)
    if labels.ndim == 1:
        return cap_per_class(labels, shots, number)
    counts = np.zeros(labels.shape[1], int)
    chosen = []
    for row in np.random.default_rng(number).permutation(len(labels)):
        if (counts[labels[row] > 0] < shots).any():
            counts += labels[row] > 0
            chosen.append(row)
    return np.sort(np.array(chosen, dtype=int))
