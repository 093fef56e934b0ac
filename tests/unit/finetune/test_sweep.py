"""Runs of one job: the images placed once, finished ones kept, a whole sweep equal to its parts."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.support.networks import make_images, make_network

from ckptrank.errors import PairFault
from ckptrank.files.atomic import read_json
from ckptrank.finetune import batches, resume
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

    read_names(monkeypatch)
    monkeypatch.setattr(
        module,
        "load_pair",
        lambda pair, seed: Loaded(make_network(seed % 7), TRAIN, TEST, 3, scratch=False),
    )
    monkeypatch.setattr(module, "finetune", watch)
    return runs


def read_names(monkeypatch):
    """Let folders that are not there be known by their names."""
    monkeypatch.setattr(module, "read_card", lambda folder: {"sha256": folder})
    task = lambda folder: SimpleNamespace(facts={"digest": folder})  # noqa: E731
    monkeypatch.setattr(module, "open_task", task)


def make_runner(output, weights="a", task="task"):
    return Runner(
        Pair("net", "colours", weights, task),
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
    make_runner(output, "a", task="other images").run(0.05, seed=1, description="a run")
    assert len(trained) == 3


OTHER = make_images(24, seed=5)


@pytest.mark.parametrize(("weights", "task"), [("b", "task"), ("a", "other images")])
def test_a_killed_run_is_not_gone_on_with_by_other_weights_or_images(
    tmp_path, trained, monkeypatch, weights, task
):
    """The names stay: someone replaced the file of the weights, or the images."""
    monkeypatch.setattr(resume, "SAVE_EVERY_SECONDS", -1)
    monkeypatch.setattr(
        module,
        "load_pair",
        lambda pair, seed: Loaded(
            make_network(1 + (pair.checkpoint_folder == "b")),
            TRAIN if pair.task_folder == "task" else OTHER,
            TEST,
            3,
            scratch=False,
        ),
    )
    watched, steps = module.finetune, []

    def stop_in_the_fourth(*splits, **options):
        return watched(*splits, **options, watch=lambda step: 1 // (4 - step))

    def count(*splits, **options):
        return watched(*splits, **options, watch=steps.append)

    output = tmp_path / "all.json"
    monkeypatch.setattr(module, "finetune", stop_in_the_fourth)
    with pytest.raises(ZeroDivisionError):
        make_runner(output).run(0.05, seed=1, description="a run")
    monkeypatch.setattr(module, "finetune", count)
    found = make_runner(output, weights, task).run(0.05, seed=1, description="a run")
    assert steps == [1, 2, 3, 4, 5, 6]
    other = make_runner(tmp_path / "other.json", weights, task)
    fresh = other.run(0.05, seed=1, description="a run")
    assert (found.accuracies, found.first_epoch_loss) == (fresh.accuracies, fresh.first_epoch_loss)
    monkeypatch.setattr(module, "finetune", stop_in_the_fourth)
    with pytest.raises(ZeroDivisionError):
        make_runner(output).run(0.05, seed=2, description="a run")
    monkeypatch.setattr(module, "finetune", count)
    steps.clear()
    make_runner(output).run(0.05, seed=2, description="a run")
    assert steps == [4, 5, 6], "the same pair goes on"


@pytest.mark.parametrize("late", [False, True])
def test_images_that_do_not_fit_after_all_are_streamed(tmp_path, trained, monkeypatch, late):
    """Another process took the GPU's memory between the question and the copy, of the first split or of the second."""
    loads, splits = [], []

    def load(data, device, resize):
        loads.append(data)
        if not late or len(loads) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")
        return "resident"

    def look(network, train, test, **options):
        splits.extend((train, test))
        return {3: 0.5, 6: 0.5}

    monkeypatch.setattr(batches.Resident, "load", load)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10**12, 10**12))
    monkeypatch.setattr(module, "set_precision", lambda *a, **o: SimpleNamespace(name="float32"))
    monkeypatch.setattr(module, "finetune", look)
    runner = make_runner(tmp_path / "all.json")
    runner.device = torch.device("cuda", 0)
    for rate in RATES:
        runner.run(rate, seed=1, description="a run")
    assert [type(split) for split in splits] == [batches.Streamed] * 4
    assert len(loads) == 1 + late, "it is tried once a job"


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
    from ckptrank.finetune import finished

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(finished, "write_json", full)
    monkeypatch.setattr(resume.torch, "save", full)
    monkeypatch.setattr(resume, "SAVE_EVERY_SECONDS", 0)
    read_names(monkeypatch)
    monkeypatch.setattr(
        module,
        "load_pair",
        lambda pair, seed: Loaded(make_network(), TRAIN, TEST, 3, scratch=False),
    )
    run = make_runner(tmp_path / "all.json").run(0.05, seed=1, description="a run")
    assert np.isfinite(list(run.accuracies.values())).all()
    assert "No space left on device" in caplog.text
    assert not list(tmp_path.iterdir())
