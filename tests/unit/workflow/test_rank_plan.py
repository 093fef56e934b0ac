"""The stages of `snakemake rank`: who is in each, and what it reads."""

import pytest
from tests.unit.workflow.test_plan import make_plan

from ckptrank.workflow.config import ConfigError
from ckptrank.workflow.rank_plan import RankPlan

TASK = "smoke-digits"
ALL = ["smoke-shapes-50", "smoke-shapes-100", "smoke-letters", "smoke-rotation"]


@pytest.fixture
def asked():
    return []


@pytest.fixture
def rank(asked):
    def read_kept(task, samples):
        asked.append((task, samples))
        return ALL[:2]

    return RankPlan(make_plan(), read_kept)


def test_the_first_stage_sees_all_and_asks_nobody(rank, asked):
    assert rank.stages == ["5", "all"]
    assert rank.budget == {"5": 0.5}
    assert rank.candidates(TASK, "5") == ALL
    assert asked == []


def test_a_later_stage_sees_what_the_one_before_kept(rank, asked):
    assert rank.candidates(TASK, "all") == ALL[:2]
    assert asked == [(TASK, "5")]


def test_scores_see_training_samples_alone(rank):
    assert rank.protocol("5") == {"score_on": "train", "samples_per_class": 5}
    cap = rank.plan.config["rank"]["samples_per_class"]
    assert rank.protocol("all") == {"score_on": "train", "samples_per_class": cap}


def test_the_files_of_the_stages_can_be_told_apart(rank):
    files = rank.files_of_stages(TASK)
    assert len(files["scores"]) == 3 * (4 + 2)
    assert len(files["features"]) == 4 + 2
    assert files["features"][0] == f"<results>/rank/features/5/{TASK}/{ALL[0]}.h5"
    assert files["features"][4] == f"<results>/training_features/{TASK}/{ALL[0]}.h5"
    assert rank.candidates_of_stages(TASK) == {"5": ALL, "all": ALL[:2]}
    assert files["scores"][12] == f"<results>/rank/scores/all/logme/{TASK}/{ALL[0]}.json"


def test_the_first_of_an_order_are_tuned_and_the_unranked_never(rank, tmp_path):
    order = tmp_path / "order.csv"
    order.write_text("rank,checkpoint\n,broken\n1,a\n2,b\n")
    assert rank.tuned_first(TASK, order) == [f"<results>/ground_truth/{TASK}/a.json"]


@pytest.fixture
def detected(rank):
    """The same where the task is one to detect, for 30 steps of four images."""
    entry = rank.plan.config["detection"]
    entry |= {"tasks": [TASK], "heads": {TASK: "fcn"}, "channels": 32}
    entry["finetune"] |= {"steps": [10, 30], "batch_size": 4}
    return rank


def test_a_task_to_detect_has_a_detector_on_every_candidate(rank, detected):
    files = [f"<results>/rank/{TASK}/detectors/{name}.json" for name in ALL]
    assert detected.files_of_stages(TASK)["detectors"] == files
    assert detected.detector_files(TASK, "all") == files[:2]
    assert detected.detector_of_order(TASK) == {"head": "fcn", "steps": 30}
    settings = detected.detector_settings(TASK)
    assert settings["batch_size"] == 4
    assert (settings["detector"]["head"], settings["detector"]["channels"]) == ("fcn", 32)
    assert "steps" not in settings


def test_a_task_of_classes_has_none(rank):
    assert rank.files_of_stages(TASK)["detectors"] == []
    assert rank.detector_of_order(TASK) is None


def test_the_first_of_a_task_to_detect_are_tuned_as_detectors(rank, tmp_path):
    order = tmp_path / "order.csv"
    order.write_text("rank,checkpoint\n1,a\n2,b\n")
    rank.plan.config["finetune"]["keep_weights"] = "best"
    of_classes = rank.tuned_first(TASK, order)
    assert rank.weights_of_first(TASK, of_classes) == [
        f"<results>/ground_truth/{TASK}/a.safetensors"
    ]
    rank.plan.config["detection"]["tasks"] = [TASK]
    tuned = rank.tuned_first(TASK, order)
    assert tuned == [f"<results>/detection/ground_truth/{TASK}/a.json"]
    assert rank.weights_of_first(TASK, tuned) == []


def test_without_a_measure_it_says_what_to_do(rank):
    rank.plan.config["rank"]["measures"] = []
    with pytest.raises(ConfigError, match=r"rank.measures: is empty.*make detect"):
        rank.files_of_stages(TASK)


def test_the_first_two_are_compared_where_they_saw_all_samples(rank, tmp_path):
    order = tmp_path / "order.csv"
    order.write_text("rank,checkpoint,stage\n1,a,all\n2,b,all\n3,c,all\n4,d,5\n,broken,all\n")
    files = [f"<results>/training_features/{TASK}/{name}.h5" for name in "ab"]
    assert rank.features_of_first(TASK, order) == files
    order.write_text("rank,checkpoint,stage\n1,a,all\n2,d,5\n")
    assert rank.features_of_first(TASK, order) == files[:1]
