"""Leave-one-out accuracy of nearest neighbours."""

from itertools import combinations, pairwise

import numpy as np

from ckptrank.measures._shared.average_precision import mean_average_precision
from ckptrank.measures._shared.checks import check_features, check_labels
from ckptrank.measures._shared.gram import mean_of, moderate, row_blocks, single_precision
from ckptrank.measures._shared.held_out import count_classes
from ckptrank.measures.accounting import add_flops

# Distances between so many samples and as many others are held at a time: 16 MiB, which a cache still serves.
_TILE = 2048
# So many neighbours more than are asked for are kept, to settle in double precision which are the nearest.
_SPARE = 11
# At most 2^23 numbers in double precision, 64 MiB, are held at a time.
_BLOCK_CELLS = 2**23


def knn(features: np.ndarray, labels: np.ndarray, *, k: int = 5) -> float:
    """Return the accuracy with which the k nearest other samples vote for each sample's class.

    Leave-one-out k-nearest-neighbour classification (Cover and Hart 1967) by Euclidean distance, as
    in the transferability literature; needs no held-out samples.

    Args:
        features: (N, D) real numbers of any precision, N > k.
        labels: (N,) integers in 0..C-1, or an (N, C) binary matrix for several labels a sample.
        k: the number of neighbours, each of one vote.

    Returns:
        A fraction in 0..1, higher is better; it does not depend on the scale of the features. For
        a binary matrix the mean average precision of the shares of votes.

    Conventions, so that the order of samples does not matter: neighbours tied for the last of the k
    places (to rounding: 1e-12 of the squared norms) share the votes that are left; a vote that ends
    in a tie counts as the chance of drawing the true class among the tied ones. Where all samples
    are the same, all others vote. A class of one sample is never found. O(N^2 D) time, a product for
    each pair of samples; no N x N matrix is held, only tiles of it, the k + 11 nearest of each sample,
    and the features once more in single precision. Distances are taken in single precision first,
    and again in double for the samples whose k nearest its rounding leaves in doubt, from the few
    neighbours that they may be among: the result is that of double precision.

    Raises:
        ValueError: naming the argument and its fault.

    Example:
        Three classes, in features that tell them apart and in noise that does not:

        >>> import numpy as np
        >>> from ckptrank.measures import knn
        >>> labels = np.repeat([0, 1, 2], 20)
        >>> noise = np.random.default_rng(0).normal(size=(60, 8))
        >>> features = noise + 3 * np.eye(3, 8)[labels]
        >>> round(knn(features, labels), 2), round(knn(noise, labels), 2)
        (0.99, 0.34)
    """
    features = moderate(check_features(features, convert=False))
    samples = len(features)
    labels = check_labels(labels, samples, multi_label=True)
    if not 1 <= k < samples:
        raise ValueError(
            f"k: expected 1 to {samples - 1} neighbours for {samples} samples, got {k}"
        )
    mean = mean_of(features)
    norms = np.concatenate(
        [np.square(block - mean).sum(axis=1) for _, block in row_blocks(features)]
    )
    singles, exponent = single_precision(features, mean)
    kept = min(k + _SPARE, samples - 1)
    distances, neighbours = _nearest(singles, np.ldexp(norms, -2 * exponent), kept)
    limits = _limits(distances[:, k - 1], np.ldexp(norms, -2 * exponent), singles.shape[1])
    del singles
    complete = np.full(samples, kept == samples - 1) | (distances[:, -1] > limits)
    clear = complete if kept == k else distances[:, k] > limits
    votes = np.empty((samples, count_classes(labels)))
    votes[clear] = _count(labels[neighbours[clear, :k]], votes.shape[1])
    for rows in _parts(np.flatnonzero(complete & ~clear), kept * features.shape[1]):
        exact = _distances_to(features, mean, norms, rows, neighbours[rows])
        votes[rows] = _weigh(exact, norms[rows], k, labels[neighbours[rows]], votes.shape[1])
    for rows in _parts(np.flatnonzero(~complete), samples):
        exact = _distances_to_all(features, mean, norms, rows)
        others = np.broadcast_to(labels, (len(rows), *labels.shape))
        votes[rows] = _weigh(exact, norms[rows], k, others, votes.shape[1])
    add_flops(samples * features.size)
    if labels.ndim == 2:
        return mean_average_precision(votes, labels)
    best = votes >= votes.max(axis=1, keepdims=True) - 1e-9
    return float((best[np.arange(samples), labels] / best.sum(axis=1)).mean())


def _nearest(singles: np.ndarray, norms: np.ndarray, kept: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the squared distances (N, kept), ascending, to the nearest other samples, and which these are.

    ``singles``: (N, D) centred samples in single precision, of magnitudes up to 1; ``norms``: (N,) their squared norms.
    """
    samples = len(singles)
    norms = norms.astype(np.float32)
    distances = np.full((samples, kept), np.inf, dtype=np.float32)
    neighbours = np.zeros((samples, kept), dtype=np.int32)
    edges = np.linspace(0, samples, -(-samples // _TILE) + 1).astype(int).tolist()
    tiles = [np.arange(*ends) for ends in pairwise(edges)]
    # Those of a tile among themselves first: later few are nearer than what was found already.
    for one, other in [(tile, tile) for tile in tiles] + list(combinations(tiles, 2)):
        table = singles[one[0] : one[-1] + 1] @ singles[other[0] : other[-1] + 1].T
        table *= -2
        table += norms[other]
        table += norms[one][:, None]
        if one is other:
            np.fill_diagonal(table, np.inf)
            count = min(kept, len(one) - 1)
            if count:
                found = np.argpartition(table, count - 1, axis=1)[:, :count]
                distances[one, :count] = np.take_along_axis(table, found, axis=1)
                neighbours[one, :count] = other[found]
            continue
        nearer = table < distances[one].max(axis=1)[:, None]
        rows, columns = np.divmod(np.flatnonzero(nearer), len(other))
        _put(distances, neighbours, one[rows], other[columns], table[rows, columns])
        nearer = table < distances[other].max(axis=1)
        rows, columns = np.divmod(np.flatnonzero(nearer), len(other))
        _put(distances, neighbours, other[columns], one[rows], table[rows, columns])
    order = np.argsort(distances, axis=1)
    return np.take_along_axis(distances, order, 1), np.take_along_axis(neighbours, order, 1)


def _put(
    distances: np.ndarray,
    neighbours: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
) -> None:
    """Put pairs of samples and their distances among the nearest that are known of ``rows``."""
    order = np.lexsort((values, rows))
    touched, starts, counts = np.unique(rows[order], return_index=True, return_counts=True)
    place = np.arange(len(rows)) - np.repeat(starts, counts)
    kept = distances.shape[1]
    chosen = place < kept
    line, place, order = (
        np.repeat(np.arange(len(touched)), counts)[chosen],
        place[chosen],
        order[chosen],
    )
    new = np.full((len(touched), kept), np.inf, dtype=distances.dtype)
    origin = np.zeros(new.shape, dtype=neighbours.dtype)
    new[line, place], origin[line, place] = values[order], columns[order]
    new = np.concatenate([distances[touched], new], axis=1)
    origin = np.concatenate([neighbours[touched], origin], axis=1)
    best = np.argpartition(new, kept - 1, axis=1)[:, :kept]
    distances[touched] = np.take_along_axis(new, best, axis=1)
    neighbours[touched] = np.take_along_axis(origin, best, axis=1)


def _limits(last: np.ndarray, norms: np.ndarray, dimensions: int) -> np.ndarray:
    """Return the distance (N,) in single precision up to which a sample may be one of the k nearest.

    ``last``: the k-th distance in single precision, ``norms``: the squared norms, in double.
    """
    last = last.astype(np.float64)
    # Rounding errors of an inner product stay below 8 sqrt(D) u |x| |y| (Higham and Mary 2019, but
    # for one in 1e10), and a neighbour at distance d has a squared norm of at most 2 (own + d^2).
    # What is below 1e-30 beside the largest entry may have vanished.
    error = 12 * np.sqrt(dimensions) * 2.0**-24 * (3 * norms + 2 * np.maximum(last, 0))
    return (last + 2.5 * error + 1e-30).astype(np.float32)


def _parts(rows: np.ndarray, cells: int) -> list[np.ndarray]:
    """Cut the rows, each of so many ``cells``, into parts that are held at a time."""
    step = max(1, _BLOCK_CELLS // cells)
    return [rows[start : start + step] for start in range(0, len(rows), step)]


def _count(labels: np.ndarray, classes: int) -> np.ndarray:
    """Count the votes (n, C) of k neighbours each, whose labels are (n, k) or (n, k, C)."""
    if labels.ndim == 3:
        return labels.sum(axis=1)
    count = len(labels)
    cells = np.arange(count)[:, None] * classes + labels
    return np.bincount(cells.ravel(), minlength=count * classes).reshape(count, classes)


def _distances_to(
    features: np.ndarray,
    mean: np.ndarray,
    norms: np.ndarray,
    rows: np.ndarray,
    neighbours: np.ndarray,
) -> np.ndarray:
    """Return the squared distances (n, m) of some samples to m others each, in double precision."""
    centred = np.asarray(features[rows], dtype=np.float64) - mean
    others = np.asarray(features[neighbours], dtype=np.float64) - mean
    products = (others @ centred[:, :, None])[:, :, 0]
    return norms[neighbours] + norms[rows, None] - 2 * products


def _distances_to_all(
    features: np.ndarray, mean: np.ndarray, norms: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return the squared distances of some samples to all, (n, N); infinite to themselves."""
    centred = np.asarray(features[rows], dtype=np.float64) - mean
    distances = np.empty((len(centred), len(features)))
    for columns, block in row_blocks(features):
        distances[:, columns] = centred @ (block - mean).T
    distances *= -2
    distances += norms
    distances += norms[rows, None]
    distances[np.arange(len(centred)), rows] = np.inf
    return distances


def _weigh(
    distances: np.ndarray, norms: np.ndarray, k: int, labels: np.ndarray, classes: int
) -> np.ndarray:
    """Return the votes (n, C) of the k nearest among m others each, whose labels are (n, m) or (n, m, C)."""
    last = np.partition(distances, k - 1, axis=1)[:, k - 1]
    # A neighbour at distance d has a squared norm of at most 2 (norm + d^2).
    rounding = 1e-12 * (3 * norms + 2 * np.maximum(last, 0))
    rows, columns = np.nonzero(distances <= (last + rounding)[:, None])
    tied = distances[rows, columns] >= (last - rounding)[rows]
    count = len(distances)
    certain = np.bincount(rows[~tied], minlength=count)
    shares = (k - certain) / np.bincount(rows[tied], minlength=count)
    weights = np.where(tied, shares[rows], 1.0)
    given = labels[rows, columns]
    if labels.ndim == 2:
        cells = rows * classes + given
        return np.bincount(cells, weights, minlength=count * classes).reshape(count, classes)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    return np.add.reduceat(weights[:, None] * given, starts, axis=0)
