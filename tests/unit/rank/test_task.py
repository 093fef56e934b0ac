import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ckptrank.checkpoints import CARD, WEIGHTS
from ckptrank.evaluation.columns import RANK
from ckptrank.features.store import create_features, write_failed
from ckptrank.files.atomic import read_json, write_json
from ckptrank.rank.halving import drop_checkpoints
from ckptrank.rank.task import TaskFiles, write_order
from ckptrank.rank.tuned import add_tuned_accuracy
from ckptrank.scores.protocol import Protocol

NAMES = ("good", "fair", "poor", "gone")
PROTOCOLS = {"2": Protocol("train", 2), "all": Protocol("train", None)}


def write_score(path, checkpoint, score):
    status = "failed" if score is None else "ok"
    record = {"status": status, "reason": "" if score else "no weights", "score": score}
    record |= {"seconds": 0.1, "notes": {}}
    pair = {"method": "lfc", "task": "digits", "checkpoint": checkpoint}
    write_json(path, {**pair, "scores": {"m": record}, "halves": [{"m": record}] * 3})
    return str(path)


@pytest.fixture
def files(tmp_path):
    """Two stages: all four are scored on few samples, the first two of them on all."""
    candidates = {"2": list(NAMES), "all": ["good", "fair"]}
    scores, features = [], []
    for stage, names in candidates.items():
        for name in names:
            value = {"good": 0.9, "fair": 0.8, "poor": 0.1, "gone": None}[name]
            scores.append(write_score(tmp_path / f"{stage}-{name}.json", name, value))
            features.append(str(tmp_path / f"{stage}-{name}.h5"))
            if name == "gone":
                write_failed(features[-1], name, "digits", "no weights")
                continue
            with create_features(features[-1], name, "digits") as writer:
                samples = 10 if stage == "2" else 100
                writer.set_attributes(samples=samples, seconds=2.0, device="a processor")
    for name in NAMES:
        write_json(tmp_path / name / CARD, {"parameters": 5e6, "licence": "MIT"})
        (tmp_path / name / WEIGHTS).write_bytes(bytes(2000))
        took = {"latency_seconds": 0.01, "activation_bytes": 4_000_000, "passing_bytes": 1_000_000}
        write_json(tmp_path / f"{name}-running.json", {"status": "ok", **took})
    write_json(tmp_path / "gone-running.json", {"status": "failed", "reason": "no weights"})
    labels = np.repeat([0, 1, 2], 10)
    (tmp_path / "task").mkdir()
    np.save(tmp_path / "task/train_labels.npy", labels)
    facts = {"status": "ok", "classes": ["a", "b", "c"], "train_samples": 30, "warnings": ["few"]}
    facts |= {"test_samples": 20, "multi_label": False}
    write_json(tmp_path / "task/task.json", facts)
    cards = {name: str(tmp_path / name) for name in NAMES}
    twins = str(tmp_path / "twins.json")
    write_json(twins, {"test_looked_at": 20, "test_twins": 5, "examples": ["a.jpg and b.jpg"]})
    running = {name: str(tmp_path / f"{name}-running.json") for name in NAMES}
    return TaskFiles.from_lists(
        str(tmp_path / "task"), cards, candidates, scores, features, running, twins
    )


def order(files, tmp_path, **options):
    outputs = {name: str(tmp_path / name) for name in ("order", "scores", "facts")}
    write_order(
        files,
        outputs,
        task="digits",
        title="Digits",
        titles=dict.fromkeys(NAMES, "A network"),
        measures={"m": "A measure"},
        protocols=PROTOCOLS,
        resamples=3,
        finetune_images=1000,
        batch_size=10,
        **options,
    )
    table = pd.read_csv(outputs["order"]).set_index("checkpoint")
    return table, pd.read_csv(outputs["scores"]), read_json(outputs["facts"])


def test_a_checkpoint_is_described_by_the_last_stage_that_it_reached(files, tmp_path):
    table, scores, facts = order(files, tmp_path)
    assert [*table.index] == ["good", "fair", "poor", "gone"]
    assert ["checkpoint", *table.columns] == [
        "checkpoint",
        *(c for c in RANK["order"].names if c != "checkpoint"),
    ]
    assert table["stage"].tolist() == ["all", "all", "2", "2"]
    assert table["samples"].tolist() == [30, 30, 6, 6]
    assert table["images_per_second"].tolist()[:3] == [50, 50, 5]
    assert table.loc["good", "finetune_seconds"] == 1000 * 3 / 50
    took = table[["latency_seconds", "finetune_memory_mb", "inference_memory_mb", "file_mb"]]
    assert took.loc["good"].tolist() == [0.01, 3 * 20 + 10 * 4, 20 + 1, 0.002]
    assert took.loc["gone"].isna().tolist() == [True, True, True, False]
    assert table["status"].tolist() == ["ok", "ok", "ok", "failed"]
    assert table.loc["gone", "reason"] == "no weights"
    assert sorted(zip(scores["checkpoint"], scores["stage"], strict=True)) == [
        *(("fair", "all"), ("gone", "2"), ("good", "all"), ("poor", "2"))
    ]
    assert set(scores["title"]) == {"A measure"}
    assert facts["device"] == "a processor"
    assert (facts["train_samples"], facts["classes"], facts["warnings"][0]) == (30, 3, "few")
    assert facts["objects"] is None
    assert facts["head"] is None
    openings = [warning[:26] for warning in facts["warnings"][1:]]
    assert openings == [
        "With 20 test images one is",
        "25 % of the test images lo",
    ]
    assert facts["protocol"] == "fitted and scored on training samples; no test sample"


def test_a_task_that_failed_is_ordered_without_its_facts(files, tmp_path):
    write_json(tmp_path / "task/task.json", {"status": "failed", "reason": "no images"})
    table, _, facts = order(files, tmp_path)
    assert table["samples"].isna().all()
    assert facts["train_samples"] is None
    assert facts["warnings"] == ["The task failed: no images"]
    assert facts["error"] is None


def test_of_a_task_with_boxes_no_cost_of_tuning_a_classifier_is_told(files, tmp_path):
    told = read_json(tmp_path / "task/task.json")
    objects = {"train": 70, "test": 30, "train_images_without": 2}
    write_json(tmp_path / "task/task.json", {**told, "multi_label": True, "objects": objects})
    np.save(tmp_path / "task/train_labels.npy", np.eye(3, dtype=np.uint8)[np.arange(30) % 3])
    table, _, facts = order(files, tmp_path)
    assert facts["objects"] == 70
    assert table[["finetune_seconds", "finetune_memory_mb"]].isna().all(axis=None)
    assert table.loc["good", ["latency_seconds", "inference_memory_mb"]].notna().all()
    assert any("2.3 an image" in warning for warning in facts["warnings"])
    assert any("list them in one set" in warning for warning in facts["warnings"])


def write_detectors(folder, unfit="good"):
    """What a detector takes on each checkpoint; none can stand on ``unfit``, nor on the one without weights."""
    reasons = {unfit: "gives no feature maps", "gone": "no weights"}
    took = {"step_seconds": 0.5, "kept_bytes": 7_000_000, "parameters": 6_000_000}
    for name in NAMES:
        found = {"status": "ok", "reason": "", **took}
        if name in reasons:
            found = {"status": "failed", "reason": reasons[name]}
        write_json(folder / f"{name}-detector.json", {"checkpoint": name, **found})
    return [str(folder / f"{name}-detector.json") for name in NAMES]


def test_of_a_task_to_detect_the_costs_are_the_detectors_and_who_carries_none_has_no_place(
    files, tmp_path
):
    files = replace(files, detectors=write_detectors(tmp_path))
    table, scores, facts = order(files, tmp_path, detector={"head": "mask_rcnn", "steps": 40})
    assert [*table.index[:2]] == ["fair", "poor"]
    assert table["rank"].tolist()[:2] == [1, 2]
    assert table.loc[["good", "gone"], "status"].tolist() == ["failed", "failed"]
    reason = "carries no detector: gives no feature maps"
    assert table.loc[["good", "gone"], "reason"].tolist() == [reason, "no weights"]
    lost = scores.set_index("checkpoint").loc["good"]
    assert (lost["status"], lost["reason"], pd.isna(lost["score"])) == ("failed", reason, True)
    costs = table[["finetune_seconds", "finetune_memory_mb"]]
    assert costs.loc["fair"].tolist() == [40 * 0.5, 3 * 24 + 7]
    assert costs.loc[["good", "gone"]].isna().all(axis=None)
    assert facts["head"] == "mask_rcnn"
    assert facts["advice"]["take"] == "fair"


@pytest.fixture
def probed(files):
    """The same with a probe among the measures of the last stage, a point apart."""
    for file in files.scores["all"]:
        pair = read_json(file)
        probe = {"good": 0.8, "fair": 0.79}[pair["checkpoint"]]
        for records in (pair["scores"], *pair["halves"]):
            records["linear_converged"] = {**records["m"], "score": probe}
        write_json(file, pair)
    return files


def test_a_place_carries_the_error_of_the_measures(probed, tmp_path):
    table, _, facts = order(probed, tmp_path)
    assert facts["error"]["tasks"] >= 4
    assert any(w.startswith("Of 30 training images the probe") for w in facts["warnings"])
    assert table.loc[["good", "fair"], "rank_low"].tolist() == [1, 1]
    assert table.loc[["good", "fair"], "rank_high"].tolist() == [2, 2]
    assert table["with_first"].tolist()[:2] == [True, True]
    assert table["gap"].isna().tolist() == [False, False, True, True]
    assert table.loc["fair", "gap_low"] < 0 < table.loc["fair", "gap_high"]
    assert facts["advice"]["take"] == "good"


def test_of_equal_ranks_the_higher_expectation_comes_first(probed, tmp_path):
    for file in probed.scores["all"]:
        pair = read_json(file)
        other = {"good": 0.7, "fair": 0.9}[pair["checkpoint"]]
        for records in (pair["scores"], *pair["halves"]):
            records["linear_converged"]["score"] = other
        write_json(file, pair)
    table, _, facts = order(probed, tmp_path)
    assert table["rank"].tolist()[:2] == [1, 1]
    assert [*table.index[:2]] == ["fair", "good"]
    assert table.loc["good", "gap"] > 0
    assert facts["advice"]["first"] == "fair"


def test_measures_that_no_benchmark_knows_have_no_error(files, tmp_path):
    table, _, facts = order(files, tmp_path)
    assert facts["error"] is None
    assert table["gap"].isna().all()
    assert facts["advice"]["take"] == "good"
    assert table["with_first"].tolist() == [True, False, False, False]


def test_networks_of_far_sizes_are_warned_of(files, tmp_path):
    for name, size in (("good", 32), ("fair", 96)):
        card = {"parameters": 5, "preprocessing": {"size": size}, "dimension": size}
        write_json(tmp_path / name / CARD, card)
    table, _, facts = order(files, tmp_path)
    assert table["input_size"].tolist()[:2] == [32, 96]
    assert facts["warnings"][0] == "few"
    assert facts["warnings"][-1].startswith("Networks of 32 and of 96 pixels")


def test_a_stage_keeps_its_best(files, tmp_path):
    drop_checkpoints(files.scores["2"], 0.5, tmp_path / "kept.json")
    assert json.loads((tmp_path / "kept.json").read_text()) == ["good", "fair"]


def test_a_stage_keeps_none_that_carries_no_detector(files, tmp_path):
    detectors = write_detectors(tmp_path)
    drop_checkpoints(files.scores["2"], 0.5, tmp_path / "kept.json", detectors)
    assert json.loads((tmp_path / "kept.json").read_text()) == ["fair", "poor"]


def test_tuned_accuracies_stand_beside_the_order(tmp_path):
    order = pd.DataFrame({"rank": [1, 2], "checkpoint": ["a", "b"]})
    order.reindex(columns=RANK["order"].names).to_csv(tmp_path / "order", index=False)
    pair = {"checkpoint": "a", "task": "t", "status": "ok", "reason": "", "accuracy": 0.7}
    pair |= {"accuracy_low": 0.6, "accuracy_high": 0.8}
    write_json(tmp_path / "truth.json", pair)
    outputs = {name: str(tmp_path / name) for name in ("ranking", "json")}
    write_json(tmp_path / "facts", {"task": "t"})
    add_tuned_accuracy(tmp_path / "order", [tmp_path / "truth.json"], tmp_path / "facts", outputs)
    written = pd.read_csv(outputs["ranking"])
    for column, value in (("tuned_accuracy", 0.7), ("tuned_low", 0.6), ("tuned_high", 0.8)):
        assert written[column].fillna(-1).tolist() == [value, -1]
    said = read_json(outputs["json"])
    assert said["task"] == "t"
    assert [row["tuned_accuracy"] for row in said["checkpoints"]] == [0.7, None]
    add_tuned_accuracy(tmp_path / "order", [], tmp_path / "facts", outputs)
    assert pd.read_csv(outputs["ranking"])["tuned_accuracy"].isna().all()
