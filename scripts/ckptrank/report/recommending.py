"""What a run says about a task: which checkpoints come first, and what they turned out worth."""

import math
from collections.abc import Sequence

import pandas as pd

from ckptrank.report.frames import Frames, ranked_checkpoints, scores_of_group, titles
from ckptrank.report.text import counted, one_decimal

#: Families of ``measures.csv`` that are shown for comparison and recommend nothing.
NOT_MEASURES = ("baseline", "control")


def expected_best_of(accuracies: Sequence[float], count: int) -> float:
    """Return the expected best accuracy among ``count`` different checkpoints drawn at random."""
    ordered, total = sorted(accuracies), len(accuracies)
    count = min(count, total)
    draws = math.comb(total, count)
    return sum(value * math.comb(at, count - 1) / draws for at, value in enumerate(ordered))


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
    """Return the pooled standard deviation between seeds of the given rows; NaN without repeats."""
    return float((truth["noise_sd"].dropna() ** 2).mean() ** 0.5)


def recommend(frames: Frames, measure: str, task: str, group: str, count: int = 3) -> dict:
    """Return what the landing page says about a task: the first ``count`` checkpoints, their worth."""
    members = ranked_checkpoints(frames.checkpoints, group)
    scores = scores_of_group(frames.scores, group)
    scores = scores[
        (scores["task"] == task) & (scores["status"] == "ok") & scores["checkpoint"].isin(members)
    ]
    mine = scores[scores["measure"] == measure].sort_values(
        ["score", "checkpoint"], ascending=[False, True]
    )
    truth = frames.ground_truth[
        (frames.ground_truth["task"] == task) & (frames.ground_truth["status"] == "ok")
    ]
    truth = truth[truth["checkpoint"].isin(members)].set_index("checkpoint")
    accuracies, noise = truth["accuracy"], pooled_noise(truth)
    noise = 0.0 if math.isnan(noise) else noise
    names = titles(frames.checkpoints, "checkpoint")
    places = _places(frames, scores, measure)
    facts = frames.tasks.set_index("task").loc[task]
    card = {
        "title": facts["title"] or task,
        "about": task_size(facts),
        "picks": [],
    }
    for name in mine["checkpoint"].head(count):
        pick = {"name": names[name], "accuracy": "", "details": [_place_text(places.get(name))]}
        if name in accuracies.index:
            rank, low, high = rank_interval(accuracies, name, noise)
            span = f" ({low}–{high} within noise)" if low < high else ""
            pick["accuracy"] = f"{one_decimal(100 * accuracies[name])}\xa0%"
            pick["details"].insert(0, f"true rank {rank}{span}")
        card["picks"].append(pick)
    tuned = accuracies[accuracies.index.isin(mine["checkpoint"].head(count))]
    if len(tuned):
        card |= _worth(accuracies, tuned, names, count)
    return card


def task_size(facts: pd.Series) -> str:
    """``10 classes, 200 training images``; the reason where the task could not be prepared."""
    if facts["status"] == "failed":
        return f"not prepared: {facts['reason']}"
    classes = counted(int(facts["classes"]), "class", "classes")
    return f"{classes}, {counted(int(facts['train_samples']), 'training image')}"


def _worth(accuracies: pd.Series, tuned: pd.Series, names: dict[str, str], count: int) -> dict:
    best, random = accuracies.idxmax(), expected_best_of(list(accuracies), count)
    lost = 100 * (accuracies.max() - tuned.max())
    return {
        "best": names[best],
        "best_accuracy": f"{one_decimal(100 * accuracies.max())}\xa0%",
        "found": lost == 0,
        "lost": one_decimal(lost),
        "random_lost": one_decimal(100 * (accuracies.max() - random)),
    }


def _places(frames: Frames, scores: pd.DataFrame, measure: str) -> dict[str, tuple[int, int]]:
    """Return, by checkpoint, the middle half of the places that the other measures give it."""
    skipped = set(frames.measures.loc[frames.measures["family"].isin(NOT_MEASURES), "measure"])
    others = scores[~scores["measure"].isin(skipped | {measure})]
    ranks = others.groupby("measure")["score"].rank(ascending=False, method="max")
    quartiles = ranks.groupby(others["checkpoint"]).quantile([0.25, 0.75]).unstack()
    return {
        name: (math.floor(row[0.25]), math.ceil(row[0.75])) for name, row in quartiles.iterrows()
    }


def _place_text(place: tuple[int, int] | None) -> str:
    if place is None:
        return "no other measure ranks it"
    low, high = place
    return f"others rank it {low}" + (f"–{high}" if low < high else "")
