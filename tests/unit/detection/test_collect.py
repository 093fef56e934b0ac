"""From the JSON of the jobs to the tables of the detection benchmark."""

import pytest

from ckptrank.detection.collect import (
    BASELINES,
    collect_detectors,
    collect_tables,
    collect_view_scores,
    evaluate_views,
)
from ckptrank.evaluation.columns import DETECTION
from ckptrank.evaluation.tables import read_table, write_frames
from ckptrank.files.atomic import write_json

NAMES = ["a", "b", "c", "d"]
METRICS = {"ap": 0.3, "ap50": 0.6, "ap75": 0.2}


def write_detector(folder, name, accuracy):
    truth = {"checkpoint": name, "task": "t", "status": "ok", "reason": "", "accuracy": accuracy,
             "learning_rate": 0.1, "steps": 9, "seconds": 4.0, "repeat_accuracies": [0.1, 0.2],
             "noise_sd": 0.01, "details": {"metrics": METRICS | {"ap": accuracy}, "examples": []}}  # fmt: skip
    if accuracy is None:
        truth = {key: truth[key] for key in ("checkpoint", "task")}
        truth |= {"status": "failed", "reason": "no maps"}
    write_json(folder / f"{name}.json", truth)
    return str(folder / f"{name}.json")


def write_scores(file, values):
    empty = {"reason": "", "mark": "", "seconds": 0.5, "gmacs": None, "params": {}, "notes": {}}
    pairs = [
        {"checkpoint": name, "scores": {"lfc": {"score": value, "status": "ok", **empty}}}
        for name, value in zip(NAMES, values, strict=True)
    ]
    write_json(file, {"method": "lfc", "task": "t", "pairs": pairs})
    return str(file)


def write_card(folder, name):
    card = {"checkpoint": name, "title": name.upper(), "kind": "supervised", "source": "file",
            "parameters": 10, "forward_flops": 20, "status": "ok", "reason": ""}  # fmt: skip
    (folder / name).mkdir()
    write_json(folder / name / "card.json", card)
    return str(folder / name)


@pytest.fixture
def tables(tmp_path):
    truths = [
        write_detector(tmp_path, n, q) for n, q in zip(NAMES, (0.1, 0.2, 0.3, None), strict=True)
    ]
    (tmp_path / "t").mkdir()
    facts = {"status": "ok", "reason": "", "classes": ["x", "y"], "train_samples": 5, "warnings": [],
             "objects": {"train": 9, "test": 4, "train_images_without": 1, "masks": True}}  # fmt: skip
    write_json(tmp_path / "t/task.json", facts)
    entry = {"measure": "lfc", "method": "lfc", "title": "LFC", "family": "model_zoo", "eval": None,
             "reference": "", "held_out": False, "can_evaluate": False, "params": {}}  # fmt: skip
    return collect_tables(
        checkpoints=[write_card(tmp_path, name) for name in NAMES],
        tasks=[str(tmp_path / "t")],
        ground_truth=truths,
        scores={
            "images": [write_scores(tmp_path / "i.json", [1, 2, 3, 4])],
            "objects": [write_scores(tmp_path / "o.json", [3, 2, 1, 0])],
        },
        ranked=NAMES,
        titles={"t": "Things"},
        sources={"t": "voc"},
        heads={"t": "fcos"},
        measures=[entry],
        protocol={"score_on": "paper", "samples_per_class": None},
    )


def test_every_metric_of_a_detector_has_its_column(tmp_path):
    files = [write_detector(tmp_path, "a", 0.3), write_detector(tmp_path, "d", None)]
    table = collect_detectors(files, {"t": "fcos"})
    assert list(table.columns) == DETECTION["ground_truth"].names
    first, failed = table.iloc[0], table.iloc[1]
    assert (first["ap"], first["ap50"], first["head"], first["repeats"]) == (0.3, 0.6, "fcos", 2)
    assert (failed["status"], failed["reason"]) == ("failed", "no maps")


def test_a_task_tells_how_many_objects_it_has(tables):
    task = tables["tasks"].iloc[0]
    assert (task["train_objects"], task["test_objects"], task["empty_train_images"]) == (9, 4, 1)
    assert bool(task["masks"]) is True


def test_each_view_is_judged_by_itself(tables, tmp_path):
    paths = {name: str(tmp_path / f"{name}.csv") for name in DETECTION}
    write_frames(paths, tables, DETECTION)
    read = {name: read_table(paths[name], DETECTION[name], name) for name in tables}
    judged = evaluate_views(read, NAMES, bootstrap=20)
    write_frames(paths, judged, DETECTION)
    metrics = judged["metrics"].set_index(["group", "measure"])
    assert metrics.loc[("images", "lfc"), "kendall"] == pytest.approx(1)
    assert metrics.loc[("objects", "lfc"), "kendall"] == pytest.approx(-1)
    assert metrics.loc[("images", "lfc"), "n"] == 3  # the one without ground truth is left out
    assert {measure for _, measure in metrics.index} == {"lfc", *BASELINES}


def test_views_keep_their_scores_apart(tmp_path):
    files = {
        view: [write_scores(tmp_path / f"{view}.json", [1, 2, 3, 4])]
        for view in ("images", "objects")
    }
    table = collect_view_scores(files)
    assert table["view"].tolist() == ["images"] * 4 + ["objects"] * 4
    assert list(table.columns) == DETECTION["scores"].names
