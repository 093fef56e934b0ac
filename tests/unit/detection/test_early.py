"""Detectors that are stopped early: what they are trained on and judged by, and one run for all numbers of epochs."""

from dataclasses import replace

import pytest
import torch
from tests.support.scenes import HEAD, make_pair

from ckptrank.checkpoints import read_card
from ckptrank.detection import early, tune
from ckptrank.errors import PairFault
from ckptrank.files.atomic import read_json
from ckptrank.scores.protocol import Protocol, choose_rows
from ckptrank.scores.run import Scoring
from ckptrank.tasks.store import open_task

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
BATCH, TRAIN, TEST = 14, 42, 3
SETTINGS = {
    "steps": [],
    "batch_size": BATCH,
    "momentum": 0.9,
    "weight_decay": 0.0001,
    "scratch_weight_decay": 0.0,
    "warmup": 1,
    "detector": {**vars(HEAD), "strides": list(HEAD.strides)},
    "examples": 0,
}
ONE, TWO = ({"epochs": epochs, "learning_rate": 0.02} for epochs in (1, 2))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return make_pair(tmp_path_factory.mktemp("pair"), train=TRAIN, test=TEST)


@pytest.fixture
def trained(monkeypatch):
    """What each run was given, in place of training: its score is a hundredth of its steps."""
    runs = []

    def train_detector(network, train, test, **given):
        runs.append({"train": train, "test": test, **given})
        metrics = {steps: {"ap": steps / 100} for steps in given["recipe"].budgets}
        return {steps: {"metrics": found, "examples": []} for steps, found in metrics.items()}

    monkeypatch.setattr(tune, "train_detector", train_detector)
    return runs


def score(pair, output, measures, score_on="paper", settings=SETTINGS, **changes):
    protocol = Protocol(score_on, None)
    scoring = Scoring("early_stopped_finetune", (), True, measures, protocol, **changes)
    early.score_stopped_early(scoring, pair, settings, output, device=CPU, precision="auto")
    assert [file for file in output.parent.iterdir() if file != output] == []
    (found,) = read_json(output)["pairs"]
    assert found["checkpoint"] == pair.checkpoint
    return found["scores"]


def test_one_run_gives_what_runs_of_their_own_would(pair, tmp_path):
    # What each pixel is has a score after the first steps, which boxes do not.
    settings = SETTINGS | {"detector": SETTINGS["detector"] | {"head": "fcn"}}
    both = score(pair, tmp_path / "a.json", {"one": ONE, "two": TWO}, settings=settings)
    alone = score(pair, tmp_path / "a.json", {"one": ONE}, settings=settings)
    assert {record["status"] for record in both.values()} == {"ok"}
    assert both["one"]["score"] == alone["one"]["score"] > 0
    assert both["two"]["score"] != both["one"]["score"]


def test_a_run_at_each_rate_to_the_most_epochs(pair, tmp_path, trained):
    other = {"epochs": 3, "learning_rate": 0.01}
    scores = score(pair, tmp_path / "a.json", {"one": ONE, "two": TWO, "other": other})
    assert [run["recipe"].learning_rate for run in trained] == [0.02, 0.01]
    assert [list(run["recipe"].budgets) for run in trained] == [[3, 6], [9]]  # 42 images by 14
    assert {name: record["score"] for name, record in scores.items()} == {
        "one": 0.03,
        "two": 0.06,
        "other": 0.09,
    }
    assert scores["two"]["notes"] == {"steps": 6}


@pytest.mark.parametrize("score_on", ["train", "paper"])
def test_it_is_judged_by_the_images_that_a_classifier_would_be(pair, tmp_path, trained, score_on):
    score(pair, tmp_path / "a.json", {"one": ONE}, score_on)
    labels = open_task(pair.task_folder).labels("train")
    fit, held = choose_rows(labels, Protocol(score_on, None), True, pair.task)
    (run,) = trained
    sizes = (len(fit), TEST if held is None else len(held))
    assert (len(run["train"]), len(run["test"])) == sizes
    assert run["validation"] is None
    if score_on == "train":
        split = tune.load_objects(open_task(pair.task_folder), "train", HEAD)
        assert (run["test"].picture(0) == split.picture(held[0])).all()
        assert (run["train"].picture(0) == split.picture(fit[0])).all()


def test_a_measure_may_have_a_protocol_of_its_own(pair, tmp_path, trained):
    measures = {"one": ONE, "two": ONE}
    score(pair, tmp_path / "a.json", measures, "train", evals={"two": "test"})
    first, second = (len(run["train"]) for run in trained)
    assert first < second == TRAIN
    assert trained[0]["identity"] != trained[1]["identity"]


def test_seconds_and_operations_are_those_of_the_passes(pair, tmp_path, trained, monkeypatch):
    run = early.EarlyRunner.run

    def run_14_seconds(*given, **named):
        return replace(run(*given, **named), seconds=14.0)

    monkeypatch.setattr(early.EarlyRunner, "run", run_14_seconds)
    one, two = score(pair, tmp_path / "a.json", {"one": ONE, "two": TWO}).values()
    passes = [3 * steps * BATCH + TEST for steps in (3, 6)]
    whole = passes[1] + TEST
    assert one["seconds"] == pytest.approx(14 * passes[0] / whole)
    assert two["seconds"] == pytest.approx(14 * passes[1] / whole)
    shared = read_card(pair.checkpoint_folder)["forward_flops"]
    flops = (two["gmacs"] - one["gmacs"]) * 2e9 / (passes[1] - passes[0])
    assert one["gmacs"] == pytest.approx((passes[0] * flops - TRAIN * shared) / 2e9)
    assert flops > shared  # a detector of its size has a pyramid and a head beside


def test_what_cannot_be_tuned_is_a_row_with_its_reason(pair, tmp_path):
    flat = replace(HEAD, strides=(32, 64))
    settings = SETTINGS | {"detector": {**vars(flat), "strides": [32, 64]}}
    scores = score(pair, tmp_path / "a.json", {"one": ONE, "two": TWO}, settings=settings)
    assert {record["status"] for record in scores.values()} == {"failed"}
    assert all("gives no feature maps" in record["reason"] for record in scores.values())


def test_a_finished_run_is_not_made_again(pair, tmp_path, trained, monkeypatch):
    def stop(*given):
        raise PairFault("killed")

    with monkeypatch.context() as killed:
        killed.setattr(early, "write_pairs", stop)
        with pytest.raises(PairFault, match="killed"):
            score(pair, tmp_path / "a.json", {"one": ONE})
    assert score(pair, tmp_path / "a.json", {"one": ONE})["one"]["score"] == 0.03
    assert len(trained) == 1
