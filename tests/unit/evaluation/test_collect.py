import json

import pandas as pd
import pytest

from ckptrank.evaluation.collect import (
    collect_checkpoints,
    collect_ground_truth,
    collect_measures,
    collect_ranking,
    collect_scored,
    collect_scores,
    collect_tasks,
    describe_protocol,
    name_scored,
)
from ckptrank.evaluation.columns import RANK
from ckptrank.evaluation.recommend import say_accuracy
from ckptrank.evaluation.tables import make_frame, write_frames
from ckptrank.files.atomic import write_json
from ckptrank.measures.registry import METHODS
from ckptrank.scores.protocol import Protocol


def test_a_failed_checkpoint_keeps_its_row(tmp_path):
    good = {"checkpoint": "a", "title": "A", "status": "ok", "reason": "", "head_classes": 5}
    good |= {"forward_flops": 2e9, "parameters": 7}
    bad = {"checkpoint": "b", "title": "B", "status": "failed", "reason": "no such file"}
    for card in (good, bad):
        write_json(tmp_path / card["checkpoint"] / "card.json", card)
    folders = [tmp_path / "a", tmp_path / "b"]
    table = collect_checkpoints(folders, {"I": ["a", "b"], "II": ["a"]}).set_index("checkpoint")
    assert table.loc["a", ["groups", "forward_gflops", "has_head"]].tolist() == ["I;II", 2.0, True]
    assert table.loc["b", ["groups", "status", "reason"]].tolist() == [
        "I",
        "failed",
        "no such file",
    ]
    assert pd.isna(table.loc["b", "forward_gflops"])
    assert not table.loc["b", "has_head"]


def test_tasks_are_described_with_their_titles(tmp_path):
    sound = {"status": "ok", "classes": ["x", "y"], "reason": "", "warnings": ["one", "two"]}
    write_json(tmp_path / "t" / "task.json", sound)
    write_json(tmp_path / "u" / "task.json", {"status": "failed", "reason": "one class"})
    folders, sources = [tmp_path / "t", tmp_path / "u"], {"t": "folder", "u": "npz"}
    table = collect_tasks(folders, {"t": "T", "u": "<U>"}, sources)
    assert table["source"].tolist() == ["folder", "npz"]
    assert table["classes"].tolist() == [2, 0]
    assert table["title"].tolist() == ["T", "<U>"]
    assert table["reason"].tolist() == ["", "one class"]
    assert table["warnings"].tolist() == ["one; two", ""]


def test_ground_truth_lists_its_repeats(tmp_path):
    pair = {"checkpoint": "a", "task": "t", "status": "ok", "reason": "", "accuracy": 0.5}
    write_json(tmp_path / "a.json", {**pair, "repeat_accuracies": [0.25, 0.75], "noise_sd": 0.25})
    write_json(tmp_path / "b.json", {**pair, "status": "failed", "reason": "gone"})
    table = collect_ground_truth([tmp_path / "a.json", tmp_path / "b.json"])
    assert table["repeats"].tolist() == [2, 0]
    assert table["repeat_accuracies"].tolist() == ["0.25;0.75", ""]


def test_the_accuracy_may_be_the_mean_of_the_best_run_and_its_repeats(tmp_path):
    pair = {"checkpoint": "a", "task": "t", "status": "ok", "reason": "", "accuracy": 0.6}
    interval = {"accuracy_low": 0.5, "accuracy_high": 0.95}
    write_json(
        tmp_path / "a.json",
        {**pair, **interval, "repeat_accuracies": [0.75, 0.75], "noise_sd": 0.3},
    )
    write_json(tmp_path / "b.json", pair)
    write_json(tmp_path / "c.json", {**pair, "status": "failed", "accuracy": None})
    files = [tmp_path / f"{name}.json" for name in "abc"]
    table = collect_ground_truth(files, "mean")
    assert table["accuracy"].tolist()[:2] == pytest.approx([0.7, 0.6])
    assert table["runs"].tolist() == [3, 1, 1]
    # the mean of three has the spread of one over the root of three; its interval moves with it, up to 1
    assert table.loc[0, ["noise_sd", "accuracy_low", "accuracy_high"]].tolist() == pytest.approx(
        [0.3 / 3**0.5, 0.6, 1.0]
    )
    best = collect_ground_truth(files)
    assert best["accuracy"].tolist()[0] == 0.6
    assert best["runs"].tolist() == [1, 1, 1]
    assert say_accuracy(best) == "best test accuracy"
    assert say_accuracy(table) == "mean test accuracy of 3 runs at the best setting"


def test_every_measure_of_a_job_becomes_a_row(tmp_path):
    record = {
        "score": 0.5,
        "status": "ok",
        "reason": "",
        "seconds": 1.0,
        "gmacs": 2.0,
        "gmacs_with_fitting": 2.0,
    }
    scores = {"k5": {**record, "notes": {"k": 5}}, "k9": {**record, "score": None, "notes": {}}}
    write_json(
        tmp_path / "a.json", {"method": "knn", "checkpoint": "a", "task": "t", "scores": scores}
    )
    table = collect_scores([tmp_path / "a.json"])
    assert table["measure"].tolist() == ["k5", "k9"]
    assert json.loads(table["notes"][0]) == {"k": 5}
    assert table["score"].isna().tolist() == [False, True]


def test_measures_come_before_the_consensus_and_the_baselines():
    row = {"measure": "knn", "method": "knn", "title": "k-NN", "family": "field"}
    row |= {"reference": "", "held_out": False, "can_evaluate": False, "eval": None}
    row |= {"params": {"k": 5}}
    protocol = {"score_on": "train", "samples_per_class": None}
    table = collect_measures([row], protocol, ["consensus", "random"], ["knn"])
    assert table["measure"].tolist() == ["knn", "consensus", "random"]
    assert table["params"][0] == '{"k": 5}'
    assert "no test sample" in table["protocol"][0]
    assert collect_measures([row], protocol, [], [])["measure"].tolist() == ["knn"]


def test_a_measure_says_which_samples_it_scored_and_the_consensus_those_of_its_voters():
    row = {"title": "", "family": "field", "reference": "", "params": {}}
    given = [
        row | {"measure": name, "method": method, "eval": own, "held_out": METHODS[method].held_out}
        | {"can_evaluate": METHODS[method].can_evaluate}
        for name, method, own in (
            ("linear", "linear_probe", None),
            ("linear_train", "linear_probe", "train"),
            ("nleep", "nleep", None),
            ("nleep_test", "nleep", "test"),
            ("lfc", "lfc", None),
        )
    ]  # fmt: skip
    protocol = {"score_on": "paper", "samples_per_class": None}
    table = collect_measures(given, protocol, ["consensus"], ["linear", "lfc", "nleep"])
    assert table["scored_on"].tolist() == [
        *("test", "held out", "train", "test", "train", "test, train"),
    ]
    assert table["protocol"][3] == "fitted on training samples, scored on the test set"


def test_the_ranking_is_judged_by_the_very_order_that_rank_gave(tmp_path):
    """Names stay names, ranks become scores, and what has no rank failed with its reason."""
    order = make_frame(
        [
            {"rank": 1, "checkpoint": "001"},
            {"rank": 2, "checkpoint": "nan"},
            {"checkpoint": "x", "reason": "no such file"},
        ],
        RANK["order"],
    )
    write_frames({"order": tmp_path / "order.csv"}, {"order": order}, RANK)
    orders = {"t": str(tmp_path / "order.csv")}
    rows = collect_ranking(orders)
    assert rows["checkpoint"].tolist() == ["001", "nan", "x"]
    assert rows["score"].tolist()[:2] == [-1.0, -2.0]
    assert rows["status"].tolist() == ["ok", "ok", "failed"]
    assert rows["reason"].tolist() == ["", "", "no such file"]
    protocol = {"score_on": "train", "samples_per_class": None}
    tables = collect_scored([], [], protocol, ["ranking", "random"], [], orders)
    assert tables["scores"]["measure"].unique().tolist() == ["ranking"]
    assert tables["measures"]["scored_on"].tolist() == ["train", ""]


PROBE, LEEP, LFC = ((METHODS[name].held_out, METHODS[name].can_evaluate)
                    for name in ("linear_probe", "leep", "lfc"))  # fmt: skip


@pytest.mark.parametrize(
    ("score_on", "probe", "leep", "lfc"),
    [
        ("paper", "test", "train", "train"),
        ("test", "test", "test", "train"),
        ("train", "held out", "train", "train"),
    ],
)
def test_the_samples_that_a_measure_scores(score_on, probe, leep, lfc):
    seen = Protocol(score_on, None)
    assert [name_scored(seen, *method) for method in (PROBE, LEEP, LFC)] == [probe, leep, lfc]


@pytest.mark.parametrize(
    ("scored_on", "cap", "words"),
    [
        ("test", None, ["training samples", "scored on the test set"]),
        ("held out", None, ["four fifths", "no test sample"]),
        ("train", 25, ["at most 25 training samples per class", "no test sample"]),
    ],
)
def test_the_protocol_is_said_in_words(scored_on, cap, words):
    text = describe_protocol(Protocol("paper", cap), scored_on)
    assert all(word in text for word in words)
