"""Expectation maximisation of Gaussian mixtures with many components, on sparse responsibilities.

From the same hard assignment and by the same stopping rule the result is that of scikit-learn's
``GaussianMixture``. What its kinds have in common is here: nearly all responsibilities are zero and
only the others are kept; only components whose members changed are fitted again; and an assignment
that reproduces itself ends the iteration, because the next one would be the same.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ckptrank.measures._shared.threads import map_threads

# A responsibility below exp(-80) = 2e-35 does not change a double in any sum that it enters: the
# mass of a component is never below 2e-15.
_FLOOR = -80.0
# exp() of less than this is zero.
UNDERFLOW = -745.2
# scikit-learn adds this to the mass of a component, so that an empty one is a Gaussian at zero.
MASS_FLOOR = 10 * np.finfo(np.float64).eps
# A member's share of its component below which it changes the component's moments by less than rounding.
_NEGLIGIBLE = 1e-16
# The E step leaves out what is a hundredth of that, since masses change.
_MASS_MAY_FALL = 1e-2
# Few enough for a core's cache.
BLOCK_ROWS = 1024
_BLOCK_CELLS = 2**19


@dataclass(frozen=True)
class Responsibilities:
    """Sparse posteriors P(component | sample), sorted by component, then by sample.

    Entries ``starts[k]:starts[k + 1]`` of ``rows`` and ``values`` belong to component k.
    """

    starts: np.ndarray
    rows: np.ndarray
    values: np.ndarray

    def of(self, component: int) -> tuple[np.ndarray, np.ndarray]:
        entries = slice(self.starts[component], self.starts[component + 1])
        return self.rows[entries], self.values[entries]

    def components(self) -> np.ndarray:
        """Return the component of each entry."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    @cached_property
    def masses(self) -> np.ndarray:
        """The sum of each component's values."""
        return np.bincount(self.components(), self.values, minlength=len(self.starts) - 1)

    def without_negligible(self) -> "Responsibilities":
        """Leave out what does not change a component's moments."""
        keep = self.values > _NEGLIGIBLE * self.masses[self.components()]
        starts = np.concatenate([[0], np.cumsum(keep)])[self.starts]
        return Responsibilities(starts, self.rows[keep], self.values[keep])


def sort_by_component(
    components: np.ndarray, rows: np.ndarray, values: np.ndarray, count: int
) -> Responsibilities:
    """Make responsibilities of ``count`` components from entries in the order of their rows."""
    order = np.argsort(components, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(components, minlength=count))])
    return Responsibilities(starts, rows[order], values[order])


class Mixture(ABC):
    """The parameters of a mixture, built by an M step from the ``members`` of each component."""

    def __init__(self, samples: np.ndarray, members: Responsibilities, reg_covar: float):
        self.reg_covar = reg_covar
        self.members = members
        self.components = len(members.starts) - 1
        self._fit_components(samples, np.arange(self.components))
        self._weigh()

    @abstractmethod
    def _fit_components(self, samples: np.ndarray, chosen: np.ndarray) -> None:
        """Estimate the parameters of the ``chosen`` components from ``self.members``."""

    @abstractmethod
    def _log_joint(self, block: np.ndarray, floors: np.ndarray) -> np.ndarray:
        """Return log(weight x density), (K, n); may be -inf where the posterior is below exp(``floors``) (K,)."""

    def _weigh(self) -> None:
        masses = self.members.masses + MASS_FLOOR
        self.log_weights = np.log(masses / masses.sum())

    def refit(self, samples: np.ndarray, posterior: Responsibilities) -> int:
        """Make the M step for the components whose members changed; return how many did."""
        old, self.members = self.members, posterior.without_negligible()
        changed = _list_changed(old, self.members)
        if len(changed):
            self._fit_components(samples, changed)
        self._weigh()
        return len(changed)

    def posterior(
        self, samples: np.ndarray, floor: float | None = None
    ) -> tuple[Responsibilities, float]:
        """Return P(component | sample), and the mean log-likelihood (the E step).

        Those above exp(``floor``), or by default those that can change a component's moments.
        """
        masses = self.members.masses + MASS_FLOOR
        floors = np.maximum(_FLOOR, np.log(_MASS_MAY_FALL * _NEGLIGIBLE * masses))
        if floor is not None:
            floors = np.full(self.components, floor)
        least = np.exp(floors)[:, None]
        step = self._block_rows()

        def evaluate(start: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
            relative = self._log_joint(samples[start : start + step], floors)
            best = relative.max(axis=0)
            relative -= best
            np.exp(relative, out=relative)
            sums = relative.sum(axis=0)
            cells = np.flatnonzero(relative > least)
            components, rows = np.divmod(cells, len(sums))
            counts = np.bincount(components, minlength=self.components)
            values = relative.ravel()[cells] / sums[rows]
            return counts, rows + start, values, float((best + np.log(sums)).sum())

        blocks = map_threads(evaluate, range(0, len(samples), step))
        log_likelihood = sum(block[-1] for block in blocks) / len(samples)
        return _join_blocks([block[:-1] for block in blocks]), log_likelihood

    def _block_rows(self) -> int:
        """Return how many samples are compared with the components at a time."""
        return max(1, min(BLOCK_ROWS, _BLOCK_CELLS // self.components))


def _join_blocks(blocks: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Responsibilities:
    """Join blocks of ascending rows, each (counts of the components (K,), rows and values sorted by component)."""
    counts = np.array([block[0] for block in blocks])
    starts = np.concatenate([[0], np.cumsum(counts.sum(axis=0))])
    firsts = starts[:-1] + np.cumsum(counts, axis=0) - counts
    rows, values = np.empty(starts[-1], dtype=np.int64), np.empty(starts[-1])
    for (count, block_rows, block_values), first in zip(blocks, firsts, strict=True):
        places = np.repeat(first - (np.cumsum(count) - count), count) + np.arange(len(block_rows))
        rows[places], values[places] = block_rows, block_values
    return Responsibilities(starts, rows, values)


def _list_changed(old: Responsibilities, new: Responsibilities) -> np.ndarray:
    """Return the components that have other members now, or the same with other values."""
    old_counts, new_counts = np.diff(old.starts), np.diff(new.starts)
    same = old_counts == new_counts
    before, now = np.repeat(same, old_counts), np.repeat(same, new_counts)
    moved = (old.rows[before] != new.rows[now]) | (old.values[before] != new.values[now])
    same[new.components()[now][moved]] = False
    return np.flatnonzero(~same)


@dataclass(frozen=True)
class Fit:
    """A fitted mixture, its posteriors on the training samples, and how it got there."""

    mixture: Mixture
    posterior: Responsibilities
    log_likelihood: float
    iterations: int
    converged: bool


def fit_mixture(
    kind: type[Mixture],
    samples: np.ndarray,
    assignment: np.ndarray,
    components: int,
    *,
    reg_covar: float,
    max_iter: int,
    tol: float,
    floor: float | None = None,
) -> Fit:
    """Run EM of a ``kind`` of mixture from a hard ``assignment`` (N,) of the float64 ``samples`` (N, d).

    As in scikit-learn an iteration is an E step followed by an M step; iterating ends when the
    E step's mean log-likelihood changes by less than ``tol``; and the posteriors that come back
    are those of the last parameters, above exp(``floor``) as :meth:`Mixture.posterior` has it.
    """
    every = np.arange(len(samples))
    start = sort_by_component(assignment, every, np.ones(len(samples)), components)
    mixture = kind(samples, start, reg_covar)
    log_likelihood, converged, changed, iterations = -np.inf, False, 1, 0
    while iterations < max_iter and not converged:
        before = log_likelihood
        posterior, log_likelihood = mixture.posterior(samples)
        changed = mixture.refit(samples, posterior)
        iterations += 1
        converged = changed == 0 or abs(log_likelihood - before) < tol
    if changed or floor is not None:
        posterior, _ = mixture.posterior(samples, floor)
    return Fit(mixture, posterior, log_likelihood, iterations, converged)
