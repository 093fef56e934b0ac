"""The landing page: which checkpoints to take, how far to trust that, and what it cost.

All numbers come from the tables of the run. Everything is computed here and only written down by the
template ``landing.html``.
"""

import math
import os
from collections.abc import Mapping, Sequence

import pandas as pd

from ckptrank.report import theme
from ckptrank.report.frames import Frames, ranked_checkpoints, titles
from ckptrank.report.ranking_tables import measure_order, undefined_measures
from ckptrank.report.templating import render
from ckptrank.report.text import counted, duration, fixed, listed, one_decimal, ordinal

#: Docutils blanks the whole page when a line of it is longer.
LONGEST_LINE = 10_000

_NOT_MEASURES = ("baseline", "control")


def expected_best_of(accuracies: Sequence[float], count: int) -> float:
    """Return the expected best accuracy among ``count`` different checkpoints drawn at random."""
    ordered, total = sorted(accuracies), len(accuracies)
    count = min(count, total)
    draws = math.comb(total, count)
    return sum(value * math.comb(at, count - 1) / draws for at, value in enumerate(ordered))


def rank_interval(accuracies: pd.Series, name: str, noise: float) -> tuple[int, int, int]:
    """Return a checkpoint's rank by accuracy and the lowest and highest rank that noise allows.

    Two checkpoints count as told apart when their accuracies differ by more than 1.96 standard deviations
    of a difference, sqrt(2) ``noise``.
    """
    margin = 1.96 * math.sqrt(2) * noise
    others, own = accuracies.drop(name), accuracies[name]
    rank = 1 + int((others > own).sum())
    return rank, 1 + int((others > own + margin).sum()), 1 + int((others >= own - margin).sum())


def pooled_noise(truth: pd.DataFrame) -> float:
    """Return the pooled standard deviation between seeds of the given rows; NaN without repeats."""
    return float((truth["noise_sd"].dropna() ** 2).mean() ** 0.5)


def recommend(frames: Frames, measure: str, task: str, group: str, count: int = 3) -> dict:
    """Return what the landing page says about one task: the first ``count`` checkpoints and their worth."""
    members = ranked_checkpoints(frames.checkpoints, group)
    scores = frames.scores[(frames.scores["task"] == task) & (frames.scores["status"] == "ok")]
    scores = scores[scores["checkpoint"].isin(members)]
    mine = scores[scores["measure"] == measure].sort_values(["score", "checkpoint"], ascending=[False, True])
    truth = frames.ground_truth[(frames.ground_truth["task"] == task) & (frames.ground_truth["status"] == "ok")]
    truth = truth[truth["checkpoint"].isin(members)].set_index("checkpoint")
    accuracies, noise = truth["accuracy"], pooled_noise(truth)
    noise = 0.0 if math.isnan(noise) else noise
    names = titles(frames.checkpoints, "checkpoint")
    places = _places(frames, scores, measure)
    facts = frames.tasks.set_index("task").loc[task]
    card = {
        "title": facts["title"] or task,
        "about": f"{counted(int(facts['classes']), 'class', 'classes')}, "
                 f"{counted(int(facts['train_samples']), 'training image')}",
        "picks": [],
    }  # fmt: skip
    for name in mine["checkpoint"].head(count):
        pick = {"name": names[name], "accuracy": "", "detail": _place_text(places.get(name))}
        if name in accuracies.index:
            rank, low, high = rank_interval(accuracies, name, noise)
            within = f" ({ordinal(low)} to {ordinal(high)} within noise)" if low < high else ""
            pick["accuracy"] = f"{one_decimal(100 * accuracies[name])} %"
            pick["detail"] = f"really {ordinal(rank)} of {len(accuracies)}{within}; {pick['detail']}"
        card["picks"].append(pick)
    tuned = accuracies[accuracies.index.isin(mine["checkpoint"].head(count))]
    if len(tuned):
        card |= _worth(accuracies, tuned, names, count)
    return card


def _worth(accuracies: pd.Series, tuned: pd.Series, names: dict[str, str], count: int) -> dict:
    best, random = accuracies.idxmax(), expected_best_of(list(accuracies), count)
    lost = 100 * (accuracies.max() - tuned.max())
    return {
        "best": names[best],
        "best_accuracy": f"{one_decimal(100 * accuracies.max())} %",
        "found": lost == 0,
        "lost": one_decimal(lost),
        "random_lost": one_decimal(100 * (accuracies.max() - random)),
    }


def _places(frames: Frames, scores: pd.DataFrame, measure: str) -> dict[str, tuple[int, int, int]]:
    """Return, by checkpoint, the middle half of the places that the other measures give it, and their number."""
    skipped = set(frames.measures.loc[frames.measures["family"].isin(_NOT_MEASURES), "measure"])
    others = scores[~scores["measure"].isin(skipped | {measure})]
    ranks = others.groupby("measure")["score"].rank(ascending=False, method="max")
    quartiles = ranks.groupby(others["checkpoint"]).quantile([0.25, 0.75]).unstack()
    counts = others.groupby("checkpoint")["measure"].nunique()
    return {
        name: (math.floor(row[0.25]), math.ceil(row[0.75]), int(counts[name]))
        for name, row in quartiles.iterrows()
    }


def _place_text(place: tuple[int, int, int] | None) -> str:
    if place is None:
        return "no other measure ranks it"
    low, high, count = place
    span = ordinal(low) if low == high else f"{ordinal(low)} to {ordinal(high)}"
    return f"{span} by most of the {counted(count, 'other measure')}"


def compare(frames: Frames, measure: str, group: str) -> dict:
    """Return the summary's numbers for the recommending measure, the random order and the best static baseline.

    The best static baseline is chosen in hindsight, by the same metric: the hardest one to beat.
    """
    summary = frames.summary[frames.summary["group"] == group].set_index(["measure", "metric"])
    family = frames.measures.set_index("measure")["family"]
    method = frames.measures.set_index("measure")["method"]
    names = titles(frames.measures, "measure")
    random = next((name for name in method.index if method[name] == "random"), "")
    static = [name for name in family.index if family[name] == "baseline" and name != random]

    def entry(name: str, metric: str) -> dict | None:
        if (name, metric) not in summary.index or math.isnan(summary.loc[(name, metric), "mean"]):
            return None
        row = summary.loc[(name, metric)]
        return {"title": names[name], "mean": row["mean"], "low": row["low"], "high": row["high"]}

    compared = {}
    for metric, sign in (("kendall", 1), ("regret_at_3", -1)):
        entries = [found for name in static if (found := entry(name, metric))]
        compared[metric] = {
            "own": entry(measure, metric),
            "random": entry(random, metric) if random else None,
            "static": max(entries, key=lambda e: sign * e["mean"], default=None),
        }
    return compared


def verdict(own: dict, other: dict) -> str:
    """Say how two intervals of a metric where higher is better lie to each other."""
    if own["low"] > other["high"]:
        return "clearly better: the intervals do not overlap"
    if own["mean"] > other["mean"]:
        return "better on average, but the intervals overlap"
    return "not better"


def forest(frames: Frames, group: str, pages: Mapping[str, str]) -> list[dict]:
    """Return the rows of the picture of all measures: Kendall with its interval, best first."""
    undefined = undefined_measures(frames.measures, frames.checkpoints, group)
    wanted = frames.summary[(frames.summary["group"] == group) & (frames.summary["metric"] == "kendall")]
    wanted = wanted.set_index("measure")
    facts = frames.measures.set_index("measure")
    names = titles(frames.measures, "measure")
    shown = [name for name in measure_order(frames.measures) if name in wanted.index and name not in undefined]
    shown = [name for name in shown if not math.isnan(wanted.loc[name, "mean"])]
    low = min([0.0, *(wanted.loc[name, "low"] for name in shown)])
    rows = []
    for name in sorted(shown, key=lambda name: -wanted.loc[name, "mean"]):
        mean, start, end = (wanted.loc[name, key] for key in ("mean", "low", "high"))
        place = [round(100 * (value - low) / (100 - low), 2) for value in (mean, start, end, 0)]
        family = facts.loc[name, "family"]
        rows.append(
            {
                "title": names[name],
                "page": pages.get(name, ""),
                "color": theme.FAMILY_COLORS.get(family, theme.GREY),
                "aside": {"baseline": "baseline", "control": "control"}.get(family, ""),
                "mean": fixed(mean / 100),
                "interval": f"[{fixed(start / 100)}, {fixed(end / 100)}]",
                "place": dict(zip(("mean", "low", "high", "zero"), place, strict=True)),
            }
        )
    return rows


def _costs(frames: Frames, measure: str, group: str, stages: pd.DataFrame | None) -> dict:
    summary = frames.summary[(frames.summary["group"] == group) & (frames.summary["metric"] == "seconds")]
    seconds = summary.set_index("measure")["mean"]
    tuned = frames.ground_truth.loc[frames.ground_truth["status"] == "ok", "seconds"].dropna()
    costs = {
        "score": duration(seconds[measure]) if measure in seconds.index else "",
        "sweep": duration(tuned.mean()) if len(tuned) else "",
        "sweeps": duration(tuned.sum()) if len(tuned) else "",
        "pairs": counted(len(tuned), "pair"),
        "share": "",
    }
    if stages is not None and len(stages):
        total = stages["wall_seconds"].sum()
        parts = stages.sort_values("wall_seconds", ascending=False).head(3)
        costs["share"] = listed(
            [f"{fixed(100 * row.wall_seconds / total, 0)} % {row.stage.lower()}" for row in parts.itertuples()]
        )
    return costs


def _protocol(frames: Frames, measure: str, group: str) -> list[tuple[str, str]]:
    members = ranked_checkpoints(frames.checkpoints, group)
    facts = frames.measures.set_index("measure").loc[measure]
    truth = frames.ground_truth[frames.ground_truth["status"] == "ok"]
    noise = pooled_noise(truth)
    names = list(titles(frames.tasks, "task").values())
    failed = int((frames.scores["status"] == "failed").sum() + (frames.ground_truth["status"] == "failed").sum())
    absent = int((frames.scores["status"] == "not_applicable").sum())
    return [
        ("Pool", f"group {group}: {counted(len(members), 'checkpoint')}, each on {listed(names)}"),
        ("What a score may see", facts["protocol"] or "not recorded"),
        ("Ground truth", "best test accuracy after fine-tuning all weights, over the sweep of learning rates and step budgets"),
        ("Its noise", f"{fixed(100 * noise)} percentage points (standard deviation between seeds)"
         if not math.isnan(noise) else "not measured: no fine-tuning was repeated"),
        ("Intervals", "95 %, by bootstrap over tasks and checkpoints"),
        ("Left out", f"{counted(failed, 'pair')} failed, {absent:,} not applicable; never counted as zero"),
    ]  # fmt: skip


def render_landing(
    frames: Frames,
    *,
    recommender: str,
    group: str,
    provenance: Mapping | None = None,
    stages: pd.DataFrame | None = None,
    pages: Sequence[tuple[str, str]] = (),
    measure_pages: Mapping[str, str] | None = None,
    directory: str = "results/report",
    title: str = "Which checkpoints are worth fine-tuning?",
    fragment: bool = False,
    made_from: str = "",
) -> str:
    """Return the landing page.

    ``recommender`` is the measure whose order is shown, ``group`` the pool. ``pages`` (title, path) and
    ``measure_pages`` (measure -> path) are linked; paths are the result files as Snakemake knows them,
    relative to the run's directory, and ``directory`` is where the page itself lies, so that the links
    work inside Snakemake's report and on disk alike. ``fragment=True`` leaves out ``<html>`` and all
    scripts, for ``.. raw:: html`` in ``workflow.rst``. ``provenance`` and ``stages`` as in
    :func:`ckptrank.report.provenance.render_provenance`.
    """
    if recommender not in set(frames.measures["measure"]):
        raise ValueError(f"recommender: {recommender!r} is not among the measures")
    compared = compare(frames, recommender, group)
    context = {
        "title": title,
        "measure": titles(frames.measures, "measure")[recommender],
        "pool": len(ranked_checkpoints(frames.checkpoints, group)),
        "cards": [recommend(frames, recommender, task, group) for task in frames.tasks["task"]],
        "compared": compared,
        "costs": _costs(frames, recommender, group, stages),
        "protocol": _protocol(frames, recommender, group),
        "forest": forest(frames, group, measure_pages or {}),
        "ahead": _ahead(frames, group),
        "provenance": provenance or {},
        "pages": pages,
        "fragment": fragment,
        "made_from": made_from,
        "duration": duration,
        "fixed": fixed,
        "verdict": verdict,
        "local": lambda path: os.path.relpath(path, directory),
    }
    page = render("landing_fragment.html" if fragment else "landing_page.html", **context)
    longest = max(map(len, page.splitlines()))
    if longest >= LONGEST_LINE:
        raise ValueError(f"landing page: a line of {longest:,} characters, docutils takes {LONGEST_LINE:,}")
    return page


def _ahead(frames: Frames, group: str) -> str:
    """Say how many measures beat the random order, and the best static baseline, by their intervals."""
    wanted = frames.summary[(frames.summary["group"] == group) & (frames.summary["metric"] == "kendall")]
    wanted = wanted.set_index("measure")
    undefined = undefined_measures(frames.measures, frames.checkpoints, group)
    facts = frames.measures[frames.measures["measure"].isin(set(wanted.index) - undefined)]
    mine = wanted.loc[facts.loc[~facts["family"].isin(_NOT_MEASURES), "measure"]]
    static = wanted.loc[facts.loc[(facts["family"] == "baseline") & (facts["method"] != "random"), "measure"]]
    text = f"{(mine['low'] > 0).sum()} of {counted(len(mine), 'measure')} order the checkpoints better than chance (interval above 0)"
    if len(static):
        best = static["mean"].max()
        text += f", {(mine['low'] > best).sum()} better than the best static baseline (interval above {fixed(best / 100)})"
    return text + "."
