"""The landing page: which checkpoints to take, how far to trust that, and what it cost.

All numbers come from the tables of the run. Everything is computed here and only written down by
the template ``landing_body.html``.
"""

import json
import math
from collections.abc import Mapping, Sequence

import pandas as pd

from ckptrank.evaluation.columns import COMPARISONS
from ckptrank.evaluation.recommend import NOT_MEASURES, pooled_noise, recommend, say_accuracy
from ckptrank.evaluation.tables import Frames, ranked_checkpoints, read_table, titles
from ckptrank.files.atomic import read_json, write_text
from ckptrank.report.benchmark.findings import count_verdicts, list_verdicts, read_findings
from ckptrank.report.benchmark.ranking_table import undefined_measures
from ckptrank.report.benchmark.run import read_run
from ckptrank.report.kit.forest import forest_row, interval
from ckptrank.report.kit.links import follow, links_from
from ckptrank.report.kit.measures import measure_order
from ckptrank.report.kit.output import Origin
from ckptrank.report.kit.templating import render
from ckptrank.text import counted, duration, fixed, listed

#: Docutils blanks the whole page when a line of it is longer.
LONGEST_LINE = 10_000


def write(given: Mapping, made: Mapping, params: Mapping, origin: Origin) -> None:
    """Write the ``page`` as a fragment.

    The pages that it links to (``pages``, ``measure_pages``, ``task_pages``) are links from it.
    """
    place, facts = made["page"], read_json(given["facts"])
    page = render_landing(
        read_run(given),
        recommender=params["recommend"],
        group=params["group"],
        provenance=facts,
        stages=pd.DataFrame(facts["stages"]),
        pages=[(title, follow(place, link)) for title, link in params["pages"]],
        measure_pages={name: follow(place, link) for name, link in params["measure_pages"].items()},
        task_pages={name: follow(place, link) for name, link in params["task_pages"].items()},
        findings=read_findings(given["findings"]),
        comparisons=read_table(given["comparisons"], COMPARISONS["comparisons"], "comparisons"),
        place=place,
        fragment=True,
        made_from=origin.made_from,
    )
    write_text(place, page)


def compare(frames: Frames, measure: str, group: str) -> dict:
    """Return the summary's numbers for the measure, the random order, the best static baseline and the ceiling.

    The best static baseline is chosen in hindsight, by the same metric: the hardest one to beat.
    """
    summary = frames.summary[frames.summary["group"] == group].set_index(["measure", "metric"])
    family = frames.measures.set_index("measure")["family"]
    method = frames.measures.set_index("measure")["method"]
    names = titles(frames.measures, "measure")
    random, ceiling = (
        next((name for name in method.index if method[name] == wanted), "")
        for wanted in ("random", "ceiling")
    )
    skipped = {random, *undefined_measures(frames.summary, group)}
    static = [name for name in family.index if family[name] == "baseline" and name not in skipped]

    def entry(name: str, metric: str) -> dict | None:
        if (name, metric) not in summary.index or math.isnan(summary.loc[(name, metric), "mean"]):
            return None
        row = summary.loc[(name, metric)]
        return {
            "name": name,
            "title": names[name],
            "mean": row["mean"],
            "low": row["low"],
            "high": row["high"],
        }

    compared = {}
    for metric, sign in (("kendall", 1), ("regret_at_3", -1)):
        entries = [found for name in static if (found := entry(name, metric))]
        compared[metric] = {
            "own": entry(measure, metric),
            "random": entry(random, metric) if random else None,
            "ceiling": entry(ceiling, metric) if ceiling else None,
            "static": max(entries, key=lambda e: sign * e["mean"], default=None),
        }
    return compared


def verdict(own: dict, other: dict, difference: dict | None) -> str:
    """Say which of two measures has the higher Kendall; ``difference``: see :func:`find_difference`."""
    if difference is None:
        return "better on average" if own["mean"] > other["mean"] else "not better"
    apart = f"{fixed(abs(difference['mean']) / 100)} {interval(difference, 100)}"
    if difference["low"] > 0:
        return f"better, by {apart}"
    if difference["high"] < 0:
        return f"worse: the difference is {fixed(difference['mean'] / 100)} {interval(difference, 100)}"
    return f"not told apart from it: the difference is {fixed(difference['mean'] / 100)} {interval(difference, 100)}"


def find_difference(
    comparisons: pd.DataFrame | None, group: str, own: str, other: str
) -> dict | None:
    """Return how far one measure's mean Kendall is above another's, in points with the paired interval."""
    if comparisons is None:
        return None
    rows = comparisons[comparisons["group"] == group]
    for better, worse, sign in ((own, other, 1), (other, own, -1)):
        found = rows[(rows["better"] == better) & (rows["worse"] == worse)]
        if len(found):
            row = found.iloc[0]
            low, high = sorted((sign * row["low"], sign * row["high"]))
            return {"mean": sign * row["difference"], "low": low, "high": high}
    return None


def _kendall(frames: Frames, group: str) -> pd.DataFrame:
    """Return the rows of the summary that hold Kendall's tau where it is defined, by measure."""
    wanted = frames.summary[frames.summary["group"] == group]
    wanted = wanted[(wanted["metric"] == "kendall") & wanted["mean"].notna()]
    undefined = undefined_measures(frames.summary, group)
    return wanted[~wanted["measure"].isin(undefined)].set_index("measure")


def forest(frames: Frames, group: str, pages: Mapping[str, str]) -> list[dict]:
    """Return the rows of the forest of all measures: Kendall with its interval, best first."""
    wanted = _kendall(frames, group)
    facts = frames.measures.set_index("measure")
    names = titles(frames.measures, "measure")
    shown = [name for name in measure_order(frames.measures) if name in wanted.index]
    low = min([0.0, *wanted.loc[shown, "low"].fillna(0)])
    return [
        {
            **forest_row(names[name], facts.loc[name, "family"], wanted.loc[name], low, 100),
            "page": pages.get(name, ""),
        }
        for name in sorted(shown, key=lambda name: -wanted.loc[name, "mean"])
    ]


def _costs(frames: Frames, measure: str, group: str, stages: pd.DataFrame | None) -> dict:
    summary = frames.summary[
        (frames.summary["group"] == group) & (frames.summary["metric"] == "seconds")
    ]
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
        spent = stages["seconds"] + stages["startup_cpu_seconds"]
        shares = (100 * spent / spent.sum()).sort_values(ascending=False).head(3)
        costs["share"] = listed(
            [
                f"{fixed(share, 0)}\xa0% {stages.loc[at, 'stage'].lower()}"
                for at, share in shares.items()
            ]
        )
    return costs


def _protocol(frames: Frames, measure: str, group: str) -> list[tuple[str, str]]:
    members = ranked_checkpoints(frames.checkpoints, group)
    facts = frames.measures.set_index("measure").loc[measure]
    truth = frames.ground_truth[frames.ground_truth["status"] == "ok"]
    noise = pooled_noise(truth)
    names = list(titles(frames.tasks, "task").values())
    failed = int(
        (frames.scores["status"] == "failed").sum()
        + (frames.ground_truth["status"] == "failed").sum()
    )
    absent = int((frames.scores["status"] == "not_applicable").sum())
    sweep = "over the sweep of learning rates and step budgets"
    return [
        ("Pool", f"group {group}: {counted(len(members), 'checkpoint')}, each on {listed(names)}"),
        ("What a score may see", _seen(frames, facts)),
        ("Ground truth", f"{say_accuracy(truth)} after fine-tuning all weights, {sweep}"),
        (
            "Its noise",
            f"{fixed(100 * noise)} percentage points (standard deviation of an accuracy between seeds)"
            if not math.isnan(noise)
            else "not measured: no fine-tuning was repeated",
        ),
        ("Intervals", "95\xa0%, by bootstrap over tasks and checkpoints"),
        (
            "Left out",
            f"{counted(failed, 'pair')} failed, {absent:,} not applicable. A checkpoint without a score "
            "is the measure's last choice; only correlations leave it out",
        ),
    ]


def _seen(frames: Frames, facts: pd.Series) -> str:
    """Return the protocol of a measure, for a consensus that of its members."""
    members = json.loads(facts["params"] or "{}").get("measures", [])
    of_members = frames.measures[frames.measures["measure"].isin(members)]["protocol"]
    protocols = [protocol for protocol in of_members.unique() if protocol]
    return "; or ".join(protocols or [facts["protocol"] or "not recorded"])


def render_landing(
    frames: Frames,
    *,
    recommender: str,
    group: str,
    provenance: Mapping | None = None,
    stages: pd.DataFrame | None = None,
    pages: Sequence[tuple[str, str]] = (),
    measure_pages: Mapping[str, str] | None = None,
    task_pages: Mapping[str, str] | None = None,
    findings: pd.DataFrame | None = None,
    comparisons: pd.DataFrame | None = None,
    place: str,
    title: str = "Which checkpoints are worth fine-tuning?",
    fragment: bool = False,
    made_from: str = "",
) -> str:
    """Return the landing page.

    ``recommender`` is the measure whose order is shown, ``group`` the pool. ``pages`` (title, path)
    ``measure_pages`` (measure -> path) and ``task_pages`` are linked; paths are the result files as
    Snakemake knows them, and ``place`` is that of the page itself, so that the links work inside
    Snakemake's report and on disk alike. ``fragment=True`` leaves out ``<html>`` and all scripts, for
    ``.. raw:: html`` in ``workflow.rst``. ``findings`` and ``comparisons``: the tables of these names, if
    there are any. ``provenance`` and ``stages`` as in
    :func:`ckptrank.report.kit.provenance.render_provenance`.
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
        "ahead": _ahead(frames, group, comparisons),
        "findings": [] if findings is None else list_verdicts(findings),
        "counted_findings": "" if findings is None else count_verdicts(findings),
        "provenance": provenance or {},
        "pages": pages,
        "task_pages": task_pages or {},
        "fragment": fragment,
        "made_from": made_from,
        "duration": duration,
        "fixed": fixed,
        "interval": interval,
        "verdict": lambda own, other: verdict(
            own, other, find_difference(comparisons, group, own["name"], other["name"])
        ),
        "local": links_from(place),
    }
    page = render("landing_fragment.html" if fragment else "landing_page.html", **context)
    longest = max(map(len, page.splitlines()))
    if longest >= LONGEST_LINE:
        raise ValueError(
            f"landing page: a line of {longest:,} characters, docutils takes {LONGEST_LINE:,}"
        )
    return page


def _ahead(frames: Frames, group: str, comparisons: pd.DataFrame | None) -> str:
    """Say how many measures beat chance, and the best static baseline, by their intervals."""
    wanted = _kendall(frames, group)
    facts = frames.measures[frames.measures["measure"].isin(wanted.index)]
    mine = wanted.loc[facts.loc[~facts["family"].isin(NOT_MEASURES), "measure"]]
    static = wanted.loc[
        facts.loc[(facts["family"] == "baseline") & (facts["method"] != "random"), "measure"]
    ]
    text = (
        f"{(mine['low'] > 0).sum()} of {counted(len(mine), 'measure')} order the checkpoints better "
        "than chance (interval above 0)"
    )
    if len(static):
        best = static["mean"].idxmax()
        found = [find_difference(comparisons, group, name, best) for name in mine.index]
        if any(found):
            better = sum(difference is not None and difference["low"] > 0 for difference in found)
            text += (
                f", {better} better than the best static baseline, "
                f"{titles(frames.measures, 'measure')[best]} (interval of the difference above 0)"
            )
    return text + "."
