"""Gaussian mixtures with diagonal or spherical covariances."""

import numpy as np

from ckptrank.measures._mixture.expectation_maximisation import MASS_FLOOR, Mixture
from ckptrank.measures._shared.threads import map_threads
from ckptrank.measures.accounting import add_flops

# Up to so many numbers in the samples, or where so many responsibilities are not zero, a product with all samples
# costs less than gathering each component's members.
_FEW_CELLS = 2**18
_DENSE = 1 / 8
_WEIGHT_CELLS = 2**22
# Numbers of the samples that are read at a time: few enough for a core's own cache.
_CHUNK_CELLS = 2**17


class DiagonalMixture(Mixture):
    """A mixture whose components have a variance per dimension, plus ``reg_covar``."""

    def _fit_components(self, samples: np.ndarray, chosen: np.ndarray) -> None:
        if len(chosen) == self.components:
            self.means = np.empty((self.components, samples.shape[1]))
            self.variances = np.empty_like(self.means)
        cells = self.components * len(samples)
        dense = samples.size <= _FEW_CELLS or len(self.members.rows) >= _DENSE * cells
        find = self._multiply if dense and cells <= _WEIGHT_CELLS else self._gather
        self.means[chosen], variances = find(samples, chosen)
        self.variances[chosen] = self._pool(np.maximum(variances, 0)) + self.reg_covar
        # log density = constant - x^2 . precisions / 2 + x . (precisions x mean)
        precisions = 1 / self.variances
        self.factors = np.hstack([-0.5 * precisions, precisions * self.means])
        self.constants = -0.5 * (
            np.log(2 * np.pi * self.variances).sum(axis=1)
            + np.einsum("ij,ij->i", precisions, np.square(self.means))
        )

    def _multiply(self, samples: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the means and variances (n, d) of the ``chosen`` components; a mass that is floor lies at the origin."""
        weights = np.zeros((self.components, len(samples)))
        weights[self.members.components(), self.members.rows] = self.members.values
        weights = weights[chosen] / (self.members.masses[chosen] + MASS_FLOOR)[:, None]
        means, squares = np.zeros((2, len(chosen), samples.shape[1]))
        step = max(1, _CHUNK_CELLS // samples.shape[1])
        for start in range(0, len(samples), step):
            rows = slice(start, start + step)
            means += weights[:, rows] @ samples[rows]
            squares += weights[:, rows] @ np.square(samples[rows])
        add_flops(4 * weights.size * samples.shape[1])
        return means, squares - np.square(means)

    def _gather(self, samples: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the same, from each component's members alone."""
        dimensions = samples.shape[1]
        step = max(1, _CHUNK_CELLS // dimensions)

        def find(k: int) -> tuple[np.ndarray, np.ndarray]:
            rows, weights = self.members.of(k)
            total = self.members.masses[k]
            mass = total + MASS_FLOOR
            # In one pass, as deviations from a member that is near the mean.
            guess = samples[rows[weights.argmax()]] if len(rows) else np.zeros(dimensions)
            sums, squares = np.zeros(dimensions), np.zeros(dimensions)
            for start in range(0, len(rows), step):
                chunk = slice(start, start + step)
                gaps = samples[rows[chunk]]
                gaps -= guess
                sums += weights[chunk] @ gaps
                squares += weights[chunk] @ np.square(gaps, out=gaps)
            mean = (sums + total * guess) / mass
            moved = mean - guess
            squares += moved * (total * moved - 2 * sums)
            add_flops(5 * len(rows) * dimensions)
            return mean, squares / mass + np.square(mean) * (1 - total / mass)

        means, variances = zip(*map_threads(find, chosen), strict=True)
        return np.array(means), np.array(variances)

    def _pool(self, variances: np.ndarray) -> np.ndarray:
        return variances

    def _log_joint(self, block: np.ndarray, floors: np.ndarray) -> np.ndarray:
        log_joint = self.factors @ np.hstack([np.square(block), block]).T
        log_joint += (self.log_weights + self.constants)[:, None]
        add_flops(4 * self.components * block.size)
        return log_joint


class SphericalMixture(DiagonalMixture):
    """A mixture whose components have one variance each, plus ``reg_covar``."""

    def _pool(self, variances: np.ndarray) -> np.ndarray:
        return variances.mean(axis=1, keepdims=True)
