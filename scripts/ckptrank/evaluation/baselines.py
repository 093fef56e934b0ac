"""What every table shows beside the measures: baselines, the control, and the consensus.

Their scores are rows of ``scores.csv`` like any other, but need no job of their own. Some scores
are *pooled*: they depend on which checkpoints are compared, so they exist once per group.
"""

import importlib
import json
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from ckptrank.evaluation.columns import BENCHMARK
from ckptrank.evaluation.metrics import WEIGHTED, compute_metrics, expected_metrics
from ckptrank.measures.registry import METHODS, module_of
from ckptrank.seeds import seed_from

BASELINES = (
    *("random", "parameter_count", "forward_flops", "source_accuracy"),
    *("leave_one_task_out", "ceiling"),
)
# A score's, columns of scores.csv.
COSTS = ("seconds", "gmacs", "gmacs_with_fitting")
# Parts of both counts of multiply-adds that scores of one pair have in common.
SHARED_COSTS = ("gmacs_test_pass", "gmacs_head")
# What a row says of costs that nobody measured.
UNKNOWN_COSTS = {
    **dict.fromkeys((*COSTS, *SHARED_COSTS, "pass_seconds", "reference_seconds"), np.nan),
    "reference": "",
}
# name: title, family, which samples it saw
_DESCRIPTIONS = {
    "random": ("Random", "baseline", "none"),
    "parameter_count": ("Parameter count", "baseline", "none"),
    "forward_flops": ("Forward FLOPs", "baseline", "none"),
    "source_accuracy": ("Source accuracy", "baseline", "none"),
    "leave_one_task_out": ("Leave one task out", "control", "the ground truth of the other tasks"),
    "ceiling": ("Ceiling", "control", "the ground truth, but for its noise"),
    "consensus": ("Consensus", "beyond", "what the measures that it averages saw"),
    "ranking": ("Ranking", "beyond", "training samples alone, as `snakemake rank` scores them"),
}
# column of checkpoints.csv, and what it means if it is empty
_CARD = {
    "parameter_count": ("parameters", "failed", "its number of parameters is not known"),
    "forward_flops": ("forward_gflops", "failed", "its number of operations is not known"),
    "source_accuracy": ("source_accuracy", "not_applicable", "its card states no source accuracy"),
}
_EXPECTATION_DRAWS = 4000
_PAIRS_AT_ONCE = 1_000_000


def describe_baselines(names: Sequence[str], voters: Sequence[str] = ()) -> pd.DataFrame:
    """Return the rows of ``measures.csv`` for some of :data:`BASELINES`, ``consensus`` and ``ranking``."""
    rows = []
    for name in names:
        title, family, protocol = _DESCRIPTIONS[name]
        parameters = {"measures": list(voters)} if name == "consensus" else {}
        rows.append(
            {
                "measure": name,
                "method": name,
                "title": title,
                "family": family,
                "reference": "",
                "scored_on": "train" if name == "ranking" else "",
                "protocol": protocol,
                "params": json.dumps(parameters),
                "is_control": family == "control",
            }
        )
    return pd.DataFrame(rows)


def score_checkpoints(
    names: Sequence[str], checkpoints: pd.DataFrame, tasks: Sequence[str], *, seed: int = 0
) -> pd.DataFrame:
    """Return the score rows of the baselines that are not pooled, for every checkpoint and task.

    ``checkpoints``: the rows of ``checkpoints.csv``. ``parameter_count`` and ``forward_flops``
    (GFLOPs per image): larger counts as better. ``source_accuracy``: a fraction, ``not_applicable``
    where the card has none. ``random``: uniform in 0..1, a function of (seed, checkpoint, task).
    """
    cards = checkpoints.set_index("checkpoint")
    failed = cards.index[cards["status"] != "ok"]
    parts = []
    for name in names:
        status, reason = "failed", ""
        if name == "random":
            drawn = [
                [_draw(seed_from(seed, name, checkpoint, task)) for task in tasks]
                for checkpoint in cards.index
            ]
            table = pd.DataFrame(drawn, index=cards.index, columns=list(tasks))
        elif name in _CARD:
            column, status, reason = _CARD[name]
            values = pd.to_numeric(cards[column])
            table = pd.DataFrame(dict.fromkeys(tasks, values))
        else:
            continue
        rows = _to_rows(name, table, status=status, reason=reason)
        unusable = rows["checkpoint"].isin(failed)
        rows.loc[unusable, ["status", "reason"]] = ["failed", "the checkpoint is unusable"]
        rows.loc[unusable, "score"] = np.nan
        parts.append(rows.assign(**dict.fromkeys((*COSTS, *SHARED_COSTS), 0.0)))
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=BENCHMARK["scores"].names)
    )


def leave_one_task_out(accuracies: pd.DataFrame) -> pd.DataFrame:
    """Return the control: each checkpoint's mean standardised accuracy on the *other* tasks.

    ``accuracies``: checkpoints x tasks of one group, NaN where there is none. Every task is
    standardised over the group, so that none weighs more for its spread. This uses ground truth. It
    is what an order of the checkpoints that is blind to the task at hand can reach; a measure that
    does not beat it has shown nothing about the task. NaN where no other task says anything.
    """
    varies = accuracies.max() > accuracies.min()
    standardised = (accuracies - accuracies.mean()) / accuracies.std(ddof=0).where(varies)
    return pd.DataFrame(
        {task: standardised.drop(columns=task).mean(axis=1) for task in accuracies},
        index=accuracies.index,
    )


def consensus(scores: pd.DataFrame) -> pd.Series:
    """Return the mean rank (Borda count) of each checkpoint over several measures, on one task.

    ``scores``: checkpoints x measures, NaN where a measure has no score. Each measure ranks the
    checkpoints that it scored from 0 (worst) to 1 (best), ties sharing their mean rank; the result
    is a checkpoint's mean over the measures that ranked it, NaN unless more than half of all did.
    A measure that scored fewer than two checkpoints ranks none.
    """
    counts = scores.notna().sum()
    ranks = (scores.rank() - 1) / (counts - 1).where(counts > 1)
    return ranks.mean(axis=1).where(2 * ranks.notna().sum(axis=1) > scores.shape[1])


def score_leave_one_task_out(accuracies: pd.DataFrame, group: str) -> pd.DataFrame:
    """Return the control's score rows in one group; its cost, fine-tuning, is left empty."""
    status = "failed" if accuracies.shape[1] > 1 else "not_applicable"
    return _to_rows(
        "leave_one_task_out",
        leave_one_task_out(accuracies),
        status=status,
        reason="no ground truth on another task",
        group=group,
    )


def score_ceiling(
    accuracies: pd.DataFrame, noise: pd.Series, group: str, seed: int
) -> pd.DataFrame:
    """Return a ranking as the ceiling makes them, see :func:`draw_ceiling`, as score rows of one group.

    ``accuracies``: checkpoints x tasks; ``noise``: the standard deviation between seeds on each of the tasks, NaN
    where nothing was repeated.
    """
    drawn = {
        task: values
        + noise[task]
        * np.random.default_rng(seed_from(seed, "ceiling", group, task)).standard_normal(
            len(values)
        )
        for task, values in accuracies.items()
    }
    return _to_rows(
        "ceiling",
        pd.DataFrame(drawn, index=accuracies.index),
        status="not_applicable",
        reason="no repeats have measured the noise of the ground truth",
        group=group,
    )


def score_consensus(scores: pd.DataFrame, voters: Sequence[str], group: str) -> pd.DataFrame:
    """Return the consensus' score rows in one group, each at the cost of its voters together.

    What they have in common, a pass over the test images and the head, is counted once.
    ``scores``: score rows of the group's checkpoints, at most one per measure and pair.
    """
    votes = scores[scores["measure"].isin(voters)]
    ranks = {
        task: consensus(rows.pivot(index="checkpoint", columns="measure", values="score"))
        for task, rows in votes.groupby("task", sort=False)
    }
    rows = _to_rows(
        "consensus",
        pd.DataFrame(ranks),
        reason=f"at most half of its {len(voters)} measures scored the pair",
        group=group,
    )
    by_pair = votes.groupby(["checkpoint", "task"])
    cost = by_pair[list(COSTS)].sum(min_count=1)
    parts = by_pair[list(SHARED_COSTS)]
    counted_again = (parts.sum() - parts.max()).sum(axis=1)
    counts = ["gmacs", "gmacs_with_fitting"]
    cost[counts] = cost[counts].sub(counted_again, axis=0)
    cost = cost.join(parts.max()).join(by_pair["pass_seconds"].max())  # one pass for all
    rows = rows.drop(columns=list(cost)).join(cost, on=["checkpoint", "task"])
    return rows[BENCHMARK["scores"].names]


def is_pooled(method: str) -> bool:
    """Whether a method's raw scores only compare within a group, see :func:`combine_scores`."""
    return method in METHODS and bool(METHODS[method].combine)


def combine_scores(scores: pd.DataFrame, group: str) -> pd.DataFrame:
    """Return ``scores``, rows of one group, with those of pool-dependent methods worked out.

    A method may register a ``combine`` function: it takes the notes (a list of dictionaries) of the
    checkpoints compared on one task, two or more, and returns their scores in the same order.
    """
    scores = scores.reset_index(drop=True)
    pooled = scores[scores["method"].map(is_pooled)]
    scores.loc[pooled.index, "group"] = group
    ok = pooled[pooled["status"] == "ok"]
    for (_, method, _), rows in ok.groupby(["measure", "method", "task"], sort=False):
        if len(rows) > 1:
            combine = getattr(importlib.import_module(module_of(method)), METHODS[method].combine)
            notes = [_parse(value) for value in rows["notes"]]
            scores.loc[rows.index, "score"] = np.asarray(combine(notes), dtype=np.float64)
    return scores


def expect_random(
    accuracies: np.ndarray, generator: np.random.Generator, *, reference: float | None = None
) -> dict[str, float]:
    """Return the metrics that a random ranking has in expectation.

    The closed form of :func:`~ckptrank.evaluation.metrics.expected_metrics`; for the weighted taus among tied
    accuracies, which have none, the mean of 4,000 random rankings.
    """
    values = expected_metrics(accuracies, reference=reference)
    if np.isnan(values["weighted_kendall"]) and not np.isnan(values["kendall"]):
        drawn = draw_random(accuracies, np.ones((_EXPECTATION_DRAWS, len(accuracies))), generator)
        values |= {name: float(drawn[name].mean()) for name in WEIGHTED}
    return values


def draw_random(
    accuracies: np.ndarray,
    counts: np.ndarray,
    generator: np.random.Generator,
    *,
    reference: float | None = None,
) -> dict[str, np.ndarray]:
    """Return the metrics (B,) of a fresh random ranking of each resample of ``counts`` (B, n)."""
    return _draw_metrics(generator.random, accuracies, counts, reference)


def expect_ceiling(
    accuracies: np.ndarray,
    noise: float,
    generator: np.random.Generator,
    *,
    reference: float | None = None,
) -> dict[str, float]:
    """Return the metrics that the ceiling has in expectation: the mean of 4,000 of its rankings."""
    counts = np.ones((_EXPECTATION_DRAWS, len(accuracies)), dtype=int)
    drawn = draw_ceiling(accuracies, counts, noise, generator, reference=reference)
    return {name: float(values.mean()) for name, values in drawn.items()}


def draw_ceiling(
    accuracies: np.ndarray,
    counts: np.ndarray,
    noise: float,
    generator: np.random.Generator,
    *,
    reference: float | None = None,
) -> dict[str, np.ndarray]:
    """Return the metrics (B,) of what knows each checkpoint but for the ``noise`` of fine-tuning it once.

    Whoever predicts every expected accuracy exactly is judged by accuracies that are off by the noise, a normal
    variable of that standard deviation. The accuracies found here stand for the expected ones, those plus
    noise for what would be found: no measure can be expected to order them better.
    """

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        return accuracies + noise * generator.standard_normal(shape)

    return _draw_metrics(draw, accuracies, counts, reference)


def _draw_metrics(
    draw: Callable[[tuple[int, ...]], np.ndarray],
    accuracies: np.ndarray,
    counts: np.ndarray,
    reference: float | None,
) -> dict[str, np.ndarray]:
    parts = [
        compute_metrics(draw(part.shape), accuracies, counts=part, reference=reference)
        for part in _split(counts)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _split(counts: np.ndarray) -> list[np.ndarray]:
    """Split resamples so that the (B, n, n) arrays of one part stay small."""
    step = max(1, _PAIRS_AT_ONCE // max(1, counts.shape[1] ** 2))
    return np.split(counts, range(step, len(counts), step))


def _draw(seed: int) -> float:
    return np.random.default_rng(seed).random()


def _parse(notes: str | dict) -> dict:
    return json.loads(notes) if isinstance(notes, str) else notes


def _to_rows(
    name: str, table: pd.DataFrame, *, status: str = "failed", reason: str, group: str = ""
) -> pd.DataFrame:
    """Turn checkpoints x tasks into score rows; ``status`` and ``reason`` are for the NaN ones."""
    table = table.rename_axis(index="checkpoint", columns=None).reset_index()
    rows = table.melt(id_vars="checkpoint", var_name="task", value_name="score")
    scored = rows["score"].notna()
    rows = rows.assign(
        measure=name,
        method=name,
        group=group,
        status=np.where(scored, "ok", status),
        reason=np.where(scored, "", reason),
        mark="",
        notes="{}",
        **UNKNOWN_COSTS,
    )
    return rows[BENCHMARK["scores"].names]
