"""The report's tables: numbers, marks, escapes, and what they say about the run."""

import csv
import io
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.frames import GROUPS, HOSTILE, build_frames, write_frames

from ckptrank.evaluation.tables import in_group, in_stages, ranked_checkpoints, read_frame
from ckptrank.published.tasks import read_tasks
from ckptrank.report.benchmark.accuracy_table import render_accuracy_table
from ckptrank.report.benchmark.family_table import render_family_table
from ckptrank.report.benchmark.ranking_table import render_ranking_table
from ckptrank.report.benchmark.run import read_run
from ckptrank.report.kit.escapes import escape_latex, escape_markdown
from ckptrank.report.kit.losses import render_missing_table
from ckptrank.report.kit.measures import measure_order
from ckptrank.report.kit.tables import (
    Cell,
    Column,
    Row,
    Table,
    mark_best,
    to_csv,
    to_html,
    to_latex,
    to_markdown,
    value_text,
)
from ckptrank.report.kit.task_table import tabulate_tasks
from ckptrank.report.kit.templating import TEMPLATES
from ckptrank.text import counted, duration, fixed, inert, listed, significant

FRAMES = build_frames()


def ranking(group):
    return render_ranking_table(
        FRAMES.summary,
        FRAMES.measures,
        group,
        checkpoints=FRAMES.checkpoints,
        tasks=FRAMES.tasks,
    )


def test_kinds_of_task_have_a_column_each():
    measures = FRAMES.measures["measure"].head(2)
    rows = [
        {"group": group, "family": family, "measure": measure}
        | {"kendall": kendall, "low": kendall - 9, "high": kendall + 9, "tasks": 1}
        for group, shift in (("I", 0.0), ("II", 50.0))
        for family, base in (("textures", 10.0), ("line_drawings", 20.0))
        for measure, kendall in zip(measures, (base + shift, base + shift + 5), strict=True)
    ]
    members = {"line_drawings": ["poses"], "textures": ["tissue", "defects"]}
    table = render_family_table(pd.DataFrame(rows), FRAMES.summary, FRAMES.measures, "I", members)
    assert [found.title for found in table.columns] == ["Method", "Line drawings", "Textures"]
    assert table.columns[2].help.endswith("tissue, defects")
    shown = {row.cells[0].value: [cell.value for cell in row.cells[1:]] for row in table.rows}
    assert sorted(shown.values()) == [[20.0, 10.0], [25.0, 15.0]]
    best = next(row for row in table.rows if row.cells[1].value == 25.0)
    assert best.cells[1].mark == best.cells[2].mark == "best"


def row_of(table, title):
    return next(row for row in table.rows if row.cells[0].value == title)


def column(table, key):
    return next(at for at, found in enumerate(table.columns) if found.key == key)


class Reader(HTMLParser):
    """Collects the text of every body cell, and whether any element came out of the data."""

    def __init__(self):
        super().__init__()
        self.cells, self.tags, self._in_cell = [], set(), False

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")
            self._in_cell = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data):
        if self._in_cell:
            self.cells[-1] += data


def test_what_was_noticed_in_a_task_stands_with_what_failed():
    first, *_ = FRAMES.tasks["task"]
    warning = "3 of 9 test images are also training images"
    texts = [warning if task == first else "" for task in FRAMES.tasks["task"]]
    table = render_missing_table(replace(FRAMES, tasks=FRAMES.tasks.assign(warnings=texts)))
    shown = [[cell.value for cell in row.cells] for row in table.rows]
    (row,) = [cells for cells in shown if cells[1] == "warning"]
    assert (row[0], row[-1]) == ("Task", warning)
    assert [cells for cells in shown if cells != row] == [
        [cell.value for cell in row.cells] for row in render_missing_table(FRAMES).rows
    ]


# numbers and names


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(0.125, 2, "0.12"), (-0.004, 2, "0.00"), (-3.456, 1, "−3.5"), (math.inf, 2, "∞")],
)
def test_fixed(value, decimals, text):
    assert fixed(value, decimals) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.006, "0.00600"),
        (5.13e-4, "0.000513"),
        (12.849, "12.8"),
        (378.31, "378"),
        (4.95e4, "49,500"),
        (4.28e6, "4.28E6"),
        (3.2e-7, "3.20E−7"),
    ],
)
def test_significant(value, text):
    assert significant(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0004, "0.40 ms"),
        (0.25, "0.25 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (7810, "2 h 10 min"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_words():
    assert counted(1, "class", "classes") == "1 class"
    assert counted(1200, "pair") == "1,200 pairs"
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == [
        "a",
        "a and b",
        "a, b and c",
    ]


def test_escapes_of_latex_and_markdown():
    assert escape_latex(r"a_b & 5 % $x$ \y") == r"a\_b \& 5 \% \$x\$ \textbackslash{}y"
    assert escape_latex("α = 0.5 ≥") == r"$\alpha$ = 0.5 $\geq$"
    assert escape_markdown("a|b *c* <b>") == r"a\|b \*c\* &lt;b&gt;"


@given(st.text(st.sampled_from("<>/!-script "), max_size=20))
def test_inert_text_cannot_end_a_script(text):
    assert not re.search("</|<!", inert(text))
    assert inert(text).replace("\u2215", "/").replace("\u01c3", "!") == text


# the neutral table


def small_table(values, *, higher_is_better=True, contests=("x",)):
    columns = (
        Column("name", "Name", numeric=False),
        Column("value", "Value", contest="x", higher_is_better=higher_is_better),
    )
    rows = tuple(
        Row((Cell(f"row {at}"), Cell(value)), contests=frozenset(contests))
        for at, value in enumerate(values)
    )
    return Table("small", "Small", columns, rows)


def marks(table):
    return [row.cells[1].mark for row in mark_best(table).rows]


def test_best_and_second_are_marked():
    assert marks(small_table([1.0, 3.0, 2.0])) == ["", "best", "second"]
    assert marks(small_table([1.0, 3.0, 2.0], higher_is_better=False)) == ["best", "", "second"]


def test_values_that_look_equal_share_a_mark():
    assert marks(small_table([3.001, 2.999, 1.0, None])) == ["best", "best", "second", ""]


def test_nothing_is_marked_without_a_winner():
    assert marks(small_table([2.0, 2.0])) == ["", ""]
    assert marks(small_table([1.0, 2.0], contests=())) == ["", ""]


def test_a_row_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="table small: 1 cells in a row for 2 columns"):
        replace(small_table([1.0]), rows=(Row((Cell("a"),)),))


def test_csv_keeps_every_digit_and_the_intervals():
    table = small_table([0.1 + 0.2, -1e-17])
    cells = (Cell('a, "b"\n'), Cell(1 / 3, low=-0.1, high=math.pi, spread=2.5))
    table = replace(table, rows=(*table.rows, Row(cells)))
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert list(rows[0]) == ["name", "value", "value_low", "value_high", "value_sd"]
    assert [float(row["value"]) for row in rows] == [0.1 + 0.2, -1e-17, 1 / 3]
    assert rows[2]["name"] == 'a, "b"\n'
    assert float(rows[2]["value_high"]) == math.pi
    assert rows[0]["value_low"] == ""


def test_markdown():
    lines = to_markdown(mark_best(small_table([1.0, 2.0]))).splitlines()
    assert lines[2:] == [
        "| Name | Value |",
        "| --- | ---: |",
        "| row 0 | <ins>1.00</ins> |",
        "| row 1 | **2.00** |",
    ]


def test_latex():
    table = mark_best(small_table([1.0, 2.0]))
    table = replace(table, rows=(table.rows[0], replace(table.rows[1], section="next")))
    text = to_latex(table)
    assert r"row 0 & \underline{1.00} \\" in text
    assert "\\midrule[0.2pt]\nrow 1 & \\textbf{2.00} \\\\" in text
    assert text.count("{") == text.count("}")


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40))
def test_html_shows_any_name_as_text(name):
    reader, plain = Reader(), Reader()
    for text, found in ((name, reader), ("plain", plain)):
        rows = (Row((Cell(text), Cell(1.0, note=text))),)
        table = replace(small_table([1.0]), title=text, caption=text, footnotes=(text,), rows=rows)
        found.feed(to_html([table], "T"))
    assert reader.cells[2] == name
    assert reader.tags == plain.tags


def test_the_sorting_script_is_small():
    assert (TEMPLATES / "sort.js").stat().st_size < 1300


def test_every_column_can_be_sorted_from_the_keyboard():
    page = to_html([ranking("II")], "T")
    heads = re.findall(r"<th scope=\"col\"[^>]*>.*?</th>", page)
    assert len(heads) == 11
    assert all('aria-sort="none"' in head and '<button type="button"' in head for head in heads)


# measures x metrics


def test_rows_follow_the_papers_then_the_families():
    order = measure_order(FRAMES.measures.sample(frac=1, random_state=1))
    assert order[:11] == [
        *("linear_1", "linear_5", "linear", "finetune_1", "finetune_5"),
        *("mi_01", "mi_50", "mi_01_pca", "mi_50_pca", "leep", "nleep"),
    ]
    assert set(order[11:13]) == {"lfc", "lgc"}
    assert order[-1] == "others"


def test_ranking_numbers_are_those_of_the_summary():
    table = ranking("II")
    wanted = FRAMES.summary.set_index(["group", "measure", "metric"]).loc[
        ("II", "nleep", "kendall")
    ]
    cell = row_of(table, "N-LEEP").cells[column(table, "kendall")]
    assert (cell.value, cell.low, cell.high) == (wanted["mean"], wanted["low"], wanted["high"])


def test_leep_is_a_dash_where_a_group_holds_headless_checkpoints():
    assert all(cell.value is None for cell in row_of(ranking("I"), "LEEP").cells[2:])
    assert all(cell.value is not None for cell in row_of(ranking("II"), "LEEP").cells[1:])
    assert any("not defined" in note for note in ranking("I").footnotes)
    assert not any("not defined" in note for note in ranking("II").footnotes)


def test_only_what_misses_more_than_the_others_has_a_dagger():
    daggers = {
        group: [
            row.cells[0].value for row in ranking(group).rows if row.cells[0].text.endswith("†")
        ]
        for group in GROUPS
    }
    assert daggers == {"I": ["H-score"], "II": [], "III": [], "I+II+III": ["H-score"]}
    assert any(note.startswith("4 pairs of this group") for note in ranking("III").footnotes)
    assert any("are its last choices" in note for note in ranking("I").footnotes)
    assert not any("are its last choices" in note for note in ranking("II").footnotes)


def test_control_and_baselines_take_no_prize_that_is_not_theirs():
    table = ranking("I+II+III")
    control, constant = row_of(table, "Leave-one-task-out"), row_of(table, "Parameter count")
    assert not any(cell.mark for cell in control.cells)
    assert not any(constant.cells[column(table, key)].mark for key in ("gmacs", "seconds"))


def test_the_caption_says_what_the_shared_pass_takes():
    checkpoints = FRAMES.checkpoints.assign(forward_gflops=8.0)  # two per multiply-add
    failed = FRAMES.tasks["task"] == "materials"  # leaves 300, 200 and 120 training images
    tasks = FRAMES.tasks.assign(status=["failed" if bad else "ok" for bad in failed])
    tables = [
        render_ranking_table(FRAMES.summary, FRAMES.measures, "II", checkpoints=each, tasks=tasks)
        for each in (checkpoints, checkpoints.assign(forward_gflops=math.nan))
    ]
    assert "all measures share, which takes 827. With fitting" in tables[0].caption
    assert "all measures share. With fitting" in tables[1].caption


def test_multiply_adds_stand_as_the_paper_counts_them_and_with_fitting():
    table = ranking("II")
    values = [
        row_of(table, "LFC").cells[column(table, key)].value
        for key in ("gmacs", "gmacs_with_fitting")
    ]
    assert values == [0.01, 0.02]


def test_unknown_groups_are_named():
    with pytest.raises(ValueError, match="no rows for group 'IV'"):
        ranking("IV")


@pytest.mark.parametrize("group", GROUPS)
def test_tables_are_light(group):
    assert len(to_html([ranking(group)], "T").encode()) < 100_000


# checkpoints x tasks


def test_accuracies():
    table = render_accuracy_table(FRAMES.ground_truth, FRAMES.checkpoints, FRAMES.tasks, "II")
    names = {row.cells[0].value for row in table.rows}
    assert names == {"From-Scratch"} | set(
        FRAMES.checkpoints.loc[FRAMES.checkpoints["checkpoint"].isin(ranked_checkpoints(FRAMES.checkpoints, "II")), "title"]
    )  # fmt: skip
    truth = FRAMES.ground_truth.set_index(["checkpoint", "task"]).loc[("sup-a", "digits")]
    cell = row_of(table, "Sup-A 100 %").cells[column(table, "accuracy_digits")]
    assert cell.value == pytest.approx(100 * truth["accuracy"])
    assert cell.spread == pytest.approx(100 * truth["noise_sd"])


def test_failed_fine_tuning_has_its_reason():
    table = render_accuracy_table(FRAMES.ground_truth, FRAMES.checkpoints, FRAMES.tasks)
    cell = row_of(table, "Corrupt file").cells[1]
    assert (cell.text, cell.note) == ("failed", "the checkpoint could not be loaded")
    assert HOSTILE in {row.cells[0].value for row in table.rows}


# the tasks


def test_tasks_have_their_statistics():
    tasks = FRAMES.tasks.assign(smallest_class=3.0, largest_class=24.0, source="folder")
    tasks.loc[1, ["status", "reason"]] = ["failed", "no images"]
    tasks.loc[2, "multi_label"] = True
    table = tabulate_tasks(tasks)
    shown = [
        [value_text(*pair) for pair in zip(row.cells, table.columns, strict=True)]
        for row in table.rows
    ]
    first = FRAMES.tasks.iloc[0]
    counts = [f"{first[key]:,.0f}" for key in ("classes", "train_samples", "test_samples")]
    assert shown[0] == [first["title"], *counts, "3", "24", "one", "folder"]
    assert shown[1][1:] == ["failed"] * 5 + ["–", "folder"]
    assert table.rows[1].cells[1].note == "no images"
    assert shown[2][-2] == "several"
    assert not any(found.key.endswith("_paper") for found in table.columns)
    assert "| Task | Classes |" in to_markdown(table)


def test_the_papers_tasks_stand_beside_those_of_the_same_title():
    tasks = FRAMES.tasks.assign(title=["SUN397", "Mine", "Camelyon", *FRAMES.tasks["title"][3:]])
    table = tabulate_tasks(tasks, read_tasks("neucrab"))
    wanted = [column(table, f"{key}_paper") for key in ("classes", "train_samples", "test_samples")]
    found = {row.cells[0].value: [row.cells[at].value for at in wanted] for row in table.rows}
    assert found["SUN397"] == [397, 76128, 10875]
    assert found["Camelyon"] == [2, 262144, 32768]
    assert found["Mine"] == [None] * 3
    assert "paper" in table.caption


def test_everything_missing_is_listed_with_its_reason():
    table = render_missing_table(FRAMES)
    rows = [tuple(cell.value for cell in row.cells) for row in table.rows]
    assert ("Score", "failed", "GAN", "H-score", "Tissue <b>&</b>", "features: 3 of 120 rows hold NaN or infinity") in rows  # fmt: skip
    leep = next(row for row in rows if row[1] == "not applicable")
    assert "LEEP" in leep[3]
    assert HOSTILE in leep[2]
    assert leep[5] == "the checkpoint has no classification head"
    assert len(rows) < 10


def test_nothing_missing_is_said_so():
    empty = {name: getattr(FRAMES, name).query("status == 'ok'") for name in ("checkpoints", "ground_truth", "scores")}  # fmt: skip
    table = render_missing_table(replace(FRAMES, **empty))
    assert (table.rows, table.caption) == ((), "Nothing failed and everything applies.")


# reading


def test_frames_survive_writing_and_reading(tmp_path):
    write_frames(FRAMES, tmp_path)
    found = read_run({name: tmp_path / f"{name}.csv" for name in vars(FRAMES)})
    for name, frame in vars(FRAMES).items():
        again = getattr(found, name)[frame.columns]
        assert again.to_dict("list").keys() == frame.to_dict("list").keys()
        for key in frame:
            assert again[key].equals(frame[key].astype(again[key].dtype)), (name, key)


def test_names_stay_text(tmp_path):
    text = (tmp_path / "x.csv").as_posix()
    frame = FRAMES.measures.head(3).assign(measure=["NA", "1e5", "null"])
    frame.to_csv(text, index=False)
    assert list(read_frame(text, "measures")["measure"]) == ["NA", "1e5", "null"]


def test_bad_tables_are_named(tmp_path):
    path = tmp_path / "tasks.csv"
    FRAMES.tasks.drop(columns="classes").to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"tasks\.csv: no column classes"):
        read_frame(path, "tasks")
    FRAMES.tasks.assign(classes="many").to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"tasks\.csv: column classes: .*many"):
        read_frame(path, "tasks")
    FRAMES.tasks.assign(multi_label="perhaps").to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"multi_label: 'perhaps' is neither true nor false"):
        read_frame(path, "tasks")


def test_unknown_group_has_no_members():
    with pytest.raises(ValueError, match="checkpoints: none in group 'IV'"):
        in_group(FRAMES.checkpoints, "IV")


def test_stages_of_a_pre_training_stand_together_from_first_to_last():
    rows = [
        ("a-100", "resnet", "supervised", "A", 1.0),
        ("rotation", "resnet", "rotation", "A", 1.0),
        ("b-100", "resnet", "supervised", "B", 1.0),
        ("scratch", "resnet", None, None, None),
        ("a-60", "resnet", "supervised", "A", 0.6),
        ("a-30", "resnet", "supervised", "A", 0.3),
        ("deep-a-30", "resnet_deep", "supervised", "A", 0.3),
    ]
    columns = ["checkpoint", "architecture", "objective", "source_data", "stage"]
    frame = pd.DataFrame(rows, columns=columns)
    names = in_stages(frame)["checkpoint"].tolist()
    assert names == ["a-30", "a-60", "a-100", "rotation", "b-100", "scratch", "deep-a-30"]
    assert list(in_stages(frame).columns) == columns
