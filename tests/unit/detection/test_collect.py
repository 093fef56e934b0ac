"""From the JSON of the jobs to the tables of the detection benchmark."""

import pytest
from tests.support.detectors import write_detector, write_run

from ckptrank.detection.collect import BASELINES, collect_detectors
from ckptrank.evaluation.columns import DETECTION
from ckptrank.evaluation.tables import read_table


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    given = write_run(tmp_path_factory.mktemp("run"))
    return {name: read_table(given[name], DETECTION[name], name) for name in DETECTION}


def test_every_metric_of_a_detector_has_its_column(tmp_path):
    files = [write_detector(tmp_path, "a", 0.3), write_detector(tmp_path, "d", None)]
    table = collect_detectors(files, {"scenes": "fcos"})
    assert list(table.columns) == DETECTION["ground_truth"].names
    first, failed = table.iloc[0], table.iloc[1]
    assert (first["ap"], first["ap50"], first["head"], first["repeats"]) == (0.3, 0.6, "fcos", 2)
    assert (first["accuracy"], first["runs"]) == (0.3, 1)
    assert (failed["status"], failed["reason"]) == ("failed", "no <maps>")


def test_checkpoints_may_be_judged_by_the_mean_of_their_runs(tmp_path):
    files = [write_detector(tmp_path, "a", 0.3), write_detector(tmp_path, "d", None)]
    table = collect_detectors(files, {"scenes": "fcos"}, "mean")
    first, failed = table.iloc[0], table.iloc[1]
    assert first["accuracy"] == pytest.approx(0.2)  # of 0.3 and the repeats' 0.1 and 0.2
    assert first["noise_sd"] == pytest.approx(0.01 / 3**0.5)
    assert (first["runs"], first["repeats"], first["ap"], first["ap50"]) == (3, 2, 0.3, 0.6)
    assert failed["status"] == "failed"


def test_a_task_tells_how_many_objects_it_has(tables):
    task = tables["tasks"].iloc[0]
    assert task["train_objects"] > task["test_objects"] > 0
    assert task["empty_train_images"] <= 2
    assert task["masks"]
    assert task["multi_label"]


def test_each_view_is_judged_by_itself(tables):
    metrics = tables["metrics"].set_index(["group", "measure"])
    assert metrics.loc[("images", "lfc"), "kendall"] == pytest.approx(1)
    assert metrics.loc[("objects", "lfc"), "kendall"] == pytest.approx(-1)
    assert metrics.loc[("images", "lfc"), "n"] == 3  # the one without ground truth is left out
    assert {measure for _, measure in metrics.index} == {"lfc", *BASELINES}


def test_a_detector_that_is_stopped_early_is_judged_in_its_view_alone(tmp_path):
    given = write_run(tmp_path, stopped_early=True)
    found = {
        name: read_table(given[name], DETECTION[name], name) for name in given.keys() & DETECTION
    }
    judged = found["metrics"].set_index(["measure", "group"])
    assert list(judged.loc["finetune_5_epochs"].index) == ["images"]
    assert judged.loc[("finetune_5_epochs", "images"), "kendall"] == pytest.approx(1 / 3)
    assert list(judged.loc["lfc"].index) == ["images", "objects"]
    assert set(found["measures"]["measure"]) == {"lfc", "finetune_5_epochs", *BASELINES}


def test_views_keep_their_scores_apart(tables):
    assert tables["scores"]["view"].tolist() == ["images"] * 4 + ["objects"] * 4
