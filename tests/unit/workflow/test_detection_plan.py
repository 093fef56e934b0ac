"""The detection benchmark's jobs: what each reads and is told, and what its config must not say."""

import copy

import pytest
from tests.unit.workflow.test_plan import make_plan

from ckptrank.evaluation import columns
from ckptrank.workflow.detection_plan import TABLES, DetectionPlan, check_detection


@pytest.fixture(scope="module")
def demo():
    return DetectionPlan(make_plan("presets/detect_demo.yaml"))


def find_faults(demo, **changes):
    config = copy.deepcopy(demo.plan.config)
    config["detection"] |= changes
    missing = []
    return missing + check_detection(config, lambda place, names, kind: missing.extend(
        f"{place}: no {name!r}" for name in names if name not in config[kind]
    ))  # fmt: skip


def test_what_is_tuned_and_what_is_ranked(demo):
    assert len(demo.ranked) >= 10
    assert demo.tuned == [*demo.ranked, "detect-from-scratch"]
    assert len(demo.ground_truth_files()) == len(demo.tuned)


def test_an_empty_benchmark_makes_nothing():
    empty = DetectionPlan(make_plan("presets/smoke.yaml"))
    assert empty.files() == empty.pages() == empty.ground_truth_files() == []
    assert empty.score_files() == {"images": [], "objects": []}


def test_a_job_of_the_sweep_is_told_the_head_of_its_task():
    paper = DetectionPlan(make_plan("presets/neucrab_detection.yaml"))
    assert [paper.head(task) for task in paper.tasks] == ["faster_rcnn", "mask_rcnn"]
    assert list(paper.sweep) == ["0.01-24000", "0.02-24000", "0.04-24000"]
    settings = paper.settings("cityscapes", "0.02-24000")
    assert settings["detector"]["head"] == "mask_rcnn"
    assert settings["steps"] == [24000]
    assert settings["decay_at"] == [0.75, 0.917]
    assert paper.repeated_steps == 24000
    assert len(paper.sweep_files("voc", "detect-moco-v1")) == 3


def test_a_job_scores_all_checkpoints_by_the_features_of_its_view(demo):
    (task,) = demo.tasks
    images, objects = (demo.score_inputs(view, task) for view in ("images", "objects"))
    assert images[0] == f"<results>/features/{task}/detect-shapes-30.h5"
    assert objects[0] == f"<results>/detection/features/{task}/detect-shapes-30.h5"
    pairs = demo.pairs(task)
    assert [pair["checkpoint"] for pair in pairs] == demo.ranked
    assert [pair["files"]["features"] for pair in pairs] == list(range(len(demo.ranked)))


def test_weights_of_detectors_are_not_kept(demo):
    faults = find_faults(demo, finetune=demo.entry["finetune"] | {"keep_weights": "best"})
    assert faults == [
        "detection.finetune.keep_weights: the weights of detectors are not kept; say false"
    ]


def test_detectors_are_not_compiled(demo):
    faults = find_faults(demo, finetune=demo.entry["finetune"] | {"compile": True})
    assert faults == ["detection.finetune.compile: detectors are not compiled; say false"]


def test_tables_are_those_that_are_described():
    assert set(TABLES) == set(columns.DETECTION)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"tasks": ["x"]}, "detection.tasks: no 'x'"),
        ({"tasks": []}, "detection: has checkpoints, and needs `tasks` and `measures` too"),
        ({"heads": {"x": "fcn"}}, "detection.heads: 'x' is not in detection.tasks"),
        (
            {"measures": ["lgc"]},
            "detection.measures: 'lgc' reads more than the features of a pair (network)",
        ),
        ({"checkpoints": ["detect-from-scratch"]}, "detect-from-scratch has random weights"),
        ({"min_size": 500}, "detection.min_size: larger than max_size"),
    ],
)
def test_faults_of_the_config_are_named(demo, changes, fault):
    assert any(fault in found for found in find_faults(demo, **changes)), find_faults(
        demo, **changes
    )


def test_the_presets_are_without_fault(demo):
    assert find_faults(demo) == []
