"""A paper's printed numbers beside ours, in columns of their own that compete for no mark.

They stand only beside what the config calls comparable (``comparable`` of a group): an accuracy beside a checkpoint
of the same method, architecture and data as the paper's; a group's metrics where every checkpoint of the paper's
group has such a one here, and no other is ranked. Where these are the paper's own weights (``own``) the metrics are
compared: a column of differences for each. A row of measures matches by its title up to ", authors' form",
where there is another form of it beside theirs. ``published/`` holds the numbers: ``NAME_accuracy.csv`` and
``NAME_ranking.csv``, and ``NAME_shared_pass.csv`` the cost that the latter leaves out.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files

import pandas as pd

from ckptrank.published.checkpoints import FROM_SCRATCH, read_checkpoints
from ckptrank.published.neucrab import AUTHORS_FORM
from ckptrank.report.benchmark.ranking_table import METRIC_COLUMNS
from ckptrank.report.kit.tables import Cell, Column, Table
from ckptrank.text import one_decimal, significant

FOLDER = files("ckptrank.published")
PAPERS = {"neucrab": "Li et al. 2021"}
# Of the title of each member of a group, or of each part of a union: the paper's name of it, or None.
Comparable = Mapping[str, Mapping[str, str | None]]


def is_comparable(paper: str, comparable: Comparable) -> bool:
    """Whether the ranked members of a group, of each part of a union, are all of the paper's and no others."""
    return all(
        {*members.values()} - {FROM_SCRATCH} == {*read_checkpoints(paper, part)} - {FROM_SCRATCH}
        for part, members in comparable.items()
    )


def add_published_metrics(
    table: Table, paper: str, group: str, comparable: Comparable, own: Collection[str] = ()
) -> Table:
    """Return a group's table of measures with the paper's metrics, or with a note on why they are not there.

    ``own``: titles of the checkpoints whose weights the paper's authors published.
    """
    known = _read(paper, "ranking", group).set_index("measure")
    if len(known) and not is_comparable(paper, comparable):
        return replace(table, footnotes=(*table.footnotes, _why_not(paper, group, comparable)))
    columns = [
        *(
            replace(column, key=f"published_{column.key}", contest="", show=one_decimal)
            for column in METRIC_COLUMNS
        ),
        Column(
            "published_gflops",
            "GFLOPS",
            show=significant,
            help="Billions of multiply-adds beyond the shared pass: what the column GMACs has of ours",
        ),
    ]

    def cells(title: str) -> list[Cell]:
        title = title.removesuffix(AUTHORS_FORM)
        if title not in known.index:
            return [Cell(None) for _ in columns]
        values = [known.loc[title, column.key.removeprefix("published_")] for column in columns]
        return [Cell(None if pd.isna(value) else float(value)) for value in values]

    ranked = [name for part in comparable.values() for name in part if part[name] != FROM_SCRATCH]
    whose = _say_whose(paper, ranked, own)
    beside = _append(table, paper, columns, cells, whose)
    if beside == table:
        return table
    if set(ranked) <= set(own):
        beside = _add_differences(beside, paper)
    passes = _read(paper, "shared_pass", group)
    notes = [
        f"The paper's GFLOPS are multiply-adds, as our GMACs, beyond a shared pass of {significant(row.gflops)}{row.remark}."
        for row in passes.fillna("").itertuples(index=False)
    ]
    return replace(beside, footnotes=(*beside.footnotes, *notes))


def _add_differences(table: Table, paper: str) -> Table:
    """Return a table of measures with ours less the paper's of each metric, and the interval of ours moved by it."""
    places = {column.key: at for at, column in enumerate(table.columns)}
    metrics = [
        column
        for column in METRIC_COLUMNS
        if {column.key, f"published_{column.key}"} <= places.keys()
    ]
    columns = tuple(
        replace(
            column,
            key=f"difference_{column.key}",
            title=f"{column.title}, difference",
            contest="",
            show=one_decimal,
        )
        for column in metrics
    )

    def compare(ours: Cell, theirs: Cell) -> Cell:
        if not isinstance(ours.value, float) or not isinstance(theirs.value, float):
            return Cell(None)
        low, high = (None if x is None else x - theirs.value for x in (ours.low, ours.high))
        return Cell(ours.value - theirs.value, low=low, high=high)

    rows = tuple(
        replace(
            row,
            cells=(
                *row.cells,
                *(
                    compare(row.cells[places[c.key]], row.cells[places[f"published_{c.key}"]])
                    for c in metrics
                ),
            ),
        )
        for row in table.rows
    )
    note = f"Columns “difference”: ours less what {PAPERS[paper]} print, with the interval of ours; theirs have none."
    return replace(
        table, columns=(*table.columns, *columns), rows=rows, footnotes=(*table.footnotes, note)
    )


def _say_whose(paper: str, names: Collection[str], own: Collection[str]) -> str:
    """Say of how many of the checkpoints the weights are the paper's."""
    theirs = len(set(names) & set(own))
    if not theirs:
        return "Ours are other weights, so the numbers are to be looked at side by side, not to be matched."
    if theirs == len(set(names)):
        return "Ours are the same weights, published by its authors; all that follows them is this project's."
    return (
        f"{theirs} of the {len(set(names))} have the same weights here, published by its authors; the others "
        "are to be looked at side by side, not to be matched."
    )


def _why_not(paper: str, group: str, comparable: Comparable) -> str:
    members = [original for part in comparable.values() for original in part.values()]
    ranked = [original for original in members if original != FROM_SCRATCH]
    alike = sum(original is not None for original in ranked)
    theirs = sum(len({*read_checkpoints(paper, part)} - {FROM_SCRATCH}) for part in comparable)
    return (
        f"The metrics that {PAPERS[paper]} print for their group {group} do not stand beside these: "
        f"{alike} of the {len(ranked)} checkpoints here are of the same method, architecture and data as "
        f"one of their {theirs}."
    )


def add_published_accuracies(
    table: Table,
    paper: str,
    group: str,
    tasks: Mapping[str, str],
    comparable: Comparable,
    own: Collection[str] = (),
) -> Table:
    """Return a group's table of accuracies with the paper's; ``tasks``: the title of each task."""
    originals = comparable.get(group, {})
    known = _read(paper, "accuracy", group)
    known = {
        (row.checkpoint, row.task.casefold()): float(row.accuracy_percent)
        for row in known.itertuples(index=False)
    }
    columns = [
        Column(f"published_{task}", title, show=one_decimal, help="Best test accuracy, %")
        for task, title in tasks.items()
    ]

    def cells(title: str) -> list[Cell]:
        return [Cell(known.get((originals.get(title), name.casefold()))) for name in tasks.values()]

    like = [name for name, original in originals.items() if original not in (None, FROM_SCRATCH)]
    return _append(table, paper, columns, cells, _say_whose(paper, like, own))


def _read(paper: str, what: str, group: str) -> pd.DataFrame:
    table = pd.read_csv(FOLDER / f"{paper}_{what}.csv")
    return table[table["group"] == group]


def _append(table: Table, paper: str, columns: Sequence[Column], cells, whose: str) -> Table:
    """Return the table with those of the columns added in which any row has a number."""
    added = [cells(str(row.cells[0].value)) for row in table.rows]
    kept = [at for at in range(len(columns)) if any(row[at].value is not None for row in added)]
    if not kept:
        return table
    titled = tuple(replace(columns[at], title=f"{columns[at].title}, paper") for at in kept)
    rows = tuple(
        replace(row, cells=(*row.cells, *(more[at] for at in kept)))
        for row, more in zip(table.rows, added, strict=True)
    )
    note = f"Columns “paper”: as printed by {PAPERS[paper]}, for its own checkpoints. {whose}"
    return replace(
        table, columns=(*table.columns, *titled), rows=rows, footnotes=(*table.footnotes, note)
    )
