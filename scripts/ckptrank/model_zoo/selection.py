"""Figures 4 to 6 of the paper as tables: accuracy gains, trials to the best, rank correlations."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ckptrank.model_zoo.comparison import TOP, Comparison
from ckptrank.model_zoo.tables import RESERVED, in_order


def tabulate_gains(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Return a row per pool, task, measure (or best, worst, random) and k: the gain, a fraction.

    The gain is the best accuracy among the k experts chosen, less that of the pool's reference.
    ``best``: of the whole pool. ``worst``: of the k least accurate experts, the worst choice there
    is. ``random``: the expectation over all choices of k experts.
    """
    rows = []
    for comparison in comparisons:
        for name in (*comparison.measures, *RESERVED):
            for k in TOP:
                gains = comparison.values[name, f"gain_at_{k}"]
                rows += _rows(comparison, name, gains, "gain", {"k": k})
    columns = ["pool", "reference", "target", "shots", "task", "measure", "k", "gain"]
    return pd.DataFrame(rows, columns=columns)


def tabulate_metric(comparisons: Sequence[Comparison], metric: str, column: str) -> pd.DataFrame:
    """Return a row per pool, task and measure (or random): ``metric`` as ``column``.

    For ``trials_to_best`` (a count) and ``spearman`` (-1..1).
    """
    rows = []
    for comparison in comparisons:
        for name in (*comparison.measures, "random"):
            rows += _rows(comparison, name, comparison.values[name, metric], column, {})
    return pd.DataFrame(rows, columns=["pool", "target", "shots", "task", "measure", column])


def tabulate_averages(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Return a row per pool, shots, measure and metric: mean over targets and 95 % interval.

    ``shots`` is empty for the mean over all tasks. Natural units; ``left_out``: pairs of expert and
    task without a score or an accuracy.
    """
    rows = []
    for comparison in comparisons:
        for shots in ("", *in_order(comparison.tasks["shots"])):
            for name, metric in comparison.values:
                estimate = comparison.average(name, metric, shots)
                about = {"pool": comparison.pool.name, "shots": shots, "measure": name}
                rows.append({**about, "metric": metric, **vars(estimate)})
    return pd.DataFrame(rows)


def _rows(
    comparison: Comparison, name: str, values: np.ndarray, column: str, more: dict
) -> list[dict]:
    about = {"pool": comparison.pool.name, "reference": comparison.pool.reference}
    return [
        {**about, **task._asdict(), "measure": name, **more, column: float(value)}
        for task, value in zip(comparison.tasks.itertuples(index=False), values, strict=True)
    ]
