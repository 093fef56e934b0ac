"""A group's table of measures in the papers' layout, as CSV, Markdown, LaTeX and a page."""

from collections.abc import Mapping

from ckptrank.evaluation.columns import COMPARISONS
from ckptrank.evaluation.tables import read_frame, read_table
from ckptrank.report.benchmark.family_table import render_family_table
from ckptrank.report.benchmark.published import add_published_metrics
from ckptrank.report.benchmark.ranking_table import render_ranking_table
from ckptrank.report.kit.output import Origin, write_tables


def write(given: Mapping, made: Mapping, params: Mapping, origin: Origin) -> None:
    """Write the table: ``csv``, ``markdown``, ``latex``, and the ``page`` with that by kind of task below it."""
    names = ("summary", "measures", "checkpoints", "tasks")
    frames = {name: read_frame(given[name], name) for name in names}
    group = params["group"]
    table = render_ranking_table(
        frames["summary"],
        frames["measures"],
        group,
        checkpoints=frames["checkpoints"],
        tasks=frames["tasks"],
    )
    if params["published"]:
        table = add_published_metrics(table, group=group, **params["published"])
    tables = [table]
    if params["members"]:
        families = read_table(given["families"], COMPARISONS["families"], "families")
        summary, measures = frames["summary"], frames["measures"]
        tables.append(render_family_table(families, summary, measures, group, params["members"]))
    write_tables(tables, made, f"Which measures to trust: {params['title']} ({group})", origin)
