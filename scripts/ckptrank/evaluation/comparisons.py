"""Which of two measures orders checkpoints better: differences, with intervals of their own.

Two intervals that overlap do not say that two measures are alike. The measures are judged on the same checkpoints
and tasks, and most of what makes one fall in a resample makes the other fall too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Series:
    """A measure's number on each task (T,), and in each resample (B, T); which checkpoints it has ``scored`` (T, N)."""

    values: np.ndarray
    draws: np.ndarray
    scored: np.ndarray | None = None

    def __sub__(self, other: "Series") -> "Series":
        return Series(self.values - other.values, self.draws - other.draws)


def compare_series(
    series: Mapping[str, Series],
    get_interval: Callable[[np.ndarray], tuple[float, float]],
    judge: Callable[[str, np.ndarray], Series] | None = None,
) -> list[dict]:
    """Return a row per pair of measures that have numbers on the same tasks, the better one first.

    ``get_interval``: from differences (B, T) to the interval of their mean over the tasks. ``judge``: from a measure's
    name and which checkpoints count (T, N) to its series on these: where one has no score for some (LEEP without a
    head), both are judged on those that both have scored.
    """
    rows = []
    for first, second in combinations(series, 2):
        one, other = series[first], series[second]
        if judge is not None and (one.scored != other.scored).any():
            both = one.scored & other.scored
            one, other = judge(first, both), judge(second, both)
        gap = one - other
        known = np.isfinite(gap.values)
        if not known.any():
            continue
        draws = np.where(known, gap.draws, np.nan)
        difference, (low, high) = float(gap.values[known].mean()), get_interval(draws)
        if difference < 0:
            first, second = second, first
            difference, low, high = -difference, -high, -low
        rows.append(
            {
                "better": first,
                "worse": second,
                "difference": difference,
                "low": low,
                "high": high,
                "tasks": int(known.sum()),
                "told_apart": bool(low > 0),
            }
        )
    return rows


def find_ties(
    order: Sequence[str], told_apart: Callable[[str, str], bool]
) -> list[tuple[str, ...]]:
    """Return the longest stretches of an order, of two or more, in which no two measures are told apart.

    These are the bars of a critical-difference diagram (Demsar 2006), with the interval of the difference in the
    place of one critical distance for all.
    """
    stretches: list[tuple[int, int]] = []
    for start in range(len(order)):
        end = start + 1
        while end < len(order) and not any(
            told_apart(order[at], order[end]) for at in range(start, end)
        ):
            end += 1
        if end - start > 1 and not (stretches and stretches[-1][1] >= end):
            stretches.append((start, end))
    return [tuple(order[start:end]) for start, end in stretches]


def smallest_difference(comparisons: pd.DataFrame) -> float:
    """Return the difference that half of the pairs' intervals would tell from 0: their median half width, in points."""
    widths = (comparisons["high"] - comparisons["low"]) / 2
    return float(widths.median())
