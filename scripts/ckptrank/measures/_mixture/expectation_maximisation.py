"""Expectation maximisation of Gaussian mixtures with many components, on sparse responsibilities.

From the same hard assignment and by the same stopping rule the result is that of scikit-learn's
``GaussianMixture``. What its kinds have in common is here: nearly all responsibilities are zero and
only the others are kept; only components whose members changed are fitted again; and an assignment
that reproduces itself ends the iteration, because the next one would be the same.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from ckptrank.measures._shared.threads import map_threads

# A responsibility below exp(-80) = 2e-35 does not change a double in any sum that it enters: the
# mass of a component is never below 2e-15.
FLOOR = -80.0
# exp() of less than this is zero.
UNDERFLOW = -745.2
# scikit-learn adds this to the mass of a component, so that an empty one is a Gaussian at zero.
MASS_FLOOR = 10 * np.finfo(np.float64).eps
# A member's share of its component below which it does not change the component's moments.
_NEGLIGIBLE = 1e-20
# Members of a component that are gathered at a time: few enough for a core's cache.
CHUNK = 1024
_BLOCK_CELLS = 2**22
# Few enough for a core's cache, and more where a component would have less than two of them.
_BLOCK_ROWS = 1024


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

    def masses(self) -> np.ndarray:
        return np.bincount(self.components(), self.values, minlength=len(self.starts) - 1)

    def without_negligible(self) -> "Responsibilities":
        """Leave out what does not change a component's moments."""
        keep = self.values > _NEGLIGIBLE * self.masses()[self.components()]
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
    def _log_joint(self, block: np.ndarray, floor: float) -> np.ndarray:
        """Return log(weight x density), (K, n); may be -inf where the posterior is below exp(floor)."""

    def _weigh(self) -> None:
        masses = self.members.masses() + MASS_FLOOR
        self.log_weights = np.log(masses / masses.sum())

    def refit(self, samples: np.ndarray, posterior: Responsibilities) -> int:
        """Make the M step for the components whose members changed; return how many did."""
        old, self.members = self.members, posterior.without_negligible()
        changed = [k for k in range(self.components) if not _same(old.of(k), self.members.of(k))]
        self._fit_components(samples, np.array(changed, dtype=np.int64))
        self._weigh()
        return len(changed)

    def posterior(
        self, samples: np.ndarray, floor: float = FLOOR
    ) -> tuple[Responsibilities, float]:
        """Return P(component | sample) above exp(floor), and the mean log-likelihood (the E step)."""
        step = max(_BLOCK_ROWS, 2 * self.components)
        step = max(1, min(step, _BLOCK_CELLS // self.components))

        def evaluate(start: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
            relative = self._log_joint(samples[start : start + step], floor)
            best = relative.max(axis=0)
            relative -= best
            np.exp(relative, out=relative)
            sums = relative.sum(axis=0)
            relative /= sums
            rows, components = np.nonzero(np.exp(floor) < relative.T)
            log_likelihood = float((best + np.log(sums)).sum())
            return components, rows + start, relative[components, rows], log_likelihood

        blocks = map_threads(evaluate, range(0, len(samples), step))
        *entries, log_likelihoods = zip(*blocks, strict=True)
        components, rows, values = (np.concatenate(part) for part in entries)
        posterior = sort_by_component(components, rows, values, self.components)
        return posterior, sum(log_likelihoods) / len(samples)


def _same(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> bool:
    return np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])


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
    floor: float = FLOOR,
) -> Fit:
    """Run EM of a ``kind`` of mixture from a hard ``assignment`` (N,) of the float64 ``samples`` (N, d).

    As in scikit-learn an iteration is an E step followed by an M step; iterating ends when the
    E step's mean log-likelihood changes by less than ``tol``; and the posteriors that come back
    are those of the last parameters.
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
    if changed or floor < FLOOR:
        posterior, _ = mixture.posterior(samples, floor)
    return Fit(mixture, posterior, log_likelihood, iterations, converged)
