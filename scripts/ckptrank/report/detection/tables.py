"""The chapter's tables: the paper's Table 11 in miniature, precisions, scores, and what was spent."""

from collections.abc import Iterator, Mapping

import pandas as pd

from ckptrank.evaluation.columns import FIRST_METRICS
from ckptrank.published.neucrab import read_detection
from ckptrank.report.detection.frames import VIEWS, Results
from ckptrank.report.kit.sweep_notes import describe_edges, describe_schedule
from ckptrank.report.kit.tables import Cell, Column, Row, Table, mark_best
from ckptrank.text import fixed, is_number, one_decimal, significant

QUALITIES = {
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "mask_ap": "Mask AP",
    "mask_ap50": "Mask AP50",
    "mask_ap75": "Mask AP75",
    "miou": "mIoU",
}
HEADS = {
    "fcos": "FCOS, one stage",
    "faster_rcnn": "Faster R-CNN",
    "mask_rcnn": "Mask R-CNN",
    "fcn": "FCN, a class for each pixel",
}
STOPPED_EARLY = "early_stopped_finetune"
METRICS = {"recall_at_1": "Recall@1", "pearson": "Pearson", "kendall": "Kendall"}


def render_ranking(results: Results, task: str, printed: str | None) -> Table:
    """Return how well each measure orders the checkpoints on a task, in both views.

    ``printed``: the task of the paper's Table 11 whose numbers stand beside, or None. All its rows are shown, also
    those of measures that this run does not have.
    """
    paper = read_detection().loc[printed] if printed else pd.DataFrame()
    metrics = results.metrics[results.metrics["task"] == task]
    alone = len(results.tasks) == 1
    columns = [Column("view", "View", numeric=False), Column("measure", "Measure", numeric=False)]
    columns += [
        Column(name, title, show=one_decimal, contest="measures") for name, title in METRICS.items()
    ]
    if printed:
        columns += [
            Column(f"paper_{name}", f"{title}, paper", show=one_decimal)
            for name, title in METRICS.items()
        ]
    rows = []
    for view in results.views:
        here = metrics[metrics["group"] == view].set_index("measure")
        for measure, title in results.measure_titles.items():
            if measure not in here.index:
                continue
            cells = [Cell(VIEWS[view]), Cell(title)]
            for name in METRICS:
                low, high = _find_interval(results, view, measure, name) if alone else (None, None)
                value = here.loc[measure, name]
                cells.append(Cell(100 * value if is_number(value) else None, low, high))
            if printed:
                cells += [_find_printed(paper, view, title, name) for name in METRICS]
            family = results.measures.set_index("measure").loc[measure, "family"]
            entered = frozenset() if family == "baseline" else frozenset({"measures"})
            rows.append(Row(tuple(cells), section=view, contests=entered))
        if view == "images":
            rows += _list_printed_alone(paper, results)
    if "images" not in results.views:
        rows += _list_printed_alone(paper, results)
    caption = "Percent, against the fine-tuned detectors. Whole images have the labels of all that is in them, objects one."
    caption += _explain_stopped_early(results)
    if printed:
        caption += (
            f" Beside them what the paper prints in Table 11 for {printed}: four other checkpoints on other images,"
            " so that the numbers show the kind of result and are not to be compared one by one."
        )
        caption += _explain_printed_alone(paper, results)
    intervals = " In brackets 95 % intervals over resampled checkpoints." if alone else ""
    table = Table(
        f"detection-ranking-{task}",
        f"How well the measures rank: {results.task_titles[task]}",
        tuple(columns),
        tuple(rows),
        caption + intervals,
    )
    return mark_best(table)


def _find_unmatched(paper: pd.DataFrame, results: Results) -> list[str]:
    """Return the measures of the paper's table by which this run does not score whole images, in its order."""
    known = set(results.measure_titles.values()) if "images" in results.views else set()
    return [title for title in paper.index if title not in known]


def _list_printed_alone(paper: pd.DataFrame, results: Results) -> list[Row]:
    """Return a row for each measure that only the paper has, with dashes for this run's numbers."""
    return [
        Row(
            (
                *(Cell(VIEWS["images"]), Cell(title)),
                *(Cell() for _ in METRICS),
                *(_find_printed(paper, "images", title, name) for name in METRICS),
            ),
            section="images",
        )
        for title in _find_unmatched(paper, results)
    ]


def _explain_printed_alone(paper: pd.DataFrame, results: Results) -> str:
    """Say why rows of the paper have dashes; nothing where there are none."""
    unmatched = _find_unmatched(paper, results)
    return f" Whole images are not scored here by {', '.join(unmatched)}." if unmatched else ""


def _explain_stopped_early(results: Results) -> str:
    """Say what the measures are that tune a detector; nothing where there are none."""
    measures = results.measures
    titles = measures.loc[measures["method"] == STOPPED_EARLY, "title"]
    if titles.empty:
        return ""
    shown = VIEWS[results.views[0]].lower()
    return (
        f" {' and '.join(titles)} {'are detectors that were' if len(titles) > 1 else 'is a detector that was'} stopped early: no"
        f" features, so that {'they stand' if len(titles) > 1 else 'it stands'} with {shown} alone."
    )


def _find_interval(
    results: Results, view: str, measure: str, metric: str
) -> tuple[float | None, float | None]:
    summary = results.summary
    chosen = (summary["group"] == view) & (summary["measure"] == measure)
    found = summary[chosen & (summary["metric"] == metric)]
    return (None, None) if found.empty else (found.iloc[0]["low"], found.iloc[0]["high"])


def _find_printed(paper: pd.DataFrame, view: str, title: str, metric: str) -> Cell:
    if view != "images" or title not in paper.index:
        return Cell()
    value = float(paper.loc[title, metric])
    return Cell(100 * value if metric == "recall_at_1" else value)


def render_precisions(results: Results, task: str, sweep: Mapping) -> Table:
    """Return what each fine-tuned checkpoint reaches on a task, the best first, with its costs.

    ``sweep``: the config's entry, of which the footnotes tell the schedule and the edges. Where checkpoints are judged by
    the mean of several runs, it stands first.
    """
    rows = results.of_task(task)
    metric, averaged = FIRST_METRICS[rows.iloc[0]["head"]], (rows["runs"] > 1).any()
    means = {"accuracy": f"Mean {metric}"} if averaged else {}
    shown = means | {name: title for name, title in QUALITIES.items() if rows[name].notna().any()}
    columns = [Column("checkpoint", "Checkpoint", numeric=False)]
    columns += [
        Column(name, title, show=one_decimal, contest="checkpoints")
        for name, title in shown.items()
    ]
    columns += [
        Column("learning_rate", "Rate", show=significant),
        Column("steps", "Steps", show=lambda value: f"{value:,.0f}"),
        Column("seconds", "Seconds", show=one_decimal, higher_is_better=False),
        Column("reason", "Why there is none", numeric=False),
    ]
    names = results.checkpoint_titles
    listed = []
    for row in rows.itertuples(index=False):
        cells = [Cell(names[row.checkpoint])]
        for number, name in enumerate(shown):
            value = getattr(row, name)
            spread = 100 * row.noise_sd if not number and is_number(row.noise_sd) else None
            cells.append(Cell(100 * value if is_number(value) else None, spread=spread))
        cells += [Cell(row.learning_rate), Cell(row.steps), Cell(row.seconds), Cell(row.reason)]
        listed.append(Row(tuple(cells), contests=frozenset({"checkpoints"})))
    head = HEADS[rows.iloc[0]["head"]]
    chosen = ", chosen by validation images" if rows["validation_accuracy"].notna().any() else ""
    judged = (
        f" {means['accuracy']} judges: of the best setting's run and its repeats under other seeds. What follows is of that"
        " run alone."
        if averaged
        else ""
    )
    table = Table(
        f"detection-precisions-{task}",
        f"What fine-tuning reaches: {results.task_titles[task]}",
        tuple(columns),
        tuple(listed),
        f"Percent on the test images; {head}, the best run of its sweep{chosen}.{judged}",
        footnotes=(
            describe_schedule(sweep),
            describe_edges(rows, {task: results.task_titles[task]}, sweep),
        ),
    )
    return mark_best(table)


def render_scores(results: Results, task: str) -> Table:
    """Return every score of the checkpoints on a task, in both views."""
    scores = results.scores[results.scores["task"] == task]
    names, measures = results.checkpoint_titles, results.measure_titles
    order = results.of_task(task)["checkpoint"]
    ranked = [name for name in order if name in set(scores["checkpoint"])]
    columns = [Column("view", "View", numeric=False), Column("measure", "Measure", numeric=False)]
    columns += [Column(name, names[name], show=significant) for name in ranked]
    rows = []
    for (view, measure), here in scores.groupby(["view", "measure"], sort=False):
        found = here.set_index("checkpoint")
        cells = [Cell(VIEWS[view]), Cell(measures[measure])]
        cells += [_show_score(found.loc[name]) for name in ranked]
        rows.append(Row(tuple(cells), section=view))
    return Table(
        f"detection-scores-{task}",
        f"All scores: {results.task_titles[task]}",
        tuple(columns),
        tuple(rows),
        "Checkpoints from the best detector to the worst; a higher score predicts a better one.",
    )


def _show_score(row: pd.Series) -> Cell:
    if row["status"] == "ok":
        return Cell(row["score"])
    words = {"not_applicable": "n/a", "failed": "failed"}
    return Cell(text=words[row["status"]], note=row["reason"])


def render_costs(results: Results) -> Table:
    """Return what ranking and fine-tuning took, over all tasks."""
    columns = (
        Column("what", "What", numeric=False),
        Column("seconds", "Seconds", show=one_decimal),
        Column("pairs", "Pairs", show=lambda value: f"{value:,.0f}"),
        Column("each", "Seconds each", show=lambda value: fixed(value, 2)),
    )
    rows = tuple(
        Row((Cell(what), Cell(total), Cell(pairs), Cell(total / pairs if pairs else None)))
        for what, total, pairs in _list_costs(results)
    )
    caption = "Wall-clock seconds of the work itself, on whatever ran beside it; starting jobs is left out."
    if (results.measures["method"] == STOPPED_EARLY).any():
        caption += " Detectors stopped early at one rate are one run: the seconds of more epochs have those of fewer in them."
    return Table("detection-costs", "What was spent", columns, rows, caption)


def _list_costs(results: Results) -> Iterator[tuple[str, float, int]]:
    tuned = results.ground_truth[results.ground_truth["status"] == "ok"]
    yield "Fine-tuning detectors, the whole sweep", float(tuned["seconds"].sum()), len(tuned)
    scored = results.scores[results.scores["status"] == "ok"]
    early = scored["method"] == STOPPED_EARLY
    for measure, here in scored[early].groupby("measure", sort=False):
        title = results.measure_titles[measure]
        yield f"{title}: a detector stopped early", float(here["seconds"].sum()), len(here)
    scored = scored[~early]
    for view in results.views:
        here = scored[scored["view"] == view]
        pairs = here.drop_duplicates(["checkpoint", "task"])
        passes = float(pairs["pass_seconds"].sum())
        yield f"{VIEWS[view]}: the forward passes", passes, len(pairs)
        yield f"{VIEWS[view]}: all measures", float(here["seconds"].sum()), len(pairs)
