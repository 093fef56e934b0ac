"""The rank job's pages: the answer is that of the tables, at whatever cost, faults included."""

import csv
import html
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from tests.support.frames import HOSTILE
from tests.support.page_text import Text
from tests.support.ranking_frames import MEASURES, POOL, write_ranking

from ckptrank.rank.terminal import format_ranking
from ckptrank.report.kit.tables import to_csv
from ckptrank.report.rank.answer import answer, list_some, span
from ckptrank.report.rank.chart import render_rank_chart
from ckptrank.report.rank.figures import MOST_ROWS, find_front, plot_pareto, plot_rank_intervals
from ckptrank.report.rank.frames import read_ranking
from ckptrank.report.rank.overview import FEW_TASKS, FIRST_ROWS, render_rank_overview
from ckptrank.report.rank.tables import render_decision_table, render_losses, render_rank_matrix
from ckptrank.report.rank.task_page import forest, render_rank_page
from ckptrank.text import megabytes, percent, roughly, short_count

DOT = '<i class="ck-dot"'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("rank")


def read(folder):
    return read_ranking(*(folder / name for name in ("ranking.csv", "scores.csv", "facts.json")))


@pytest.fixture(scope="module")
def ranking(folder):
    return read(write_ranking(folder / "pets"))


@pytest.fixture(scope="module")
def checked(folder):
    return read(write_ranking(folder / "birds", task="birds", seed=1, tuned=3))


def with_ranked(ranking, **columns):
    return replace(ranking, ranked=ranking.ranked.assign(**columns))


def test_the_answer_is_the_first_row_and_those_tied_with_it(ranking):
    said = answer(ranking)
    names = ranking.names()
    assert said["first"] == names[ranking.ranked["checkpoint"][0]]
    assert said["ties"] == [names[name] for name in ranking.ranked["checkpoint"][1:4]]
    assert (said["ranked"], said["failed"]) == (len(POOL), 1)
    assert said["cards"][0]["why"].startswith("First choice")


def test_cards_are_the_cheapest_of_the_tied_only(ranking):
    tied = ranking.ranked.head(4)
    smallest = tied.loc[tied["parameters"].idxmin(), "checkpoint"]
    assert ranking.ranked["parameters"].min() < tied["parameters"].min()
    card = next(c for c in answer(ranking)["cards"] if "fewest parameters" in c["why"].lower())
    assert card["name"] == ranking.names()[smallest]


def test_a_clear_winner_has_one_card(ranking):
    alone = with_ranked(ranking, with_first=[True] + [False] * (len(POOL) - 1))
    said = answer(alone)
    assert said["ties"] == []
    assert [card["why"] for card in said["cards"]] == ["First choice"]


def test_the_best_after_fine_tuning_is_said(checked):
    tuned = checked.ranked.head(3)
    best = checked.names()[tuned.loc[tuned["tuned_accuracy"].idxmax(), "checkpoint"]]
    assert answer(checked)["tuned"] == {"count": 3, "name": best, "accuracy": "90.0 %"}


def test_an_accuracy_that_validation_images_did_not_choose_has_an_interval(checked):
    low, high = (checked.ranked["tuned_accuracy"] + by for by in (-0.021, 0.02))
    ranking = with_ranked(checked, tuned_low=low, tuned_high=high)
    interval = "(95\xa0% interval 87.9 % to 92.0 %)"
    assert answer(ranking)["tuned"]["accuracy"] == f"90.0 % {interval}"
    table = render_decision_table(ranking)
    place = [column.key for column in table.columns].index("tuned_accuracy")
    cell = table.rows[1].cells[place]
    assert (round(cell.low, 3), round(cell.high, 3)) == (0.879, 0.92)


def test_agreement_counts_the_first_places(ranking):
    mine = ranking.scores["checkpoint"] == ranking.ranked["checkpoint"][0]
    ranks = ranking.scores[mine & (ranking.scores["status"] == "ok")]["rank"]
    assert answer(ranking)["agreement"].startswith(f"{(ranks == 1).sum()} of {len(ranks)} measures")


@pytest.mark.parametrize(
    ("probe", "opening"),
    [(None, "The scores say little here."), (0.97, "The task is near its ceiling: a linear probe")],
)
def test_where_the_order_says_little_the_page_opens_with_it_and_takes_by_cost(
    ranking, tmp_path, probe, opening
):
    cheap = ranking.ranked["checkpoint"][2]
    said = {**ranking.facts["advice"], "take": cheap, "by_cost": True, "probe": probe}
    page = page_of(replace(ranking, facts={**ranking.facts, "advice": said}), tmp_path)
    lead = " ".join(page.split('<p class="ck-lead">')[1].split("</p>")[0].split())
    assert lead.startswith(opening)
    assert "within 1.2 points of the first" in lead
    assert "(one standard error: 3.0 points), and 3,669 test images could not show it" in lead
    assert f"Take <strong>{ranking.names()[cheap]}</strong>, the cheapest of them" in lead
    assert answer(replace(ranking, facts={**ranking.facts, "advice": said}))["cards"][1][
        "why"
    ].startswith("First of the order")


def with_advice(ranking, **advice):
    said = {**ranking.facts["advice"], **advice}
    return replace(ranking, facts={**ranking.facts, "advice": said})


def lead_of(ranking, folder):
    lead = page_of(ranking, folder).split('<p class="ck-lead">')[1].split("</p>")[0]
    return " ".join(lead.split())


NEAR = "The task is near its ceiling: a linear probe alone reaches 99.0 %, so that differences after fine-tuning are small. "
LITTLE = "The scores say little here. "
SAME = (
    "3 of 20 checkpoints are expected within 1.2 points of the first; the measures are off by as much or more "
    "(one standard error: 3.0 points), and 3,669 test images could not show it (± 2.0 points). "
)


@pytest.mark.parametrize(
    ("advice", "opening"),
    [
        ({"probe": 0.99}, NEAR + SAME),
        ({"probe": 0.99, "as_good": 1}, NEAR),
        ({}, LITTLE + SAME),
        ({"as_good": 1}, ""),
    ],
)
def test_the_ceiling_and_who_is_as_good_are_said_first_where_the_first_is_taken(
    ranking, tmp_path, advice, opening
):
    near = with_advice(ranking, by_cost=False, **advice)
    first = ranking.names()[ranking.ranked["checkpoint"][0]]
    assert lead_of(near, tmp_path).startswith(f"{opening}Take <strong>{first}</strong>: first of")
    lines = format_ranking(near.ranked, near.facts).splitlines()
    expected = [opening.strip()] if opening else []
    assert lines[1 : 2 + len(expected)] == [*expected, f"Take {first}."]


def test_of_boxes_the_ceiling_of_the_classes_is_not_said(ranking, tmp_path):
    near = with_advice(ranking, probe=0.99, as_good=1)
    boxes = replace(near, facts={**near.facts, "objects": 9000})
    assert "ceiling" not in lead_of(boxes, tmp_path)
    assert "ceiling" not in format_ranking(boxes.ranked, boxes.facts)


def test_where_most_may_be_as_good_the_page_opens_with_it(ranking, tmp_path):
    ranking = with_advice(ranking, as_good=1)
    assert "say little" not in page_of(ranking, tmp_path)
    tied = with_ranked(ranking, with_first=[True] * 12 + [False] * (len(POOL) - 12))
    lead = page_of(tied, tmp_path).split('<p class="ck-lead">')[1].strip()
    assert lead.startswith(
        "The scores say little here: 11 of 19 others may be as good as the first."
    )


def test_why_the_first_comes_first_is_shown_by_images(ranking, tmp_path):
    shown = {"class": "<cat>", "picture": "data:image/jpeg;base64,AAAA"}
    counts = {"both": 7, "only_first": 2, "only_second": 1, "neither": 0, "images": 10}
    why = {"checkpoints": ["vgg16", "vit_base"], **counts}
    examples = [dict.fromkeys(("image", "first", "second"), shown)]
    page = page_of(replace(ranking, why={**why, "examples": examples}), tmp_path)
    assert "Why vgg16 before vit base" in page
    assert page.count("data:image/jpeg;base64,AAAA") == 3
    assert "&lt;cat&gt;" in page
    assert "for vgg16 alone in 2" in page
    for nothing in (None, {**why, "examples": []}):
        assert "Nearest for" not in page_of(replace(ranking, why=nothing), tmp_path)


def test_without_a_known_error_no_gap_is_shown(ranking, tmp_path):
    unknown = replace(ranking, facts={**ranking.facts, "error": None})
    assert "gap" not in [column.key for column in render_decision_table(unknown).columns]
    assert "which no benchmark has measured" in page_of(unknown, tmp_path)


def test_of_a_task_with_boxes_the_page_speaks_of_detectors(checked, tmp_path):
    unknown = with_ranked(checked, finetune_seconds=np.nan, finetune_memory_mb=np.nan)
    boxes = replace(unknown, facts={**checked.facts, "objects": 9000, "error": None})
    page, of_classes = (Text(page_of(each, tmp_path)).text for each in (boxes, checked))
    assert "3,680 training images with 9,000 objects" in page
    assert "by the classes in the images. The order of detectors can be another" in page
    overview = render_rank_overview([(boxes, "results/report/x.html")], place="rank.html")
    assert 'data-title="Take">fine-tune detectors first' in overview
    assert "or fine-tune a detector on each and compare" in page
    assert "Of the first 3, fine-tuned as classifiers of whole images to check" in page
    assert "the first 3 checkpoints as classifiers of whole images, to check the order" in page
    assert "Rank against cost" in page
    for words in (
        "Accuracy against cost",
        "Fine-tuning times",
        "One fine-tuning run",
        "Memory to tune",
    ):
        assert words not in page
        assert words in of_classes
    for words in ("object", "detector", "classifier"):
        assert words not in of_classes


@pytest.fixture
def detected(checked):
    """As ``checked``, of images with boxes for which detectors with masks are tuned."""
    facts = {**checked.facts, "objects": 9000, "error": None, "head": "mask_rcnn", "warnings": []}
    return replace(checked, facts=facts)


def test_where_detectors_are_tuned_costs_and_what_they_reach_are_theirs(detected, tmp_path):
    page = Text(page_of(detected, tmp_path)).text
    best = answer(detected)["tuned"]
    assert best["accuracy"] == "90.0 % mask AP"
    for words in (
        f"Of the first 3, fine-tuned as detectors to check, {best['name']} came out best with 90.0 % mask AP",
        "the first 3 checkpoints as detectors, to check the order",
        "One fine-tuning run of a detector on the first, at one learning rate, takes about",
        "Fine-tuning times are estimates of a detector, by a few steps of it on this device",
        "Tuning a detector",
        "Detector's memory",
        "Tuned mask AP",
    ):
        assert words in page, words
    for words in ("classifier", "Tuned accuracy", "Memory to tune"):
        assert words not in page, words
    assert "Tuning a detector (seconds, estimated)" in render_rank_chart(detected)
    assert "Fine-tuning (seconds, estimated)" not in render_rank_chart(detected)
    untuned = with_ranked(detected, tuned_accuracy=np.nan)
    assert "the cost from a few steps of a detector" in page_of(untuned, tmp_path)


def test_the_terminal_has_what_a_detector_takes_and_reaches(detected, checked):
    said = format_ranking(detected.ranked, detected.facts).splitlines()
    header = next(line for line in said if line.startswith("rank"))
    assert header.split("images/s")[1].split("  ")[1:] == [
        *("detector's tuning", "detector's memory", "tuned mask AP", "licence")
    ]
    first = said[said.index(header) + 1]
    row = detected.ranked.iloc[0]
    for cell in (
        roughly(row["finetune_seconds"]),
        megabytes(row["finetune_memory_mb"]),
        percent(row["tuned_accuracy"]),
    ):
        assert f"  {cell}" in first
    of_classes = format_ranking(checked.ranked, {**checked.facts, "warnings": []})
    assert "detector" not in of_classes
    unknown = detected.ranked.assign(finetune_memory_mb=np.nan)
    assert "detector's memory" not in format_ranking(unknown, detected.facts)


def test_unknown_costs_are_left_out(ranking):
    costs = ("parameters", "forward_gflops", "images_per_second", "finetune_seconds", "file_mb")
    costs += ("latency_seconds", "finetune_memory_mb", "inference_memory_mb", "input_size")
    unknown = with_ranked(ranking, **dict.fromkeys(costs, np.nan), licence="")
    assert answer(unknown)["cards"][0]["facts"] == [("Licence", "not stated")]
    titles = [column.title for column in render_decision_table(unknown).columns]
    assert titles == [
        *(
            "Checkpoint",
            "Rank",
            "Tied",
            "Mean rank",
            "Behind the first",
            "Licence",
            "Judged on",
        )
    ]
    with pytest.raises(ValueError, match="no checkpoint has parameters"):
        render_rank_chart(unknown)


def test_marks_stay_within_the_tied(ranking):
    table = render_decision_table(ranking)
    for row in table.rows:
        if row.section == "False":
            assert not any(cell.mark for cell in row.cells)
    best = sum(cell.mark == "best" for row in table.rows for cell in row.cells)
    assert best == 8 + 3  # eight costs and, of three, one input size


def test_the_csv_beside_the_table_keeps_every_digit(ranking):
    rows = list(csv.DictReader(io.StringIO(to_csv(render_decision_table(ranking)))))
    assert [float(row["parameters"]) for row in rows] == list(ranking.ranked["parameters"])
    assert [float(row["rank_high"]) for row in rows] == list(ranking.ranked["rank_high"])


def test_every_measure_has_a_first_place(ranking):
    table = render_rank_matrix(ranking)
    assert [column.title for column in table.columns[1:]] == list(MEASURES.values())
    for at in range(1, len(table.columns)):
        best = [row.cells[at].value for row in table.rows if row.cells[at].mark == "best"]
        assert best == [1.0]


def test_losses_have_reasons_once(ranking):
    rows = [[cell.value for cell in row.cells] for row in render_losses(ranking).rows]
    assert rows[0][:3] == ["Checkpoint", "not ranked", "Corrupt file"]
    assert rows[1][:2] == ["Score", "not applicable"]
    assert rows[1][3:] == ["LEEP", "the checkpoint has no classification head"]
    assert len(rows) == 2


def test_forest_places_the_last_at_the_end(ranking):
    rows = forest(ranking)
    assert rows[0]["place"]["mean"] == 0
    assert rows[-1]["place"] == {"mean": 100, "low": rows[-1]["place"]["low"], "high": 100}
    assert [row["tied"] for row in rows] == [True] * 4 + [False] * (len(POOL) - 4)


def page_of(ranking, folder):
    figures = [folder / name for name in ("a.svg", "a.pdf", "b.svg", "b.pdf")]
    plot_rank_intervals(ranking, *figures[:2])
    plot_pareto(ranking, *figures[2:])
    return render_rank_page(ranking, *figures, made_from="rule r")


def test_the_front_is_what_no_other_beats_in_both():
    costs = pd.Series({"a": 1.0, "b": 2.0, "c": 3.0, "d": 3.0, "e": 9.0})
    behind = pd.Series({"a": 5.0, "b": 6.0, "c": 2.0, "d": 2.0, "e": -1.0})
    assert find_front(costs, behind) == ["a", "c", "e"]


def test_in_the_terminal_no_backbone_is_to_be_taken_without_a_detector(checked):
    facts = checked.facts
    said = [
        format_ranking(checked.ranked, {**facts, "objects": objects, "warnings": []})
        for objects in (None, 9000)
    ]
    assert "Take " in said[0]
    assert "Take " not in said[1]
    assert "fine-tune detectors before you choose" in said[1]


def test_names_are_text_everywhere(checked, tmp_path):
    overview = render_rank_overview(
        [(checked, "results/report/rank/birds.html")], place="results/report/rank.html"
    )
    for page in (page_of(checked, tmp_path), overview):
        assert HOSTILE not in page
        assert html.escape(HOSTILE) in page
    assert "<script" not in overview
    assert max(map(len, overview.splitlines())) < 10_000
    assert HOSTILE not in render_rank_chart(checked)


def test_the_first_page_has_the_order_and_what_fine_tuning_found(ranking, checked):
    def page(*rankings):
        given = [(each, f"results/report/rank/{at}.html") for at, each in enumerate(rankings)]
        return render_rank_overview(given, place="results/report/rank.html")

    plain, tuned = page(ranking), page(checked)
    assert "and no fine-tuning" in plain
    assert "and no fine-tuning" not in tuned
    best = answer(checked)["tuned"]
    assert (
        f"best of 3 fine-tuned to check: {html.escape(best['name'])}, {best['accuracy']}" in tuned
    )
    assert plain.count(DOT) == min(FIRST_ROWS, len(ranking.ranked))
    assert DOT not in page(*[ranking] * (FEW_TASKS + 1))


def test_what_is_cheapest_of_the_tied_is_said_of_the_tied(ranking):
    words = [card["why"] for card in answer(ranking)["cards"] if "ewest parameters" in card["why"]]
    assert words
    assert all(text.endswith("of the tied") for text in words)


def test_warnings_and_protocol_are_shown(checked, tmp_path):
    page = page_of(checked, tmp_path)
    assert "12 images occur in both the training and the test split" in page
    assert checked.facts["protocol"] in page
    assert "20 random halves" in page


def test_commands_in_warnings_are_set_as_code(checked, tmp_path):
    facts = checked.facts | {"warnings": ["Run `make <x>`."]}
    page = page_of(replace(checked, facts=facts), tmp_path)
    assert "<li>Run <code>make &lt;x&gt;</code>.</li>" in page


@pytest.mark.parametrize("span", [2, 30])
def test_costs_have_ticks_however_near_they_are(ranking, tmp_path, monkeypatch, span):
    ticks = []

    def look(figure, path, **_):
        panel = figure.axes[0]
        low, high = panel.get_xlim()
        ticks[:] = [value for value in panel.get_xticks() if low <= value <= high]
        path.write_text("<defs>")

    monkeypatch.setattr(Figure, "savefig", look)
    costs = np.geomspace(0.6, 0.6 * span, len(ranking.ranked))
    near = with_ranked(ranking, forward_gflops=costs)
    plot_pareto(near, tmp_path / "c.svg", tmp_path / "c.pdf")
    assert len(ticks) >= 3


def test_a_task_without_any_rank_still_has_its_pages(ranking, tmp_path):
    nothing = replace(ranking, ranked=ranking.ranked.head(0))
    page = page_of(nothing, tmp_path)
    assert "No checkpoint could be ranked" in page
    assert "header is not JSON" in page
    assert "nothing could be ranked" in render_rank_overview(
        [(nothing, "results/report/x.html")], place="results/report/rank.html"
    )


def test_the_figure_is_the_same_every_time_and_bounded(ranking, tmp_path, monkeypatch):
    heights = []
    monkeypatch.setattr(
        Figure, "savefig", lambda self, path, **_: heights.append(self.get_size_inches()[1])
        or path.write_text("<defs>"),
    )  # fmt: skip
    many = replace(ranking, ranked=ranking.ranked.loc[[0] * 200].reset_index(drop=True))
    plot_rank_intervals(many, tmp_path / "b.svg", tmp_path / "b.pdf")
    assert max(heights) < 1 + 0.2 * (MOST_ROWS + 1)


def test_intervals_names_and_times_as_words():
    assert span(1, 3) == "1–3"
    assert span(2, 2) == "2"
    assert span(np.nan, 2) == ""
    assert list_some(["a", "b"]) == "a and b"
    assert list_some(list("abcdefg")) == "a, b, c, d and 3 more"
    assert short_count(25_600_000) == "25.6\xa0M"
    assert short_count(999_999) == "1.00\xa0M"
    assert short_count(812) == "812"
    assert roughly(1092) == "18 min"
    assert roughly(9000) == "2.5 h"
    assert roughly(40) == "40 s"
