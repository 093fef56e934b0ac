"""Checks of the arrays that measures take. Each raises ``ValueError`` naming the argument and the fault."""

import numpy as np

_BLOCK = 2**22


def check_features(
    features: np.ndarray, name: str = "features", *, convert: bool = True
) -> np.ndarray:
    """Return ``features`` as a C-ordered float64 (N, D) array; reject other shapes and non-finite rows.

    With ``convert=False`` the array comes back as it is, checked by blocks and not copied: for
    methods that convert to float64 as they go, so that float32 features of any size fit.
    """
    array = np.asarray(features)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name}: expected a non-empty (N, D) array, got shape {array.shape}")
    if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
        raise ValueError(f"{name}: expected real numbers, got dtype {array.dtype}")
    if convert:
        array = np.ascontiguousarray(array, dtype=np.float64)
    step = max(1, _BLOCK // array.shape[1])
    starts = range(0, len(array), step)
    bad = sum(int((~np.isfinite(array[i : i + step])).any(axis=1).sum()) for i in starts)
    if bad:
        raise ValueError(f"{name}: {bad} of {len(array)} rows hold NaN or infinity")
    return array


def check_labels(
    labels: np.ndarray,
    samples: int,
    name: str = "labels",
    *,
    classes: int | None = None,
    multi_label: bool = False,
) -> np.ndarray:
    """Return ``labels`` as int64 (N,) in 0..C-1, or as bool (N, C) where ``multi_label`` allows a matrix.

    ``classes`` is the number of classes when it is known from elsewhere (a training set); without it
    it is the largest label plus one and at least two of the classes must have samples; a matrix must have a 0.
    """
    array = np.asarray(labels)
    if array.ndim == 2 and multi_label:
        return _check_label_matrix(array, samples, name, classes)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected shape (N,), got {array.shape}")
    if len(array) != samples:
        raise ValueError(f"{name}: {len(array)} labels for {samples} samples")
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name}: expected integers, got dtype {array.dtype}")
    array = array.astype(np.int64)
    if array.min() < 0:
        raise ValueError(
            f"{name}: labels out of range, the smallest is {array.min()} and must be >= 0"
        )
    if classes is None:
        if array.min() == array.max():
            raise ValueError(f"{name}: fewer than two classes, every label is {array[0]}")
    elif array.max() >= classes:
        raise ValueError(
            f"{name}: labels out of range, the largest is {array.max()} of {classes} classes"
        )
    return array


def _check_label_matrix(
    array: np.ndarray, samples: int, name: str, classes: int | None
) -> np.ndarray:
    if len(array) != samples:
        raise ValueError(f"{name}: {len(array)} rows for {samples} samples")
    if array.shape[1] < 1 or (classes is not None and array.shape[1] != classes):
        raise ValueError(
            f"{name}: expected {classes or 'at least one'} columns, got {array.shape[1]}"
        )
    if not np.isin(array, (0, 1)).all():
        raise ValueError(f"{name}: a multi-label matrix holds only 0 and 1")
    if classes is None and array.all():
        raise ValueError(f"{name}: every sample has every class, there is nothing to tell apart")
    return array.astype(bool)


def check_probabilities(
    probabilities: np.ndarray, name: str = "source_probabilities"
) -> np.ndarray:
    """Return float64 (N, Z) rows that are non-negative and sum to one (within 1e-3, renormalised)."""
    array = check_features(probabilities, name)
    if array.min() < 0:
        raise ValueError(f"{name}: negative probability {array.min():g}")
    totals = array.sum(axis=1, keepdims=True)
    if np.abs(totals - 1).max() > 1e-3:
        raise ValueError(
            f"{name}: rows must sum to 1, one sums to {totals[np.abs(totals - 1).argmax()][0]:g}"
        )
    return array / totals


def class_counts(labels: np.ndarray, classes: int | None = None) -> np.ndarray:
    return np.bincount(labels, minlength=classes or 0)
