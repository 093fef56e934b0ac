"""What a run says about a task: which checkpoints come first, and what they turned out worth."""

import math

import pandas as pd

from ckptrank.evaluation.metrics import TOP, expected_metrics
from ckptrank.evaluation.tables import Frames, ranked_checkpoints, scores_of_group, titles
from ckptrank.text import counted, one_decimal

#: Families of ``measures.csv`` that are shown for comparison and recommend nothing.
NOT_MEASURES = ("baseline", "control")
#: So many checkpoints are recommended, the larger of the metrics' two sizes.
SHORTLIST = max(TOP)


def rank_interval(accuracies: pd.Series, name: str, noise: float) -> tuple[int, int, int]:
    """Return a checkpoint's rank by accuracy and the lowest and highest rank that noise allows.

    Two checkpoints count as told apart when their accuracies differ by more than 1.96 standard
    deviations of a difference, sqrt(2) ``noise``.
    """
    margin = 1.96 * math.sqrt(2) * noise
    others, own = accuracies.drop(name), accuracies[name]
    rank = 1 + int((others > own).sum())
    return rank, 1 + int((others > own + margin).sum()), 1 + int((others >= own - margin).sum())


def pooled_noise(truth: pd.DataFrame) -> float:
    """Return the pooled standard deviation of the given rows' accuracies between seeds; NaN without repeats."""
    return float((truth["noise_sd"].dropna() ** 2).mean() ** 0.5)


def say_accuracy(truth: pd.DataFrame) -> str:
    """Say of what the accuracies of the ground truth are: of a sweep's best run, or of the mean of several."""
    runs = truth["runs"].max() if "runs" in truth else 1
    return (
        f"mean test accuracy of {runs:.0f} runs at the best setting"
        if runs > 1
        else "best test accuracy"
    )


def rank_all(frames: Frames, measure: str, task: str, group: str) -> pd.DataFrame:
    """Return a row per checkpoint that ``measure`` scores on a task, its first choice first.

    Columns: ``checkpoint``, ``rank``; ``others``, ``others_low``, ``others_high`` (median and middle half
    of the places that the other measures give it); ``accuracy`` (fine-tuned), ``true_rank``, ``true_low`` and
    ``true_high`` (:func:`rank_interval`); NaN where the pair was not fine-tuned or not scored by others.
    """
    members = ranked_checkpoints(frames.checkpoints, group)
    scores = scores_of_group(frames.scores, group)
    scores = scores[
        (scores["task"] == task) & (scores["status"] == "ok") & scores["checkpoint"].isin(members)
    ]
    mine = scores[scores["measure"] == measure].sort_values(
        ["score", "checkpoint"], ascending=[False, True]
    )
    accuracies, noise = _accuracies(frames, task, members)
    places = _places(frames, scores, measure)
    unknown = (math.nan,) * 3
    rows = []
    for rank, name in enumerate(mine["checkpoint"], start=1):
        known = name in accuracies.index
        accuracy = accuracies[name] if known else math.nan
        truth = rank_interval(accuracies, name, noise) if known else unknown
        rows.append((name, rank, *places.get(name, unknown), accuracy, *truth))
    columns = ["checkpoint", "rank", "others", "others_low", "others_high", "accuracy"]
    return pd.DataFrame(rows, columns=[*columns, "true_rank", "true_low", "true_high"])


def _accuracies(frames: Frames, task: str, members: list[str]) -> tuple[pd.Series, float]:
    """Return the members' fine-tuned accuracies on a task and their noise, 0 where not measured."""
    truth = frames.ground_truth
    truth = truth[
        (truth["task"] == task) & (truth["status"] == "ok") & truth["checkpoint"].isin(members)
    ]
    noise = pooled_noise(truth)
    return truth.set_index("checkpoint")["accuracy"], 0.0 if math.isnan(noise) else noise


def recommend(frames: Frames, measure: str, task: str, group: str) -> dict:
    """Return what the landing page says about a task: the first :data:`SHORTLIST`, and their worth."""
    accuracies, _ = _accuracies(frames, task, ranked_checkpoints(frames.checkpoints, group))
    names = titles(frames.checkpoints, "checkpoint")
    facts = frames.tasks.set_index("task").loc[task]
    first = rank_all(frames, measure, task, group).head(SHORTLIST)
    card = {
        "task": task,
        "title": facts["title"] or task,
        "about": task_size(facts),
        "picks": [_pick(row, names) for row in first.itertuples(index=False)],
    }
    tuned = accuracies[accuracies.index.isin(first["checkpoint"])]
    if len(tuned):
        card |= _worth(accuracies, tuned, names)
    return card


def _pick(row: tuple, names: dict[str, str]) -> dict:
    pick = {"name": names[row.checkpoint], "accuracy": "", "details": []}
    if not math.isnan(row.accuracy):
        interval = f"{row.true_low:.0f}–{row.true_high:.0f}"
        span = f" ({interval} within noise)" if row.true_low < row.true_high else ""
        pick["accuracy"] = f"{one_decimal(100 * row.accuracy)}\xa0%"
        pick["details"].append(f"true rank {row.true_rank:.0f}{span}")
    pick["details"].append(_place_text(row.others_low, row.others_high))
    return pick


def task_size(facts: pd.Series) -> str:
    """``10 classes, 200 training images``; the reason where the task could not be prepared."""
    if facts["status"] == "failed":
        return f"not prepared: {facts['reason']}"
    classes = counted(int(facts["classes"]), "class", "classes")
    return f"{classes}, {counted(int(facts['train_samples']), 'training image')}"


def _worth(accuracies: pd.Series, tuned: pd.Series, names: dict[str, str]) -> dict:
    # Of a single checkpoint there is no metric, and nothing to lose.
    expected = expected_metrics(accuracies) if len(accuracies) > 1 else {}
    lost = 100 * (accuracies.max() - tuned.max())
    return {
        "best": names[accuracies.idxmax()],
        "best_accuracy": f"{one_decimal(100 * accuracies.max())}\xa0%",
        "found": lost == 0,
        "lost": one_decimal(lost),
        "random_lost": one_decimal(100 * expected.get(f"regret_at_{SHORTLIST}", 0.0)),
    }


def _places(frames: Frames, scores: pd.DataFrame, measure: str) -> dict[str, tuple]:
    """Return, by checkpoint, median and middle half of the places that the other measures give it."""
    skipped = set(frames.measures.loc[frames.measures["family"].isin(NOT_MEASURES), "measure"])
    others = scores[~scores["measure"].isin(skipped | {measure})]
    ranks = others.groupby("measure")["score"].rank(ascending=False, method="max")
    quartiles = ranks.groupby(others["checkpoint"]).quantile([0.25, 0.5, 0.75]).unstack()
    return {
        name: (row[0.5], math.floor(row[0.25]), math.ceil(row[0.75]))
        for name, row in quartiles.iterrows()
    }


def _place_text(low: float, high: float) -> str:
    if math.isnan(low):
        return "no other measure ranks it"
    return f"others rank it {low:.0f}" + (f"–{high:.0f}" if low < high else "")
