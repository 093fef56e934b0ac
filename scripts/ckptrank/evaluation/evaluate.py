"""From scores and ground truth to the tables that say how far each measure can be trusted.

Within a group of checkpoints every measure gets each metric per task, its mean over the tasks, and
a 95 % interval around the mean: the percentile bootstrap that resamples tasks and checkpoints
together, the same checkpoints on every task and the same resamples for every measure of the group,
so that measures can be compared. Scores stay as they are under resampling (the consensus and the
control are not recomputed), except that ``random`` draws a new ranking each time, so that its
interval shows what luck achieves. A metric that is undefined on a task leaves that task out of the
mean; resamples without any mean are left out of the interval, which is empty if most are.

A measure is judged on every checkpoint of the group that has ground truth: one on which it failed, or
to which it does not apply, is ranked last by it and counts in every metric but the correlations (see
:mod:`ckptrank.evaluation.metrics`). Where it applies to none of them it makes no ranking, and its
metrics are undefined. A pair whose ground truth failed is left out altogether.

The interval is cautious: noise of each pair's own is resampled with the tasks and again with the
checkpoints, so that where there is no other it is 1.7 times as wide as need be (three times the
variance; Owen 2007, "The pigeonhole bootstrap"). Noise that tasks share counts once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ckptrank.evaluation.baselines import (
    BASELINES,
    COSTS,
    SHARED_COSTS,
    UNKNOWN_COSTS,
    combine_scores,
    draw_ceiling,
    draw_random,
    expect_ceiling,
    expect_random,
    is_pooled,
    score_ceiling,
    score_checkpoints,
    score_consensus,
    score_leave_one_task_out,
)
from ckptrank.evaluation.columns import BENCHMARK, COMPARISONS
from ckptrank.evaluation.comparisons import Series, compare_series
from ckptrank.evaluation.metrics import compute_metrics, count_ties
from ckptrank.evaluation.recommend import pooled_noise
from ckptrank.seeds import seed_from

LEVEL = 0.95
_COUNTS = ("trials_to_best",)  # the summary gives all other metrics in percent
_STATUSES = ("ok", "failed", "not_applicable")
# What tells the rows apart; scores name no group before they are evaluated.
_KEYS = {
    name: [column for column in BENCHMARK[name].key if column != "group"]
    for name in ("scores", "ground_truth", "checkpoints", "measures")
}


@dataclass(frozen=True)
class Evaluation:
    """Tidy tables; an empty cell is undefined (see :mod:`ckptrank.evaluation.metrics`) or unknown.

    ``metrics``: a row per group, task and measure, metrics in natural units, over the ``n``
    checkpoints with ground truth, those without a score ranked last. ``left_out`` are not in the
    correlations: their score or ground truth is missing, for ``left_out_not_applicable`` of them
    because the measure is not defined there (the papers print a dash for such a measure), for the
    others because something failed. ``ties``: pairs of equal scores. ``random`` has its expectation
    here, not the metrics of the one ranking in ``scores``.

    ``summary``: a row per group, measure and metric. ``mean`` over the ``tasks`` on which the
    metric is defined, with its interval ``low`` to ``high``, in percent (points) except
    ``trials_to_best``. The metrics ``seconds``, ``gmacs`` and ``gmacs_with_fitting`` are costs per
    scored pair: mean, smallest, largest; the seconds have the pair's share of what its measure alone
    needs (:func:`share_references`). ``left_out`` and ``left_out_not_applicable`` count pairs
    over all tasks; ``complete``: there are none.

    ``comparisons``: a row per group and pair of measures, the mean over tasks of the difference of their Kendall's
    taus, in points, with its interval: both are resampled together, so that what makes a resample hard for both
    cancels. Of two measures the better one comes first.

    ``families``: a row per group, family of tasks and measure, the mean Kendall over the tasks of the family, in
    percent, with its interval.

    ``scores``: those given and the baselines'; pooled ones once per group, named in ``group``.
    """

    metrics: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    families: pd.DataFrame
    scores: pd.DataFrame


def evaluate(
    scores: pd.DataFrame,
    ground_truth: pd.DataFrame,
    checkpoints: pd.DataFrame,
    groups: Mapping[str, Sequence[str]],
    measures: pd.DataFrame,
    consensus: Sequence[str] = (),
    bootstrap: int = 1000,
    seed: int = 0,
    *,
    reference: str | None = None,
    families: Mapping[str, Sequence[str]] | None = None,
) -> Evaluation:
    """Compare the scores of every measure and baseline with the ground truth, in each group.

    ``scores``, ``ground_truth``, ``checkpoints`` and ``measures`` hold the columns of the tables of
    these names (:data:`ckptrank.evaluation.columns.BENCHMARK`), those *needed* at least. Tasks are
    those of the ground truth. ``groups``: names of checkpoints by group; those of kind ``scratch``
    are never ranked. Every measure needs a score row for every pair, also
    for those that failed, except for the baselines and the consensus, which are worked out here for
    the rows that ``measures`` has for them (:func:`~ckptrank.evaluation.baselines.describe_baselines`).
    A pair without a score (``failed`` or ``not_applicable``) stays among the accuracies: its checkpoint
    is ranked last, below all that have one, and ties among such are broken pessimistically as others are.
    Only the correlations are over the scored pairs alone. A pair without ground truth is left out of all.
    ``consensus``: the measures that the consensus averages. ``bootstrap``: the number of resamples,
    0 for no intervals. ``reference``: a checkpoint to gain on; adds the metrics ``gain_at_k``. ``families``:
    names of tasks by kind; tasks that are not in the ground truth, and kinds that have no other, are passed over.

    Raises ``ValueError`` naming the table and the row for missing columns, missing or repeated
    pairs, and unknown names.
    """
    for name, frame in (
        ("scores", scores),
        ("ground_truth", ground_truth),
        ("checkpoints", checkpoints),
        ("measures", measures),
    ):
        _check_frame(name, frame)
    names = list(measures["measure"])
    worked_out = [name for name in names if name in (*BASELINES, "consensus")]
    given = [name for name in names if name not in worked_out]
    ranked = _get_ranked(groups, checkpoints)
    tasks = list(dict.fromkeys(ground_truth["task"]))
    _check_rows(scores, ground_truth, given, ranked, tasks)
    _check_names(scores, names, given, consensus, ground_truth, reference)

    accuracies = ground_truth.assign(
        accuracy=ground_truth["accuracy"].where(ground_truth["status"] == "ok").astype(np.float64)
    ).pivot(index="checkpoint", columns="task", values="accuracy")[tasks]
    references = None if reference is None else accuracies.loc[reference].to_numpy()
    baselines = score_checkpoints(worked_out, checkpoints, tasks, seed=seed)
    rows = pd.concat([_complete(scores), baselines], ignore_index=True)
    rows = rows.astype(dict.fromkeys(("score", *COSTS, *SHARED_COSTS), np.float64))

    noise = _find_noise(ground_truth, tasks)
    metrics, summary, comparisons, by_family, pooled = [], [], [], [], []
    for group, members in ranked.items():
        truth = accuracies.loc[members]
        here = combine_scores(rows[rows["checkpoint"].isin(members)], group)
        if "leave_one_task_out" in worked_out:
            here = pd.concat([here, score_leave_one_task_out(truth, group)], ignore_index=True)
        if "ceiling" in worked_out:
            here = pd.concat([here, score_ceiling(truth, noise, group, seed)], ignore_index=True)
        if "consensus" in worked_out:
            here = pd.concat([here, score_consensus(here, consensus, group)], ignore_index=True)
        pooled.append(here[here["group"] == group])
        generator = np.random.default_rng(seed_from(seed, "bootstrap", group))
        resamples = Resamples.draw(*truth.shape, bootstrap, generator)
        order = pd.MultiIndex.from_product([names, tasks, members])
        ordered = here.set_index(["measure", "task", "checkpoint"]).loc[order]
        by_measure = dict(iter(ordered.groupby(level=0, sort=False)))
        seeds = {name: seed_from(seed, name, group) for name in by_measure}
        judge = _Judge(by_measure, truth, references, resamples, noise, seeds)
        compared = {}
        for name in by_measure:
            per_task, means, compared[name] = judge(name)
            metrics += [
                {"group": group, "task": row["task"], "measure": name} | row for row in per_task
            ]
            summary += [{"group": group, "measure": name} | row for row in means]
        for family, members_of_it in (families or {}).items():
            inside = np.isin(tasks, members_of_it)
            for name, series in compared.items() if inside.any() else ():
                row = _average_family(series, inside, resamples)
                by_family.append({"group": group, "family": family, "measure": name} | row)
        if bootstrap:
            pairs = compare_series(compared, resamples.get_interval, judge.on)
            comparisons += [{"group": group} | row for row in pairs]
    pool_free = rows[~rows["method"].map(is_pooled)]
    return Evaluation(
        pd.DataFrame(metrics),
        pd.DataFrame(summary),
        pd.DataFrame(comparisons, columns=COMPARISONS["comparisons"].names),
        pd.DataFrame(by_family, columns=COMPARISONS["families"].names),
        pd.concat([pool_free, *pooled], ignore_index=True),
    )


@dataclass(frozen=True)
class Resamples:
    """How often each checkpoint (B, N) and each task (B, T) occurs in each bootstrap resample."""

    checkpoints: np.ndarray
    tasks: np.ndarray

    @classmethod
    def draw(
        cls, checkpoints: int, tasks: int, number: int, generator: np.random.Generator
    ) -> "Resamples":
        return cls(
            generator.multinomial(checkpoints, np.full(checkpoints, 1 / checkpoints), size=number),
            generator.multinomial(tasks, np.full(tasks, 1 / tasks), size=number),
        )

    def get_interval(self, values: np.ndarray) -> tuple[float, float]:
        """Return the percentile interval of the mean over tasks of ``values`` (B, T)."""
        weights = self.tasks * np.isfinite(values)
        total = weights.sum(axis=1)
        defined = total > 0
        if not len(values) or defined.mean() <= 0.5:
            return np.nan, np.nan
        sums = (weights * np.where(np.isfinite(values), values, 0.0)).sum(axis=1)
        tail = (1 - LEVEL) / 2
        low, high = np.quantile(sums[defined] / total[defined], [tail, 1 - tail])
        return float(low), float(high)


@dataclass(frozen=True)
class _Judge:
    """Judges the measures of a group, given by their ``rows``; the other fields are as :func:`_compare` takes them."""

    rows: Mapping[str, pd.DataFrame]
    truth: pd.DataFrame
    references: np.ndarray | None
    resamples: Resamples
    noise: pd.Series
    seeds: Mapping[str, int]
    _known: dict[tuple[str, bytes], Series] = field(default_factory=dict)

    def __call__(
        self, name: str, counted: np.ndarray | None = None
    ) -> tuple[list[dict], list[dict], Series]:
        """Return what :func:`_compare` does, over the checkpoints that are ``counted`` (T, N) if that is given."""
        truth = self.truth if counted is None else self.truth.where(counted.T)
        return _compare(
            self.rows[name], truth, self.references, self.resamples, self.noise, self.seeds[name]
        )

    def on(self, name: str, counted: np.ndarray) -> Series:
        """Return a measure's taus over the checkpoints that are ``counted`` (T, N)."""
        key = name, counted.tobytes()
        if key not in self._known:
            self._known[key] = self(name, counted)[2]
        return self._known[key]


def _compare(
    rows: pd.DataFrame,
    truth: pd.DataFrame,
    references: np.ndarray | None,
    resamples: Resamples,
    noise: pd.Series,
    seed: int,
) -> tuple[list[dict], list[dict], Series]:
    """Return one measure's rows of ``metrics`` and of ``summary`` in a group, and its Kendall's taus.

    ``rows``: its scores, for each task each checkpoint in the order of ``truth`` (checkpoints x
    tasks); ``references``: an accuracy for each task; ``noise``: of the accuracies of each task.
    """
    by_task = (len(truth.columns), len(truth))
    all_scores = rows["score"].to_numpy().reshape(by_task)
    undefined = (rows["status"] == "not_applicable").to_numpy().reshape(by_task)
    all_scored = np.isfinite(all_scores) & np.isfinite(truth.to_numpy().T)
    per_task, drawn = [], []
    for number, task in enumerate(truth):
        accuracies, scored = truth[task].to_numpy(), all_scored[number]
        keep = find_compared(accuracies, undefined[number])
        scores, accuracies = all_scores[number, keep], accuracies[keep]
        counts = resamples.checkpoints[:, keep]
        reference = None if references is None else references[number]
        if rows["method"].iloc[0] == "random":
            generator = np.random.default_rng(seed_from(seed, task))
            values = expect_random(accuracies, generator, reference=reference)
            draws = draw_random(accuracies, counts, generator, reference=reference)
        elif rows["method"].iloc[0] == "ceiling" and np.isfinite(noise[task]):
            generator = np.random.default_rng(seed_from(seed, task))
            values = expect_ceiling(accuracies, noise[task], generator, reference=reference)
            draws = draw_ceiling(accuracies, counts, noise[task], generator, reference=reference)
        else:
            values = compute_metrics(scores, accuracies, reference=reference)
            draws = compute_metrics(scores, accuracies, counts=counts, reference=reference)
        facts = {
            "task": task,
            "n": int(keep.sum()),
            "left_out": int((~scored).sum()),
            "left_out_not_applicable": int(undefined[number].sum()),
            "ties": count_ties(scores),
        }
        per_task.append(facts | values)
        drawn.append(draws)

    summary = []
    for name in drawn[0]:
        values = np.array([row[name] for row in per_task])
        defined = values[np.isfinite(values)]
        unit = 1 if name in _COUNTS else 100
        mean = defined.mean() if len(defined) else np.nan
        low, high = resamples.get_interval(np.stack([draws[name] for draws in drawn], axis=1))
        summary.append(_estimate(name, unit * mean, unit * low, unit * high, len(defined)))
    for name in COSTS:
        spent = rows[name] + share_references(rows) if name == "seconds" else rows[name]
        costs = spent.where(rows["status"] == "ok").to_numpy(np.float64).reshape(by_task)
        tasks = int(np.isfinite(costs).any(axis=1).sum())
        values = pd.Series(costs.ravel())
        summary.append(_estimate(name, values.mean(), values.min(), values.max(), tasks))
    left_out = {
        name: sum(row[name] for row in per_task) for name in ("left_out", "left_out_not_applicable")
    }
    left_out["complete"] = left_out["left_out"] == 0
    kendall = Series(
        np.array([100 * row["kendall"] for row in per_task]),
        np.stack([100 * draws["kendall"] for draws in drawn], axis=1),
        all_scored,
    )
    return per_task, [row | left_out for row in summary], kendall


def _average_family(series: Series, inside: np.ndarray, resamples: Resamples) -> dict:
    """Return the mean of a measure's taus over the tasks that are ``inside`` (T,), with its interval."""
    values = series.values[inside]
    defined = values[np.isfinite(values)]
    low, high = resamples.get_interval(np.where(inside, series.draws, np.nan))
    mean = float(defined.mean()) if len(defined) else np.nan
    return {"kendall": mean, "low": low, "high": high, "tasks": len(defined)}


def _find_noise(ground_truth: pd.DataFrame, tasks: list[str]) -> pd.Series:
    """Return the pooled standard deviation between seeds on each task, NaN where nothing was repeated."""
    if "noise_sd" not in ground_truth:
        return pd.Series(np.nan, tasks)
    by_task = ground_truth.astype({"noise_sd": np.float64}).groupby("task")
    return pd.Series({task: pooled_noise(by_task.get_group(task)) for task in tasks})


def share_references(rows: pd.DataFrame) -> pd.Series:
    """Return the seconds of each score's share of what its measure alone needs, 0 where there is none.

    What several scores on a task name as their ``reference`` was made once for them (RSA's network); what one
    names is its own (domain similarity's pass over the source's images).
    """
    keys = [
        rows["reference"],
        rows.index.get_level_values("task") if "task" in rows.index.names else rows["task"],
    ]
    sharing = rows["reference"].groupby(keys).transform("size")
    return (rows["reference_seconds"].astype(np.float64) / sharing).fillna(0.0)


def find_compared(accuracies: np.ndarray, undefined: np.ndarray) -> np.ndarray:
    """Return which checkpoints (n,) a measure is judged on: all with an accuracy, scored or not.

    None where it is ``undefined`` (n,) for each of these: it makes no ranking there.
    """
    known = np.isfinite(accuracies)
    return known & ~undefined[known].all()


def _estimate(metric: str, mean: float, low: float, high: float, tasks: int) -> dict:
    return {
        "metric": metric,
        "mean": float(mean),
        "low": float(low),
        "high": float(high),
        "tasks": tasks,
    }


def _complete(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with every column of ``scores.csv``; a score that is ok must be finite."""
    empty = {"reason": "", "mark": "", **UNKNOWN_COSTS, "notes": "{}"}
    rows = scores.assign(**{name: value for name, value in empty.items() if name not in scores})
    reasons = rows["reason"].astype(object).where(rows["reason"].notna(), "")
    rows = rows.assign(group="", reason=reasons, score=rows["score"].astype(np.float64))
    not_finite = (rows["status"] == "ok") & ~np.isfinite(rows["score"])
    rows.loc[not_finite, ["status", "reason"]] = ["failed", "the score is not a finite number"]
    rows["score"] = rows["score"].where(rows["status"] == "ok")
    return rows[BENCHMARK["scores"].names]


def _check_frame(name: str, frame: pd.DataFrame) -> None:
    missing = [column for column in BENCHMARK[name].needed if column not in frame]
    if missing:
        raise ValueError(f"{name}: no column {missing[0]!r}")
    repeated = frame[frame.duplicated(_KEYS[name])]
    if len(repeated):
        raise ValueError(f"{name}: more than one row for {_name(repeated[_KEYS[name]].iloc[0])}")
    if "status" in frame:
        unknown = frame[~frame["status"].isin(_STATUSES)]
        if len(unknown):
            row = unknown.iloc[0]
            place = _name(row[_KEYS[name]])
            raise ValueError(f"{name}: {place}: status {row['status']!r} is none of {_STATUSES}")


def _get_ranked(
    groups: Mapping[str, Sequence[str]], checkpoints: pd.DataFrame
) -> dict[str, list[str]]:
    kinds = dict(zip(checkpoints["checkpoint"], checkpoints["kind"], strict=True))
    ranked = {}
    for group, listed in groups.items():
        unknown = [checkpoint for checkpoint in listed if checkpoint not in kinds]
        if unknown:
            raise ValueError(f"groups: {group} names {unknown[0]!r}, which is no checkpoint")
        if len(set(listed)) < len(listed):
            raise ValueError(f"groups: {group} names a checkpoint twice")
        ranked[group] = [checkpoint for checkpoint in listed if kinds[checkpoint] != "scratch"]
        if not ranked[group]:
            raise ValueError(f"groups: {group} holds no checkpoint to rank")
    return ranked


def _check_rows(
    scores: pd.DataFrame,
    ground_truth: pd.DataFrame,
    measures: list[str],
    ranked: Mapping[str, list[str]],
    tasks: list[str],
) -> None:
    members = list(dict.fromkeys(checkpoint for group in ranked.values() for checkpoint in group))
    for name, frame, levels in (
        ("scores", scores, [measures, members, tasks]),
        ("ground_truth", ground_truth, [members, tasks]),
    ):
        expected = pd.MultiIndex.from_product(levels, names=_KEYS[name])
        missing = expected.difference(pd.MultiIndex.from_frame(frame[_KEYS[name]]))
        if len(missing):
            row = dict(zip(_KEYS[name], missing[0], strict=True))
            raise ValueError(f"{name}: no row for {_name(row)} ({len(missing)} rows are missing)")


def _check_names(
    scores: pd.DataFrame,
    names: list[str],
    given: list[str],
    consensus: Sequence[str],
    ground_truth: pd.DataFrame,
    reference: str | None,
) -> None:
    for name in scores["measure"].unique():
        if name not in given:
            fault = "is a baseline's name" if name in names else "is not among the measures"
            raise ValueError(f"scores: {name!r} {fault}")
    if "consensus" in names and not consensus:
        raise ValueError("consensus: name the measures that it averages")
    for name in consensus if "consensus" in names else ():
        if name not in given:
            raise ValueError(f"consensus: {name!r} is not among the measures")
    if reference is not None and reference not in set(ground_truth["checkpoint"]):
        raise ValueError(f"reference: {reference!r} has no ground truth")


def _name(row: Mapping[str, str] | pd.Series) -> str:
    return ", ".join(f"{key} {value!r}" for key, value in dict(row).items())
