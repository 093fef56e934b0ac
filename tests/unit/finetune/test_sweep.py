"""Runs of one job: the images placed once, finished ones kept, a whole sweep equal to its parts."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from tests.support.networks import make_images, make_network

from ckptrank.errors import PairFault
from ckptrank.files.atomic import read_json
from ckptrank.finetune import sweep as module
from ckptrank.finetune.finished import FinishedRuns, Run
from ckptrank.finetune.ground_truth import write_ground_truth, write_whole_sweep
from ckptrank.finetune.sweep import Loaded, Pair, Runner, write_sweep

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = {
    "steps": [3, 6],
    "batch_size": 8,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "scratch_weight_decay": 0.0,
    "warmup": 0,
}
RATES = [0.05, 0.2]
TRAIN, TEST = make_images(24), make_images(30, seed=1)


@pytest.fixture
def trained(monkeypatch):
    """A pair that needs no files; returns the (learning rate, seed) of every run that trains."""
    runs, real = [], module.finetune

    def watch(*splits, **options):
        runs.append((options["recipe"].learning_rate, options["seed"]))
        return real(*splits, **options)

    monkeypatch.setattr(module, "read_card", lambda folder: {"sha256": folder})
    monkeypatch.setattr(
        module,
        "load_pair",
        lambda pair, seed: Loaded(make_network(seed % 7), TRAIN, TEST, 3, scratch=False),
    )
    monkeypatch.setattr(module, "finetune", watch)
    return runs


def make_runner(output, weights="a"):
    return Runner(
        Pair("net", "colours", weights, "task"),
        SETTINGS,
        output=output,
        device=torch.device("cpu"),
        precision="auto",
    )


def without_seconds(value):
    if isinstance(value, dict):
        return {k: without_seconds(v) for k, v in value.items() if k != "seconds"}
    return [without_seconds(v) for v in value] if isinstance(value, list) else value


def test_a_whole_sweep_is_its_parts_and_their_selection(tmp_path, trained):
    write_whole_sweep(make_runner(tmp_path / "all.json"), RATES, tmp_path / "truth.json", repeats=2)
    for rate in RATES:
        write_sweep(make_runner(tmp_path / f"{rate}.json"), [rate])
    parts = [tmp_path / f"{rate}.json" for rate in RATES]
    write_ground_truth(
        parts,
        tmp_path / "selected.json",
        repeats=2,
        start=lambda: nullcontext(make_runner(tmp_path / "selected.json")),
    )
    whole, selected = (read_json(tmp_path / f"{name}.json") for name in ("truth", "selected"))
    assert without_seconds(whole) == without_seconds(selected)
    assert len(whole["repeat_accuracies"]) == 2
    assert (whole["device"] != "", whole["precision"]) == (True, "float32")
    runs = [run for part in parts for run in read_json(part)["runs"]]
    assert without_seconds(read_json(tmp_path / "all.json")["runs"]) == without_seconds(runs)
    assert not list(tmp_path.glob(".*")), "no states are left"


def test_a_pair_with_validation_images_trains_on_the_rest(tmp_path, trained, monkeypatch):
    held = np.arange(24) % 4 == 0
    loaded = Loaded(make_network(), TRAIN, TEST, 3, scratch=False, held_out=held)
    train, test, validation = loaded.split()
    assert (train.rows % 4).all()
    assert (validation.rows % 4 == 0).all()
    assert test is TEST
    monkeypatch.setattr(module, "load_pair", lambda pair, seed: loaded)
    runner = make_runner(tmp_path / "all.json")
    write_whole_sweep(runner, RATES, tmp_path / "truth.json", repeats=1)
    truth, record = (read_json(tmp_path / f"{name}.json") for name in ("truth", "all"))
    found = [value for run in record["runs"] for value in run["validation"].values()]
    assert truth["validation_accuracy"] == max(found)
    assert {run["tested"] for run in record["runs"]} == {30}
    assert truth["accuracy_low"] < truth["accuracy"] <= truth["accuracy_high"] <= 1
    assert len(truth["repeat_accuracies"]) == 1
    kept = Run({3: 0.5}, 1.5, 0.7, validation={3: 0.4}, tested=30)
    FinishedRuns(tmp_path / "runs.json").keep("a", kept)
    assert FinishedRuns(tmp_path / "runs.json").find("a") == kept


def test_a_run_tells_its_loss_over_the_first_epoch(tmp_path, trained):
    run = make_runner(tmp_path / "a.json").run(0.05, seed=1, description="a run")
    one = Runner(
        Pair("net", "colours", "a", "task"),
        {**SETTINGS, "steps": [3]},  # 3 batches of 8 are the 24 images
        output=tmp_path / "b.json",
        device=torch.device("cpu"),
        precision="auto",
    )
    assert run.first_epoch_loss == one.run(0.05, seed=1, description="one epoch").first_epoch_loss
    assert 0 < run.first_epoch_loss < 2 * np.log(3)


def test_without_repeats_nothing_is_started(tmp_path, trained):
    write_sweep(make_runner(tmp_path / "part.json"), RATES)
    write_ground_truth([tmp_path / "part.json"], tmp_path / "truth.json", repeats=0, start=None)
    assert read_json(tmp_path / "truth.json")["noise_sd"] is None


def test_a_killed_job_does_not_repeat_its_finished_runs(tmp_path, trained, monkeypatch):
    output, truth = tmp_path / "all.json", tmp_path / "truth.json"
    repeat = module.seed_from("finetune", "colours", "net", 1)
    counted = module.finetune

    def die_in_the_repeat(*splits, **options):
        if options["seed"] == repeat:
            raise KeyboardInterrupt
        return counted(*splits, **options)

    monkeypatch.setattr(module, "finetune", die_in_the_repeat)
    with pytest.raises(KeyboardInterrupt):
        write_whole_sweep(make_runner(output), RATES, truth, repeats=1)
    output.unlink()  # as Snakemake does after a failed job
    assert len(trained) == 2
    monkeypatch.setattr(module, "finetune", counted)
    write_whole_sweep(make_runner(output), RATES, truth, repeats=1)
    assert len(trained) == 3, "the two of the sweep, and the repeat"
    killed, record = read_json(truth), read_json(output)
    trained.clear()
    write_whole_sweep(make_runner(tmp_path / "b.json"), RATES, tmp_path / "c.json", repeats=1)
    assert len(trained) == 3
    assert without_seconds(killed) == without_seconds(read_json(tmp_path / "c.json"))
    assert without_seconds(record) == without_seconds(read_json(tmp_path / "b.json"))


def test_runs_of_other_weights_are_not_taken_up(tmp_path, trained):
    output = tmp_path / "all.json"
    for weights in ("a", "b", "a"):
        make_runner(output, weights).run(0.05, seed=1, description="a run")
    assert len(trained) == 2


def test_the_images_are_placed_once(tmp_path, trained, monkeypatch):
    placed, real = [], module.place
    monkeypatch.setattr(module, "place", lambda *a: placed.append(1) or real(*a))
    runner = make_runner(tmp_path / "all.json")
    for rate in RATES:
        runner.run(rate, seed=1, description="a run")
    assert len(placed) == 1


def test_a_fault_during_a_repeat_fails_the_pair(tmp_path, trained, monkeypatch):
    real = module.finetune

    def fail_late(*splits, **options):
        if len(trained) == len(RATES):
            raise PairFault("the GPU's memory does not suffice")
        return real(*splits, **options)

    monkeypatch.setattr(module, "finetune", fail_late)
    write_whole_sweep(make_runner(tmp_path / "s.json"), RATES, tmp_path / "t.json", repeats=1)
    truth = read_json(tmp_path / "t.json")
    assert (truth["status"], truth["reason"]) == ("failed", "the GPU's memory does not suffice")


def test_finished_runs_survive_and_a_broken_file_costs_only_time(tmp_path, caplog):
    path = tmp_path / "runs.json"
    run = Run({3: 0.5, 10: 0.75}, 1.5, 0.7)
    FinishedRuns(path).keep(["a", 0.1], run)
    assert FinishedRuns(path).find(["a", 0.1]) == run
    assert FinishedRuns(path).find(["a", 0.2]) is None
    path.write_text("{")
    assert FinishedRuns(path).find(["a", 0.1]) is None
    assert "is unreadable" in caplog.text
    FinishedRuns(path).forget()
    assert not path.exists()


def test_a_full_disk_does_not_end_a_run(tmp_path, monkeypatch, caplog):
    from ckptrank.finetune import finished, resume

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(finished, "write_json", full)
    monkeypatch.setattr(resume.torch, "save", full)
    monkeypatch.setattr(resume, "SAVE_EVERY_SECONDS", 0)
    monkeypatch.setattr(module, "read_card", lambda folder: {"sha256": folder})
    monkeypatch.setattr(
        module,
        "load_pair",
        lambda pair, seed: Loaded(make_network(), TRAIN, TEST, 3, scratch=False),
    )
    run = make_runner(tmp_path / "all.json").run(0.05, seed=1, description="a run")
    assert np.isfinite(list(run.accuracies.values())).all()
    assert "No space left on device" in caplog.text
    assert not list(tmp_path.iterdir())
