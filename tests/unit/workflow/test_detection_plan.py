"""The detection benchmark's jobs: what each reads and is told, and what its config must not say."""

import copy
from dataclasses import replace

import pytest
from tests.unit.workflow.test_plan import make_plan

from ckptrank.evaluation import columns
from ckptrank.workflow.detection_plan import (
    EARLY_STOPPED,
    TABLES,
    DetectionPlan,
    check_detection,
)


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


def make_early(demo, params, **changes):
    """The demo's plan with a measure of detectors that are stopped early, by its parameters."""
    config = copy.deepcopy(demo.plan.config)
    for name, given in params.items():
        config["measures"][name] = {"method": EARLY_STOPPED, "params": given}
    config["detection"] |= {"measures": ["lfc", *params], **changes}
    return DetectionPlan(replace(demo.plan, config=config))


def test_a_detector_that_is_stopped_early_is_a_job_of_its_own_in_the_first_view(demo):
    (task,) = demo.tasks
    early = make_early(demo, {"brief": {"epochs": 1}})
    assert [job.method for job in early.jobs] == ["lfc"]
    files = {
        view: [file for file in found if "early" in file]
        for view, found in early.score_files().items()
    }
    assert len(files["images"]) == len(early.ranked)
    assert files["images"][0] == f"<results>/detection/early_stopped/{task}/detect-shapes-30.json"
    assert files["objects"] == []
    assert not any("early" in file for file in early.scores_of_task(task))
    assert [row["measure"] for row in early.collected["measures"]] == ["lfc", "brief"]
    without = make_early(demo, {})
    assert without.early_job is None
    assert not any("early" in file for found in without.score_files().values() for file in found)


def test_its_rate_is_its_own_or_the_middle_one_of_the_sweep(demo):
    given = {"brief": {"epochs": 1}, "own": {"epochs": 1, "learning_rate": 0.5}}
    measures = make_early(demo, given).early_job.measures
    assert {name: params["learning_rate"] for name, params in measures.items()} == {
        "brief": 0.02,
        "own": 0.5,
    }
    two = demo.entry["finetune"] | {"learning_rates": [0.3, 0.1]}
    assert make_early(demo, given, finetune=two).early_job.measures["brief"]["learning_rate"] == 0.1


def test_its_rate_does_not_decay(demo):
    (task,) = demo.tasks
    settings = demo.early_settings(task)
    assert demo.settings(task).keys() - settings.keys() == {"decay_at", "decay"}
    assert settings["detector"] == demo.settings(task)["detector"]
    assert settings["batch_size"] == 8


def test_the_estimate_counts_one_run_for_all_its_epochs(demo):
    given = {"one": {"epochs": 1}, "five": {"epochs": 5}, "own": {"epochs": 2, "learning_rate": 1}}
    counted = make_early(demo, given).estimate_of(on_gpu=False, local=True)["measures"]
    assert counted == [("lfc", 1, 0), (EARLY_STOPPED, 3, 7)]


@pytest.mark.parametrize(
    ("params", "fault"),
    [
        ({"epochs": 1, "batch_size": 4}, "'brief' has a `batch_size`; detectors have that of"),
        ({}, "'brief' does not say when to stop; give its `params` a number of `epochs`"),
        ({"epochs": 0}, "'brief': `epochs` of its `params` is 0; make it more than 0"),
        ({"epochs": 1, "learning_rate": -0.1}, "`learning_rate` of its `params` is -0.1; make it"),
    ],
)
def test_what_a_detector_cannot_be_tuned_by_is_named(demo, params, fault):
    (found,) = find_faults(make_early(demo, {"brief": params}))
    assert found.startswith("detection.measures: ")
    assert fault in found


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
