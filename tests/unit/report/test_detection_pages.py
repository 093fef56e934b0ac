"""The chapter on detection says what its tables say."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.support.detectors import write_run
from tests.support.page_text import Text

from ckptrank.files.atomic import read_json, write_json
from ckptrank.published.neucrab import read_detection
from ckptrank.report.detection.chapter import describe, write
from ckptrank.report.detection.frames import read_results
from ckptrank.report.detection.tables import render_costs, render_precisions, render_ranking
from ckptrank.report.kit.output import Origin
from ckptrank.tasks.annotated import encode_pixels

LINKS = {"provenance.html": "What ran"}
SWEEP = {
    "learning_rates": [0.1, 0.2, 0.4],
    "steps": [100],
    "schedule": "step",
    "decay_at": [0.8],
    "decay": 0.1,
}


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))


def write_pages(given, folder):
    made = {name: str(folder / f"{name}.html") for name in ("index", "page")}
    params = {"published": {"scenes": "VOC detection"}, "links": LINKS, "sweep": SWEEP}
    write(
        given,
        made | {"figures": str(folder / "figures")},
        params,
        Origin("rule x", "logs/x.log", ""),
    )
    return {name: Path(file).read_text(encoding="utf-8") for name, file in made.items()}


@pytest.fixture(scope="module")
def pages(given, tmp_path_factory):
    return write_pages(given, tmp_path_factory.mktemp("report"))


def shown(table, row, key):
    columns = [column.key for column in table.columns]
    return table.rows[row].cells[columns.index(key)].value


def test_printed_numbers_stand_beside_whole_images_alone(given):
    table = render_ranking(read_results(given), "scenes", "VOC detection")
    by_view = {row.cells[0].value: at for at, row in reversed(list(enumerate(table.rows)))}
    first = by_view["Whole images"]
    assert shown(table, first, "kendall") == pytest.approx(100)
    assert shown(table, first, "paper_kendall") == pytest.approx(66.67)
    assert shown(table, first, "paper_recall_at_1") == 100
    assert shown(table, by_view["Objects"], "paper_kendall") is None
    assert shown(table, by_view["Objects"], "kendall") == pytest.approx(-100)
    without = render_ranking(read_results(given), "scenes", None)
    assert "paper_kendall" not in [column.key for column in without.columns]


def test_every_printed_row_is_shown_and_a_dash_where_this_run_has_none(given):
    table = render_ranking(read_results(given), "scenes", "VOC detection")
    keys = [f"paper_{name}" for name in ("recall_at_1", "pearson", "kendall")]
    shown_of = {
        row.cells[1].value: [shown(table, at, key) for key in keys]
        for at, row in enumerate(table.rows)
        if row.cells[0].value == "Whole images" and shown(table, at, keys[1]) is not None
    }
    printed = read_detection().loc["VOC detection"] * [100, 1, 1]
    assert shown_of == {name: row.tolist() for name, row in printed.iterrows()}
    own = [row.cells[2:5] for row in table.rows if row.cells[1].value == "Fine-tune (5 epochs)"]
    assert [[cell.value for cell in cells] for cells in own] == [[None] * 3]
    linear = "Linear (1 epoch), Linear (5 epochs), Linear (converged)"
    missing = f"{linear}, Fine-tune (1 epoch), Fine-tune (5 epochs)"
    assert f"Whole images are not scored here by {missing}." in table.caption
    assert "stopped early" not in table.caption
    views = [row.section for row in table.rows]
    assert views == sorted(views)  # those rows stand with the others of whole images


def test_a_detector_that_is_stopped_early_stands_with_whole_images_alone(tmp_path):
    results = read_results(write_run(tmp_path, stopped_early=True))
    table = render_ranking(results, "scenes", "VOC detection")
    title = "Fine-tune (5 epochs)"
    at = [number for number, row in enumerate(table.rows) if row.cells[1].value == title]
    assert [table.rows[number].section for number in at] == ["images"]
    assert shown(table, at[0], "kendall") == pytest.approx(100 / 3)
    assert shown(table, at[0], "paper_kendall") == pytest.approx(33.33)
    assert f"{title} is a detector that was stopped early" in table.caption
    rows = {row.cells[0].value: row.cells[1].value for row in render_costs(results).rows}
    assert rows[f"{title}: a detector stopped early"] == rows["Whole images: all measures"] == 2


def test_a_run_on_objects_alone_shows_the_printed_rows_too(given):
    results = read_results(given)
    alone = replace(results, scores=results.scores.query("view == 'objects'"))
    table = render_ranking(alone, "scenes", "VOC detection")
    titles = [row.cells[1].value for row in table.rows if row.section == "images"]
    assert titles == list(read_detection().loc["VOC detection"].index)


def test_precisions_come_best_first_and_failures_last_with_their_reason(given):
    table = render_precisions(read_results(given), "scenes", SWEEP)
    assert [row.cells[0].value for row in table.rows] == ["<c>", "<b>", "<a>", "<d>"]
    assert [column.key for column in table.columns[1:4]] == ["ap", "ap50", "ap75"]
    assert shown(table, 0, "ap") == pytest.approx(30)
    assert shown(table, 3, "reason") == "no <maps>"
    schedule, edges = table.footnotes
    assert "multiplied by 0.1 after 80 % of its steps" in schedule
    assert "Scenes & things: 3 of 3 (3 at the lowest rate (0.1), 0 at the highest (0.4))." in edges


def test_where_the_mean_of_runs_judges_it_stands_first(given, tmp_path):
    table = render_precisions(read_results(write_run(tmp_path, "mean")), "scenes", SWEEP)
    assert [column.title for column in table.columns[1:4]] == ["Mean AP", "AP", "AP50"]
    # Of 0.3, 0.1 and 0.2; the spread is the mean's.
    assert shown(table, 0, "accuracy") == pytest.approx(20)
    assert shown(table, 0, "ap") == pytest.approx(30)
    spreads = [cell.spread for cell in table.rows[0].cells[1:3]]
    assert spreads == [pytest.approx(1 / 3**0.5), None]
    assert "Mean AP judges" in table.caption
    assert "judges" not in render_precisions(read_results(given), "scenes", SWEEP).caption


def test_costs_are_summed(given):
    rows = {
        row.cells[0].value: row.cells[1].value for row in render_costs(read_results(given)).rows
    }
    assert rows["Fine-tuning detectors, the whole sweep"] == 12
    assert rows["Objects: all measures"] == 2


def test_the_report_opens_with_the_answer(pages):
    text = Text(pages["index"]).text
    assert "Scenes & things: of 3 fine-tuned checkpoints <c> is the best" in text
    assert "What ran" in text
    assert 'data-result="' in pages["index"]
    assert "<c>" not in pages["index"]
    assert (
        "<script" not in pages["index"]
    )  # it would end the one that the report keeps this page in


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(10, 90, set()), (-5, 90, {"may be chance"}), (-90, -10, {"may be chance", "backwards"})],
)
def test_what_may_be_chance_and_what_orders_backwards_is_said(given, low, high, words):
    results = read_results(given)
    summary = results.summary.query("metric == 'kendall' and group == 'images'")
    said = " ".join(describe(replace(results, summary=summary.assign(low=low, high=high))))
    assert {each for each in ("may be chance", "backwards") if each in said} == words


def test_the_figure_stands_on_the_first_page_alone(pages):
    counts = {name: page.count("data:image/svg+xml") for name, page in pages.items()}
    assert counts == {"index": 1, "page": 0}
    assert 'download="scenes.pdf" href="data:application/pdf' in pages["index"]
    assert "Scores against precision" not in pages["page"]


def test_the_page_has_all_and_escapes_names(pages):
    page = pages["page"]
    text = Text(page).text
    best = "of 3 fine-tuned checkpoints <c> is the best with AP 30.0 %, <a> the worst with 10.0 %"
    assert f"Scenes & things: {best}" in text
    words = ["4 checkpoints ranked on 1 task", "Scenes & things", "The best: <c>", "The worst: <a>"]
    assert [each for each in words if each not in text] == []
    assert page.count("data:image/jpeg;base64,") == 3  # what there is, of the best, of the worst
    assert "<c>" not in page
    assert len(page) < 1_400_000


def test_pictures_stand_in_columns_with_a_legend_where_there_are_masks(given, pages, tmp_path):
    assert '<ul class="ck-legend">' not in pages["page"]
    changed = []
    for file in given["detectors"]:
        truth = read_json(file)
        for example in truth.get("details", {}).get("examples", []):
            example["masks"] = [encode_pixels(np.ones((96, 96))).decode()] * len(example["boxes"])
        changed.append(tmp_path / "scenes" / Path(file).name)
        changed[-1].parent.mkdir(exist_ok=True)
        write_json(changed[-1], truth)
    page = write_pages({**given, "detectors": changed}, tmp_path)["page"]
    assert page.count("data:image/jpeg;base64,") == 3
    assert page.count("data:image/png;base64,") == page.count('alt=""> ') > 2
    assert re.findall(r'alt="Test image 1. ([\w ]+)', page) == [
        "What there is",
        "The best",
        "The worst",
    ]
