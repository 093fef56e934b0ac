"""Measures that give several experts one score: how often, and what a random order of those would bring.

Gains and trials break ties pessimistically, which weighs on a measure whose scores can be equal by
construction: domain similarity through one common network has one score for all experts of a source.
"""

from collections.abc import Iterator, Sequence
from math import comb

import numpy as np
import pandas as pd

from ckptrank.evaluation.columns import EXPERIMENTS
from ckptrank.evaluation.metrics import count_ties
from ckptrank.model_zoo.comparison import Comparison

PICKS = 3


def tabulate_ties(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Return a row per pool and measure with equal scores on some task; means over all its tasks.

    ``gain_at_3`` and ``trials_to_best``: in the worst order of equal scores, as everywhere else; ``*_expected``:
    the mean over all orders of them.
    """
    rows = []
    for comparison in comparisons:
        for measure in comparison.measures:
            scores = comparison.scores[measure]
            ties = [count_ties(column[np.isfinite(column)]) for column in scores.T]
            if any(ties):
                rows.append(
                    {
                        "pool": comparison.pool.name,
                        "measure": measure,
                        "tasks": int(np.count_nonzero(ties)),
                        "of_tasks": len(ties),
                        "ties": sum(ties),
                        **_average(comparison, measure),
                    }
                )
    return pd.DataFrame(rows, columns=EXPERIMENTS["ties"].names)


def _average(comparison: Comparison, measure: str) -> dict[str, float]:
    found = {}
    for metric in ("gain_at_3", "trials_to_best"):
        values = comparison.values[measure, metric]
        found[metric] = values[np.isfinite(values)].mean() if np.isfinite(values).any() else np.nan
    gains, trials = [], []
    for at, reference in enumerate(comparison.references):
        keep = comparison.compared[measure][:, at]
        scores, accuracies = comparison.scores[measure][keep, at], comparison.accuracies[keep, at]
        if len(scores) > 1:
            gains.append(expect_best(scores, accuracies, PICKS) - reference)
            trials.append(expect_trials(scores, accuracies))
    known = [gain for gain in gains if np.isfinite(gain)]
    return {
        **found,
        "gain_at_3_expected": float(np.mean(known)) if known else np.nan,
        "trials_to_best_expected": float(np.mean(trials)) if trials else np.nan,
    }


def expect_best(scores: np.ndarray, accuracies: np.ndarray, k: int) -> float:
    """Return the expected best accuracy of the k highest scores (n,), equal ones in random order.

    ``scores`` may be NaN: these are tied below all others. Of a group of g equal scores of which only r are
    among the k, the expected maximum of r accuracies drawn without replacement counts.
    """
    best, before = -np.inf, 0
    for group in _groups(scores, accuracies):
        drawn = min(k - before, len(group))
        if drawn <= 0:
            break
        ways = [comb(place, drawn - 1) for place in range(len(group))]
        highest = np.maximum(np.sort(group), best)
        # the least that can come of it and what is gained on that, so that the mean of equal ones is their value
        least = highest[drawn - 1]
        best = float(least + (highest - least) @ ways / comb(len(group), drawn))
        before += drawn
    return best


def expect_trials(scores: np.ndarray, accuracies: np.ndarray) -> float:
    """Return the expected number of experts to tune until a best one, equal scores in random order.

    With m of the best accuracy in a group of g equal scores these are (g + 1) / (m + 1) of the group.
    """
    best, before = accuracies.max(), 0
    for group in _groups(scores, accuracies):
        found = int((group == best).sum())
        if found:
            return before + (len(group) + 1) / (found + 1)
        before += len(group)
    raise ValueError("accuracies: none")


def _groups(scores: np.ndarray, accuracies: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the accuracies of experts of one score, the highest score first, those without one last."""
    filled = np.where(np.isfinite(scores), scores, -np.inf)
    for score in np.unique(filled)[::-1]:
        yield accuracies[filled == score]
