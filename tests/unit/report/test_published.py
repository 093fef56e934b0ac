"""The paper's printed numbers beside ours: the right number in the right row, marked as the paper's."""

import pandas as pd
import pytest

from ckptrank.published.checkpoints import FROM_SCRATCH, read_checkpoints
from ckptrank.published.tasks import read_tasks
from ckptrank.report.benchmark.published import (
    FOLDER,
    PAPERS,
    add_published_accuracies,
    add_published_metrics,
    is_comparable,
)
from ckptrank.report.kit.tables import Cell, Column, Row, Table, mark_best

TASKS = {"cal": "Caltech101", "sun": "SUN397", "mine": "My images"}


def make(*titles, contest=""):
    columns = (
        Column("name", "Name", numeric=False),
        Column("kendall", "Kendall", contest=contest),
    )
    rows = tuple(
        Row((Cell(title), Cell(float(at))), contests=frozenset({contest}))
        for at, title in enumerate(titles)
    )
    return mark_best(Table("t", "T", columns, rows))


def whole(*groups):
    """Every checkpoint of the paper's groups has its like."""
    return {group: {name: name for name in read_checkpoints("neucrab", group)} for group in groups}


def find(table, title, key):
    at = [column.key for column in table.columns].index(key)
    return next(row.cells[at] for row in table.rows if row.cells[0].value == title)


def test_metrics_stand_beside_the_measure_of_the_same_title_and_group():
    theirs = "MI (α = 0.50), authors' form"
    ours = make("N-LEEP", "LEEP", "MI (α = 0.01)", theirs, "LogME", contest="quality")
    table = add_published_metrics(ours, "neucrab", "I", whole("I"))
    assert find(table, "N-LEEP", "published_kendall").value == 76.0
    assert find(table, "N-LEEP", "published_gflops").value == 12.85
    assert find(table, "MI (α = 0.01)", "published_pearson").value == 2.39
    assert find(table, theirs, "published_pearson").value == -4.91
    for title in ("LEEP", "LogME"):  # a dash in the paper; not in the paper
        assert find(table, title, "published_kendall").value is None
    second = add_published_metrics(ours, "neucrab", "II", whole("II"))
    assert find(second, "LEEP", "published_kendall").value == 55.49
    assert [row.cells[:2] for row in table.rows] == [row.cells for row in ours.rows]
    assert {cell.mark for row in table.rows for cell in row.cells[2:]} == {""}
    assert all(column.title.endswith(", paper") for column in table.columns[2:])
    assert "Li et al. 2021" in table.footnotes[-2]
    assert table.footnotes[-1].endswith("as our GMACs, beyond a shared pass of 3.04E5.")


def test_metrics_of_the_papers_own_checkpoints_are_compared():
    names = [name for name in read_checkpoints("neucrab", "III") if name != FROM_SCRATCH]
    columns = (Column("name", "Name", numeric=False), Column("kendall", "Kendall"))
    rows = (Row((Cell("N-LEEP"), Cell(70.0, low=60.0, high=90.0))), Row((Cell("LogME"), Cell(1.0))))
    ours = Table("t", "T", columns, rows)
    table = add_published_metrics(ours, "neucrab", "III", whole("III"), names)
    theirs = find(table, "N-LEEP", "published_kendall").value
    cell = find(table, "N-LEEP", "difference_kendall")
    assert (cell.value, cell.low, cell.high) == (70 - theirs, 60 - theirs, 90 - theirs)
    assert find(table, "LogME", "difference_kendall").value is None
    assert any("same weights, published by its authors" in note for note in table.footnotes)
    others = add_published_metrics(ours, "neucrab", "III", whole("III"), names[1:])
    assert not [c for c in others.columns if c.key.startswith("difference")]
    assert any("12 of the 13 have the same weights here" in note for note in others.footnotes)


def test_the_papers_contradictions_are_told_where_its_numbers_stand():
    note = add_published_metrics(make("LEEP"), "neucrab", "III", whole("III")).footnotes[-1]
    assert "2.73E5 by its caption" in note
    assert "2.07E5" in note
    assert "115" in note


@pytest.mark.parametrize(
    ("change", "gone", "alike"),
    [
        ({"CLIP": None}, (), "16 of the 17"),  # one more member, of another kind
        ({"VAE": None}, (), "15 of the 16"),  # of another kind than the paper's VAE
        ({}, ("VAE", "Jigsaw"), "14 of the 14"),  # all are the paper's, but not all of the paper's
    ],
)
def test_metrics_stand_only_beside_a_group_of_the_papers_checkpoints(change, gone, alike):
    comparable = whole("I")
    comparable["I"] |= change
    for name in gone:
        del comparable["I"][name]
    ours = make("N-LEEP")
    table = add_published_metrics(ours, "neucrab", "I", comparable)
    assert table.columns == ours.columns
    assert f"group I do not stand beside these: {alike} checkpoints" in table.footnotes[-1]
    assert table.footnotes[-1].endswith("as one of their 16.")


def test_from_scratch_is_never_ranked_and_need_not_be_there():
    comparable = whole("I")
    del comparable["I"][FROM_SCRATCH]
    assert is_comparable("neucrab", comparable)


def test_a_union_is_comparable_where_each_part_is():
    ours = make("N-LEEP")
    parts = whole("I", "II", "III")
    table = add_published_metrics(ours, "neucrab", "I+II+III", parts)
    assert find(table, "N-LEEP", "published_kendall").value == 68.18
    parts["III"]["Inception-v2"] = None
    table = add_published_metrics(ours, "neucrab", "I+II+III", parts)
    assert "40 of the 41 checkpoints" in table.footnotes[-1]
    assert table.columns == ours.columns


def test_accuracies_stand_beside_what_is_said_to_be_comparable():
    ours = make("Turned", "Exemplar", "Rotation")
    comparable = {"I": {"Turned": "Rotation", "Exemplar": None, "Rotation": None}}
    table = add_published_accuracies(ours, "neucrab", "I", TASKS, comparable)
    assert find(table, "Turned", "published_cal").value == 87.91
    for title in ("Exemplar", "Rotation"):  # a title alone says nothing
        assert find(table, title, "published_cal").value is None
    assert "published_mine" not in [column.key for column in table.columns]


@pytest.mark.parametrize("group", ["I+II", "IV"])
def test_without_a_number_to_show_the_table_stays_as_it_is(group):
    ours = make("Rotation")
    comparable = {group: {"Rotation": None}}
    assert add_published_accuracies(ours, "neucrab", group, TASKS, comparable) == ours


def test_the_papers_groups_have_its_sixteen_twelve_thirteen_and_twelve():
    ranked = {
        group: [name for name in read_checkpoints("neucrab", group) if name != FROM_SCRATCH]
        for group in ("I", "II", "III", "IV", "V")
    }
    assert {group: len(names) for group, names in ranked.items()} == {
        "I": 16,
        "II": 12,
        "III": 13,
        "IV": 12,
        "V": 0,
    }


@pytest.mark.parametrize("paper", PAPERS)
def test_the_files_are_complete(paper):
    accuracy = pd.read_csv(FOLDER / f"{paper}_accuracy.csv")
    assert accuracy.notna().all(axis=None)
    assert (accuracy.groupby(["group", "checkpoint"])["task"].nunique() == 4).all()
    assert not accuracy.duplicated(["group", "checkpoint", "task"]).any()
    assert set(read_tasks(paper)["task"]) == set(accuracy["task"])
    ranking = pd.read_csv(FOLDER / f"{paper}_ranking.csv")
    assert (ranking.groupby("group")["measure"].nunique() == 11).all()
    assert set(pd.read_csv(FOLDER / f"{paper}_shared_pass.csv")["group"]) == set(ranking["group"])
    undefined = ranking[ranking.isna().any(axis=1)]
    assert set(undefined["measure"]) == {"LEEP"}
