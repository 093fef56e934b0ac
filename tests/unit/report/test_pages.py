"""The report's pages: what they say is what the tables of the run say, and names stay names."""

import base64
import html
import itertools
import json
import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from jinja2 import UndefinedError
from tests.support.frames import GROUPS, HOSTILE, build_frames, build_provenance, build_stages
from tests.support.page_text import Text

from ckptrank.evaluation.baselines import BASELINES
from ckptrank.evaluation.recommend import (
    pooled_noise,
    rank_all,
    rank_interval,
    recommend,
)
from ckptrank.evaluation.tables import titles
from ckptrank.measures import signatures
from ckptrank.measures.registry import METHODS
from ckptrank.report.benchmark.cost_chart import render_cost_chart
from ckptrank.report.benchmark.landing import (
    compare,
    find_difference,
    render_landing,
    verdict,
)
from ckptrank.report.benchmark.measure_pages import render_method_page
from ckptrank.report.benchmark.method_texts import equation_svg, read_method_text, written_texts
from ckptrank.report.benchmark.provenance import list_tables
from ckptrank.report.benchmark.score_chart import render_score_chart
from ckptrank.report.benchmark.true_ranks import render_true_rank_table
from ckptrank.report.kit import charts
from ckptrank.report.kit.forest import interval, place
from ckptrank.report.kit.output import render_figure_page
from ckptrank.report.kit.provenance import render_provenance
from ckptrank.report.kit.stages import summarise_costs
from ckptrank.report.kit.templating import render
from ckptrank.text import significant
from ckptrank.workflow.stages import select_costs

FRAMES = build_frames()
ALL = "I+II+III"


def landing(frames=FRAMES, **options):
    return render_landing(
        frames,
        **{"recommender": "nleep", "group": ALL, "place": "results/report/landing.html", **options},
    )


def summary_of(measure, metric, frames=FRAMES):
    return frames.summary.set_index(["group", "measure", "metric"]).loc[(ALL, measure, metric)]


# what a recommendation is worth


def test_three_at_random_lose_what_all_draws_of_three_lose_on_average():
    truth = FRAMES.ground_truth.query(
        "task == 'objects' and status == 'ok' and checkpoint != 'scratch'"
    )
    truth = truth["accuracy"]
    best = np.mean([max(draw) for draw in itertools.combinations(truth, 3)])
    card = recommend(FRAMES, "nleep", "objects", ALL)
    assert card["random_lost"] == f"{100 * (truth.max() - best):.1f}"


def test_a_single_checkpoint_has_nothing_to_lose():
    alone = replace(FRAMES, ground_truth=FRAMES.ground_truth.query("checkpoint == 'inception'"))
    assert recommend(alone, "nleep", "objects", ALL)["random_lost"] == "0.0"


def test_rank_interval():
    accuracies = pd.Series({"a": 0.9, "b": 0.8, "c": 0.79, "d": 0.5})
    assert rank_interval(accuracies, "b", 0.0) == (2, 2, 2)
    assert rank_interval(accuracies, "b", 0.01) == (2, 2, 3)
    assert rank_interval(accuracies, "b", 0.05) == (2, 1, 3)
    assert rank_interval(accuracies, "d", 0.01) == (4, 4, 4)


def test_pooled_noise_is_the_root_of_the_mean_variance():
    truth = pd.DataFrame({"noise_sd": [0.03, 0.04, math.nan]})
    assert pooled_noise(truth) == pytest.approx(math.sqrt((0.0009 + 0.0016) / 2))
    assert math.isnan(pooled_noise(truth.tail(1)))


def test_recommended_are_the_highest_scores():
    card = recommend(FRAMES, "nleep", "objects", ALL)
    scores = FRAMES.scores.query("measure == 'nleep' and task == 'objects' and status == 'ok'")
    best = scores.sort_values("score", ascending=False)["checkpoint"].head(3)
    names = FRAMES.checkpoints.set_index("checkpoint")["title"]
    assert [pick["name"] for pick in card["picks"]] == [names[name] for name in best]
    truth = FRAMES.ground_truth.query("task == 'objects'").set_index("checkpoint")["accuracy"]
    assert card["picks"][0]["accuracy"] == f"{100 * truth[best.iloc[0]]:.1f}\xa0%"
    lost = 100 * (truth.drop("scratch").max() - truth[best].max())
    assert card["lost"] == f"{lost:.1f}"
    assert card["found"] == (lost == 0)


def test_all_ranks_are_those_of_scores_and_accuracies():
    ranks = rank_all(FRAMES, "nleep", "objects", ALL).set_index("checkpoint")
    scores = FRAMES.scores.query("measure == 'nleep' and task == 'objects' and status == 'ok'")
    scores = scores.set_index("checkpoint")["score"]
    assert (ranks["rank"] == scores.rank(ascending=False)[ranks.index]).all()
    truth = FRAMES.ground_truth.query("task == 'objects' and checkpoint != 'scratch'")
    truth = truth.set_index("checkpoint")["accuracy"]
    assert (ranks["true_rank"] == truth.rank(ascending=False, method="min")[ranks.index]).all()
    assert (ranks["true_low"] <= ranks["true_rank"]).all()
    assert (ranks["others_low"] <= ranks["others"]).all()
    table = render_true_rank_table(
        ranks.reset_index(), titles(FRAMES.checkpoints, "checkpoint"), "M"
    )
    assert [row.cells[1].value for row in table.rows] == list(range(1, len(ranks) + 1))
    assert table.rows[0].cells[4].value == 100 * truth[ranks.index[0]]


def test_recommended_are_members_of_the_group():
    names = {pick["name"] for pick in recommend(FRAMES, "consensus", "digits", "III")["picks"]}
    members = FRAMES.checkpoints[FRAMES.checkpoints["groups"].str.contains("III")]
    assert names <= set(members["title"])


# the landing page


def test_landing_numbers_are_those_of_the_tables():
    text = Text(landing()).text
    kendall, regret = summary_of("nleep", "kendall"), summary_of("nleep", "regret_at_3")
    assert f"τ = {kendall['mean'] / 100:.2f}" in text
    assert f"[{kendall['low'] / 100:.2f}, {kendall['high'] / 100:.2f}]" in text
    assert f"gives up {regret['mean']:.1f} percentage points" in text
    assert (
        f"three in random order give up {summary_of('random', 'regret_at_3')['mean']:.1f}" in text
    )


def test_landing_follows_the_run_and_not_the_template():
    changed = FRAMES.summary.copy()
    mine = (changed["measure"] == "nleep") & (changed["metric"] == "kendall")
    changed.loc[mine, ["mean", "low", "high"]] = [12.3, -4.5, 29.1]
    text = Text(landing(replace(FRAMES, summary=changed))).text
    assert "τ = 0.12" in text
    assert "[−0.04, 0.29]" in text or "[−0.05, 0.29]" in text


def test_best_static_baseline_is_the_hardest_to_beat():
    compared = compare(FRAMES, "nleep", ALL)
    constants = [
        summary_of(name, "kendall")["mean"] for name in ("parameter_count", "forward_flops")
    ]
    assert compared["kendall"]["static"]["mean"] == max(constants)
    assert compared["kendall"]["random"]["title"] == "Random order"


PAIRS = pd.DataFrame(
    [
        {"group": "I", "better": "a", "worse": "b", "difference": 30.0, "low": 12.0, "high": 50.0},
        {"group": "I", "better": "c", "worse": "a", "difference": 5.0, "low": -10.0, "high": 22.0},
    ]
)


@pytest.mark.parametrize(
    ("own", "other", "words"),
    [
        ("a", "b", "better, by 0.30 [0.12,\xa00.50]"),
        ("b", "a", "worse: the difference is −0.30 [−0.50,\xa0−0.12]"),
        ("a", "c", "not told apart from it: the difference is −0.05 [−0.22,\xa00.10]"),
        ("c", "a", "not told apart from it: the difference is 0.05 [−0.10,\xa00.22]"),
        ("b", "c", "better on average"),
    ],
)
def test_verdicts_are_by_the_interval_of_the_difference(own, other, words):
    difference = find_difference(PAIRS, "I", own, other)
    assert verdict({"mean": 60.0}, {"mean": 40.0}, difference) == words


def test_without_intervals_only_the_means_speak():
    assert find_difference(None, "I", "a", "b") is None
    assert find_difference(PAIRS, "II", "a", "b") is None
    assert verdict({"mean": 60.0}, {"mean": 61.0}, None) == "not better"
    assert interval({"low": math.nan, "high": math.nan}) == ""


def test_the_landing_page_judges_by_differences():
    rivals = [name for name in FRAMES.measures["measure"] if name != "nleep"]
    pairs = pd.DataFrame(
        {
            "group": ALL,
            "better": "nleep",
            "worse": rivals,
            "difference": 33.0,
            "low": 21.0,
            "high": 44.0,
        }
    )
    text = Text(landing(FRAMES, comparisons=pairs)).text
    assert "is better, by 0.33 [0.21, 0.44]" in text
    assert "1 better than the best static baseline" in text


def test_a_consensus_saw_what_its_members_saw():
    measures = FRAMES.measures.copy()
    measures.loc[measures["measure"] == "consensus", "protocol"] = "see its members"
    text = Text(landing(replace(FRAMES, measures=measures), recommender="consensus")).text
    assert "What a score may see training samples only, 80/20 split inside" in text
    assert "see its members" not in text


def test_landing_without_intervals_or_repeats():
    frames = replace(
        FRAMES,
        summary=FRAMES.summary.assign(low=math.nan, high=math.nan),
        ground_truth=FRAMES.ground_truth.assign(noise_sd=math.nan, repeats=0),
    )
    text = Text(landing(frames)).text
    assert not re.search(r"\bnan\b", text)
    assert "not measured: no fine-tuning was repeated" in text


def test_landing_without_ground_truth():
    frames = replace(
        FRAMES,
        ground_truth=FRAMES.ground_truth.head(0),
        summary=FRAMES.summary.head(0),
        metrics=FRAMES.metrics.head(0),
    )
    text = Text(landing(frames)).text
    assert "N-LEEP puts these three first" in text
    assert "How far to trust" not in text
    assert not re.search(r"\bnan\b", text)


def test_landing_of_a_failed_task():
    tasks = FRAMES.tasks.copy()
    tasks.loc[0, ["status", "reason"]] = ["failed", "labels out of range"]
    tasks.loc[0, ["classes", "train_samples"]] = math.nan
    frames = replace(
        FRAMES,
        tasks=tasks,
        scores=FRAMES.scores.query("task != 'objects'"),
        ground_truth=FRAMES.ground_truth.query("task != 'objects'"),
    )
    text = Text(landing(frames)).text
    assert (
        "Objects not prepared: labels out of range No checkpoint has a score on this task." in text
    )


def test_fragment_suits_docutils_and_the_report():
    pages = [("A table", "results/report/ranking.html"), (HOSTILE, "results/other/x.html")]
    fragment = landing(fragment=True, pages=pages, measure_pages={"nleep": "results/report/m.html"})
    assert "<script" not in fragment
    assert "<html" not in fragment
    assert max(map(len, fragment.splitlines())) < 10_000
    assert 'href="ranking.html" data-result="results/report/ranking.html"' in fragment
    assert 'href="../other/x.html"' in fragment
    assert HOSTILE in Text(fragment).text


def test_unknown_recommender_is_named():
    with pytest.raises(ValueError, match="recommender: 'nope' is not among the measures"):
        landing(recommender="nope")


def test_templates_refuse_undefined_names():
    with pytest.raises(UndefinedError):
        render("figure.html")


# the pages of the measures


def test_every_method_has_a_text_and_every_text_a_method():
    known = {*METHODS, *BASELINES, "consensus"}
    assert known - set(written_texts()) == set()
    for method in known:
        assert len(re.findall(r"[.!?](?:\s|$)", read_method_text(method).summary)) >= 2, method


@pytest.mark.parametrize("method", written_texts())
def test_equations_can_be_set(method):
    for equation in read_method_text(method).equations:
        picture = equation_svg(equation)
        assert html.escape(equation, quote=True) in picture
        assert max(map(len, picture.splitlines())) < 1000


def test_own_methods_are_described_by_their_docstring(tmp_path, monkeypatch):
    monkeypatch.setitem(METHODS, "mine", replace(METHODS["nleep"]))
    monkeypatch.setattr(signatures, "_FOLDER", tmp_path)
    (tmp_path / "_mine.py").write_text(
        'def mine(features, labels):\n    """Count <b>things</b>\n    twice.\n\n    More."""\n'
    )
    text = read_method_text("mine")
    assert text.summary == "Count <b>things</b> twice."
    assert text.docstring.endswith("More.")


def test_parameters_are_the_configured_ones_over_the_defaults():
    text = Text(render_method_page(FRAMES, "mi_50", GROUPS)).text
    assert "alpha = 0.5" in text
    assert "seed = 0" in text
    assert "labels =" not in text


def test_method_page():
    page = render_method_page(FRAMES, "h_score", GROUPS, made_from="made by a test")
    text = Text(page).text
    score = FRAMES.scores.query("measure == 'h_score' and checkpoint == 'vgg' and task == 'digits'")
    assert f"{score['score'].item():.4f}"[:5] in text
    kendall = summary_of("h_score", "kendall")
    assert f"{kendall['mean']:.2f}" in text
    assert HOSTILE in text
    assert "shrinkage = null" in text
    assert "made by a test" in text
    assert 'title="features: 3 of 120 rows hold NaN or infinity"' in page
    assert Text(page).tags.count("script") == 1
    assert len(page.encode()) < 100_000


def test_a_mark_stands_beside_its_score_and_is_explained():
    scores = FRAMES.scores.copy()
    marked = (scores["measure"] == "nleep") & (scores["checkpoint"] == "vgg")
    scores.loc[marked & (scores["task"] == "digits"), "mark"] = "below prior"
    score = scores.loc[marked & (scores["task"] == "digits"), "score"].item()
    page = render_method_page(replace(FRAMES, scores=scores), "nleep", GROUPS)
    shown = Text(page).text
    assert f"{significant(score, 4)} ‡" in shown
    assert "‡ worse than predicting the frequencies of the classes" in shown
    assert "‡" not in render_method_page(FRAMES, "nleep", GROUPS)


def test_measures_of_one_method_stand_side_by_side():
    text = Text(render_method_page(FRAMES, "linear", GROUPS)).text
    shown = text.partition("Its variants in this run")[2]
    for title in ("Linear (5 epochs)", "Linear (1 epoch)", "Linear (converged)", "epochs = 5"):
        assert title in shown
    kendall = summary_of("linear_1", "kendall")
    assert f"{kendall['mean']:.2f}" in shown
    assert "Its variants" not in render_method_page(FRAMES, "nleep", GROUPS)


def test_pooled_scores_are_those_of_the_last_group():
    shown = Text(render_method_page(FRAMES, "consensus", ["I", "II"])).text
    score = FRAMES.scores.query(
        "measure == 'consensus' and group == 'II' and checkpoint == 'sup-a' and task == 'digits'"
    )
    assert f"{score['score'].item():.4f}" in shown


def test_unknown_measure_is_named():
    with pytest.raises(ValueError, match="measure: 'nope' is not among the measures"):
        render_method_page(FRAMES, "nope", GROUPS)


# provenance and figures


def test_provenance():
    page = render_provenance(build_provenance(), build_stages(), tables=list_tables(FRAMES))
    text = Text(page).text
    for part in ("017b1af8c1d2e3f4a5b60718293a4b5c6d7e8f90, with uncommitted changes", "2.12.0"):
        assert part in text
    assert f"'{HOSTILE}': {{source: builtin}}" in text
    assert "header is not JSON" in text
    assert "347 jobs worked for 11 min 01 s" in text
    truth = FRAMES.ground_truth.query("task == 'digits' and status == 'ok'")
    assert f"{100 * pooled_noise(truth):.2f}" in text


def test_provenance_with_nothing_known():
    text = Text(render_provenance({}, build_stages().head(0))).text
    assert "Commit not recorded" in text
    assert not re.search(r"\bnan\b", text)


def test_places_on_an_axis():
    assert place(0.5, 0.0, 1.0, 0, 1) == {"mean": 50, "low": 0, "high": 100, "zero": 0}
    assert place(-0.5, math.nan, math.nan, -1, 1) == {"mean": 25, "low": 25, "high": 25, "zero": 50}
    assert place(2, 1, 3, 1, 3) == {"mean": 50, "low": 0, "high": 100}
    assert place(1, 1, 1, 1, 1) == {"mean": 0, "low": 0, "high": 0}


def test_costs_are_summed_per_stage_of_the_chapter():
    logs = ("scores/leep/a/b", "builtin/pretrain/a", "scores/leep/c/d", "features/extract/a/b",
            "rank/scores/leep/all/a/b", "finetune/recipes/a/b/c")  # fmt: skip
    spent = {"seconds": 2.0, "cpu_seconds": 1.5, "startup_cpu_seconds": 0.25, "peak_mb": 9}
    costs = select_costs([{"log": f"{log}.log", **spent} for log in logs], "benchmark")
    assert summarise_costs(costs).to_dict("list") == {
        "stage": ["Pre-training", "Feature extraction", "Score: LEEP"],
        "jobs": [1, 1, 2],
        "seconds": [2.0, 2.0, 4.0],
        "cpu_seconds": [1.5, 1.5, 3.0],
        "startup_cpu_seconds": [0.25, 0.25, 0.5],
    }
    assert summarise_costs([]).empty


def test_figure_page(tmp_path):
    (tmp_path / "a.svg").write_text("<svg/>")
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    page = render_figure_page(
        *(tmp_path / "a.svg", tmp_path / "a.pdf"),
        title="T",
        caption="C",
        alternative=f"Bars {HOSTILE}",
    )
    assert f'alt="Bars {html.escape(HOSTILE)}"' in page
    assert f"data:application/pdf;base64,{base64.b64encode(b'%PDF').decode()}" in page
    assert 'download="a.svg" data-figure="figure"' in page
    assert page.count(base64.b64encode(b"<svg/>").decode()) == 1  # the page stays small


# interactive charts


@pytest.fixture
def no_bundle(monkeypatch):
    """Leave the JavaScript libraries out: to gather them takes seconds."""
    monkeypatch.setattr(charts, "_bundle", lambda: "")


def settings_of(page):
    return json.loads(re.search(r"const settings = (.*);</script>", page)[1])


def test_score_chart_holds_every_point(no_bundle):
    page = render_score_chart(FRAMES, ALL, measure="nleep", task="digits")
    columns = settings_of(page)["columns"]["points"]
    assert HOSTILE in columns["Checkpoint"]["words"]
    assert HOSTILE not in page
    at = [
        row
        for row, (m, t) in enumerate(
            zip(columns["measure"]["index"], columns["Checkpoint"]["index"], strict=True)
        )
        if columns["measure"]["words"][m] == "nleep" and columns["task"]["words"][t] == "digits"
    ]
    scores = FRAMES.scores.query("measure == 'nleep' and task == 'digits' and status == 'ok'")
    assert [columns["Score"][row] for row in at] == pytest.approx(list(scores["score"]), rel=1e-4)
    parameters = {p["name"]: p["value"] for p in settings_of(page)["spec"]["params"]}
    assert parameters == {"measure": "nleep", "task": "digits"}


def test_charts_fit_into_the_report():
    for page in (render_score_chart(FRAMES, ALL), render_cost_chart(FRAMES, list(GROUPS))):
        assert len(page.encode()) < 1_400_000
        assert page.count("<script") == page.count("</script>") == 3
        assert not re.search(r"(?:src|href)=\"https?:", page)


def test_a_chart_that_is_too_large_is_refused(monkeypatch, no_bundle):
    monkeypatch.setattr(charts, "LARGEST", 1000)
    with pytest.raises(ValueError, match="show fewer measures, tasks or checkpoints"):
        render_cost_chart(FRAMES, ["I"])


def test_cost_chart_holds_the_summary(no_bundle):
    columns = settings_of(render_cost_chart(FRAMES, ["I", ALL]))["columns"]["points"]
    rows = zip(*(columns[key]["index"] for key in ("Measure", "group", "metric")), strict=True)
    wanted = tuple(
        columns[key]["words"].index(word)
        for key, word in (("Measure", "N-LEEP"), ("group", ALL), ("metric", "kendall"))
    )
    at = list(rows).index(wanted)
    assert columns["Quality"][at] == pytest.approx(summary_of("nleep", "kendall")["mean"], rel=1e-4)
