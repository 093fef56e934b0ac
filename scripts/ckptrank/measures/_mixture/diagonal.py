"""Gaussian mixtures with diagonal or spherical covariances."""

import numpy as np

from ckptrank.measures._mixture.expectation_maximisation import CHUNK, MASS_FLOOR, Mixture
from ckptrank.measures._shared.threads import map_threads
from ckptrank.measures.accounting import add_flops


class DiagonalMixture(Mixture):
    """A mixture whose components have a variance per dimension, plus ``reg_covar``."""

    def _fit_components(self, samples: np.ndarray, chosen: np.ndarray) -> None:
        if len(chosen) == self.components:
            self.means = np.zeros((self.components, samples.shape[1]))
            self.variances = np.ones_like(self.means)

        def fit(k: int) -> tuple[np.ndarray, np.ndarray]:
            rows, weights = self.members.of(k)
            total = weights.sum()
            mass = total + MASS_FLOOR
            chunks = [slice(start, start + CHUNK) for start in range(0, len(rows), CHUNK)]
            mean = sum(weights[chunk] @ samples[rows[chunk]] for chunk in chunks) / mass
            gaps = (samples[rows[chunk]] - mean for chunk in chunks)
            squares = sum(
                weights[chunk] @ np.square(gap, out=gap)
                for chunk, gap in zip(chunks, gaps, strict=True)
            )
            squares = squares / mass
            # The mass that is only the floor counts as lying at the origin, as in scikit-learn.
            squares += np.square(mean) * (1 - total / mass)
            add_flops(5 * len(rows) * samples.shape[1])
            return mean, self._pool(squares) + self.reg_covar

        for k, (mean, variances) in zip(chosen, map_threads(fit, chosen), strict=True):
            self.means[k], self.variances[k] = mean, variances

    def _pool(self, variances: np.ndarray) -> np.ndarray | float:
        return variances

    def _log_joint(self, block: np.ndarray, floor: float) -> np.ndarray:
        precisions = 1 / self.variances
        scaled = self.means * precisions
        distances = (-2 * scaled) @ block.T
        distances += precisions @ np.square(block).T
        distances += np.einsum("ij,ij->i", self.means, scaled)[:, None]
        np.maximum(distances, 0, out=distances)
        distances += np.log(2 * np.pi * self.variances).sum(axis=1)[:, None]
        add_flops(4 * self.components * block.size)
        return self.log_weights[:, None] - 0.5 * distances


class SphericalMixture(DiagonalMixture):
    """A mixture whose components have one variance each, plus ``reg_covar``."""

    def _pool(self, variances: np.ndarray) -> np.ndarray | float:
        return variances.mean()
