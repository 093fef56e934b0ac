"""How far the measures are off, by finished benchmarks: what the order of checkpoints is worth in accuracy.

A benchmark has both, scores and fine-tuned accuracies. A regression over its pairs predicts the one from the
other, and what it misses on a task that it was not fitted on is the measures' own error: what they all share
and no draw of images shows. Two checkpoints are told apart where their expected difference is larger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from ckptrank.evaluation.baselines import consensus
from ckptrank.evaluation.columns import RANK
from ckptrank.evaluation.evaluate import LEVEL
from ckptrank.evaluation.tables import read_table
from ckptrank.seeds import seed_from

TABLE = Path(__file__).with_name("benchmark.csv")
"""Pairs of finished benchmarks; ``benchmarks/rank_error.py`` makes it."""
PROBE = "linear_converged"
"""The measure that is an accuracy itself, without which nothing is predicted."""
DRAWS = 4000
_CLIP = 0.005  # a probe that errs in no sample of few is not known to be perfect


@dataclass(frozen=True)
class MeasureError:
    """What some measures predict, and how far they are off.

    Accuracies are log-odds: ``level`` + ``weights`` · (log-odds of the probe, mean place of the other measures
    from 0 to 1). ``sd``: the standard deviation of what that misses between the checkpoints of one task, found
    on tasks left out one at a time. ``level_sd``: that of the level between tasks. ``tasks`` and ``pairs``: on how
    many it rests.
    """

    level: float
    weights: np.ndarray
    sd: float
    level_sd: float
    tasks: int
    pairs: int

    def predict(self, scores: pd.DataFrame) -> pd.Series:
        """Return the expected log-odds of the fine-tuned accuracy, NaN where a score is missing.

        ``scores``: checkpoints x measures, with the probe's as a fraction.
        """
        known = _predictors(scores)
        return self.level + (known * self.weights).sum(axis=1, skipna=False)


def read_benchmark(path: str | Path = TABLE) -> pd.DataFrame:
    """Return the pairs that the error is learnt from, see ``docs/tables.md``."""
    return read_table(path, RANK["benchmark"], "benchmark")


def learn_error(benchmark: pd.DataFrame, measures: Sequence[str]) -> MeasureError | None:
    """Return the error of the consensus of ``measures``, those of them that the benchmark has.

    None without the probe or without two tasks to learn from.
    """
    measures = [name for name in measures if name in benchmark]
    if PROBE not in measures:
        return None
    known, truth = [], []
    for _, rows in benchmark.groupby(["benchmark", "task"], sort=False):
        values = _predictors(rows.set_index("checkpoint")[measures]).reset_index(drop=True)
        values["truth"] = _log_odds(rows["accuracy"].reset_index(drop=True))
        values = values.dropna()
        if len(values) > 2:
            known.append(values.drop(columns="truth").to_numpy())
            truth.append(values["truth"].to_numpy())
    if len(known) < 2:
        return None
    missed = [
        _centre(truth[left]) - _centre(known[left]) @ _fit(known, truth, without=left)
        for left in range(len(known))
    ]
    freedom = sum(len(values) - 1 for values in missed)
    weights = _fit(known, truth)
    levels = [(y - x @ weights).mean() for x, y in zip(known, truth, strict=True)]
    return MeasureError(
        level=float(np.mean(levels)),
        weights=weights,
        sd=float(np.sqrt(sum(float(values @ values) for values in missed) / freedom)),
        level_sd=float(np.std(levels, ddof=1)),
        tasks=len(known),
        pairs=sum(map(len, truth)),
    )


def expect_gaps(
    error: MeasureError, scores: pd.DataFrame, first: str, test_samples: int
) -> pd.DataFrame:
    """Return what each checkpoint is expected to reach less than the first of an order, and its true place.

    ``scores``: checkpoints x measures; ``test_samples``: how many images the accuracies are to be measured on,
    whose draw counts as an error too. A row per checkpoint, NaN where a score is missing, in fractions: ``gap``
    (negative: expected to reach more), ``gap_low`` and ``gap_high`` (95 %), ``gap_sd``; and the places
    ``place_low`` and ``place_high`` (95 %) that its accuracy may have.
    """
    names = ["gap", "gap_low", "gap_high", "gap_sd", "place_low", "place_high"]
    expected = error.predict(scores)
    known = expected.dropna()
    if first not in known or len(known) < 2:
        return pd.DataFrame(np.nan, index=scores.index, columns=names)
    accuracy = expit(known.to_numpy())
    spread = np.sqrt(error.sd**2 + 1 / (test_samples * accuracy * (1 - accuracy)))
    generator = np.random.default_rng(seed_from("expected", *known.index))
    drawn = known.to_numpy() + spread * generator.standard_normal((DRAWS, len(known)))
    reached = expit(drawn)
    at = known.index.get_loc(first)
    gaps = reached[:, [at]] - reached
    places = (-drawn).argsort(axis=1).argsort(axis=1) + 1
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    found = [
        accuracy[at] - accuracy,
        *np.quantile(gaps, tails, axis=0),
        gaps.std(axis=0),
        *np.quantile(places, tails, axis=0, method="nearest"),
    ]
    return pd.DataFrame(np.transpose(found), index=known.index, columns=names).reindex(scores.index)


def _predictors(scores: pd.DataFrame) -> pd.DataFrame:
    """Log-odds of the probe, and the mean place of the others, from 0 (the last) to 1."""
    others = scores.drop(columns=PROBE)
    place = consensus(others) if others.shape[1] else pd.Series(0.0, index=scores.index)
    return pd.DataFrame({"probe": _log_odds(scores[PROBE]), "place": place})


def _fit(known: list[np.ndarray], truth: list[np.ndarray], without: int = -1) -> np.ndarray:
    """Least squares of the differences within tasks: what a task is like for all is not the measures' doing."""
    used = [task for task in range(len(known)) if task != without]
    x = np.concatenate([_centre(known[task]) for task in used])
    y = np.concatenate([_centre(truth[task]) for task in used])
    return np.linalg.lstsq(x, y, rcond=None)[0]


def _centre(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=0)


def _log_odds(fractions: pd.Series) -> pd.Series:
    return logit(fractions.clip(_CLIP, 1 - _CLIP))
