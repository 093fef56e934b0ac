"""How well each measure orders the checkpoints of a group on each kind of task."""

from collections.abc import Mapping, Sequence

import pandas as pd

from ckptrank.report.benchmark.ranking_table import undefined_measures
from ckptrank.report.kit.measures import measure_order
from ckptrank.report.kit.tables import Cell, Column, Row, Table, mark_best


def render_family_table(
    families: pd.DataFrame,
    summary: pd.DataFrame,
    measures: pd.DataFrame,
    group: str,
    members: Mapping[str, Sequence[str]],
) -> Table:
    """Return measures x kinds of task (mean Kendall x 100 with its interval) of a group.

    ``members``: the tasks of each kind, which are in ``families``. A measure that is not defined for every
    checkpoint of the group has no row.
    """
    here = families[families["group"] == group].set_index(["measure", "family"])
    skipped = undefined_measures(summary, group)
    facts = measures.set_index("measure")
    shown = [name for name in measure_order(measures) if name in here.index and name not in skipped]
    rows = []
    for measure in shown:
        found = here.loc[measure]
        cells = [Cell(*found.loc[family, ["kendall", "low", "high"]]) for family in members]
        kind = facts.loc[measure, "family"]
        rows.append(
            Row(
                (Cell(facts.loc[measure, "title"] or measure), *cells),
                section=kind,
                contests=frozenset() if kind == "control" else frozenset({"quality"}),
            )
        )
    columns = (
        Column(
            family,
            family.replace("_", " ").capitalize(),
            contest="quality",
            help="Mean Kendall over " + ", ".join(tasks),
        )
        for family, tasks in members.items()
    )
    kinds = "; ".join(f"{family}: {', '.join(tasks)}" for family, tasks in members.items())
    return mark_best(
        Table(
            name="families",
            title="By kind of task",
            columns=(Column("measure", "Method", numeric=False), *columns),
            rows=tuple(rows),
            caption=f"Kendall's tau (x 100), mean over the tasks of a kind, with 95 % bootstrap intervals. {kinds}.",
        )
    )
