"""A Gaussian mixture with full covariances, at a fraction of N K d^2 operations an iteration.

- A component with m samples in d > 2m dimensions is held by an m-column factor (``gaussian.py``).
- Samples are first compared with all components through the leading coordinates alone, which bounds
  a component's density from above; only pairs that can still matter are evaluated exactly. PCA
  coordinates come in order of variance, so a few suffice.
"""

import numpy as np

from ckptrank.measures._mixture.expectation_maximisation import BLOCK_ROWS, Mixture
from ckptrank.measures._mixture.gaussian import Gaussian, fit_gaussian
from ckptrank.measures._shared.threads import map_threads
from ckptrank.measures.accounting import add_flops

# Up to so many dimensions all densities are computed outright.
_FEW = 96
_BLOCK_CELLS = 2**22
_STACK_CELLS = 2**19
# Of a squared length in single precision, what the bound on its rounding error may take.
_SHARE = 1e-2


class FullMixture(Mixture):
    """A mixture whose component k has the covariance of its members plus ``reg_covar`` I."""

    leading = 0

    def _fit_components(self, samples: np.ndarray, chosen: np.ndarray) -> None:
        if len(chosen) == self.components:
            self.gaussians: dict[int, Gaussian] = {}
            self.factors: dict[int, tuple[np.ndarray, float]] = {}
        fitted = map_threads(
            lambda k: fit_gaussian(samples, *self.members.of(k), self.reg_covar), chosen
        )
        self.gaussians |= dict(zip(chosen, fitted, strict=True))
        leading = self._choose_leading(samples.shape[1])
        for k in chosen if leading == self.leading else range(self.components):
            self.factors[k] = self.gaussians[k].leading_factor(leading)
        self.leading = leading
        self._stack_factors(samples.shape[1])

    def _block_rows(self) -> int:
        # So many that a component has two of them, or the factors' products would be of vectors.
        rows = max(BLOCK_ROWS, 2 * self.components)
        return max(1, min(rows, _BLOCK_CELLS // self.components))

    def _log_joint(self, block: np.ndarray, floors: np.ndarray) -> np.ndarray:
        upper = self._upper_bounds(block)
        if self.exact.all():
            return upper
        log_joint = np.where(self.exact[:, None], upper, -np.inf)
        every = np.arange(len(block))
        likely = upper.argmax(axis=0)
        pending = np.zeros(upper.shape, bool)
        pending[likely, every] = ~self.exact[likely]
        self._evaluate(block, pending, log_joint)
        best = log_joint[likely, every]
        np.greater(upper - floors[:, None], best, out=pending)
        pending[likely, every] = False
        pending[self.exact] = False
        self._evaluate(block, pending, log_joint, (best, floors))
        return log_joint

    def _evaluate(
        self,
        block: np.ndarray,
        pending: np.ndarray,
        log_joint: np.ndarray,
        limits: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        """Put the ``pending`` of log(weight x density) in place, maybe -inf below ``limits``: a sample's (n,) plus a component's (K,)."""
        for k in np.flatnonzero(pending.any(axis=1)).tolist():
            rows = np.flatnonzero(pending[k])
            chosen = block if len(rows) == len(block) else block[rows]
            least = None if limits is None else limits[0][rows] + limits[1][k] - self.log_weights[k]
            log_joint[k, rows] = self.log_weights[k] + self.gaussians[k].log_density(chosen, least)

    def _choose_leading(self, dimensions: int) -> int:
        """Choose how many leading coordinates the bounds see.

        Just more than twice a component's members, where that is well below the dimension: what is
        outside of the members' span then counts. Else a quarter, for a sixteenth of the operations;
        but all of few dimensions, where one product gives exact densities.
        """
        sizes = np.diff(self.members.starts)
        enough = 2 * int(np.square(sizes).sum() / sizes.sum()) + 16
        if 4 * enough <= 3 * dimensions:
            return enough
        return dimensions if dimensions <= _FEW else dimensions // 4

    def _stack_factors(self, dimensions: int) -> None:
        """Stack the factors of all components for the bound on their densities.

        In single precision where the leading coordinates give no more than a bound, in units of the regularisation,
        as in which the factors' entries are at most of the order of one.
        """
        self.means = np.array(
            [gaussian.mean[: self.leading] for gaussian in self.gaussians.values()]
        )
        self.scales = np.array([scale for _, scale in self.factors.values()])
        self.log_scales = np.array([gaussian.log_scale for gaussian in self.gaussians.values()])
        self.exact = (self.scales == 0) & (self.leading == dimensions)
        lengths = [len(factor) for factor, _ in self.factors.values()]
        self.stack_starts = np.concatenate([[0], np.cumsum(lengths)])
        stack = np.concatenate([factor for factor, _ in self.factors.values()])
        offsets = np.einsum("ij,ij->i", stack, np.repeat(self.means, lengths, axis=0))
        self.unit, self.share, self.slack = 1.0, 0.0, np.zeros(self.components)
        if self.leading < dimensions:
            self.unit = float(np.sqrt(self.reg_covar))
            norms = np.add.reduceat(np.einsum("ij,ij->i", stack, stack), self.stack_starts[:-1])
            # With e the rounding error of y, | |y + e|^2 - |y|^2 | <= share |y|^2 + (1 + 1 / share) |e|^2, and
            # |e|^2 <= rounding^2 |factor|^2 (|u| + |mean|)^2.
            rounding = (self.leading + 8) * float(np.finfo(np.float32).eps)
            self.share, self.slack = _SHARE, (2 + 2 / _SHARE) * rounding**2 * norms
        self.stack = np.column_stack([self.unit * stack, -offsets])
        if self.leading < dimensions:
            self.stack = self.stack.astype(np.float32)

    def _upper_bounds(self, block: np.ndarray) -> np.ndarray:
        """Return an upper bound of the log joint density (K, n) from the leading coordinates."""
        leading = block[:, : self.leading].T
        components, samples = self.components, len(block)
        norms = np.einsum("ij,ij->j", leading, leading)
        mean_norms = np.square(self.means).sum(axis=1)[:, None]
        signs = np.where(self.scales > 0, -1.0 - self.share, 1.0 - self.share)[:, None]
        distances = (-2 * self.means) @ leading
        distances += norms
        distances += mean_norms
        # Less a margin for rounding, so that the bound holds.
        distances -= 1e-13 * (norms + mean_norms)
        distances *= self.scales[:, None]
        distances -= self.slack[:, None] * (norms + mean_norms)
        folded = np.ones((self.leading + 1, samples), dtype=self.stack.dtype)
        np.divide(leading, self.unit, out=folded[:-1], casting="same_kind")
        first = 0
        while first < components:
            limit = self.stack_starts[first] + max(1, _STACK_CELLS // samples)
            last = max(first + 1, int(np.searchsorted(self.stack_starts, limit, "right")) - 1)
            products = self.stack[self.stack_starts[first] : self.stack_starts[last]] @ folded
            np.square(products, out=products)
            starts = self.stack_starts[first:last] - self.stack_starts[first]
            distances[first:last] += signs[first:last] * np.add.reduceat(products, starts, axis=0)
            first = last
        np.maximum(distances, 0, out=distances)
        add_flops(2 * samples * self.leading * (len(self.stack) + components))
        distances *= -0.5
        distances += (self.log_weights + self.log_scales)[:, None]
        return distances
