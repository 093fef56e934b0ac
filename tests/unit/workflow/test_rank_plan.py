"""The stages of `snakemake rank`: who is in each, and what it reads."""

import pytest
from tests.unit.workflow.test_plan import make_plan

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


def test_the_first_two_are_compared_where_they_saw_all_samples(rank, tmp_path):
    order = tmp_path / "order.csv"
    order.write_text("rank,checkpoint,stage\n1,a,all\n2,b,all\n3,c,all\n4,d,5\n,broken,all\n")
    files = [f"<results>/training_features/{TASK}/{name}.h5" for name in "ab"]
    assert rank.features_of_first(TASK, order) == files
    order.write_text("rank,checkpoint,stage\n1,a,all\n2,d,5\n")
    assert rank.features_of_first(TASK, order) == files[:1]
