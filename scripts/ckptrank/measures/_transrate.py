"""TransRate, mutual information by coding rates."""

from typing import Literal

import numpy as np

from ckptrank.measures._shared.checks import check_features, check_labels
from ckptrank.measures._shared.gram import mean_of, moderate, require_moderate, row_blocks
from ckptrank.measures.accounting import add_flops

# So many bytes of a class's samples are taken at a time, in float64.
_BLOCK_BYTES = 2**25


def transrate(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    eps: float = 1e-4,
    form: Literal["pseudo_code", "authors"] = "pseudo_code",
) -> float:
    """Return the coding rate of all features less the mean coding rate of the classes' features.

    Huang et al. 2022, "Frustratingly Easy Transferability Estimation": with Z the features less
    their mean over all samples, R(Z) = log det(I + Z'Z / (n eps)) / 2, and the score is
    R(Z) - mean over classes of R(Z_c), n being the number of rows of each matrix.

    ``form``: the paper is not of one mind. ``"pseudo_code"``: classes weigh 1 / C, as in the paper's
    pseudo-code and the public code that copies it (some of which scales Z to unit trace first).
    ``"authors"``: as in the code that the authors published beside it: classes weigh by their size, as in
    the paper's equations; each sample is scaled to unit length before the mean is taken off and again
    after; and all rates are divided by the rank of Z'Z. The two order checkpoints differently. What
    the authors' results rest on is not all known: their scripts set eps for each target by hand,
    between 1e-5 and 1e-1 without a rule (1e-4, the default here, is theirs too), and their selections
    of a network, and most of those of a source, start from features projected on the directions between
    the classes, by code that does not run as published. That projection is not offered.

    The determinant of the smaller of I + Z'Z / (n eps) and I + ZZ' / (n eps), equal to the other,
    by Cholesky.

    Shape: features (N, D), labels (N,) integers. In nats, of the authors' form in nats per
    dimension of the features' span; depends on the scale of the features, the authors' form does not.
    Conventions: classes without samples do not count; a class of one
    sample has the rate of a single vector, log(1 + |z|^2 / eps) / 2; samples that have no length (in
    the authors' form, less than 1e-12 from the mean) stay zero, and features without any variation score
    0. Raises ``ValueError`` where ``eps`` is not positive.

    Example:
        Three classes, in features that tell them apart and in noise that does not:

        >>> import numpy as np
        >>> from ckptrank.measures import transrate
        >>> labels = np.repeat([0, 1, 2], 20)
        >>> noise = np.random.default_rng(0).normal(size=(60, 8))
        >>> features = noise + 3 * np.eye(3, 8)[labels]
        >>> round(transrate(features, labels), 2), round(transrate(noise, labels), 2)
        (1.29, 0.88)
    """
    if not eps > 0:
        raise ValueError(f"eps: must be positive, got {eps}")
    if form not in ("pseudo_code", "authors"):
        raise ValueError(f"form: expected 'pseudo_code' or 'authors', got {form!r}")
    features = check_features(features, convert=False)
    labels = check_labels(labels, len(features))
    order = np.argsort(labels, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(labels))[:-1])
    members = [rows for rows in members if len(rows)]
    samples = _Unit(moderate(features)) if form == "authors" else _Centred(features)
    products = _products(samples, np.arange(len(features)))
    sizes, rank = None, 1
    if form == "authors":
        sizes, rank = [len(rows) for rows in members], max(1, _rank(products, features.shape[1]))
    rates = [_coding_rate(_products(samples, rows), len(rows) * eps) for rows in members]
    within = float(np.average(rates, weights=sizes))
    return (_coding_rate(products, len(features) * eps) - within) / rank


class _Centred:
    """Samples less their mean."""

    def __init__(self, features: np.ndarray):
        require_moderate(features)
        self.features, self.mean = features, mean_of(features)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return the chosen samples (n, D) in float64."""
        return self.features[rows] - self.mean


class _Unit(_Centred):
    """Samples at unit length, the mean of these taken off, and at unit length again."""

    def __init__(self, features: np.ndarray):
        self.features = features
        sums = (_normalize(block, 0.0).sum(axis=0) for _, block in row_blocks(features))
        self.mean = sum(sums) / len(features)
        add_flops(6 * features.size)

    def take(self, rows: np.ndarray) -> np.ndarray:
        directions = _normalize(self.features[rows].astype(np.float64, copy=False), 0.0)
        # where the samples are parallel, what is left of them is rounding
        return _normalize(directions - self.mean, 1e-12)


def _normalize(features: np.ndarray, least: float) -> np.ndarray:
    """Return the rows at unit length; those of a length of at most ``least`` become zero."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.divide(features, lengths, out=np.zeros_like(features), where=lengths > least)


def _rank(products: np.ndarray, dimensions: int) -> int:
    """Return the rank of Z'Z by the threshold of ``np.linalg.matrix_rank``."""
    values = np.abs(np.linalg.eigvalsh(products))
    add_flops(4 / 3 * len(values) ** 3)
    least = values.max() * dimensions * np.finfo(np.float64).eps
    return int((values > least).sum())


def _products(samples: _Centred, rows: np.ndarray) -> np.ndarray:
    """Return the smaller of Z'Z and ZZ', Z being the chosen samples."""
    dimensions = len(samples.mean)
    if len(rows) < dimensions:
        chosen = samples.take(rows)
        add_flops(chosen.size * (len(rows) + 1))
        return chosen @ chosen.T
    total = np.zeros((dimensions, dimensions))
    step = max(1, _BLOCK_BYTES // (8 * dimensions))
    for start in range(0, len(rows), step):
        block = samples.take(rows[start : start + step])
        total += block.T @ block
    add_flops(len(rows) * dimensions * (dimensions + 1))
    return total


def _coding_rate(products: np.ndarray, scale: float) -> float:
    """Return log det(I + products / scale) / 2."""
    scaled = products / scale
    scaled.flat[:: len(scaled) + 1] += 1
    add_flops(len(scaled) ** 3 / 3)
    return float(np.log(np.diagonal(np.linalg.cholesky(scaled))).sum())
