"""One component of a Gaussian mixture, factored by whichever of its two dimensions is the smaller.

A component fitted to m samples in d dimensions has the covariance ``reg I + W'W``, where the m x d
matrix W holds the centred samples scaled by the square roots of their normalised weights. With m
well below d a singular value decomposition of W gives determinant and Mahalanobis distances in
O(m d) a sample (the Woodbury identity); otherwise a Cholesky factor gives them in O(d^2).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from ckptrank.measures._mixture.expectation_maximisation import MASS_FLOOR
from ckptrank.measures.accounting import add_flops

# Members that are gathered at a time: few enough for a core's cache.
_CHUNK = 1024
# Distances are summed over at least so many coordinates at a time.
_STRIP = 64
# Samples that are too far are left out where no more than this share is left.
_WORTH = 0.75


@dataclass(frozen=True)
class Gaussian(ABC):
    """``mass``: the sum of the weights. ``log_scale``: the log density at the mean."""

    mass: float
    mean: np.ndarray
    reg: float
    log_scale: float

    @abstractmethod
    def log_density(self, samples: np.ndarray, least: np.ndarray | None = None) -> np.ndarray:
        """Return the log density at each row of ``samples`` (n, d); maybe -inf where it is below ``least`` (n,)."""

    @abstractmethod
    def leading_factor(self, count: int) -> tuple[np.ndarray, float]:
        """Return ``(factor, scale)`` for distances that see the leading ``count`` coordinates only.

        With u the leading coordinates of x - mean, the squared Mahalanobis distance under the
        marginal of those coordinates is ``||factor u||^2`` where ``scale`` is 0, and
        ``scale ||u||^2 - ||factor u||^2`` otherwise. It is a lower bound of the whole distance.
        """


@dataclass(frozen=True)
class _ThinGaussian(Gaussian):
    """``axes`` (d, m), orthonormal, with ``variances`` (m,) beyond ``reg``."""

    axes: np.ndarray
    variances: np.ndarray

    def log_density(self, samples: np.ndarray, least: np.ndarray | None = None) -> np.ndarray:
        centred = samples - self.mean
        add_flops(4 * len(samples) * self.axes.size)
        inside = centred @ self.axes
        # The part outside of the axes is formed, not had as a difference of squares: a sample of
        # the component itself lies within them to rounding, and its distance is divided by reg.
        centred -= inside @ self.axes.T
        distances = np.square(inside) @ (1 / (self.variances + self.reg))
        distances += np.einsum("ij,ij->i", centred, centred) / self.reg
        return self.log_scale - 0.5 * distances

    def leading_factor(self, count: int) -> tuple[np.ndarray, float]:
        if not self.axes.size:
            return np.zeros((1, count)), 1 / self.reg
        vectors, singular, _ = np.linalg.svd(
            self.axes[:count] * np.sqrt(self.variances), full_matrices=False
        )
        total = singular**2 + self.reg
        if len(singular) == count:
            return (vectors / np.sqrt(total)).T, 0.0
        return (vectors * (singular / np.sqrt(total * self.reg))).T, 1 / self.reg


@dataclass(frozen=True)
class _DenseGaussian(Gaussian):
    """``whitener`` (d, d), lower triangular: the inverse of the covariance's Cholesky factor."""

    whitener: np.ndarray

    def log_density(self, samples: np.ndarray, least: np.ndarray | None = None) -> np.ndarray:
        centred = samples - self.mean
        rows, norms = np.arange(len(centred)), np.zeros(len(centred))
        # By strips of the lower triangle: a norm only grows, so that what is too far after some is left out.
        dimensions = centred.shape[1]
        strip = max(_STRIP, dimensions // 4)
        for start in range(0, dimensions, strip):
            if start and least is not None:
                near = self.log_scale - 0.5 * norms > least[rows]
                if np.count_nonzero(near) < _WORTH * len(near):
                    centred, rows, norms = centred[near], rows[near], norms[near]
            end = min(start + strip, dimensions)
            whitened = centred[:, :end] @ self.whitener[start:end, :end].T
            norms += np.einsum("ij,ij->i", whitened, whitened)
            add_flops(2 * len(centred) * (end - start) * end)
        density = np.full(len(samples), -np.inf)
        density[rows] = self.log_scale - 0.5 * norms
        return density

    def leading_factor(self, count: int) -> tuple[np.ndarray, float]:
        return self.whitener[:count, :count], 0.0


def fit_gaussian(
    samples: np.ndarray, rows: np.ndarray, weights: np.ndarray, reg: float
) -> Gaussian:
    """Fit a Gaussian to ``samples[rows]`` with positive ``weights`` (the M step of EM)."""
    dimensions = samples.shape[1]
    mass = float(weights.sum()) + MASS_FLOOR
    if 2 * len(rows) <= dimensions:
        return _fit_thin(samples[rows], weights, mass, reg)
    mean = np.zeros(dimensions)
    for start in range(0, len(rows), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        mean += weights[chunk] @ samples[rows[chunk]]
    mean /= mass
    covariance = np.zeros((dimensions, dimensions))
    for start in range(0, len(rows), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        scaled = samples[rows[chunk]] - mean
        scaled *= np.sqrt(weights[chunk] / mass)[:, None]
        covariance += scaled.T @ scaled
    # Where features are so large that rounding exceeds reg, rounding takes its place.
    rounding = dimensions * np.finfo(np.float64).eps * float(covariance.diagonal().max())
    covariance.flat[:: dimensions + 1] += max(reg, rounding)
    # NumPy's own BLAS throughout: threads of a second one (SciPy's) would compete with its threads.
    whitener = _invert_lower(np.linalg.cholesky(covariance))
    add_flops(dimensions**2 * (len(rows) + 2 / 3 * dimensions))
    log_scale = float(np.log(whitener.diagonal()).sum()) - 0.5 * dimensions * np.log(2 * np.pi)
    return _DenseGaussian(mass, mean, reg, log_scale, whitener)


def _invert_lower(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse of a lower triangular matrix, by halves."""
    size = len(matrix)
    if size <= 64:
        return np.tril(np.linalg.inv(matrix))
    half = size // 2
    inverse = np.zeros_like(matrix)
    inverse[:half, :half] = _invert_lower(matrix[:half, :half])
    inverse[half:, half:] = _invert_lower(matrix[half:, half:])
    below = inverse[half:, half:] @ matrix[half:, :half]
    inverse[half:, :half] = -below @ inverse[:half, :half]
    return inverse


def _fit_thin(members: np.ndarray, weights: np.ndarray, mass: float, reg: float) -> Gaussian:
    count, dimensions = members.shape
    mean = weights @ members / mass
    scaled = (members - mean) * np.sqrt(weights / mass)[:, None]
    _, singular, axes = np.linalg.svd(scaled, full_matrices=False)
    variances = singular**2
    add_flops(6 * dimensions * count**2)
    log_scale = -0.5 * (
        dimensions * np.log(2 * np.pi)
        + float(np.log(variances + reg).sum())
        + (dimensions - count) * np.log(reg)
    )
    return _ThinGaussian(mass, mean, reg, log_scale, np.ascontiguousarray(axes.T), variances)
