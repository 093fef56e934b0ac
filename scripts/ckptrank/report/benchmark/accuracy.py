"""A group's fine-tuned accuracies: the table, and the bars of the papers' figures."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from ckptrank.evaluation.recommend import say_accuracy
from ckptrank.evaluation.tables import in_group, read_frame, titles
from ckptrank.files.atomic import write_text
from ckptrank.published.tasks import read_tasks
from ckptrank.report.benchmark.accuracy_figure import plot_accuracies
from ckptrank.report.benchmark.accuracy_table import render_accuracy_table
from ckptrank.report.benchmark.published import add_published_accuracies
from ckptrank.report.kit.output import Origin, render_figure_page, write_tables
from ckptrank.report.kit.sweep_notes import describe_edges, describe_schedule
from ckptrank.report.kit.task_table import tabulate_tasks

_CONSTANT = (
    "That is for speed, and not as in the paper: VTAB's published trainer, whose setting it takes over, runs each "
    "budget by itself and lets the rate decay on the way (finetune.schedule: step)."
)


def write(given: Mapping, made: Mapping, params: Mapping, origin: Origin) -> None:
    """Write the table (``csv``, ``markdown``, ``latex``, ``page``) and the figure (``svg``, ``pdf``, ``figure``).

    Below the accuracies the page has the statistics of the tasks.
    """
    frames = [read_frame(given[name], name) for name in ("ground_truth", "checkpoints", "tasks")]
    group = params["group"]
    table = render_accuracy_table(*frames, group)
    notes = describe_sweep(*frames, group, params["sweep"])
    table = replace(table, footnotes=(*table.footnotes, *notes))
    if params["published"]:
        names = titles(frames[-1], "task")
        table = add_published_accuracies(table, group=group, tasks=names, **params["published"])
    printed = read_tasks(params["published"]["paper"]) if params["published"] else None
    tables = [table, tabulate_tasks(frames[-1], printed)]
    write_tables(tables, made, f"Fine-tuned accuracies: {params['title']}", origin)
    plot_accuracies(*frames, made["svg"], made["pdf"], group=group)
    page = render_figure_page(
        made["svg"],
        made["pdf"],
        title=f"Fine-tuned accuracies: {params['title']} ({group})",
        caption=f"{say_accuracy(frames[0]).capitalize()} of the sweep, less the mean over the checkpoints shown. "
        "Whiskers: its standard deviation between seeds.",
        alternative="A panel of bars per task, a bar per checkpoint; the table beside it has the numbers.",
        made_from=origin.made_from,
    )
    write_text(made["figure"], page)


def describe_sweep(
    ground_truth: pd.DataFrame,
    checkpoints: pd.DataFrame,
    tasks: pd.DataFrame,
    group: str,
    sweep: Mapping,
) -> tuple[str, str]:
    """Say how the learning rate goes, and how many of a group's checkpoints are best at which edge of the sweep."""
    schedule = describe_schedule(sweep)
    if sweep["schedule"] == "constant":
        schedule = f"{schedule} {_CONSTANT}"
    members = ground_truth["checkpoint"].isin(in_group(checkpoints, group)["checkpoint"])
    return schedule, describe_edges(ground_truth[members], titles(tasks, "task"), sweep)
