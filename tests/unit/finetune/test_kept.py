"""The weights of the best setting: which they are, where they come from, and that plain timm takes them."""

import errno
import json
import resource
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import timm
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tests.support.checkpoints import prepare
from tests.support.networks import make_images, make_network
from torch import nn

from ckptrank.files.atomic import LOCK, PART, read_json, write_json
from ckptrank.finetune import kept
from ckptrank.finetune import sweep as module
from ckptrank.finetune.finished import FinishedRuns
from ckptrank.finetune.ground_truth import write_ground_truth, write_whole_sweep
from ckptrank.finetune.kept import OUTPUT, BestWeights, name_head
from ckptrank.finetune.resume import RunState
from ckptrank.finetune.sweep import Loaded, Pair, Runner, write_sweep
from ckptrank.jobs.attempts import is_transient
from ckptrank.jobs.log import tell_full_disk
from ckptrank.tasks.prepare import prepare_task

pytestmark = pytest.mark.usefixtures("one_thread")
SETTINGS = {
    "steps": [2, 5],
    "batch_size": 8,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "scratch_weight_decay": 0.0,
    "warmup": 0,
}
RATES = [0.02, 0.1]
TRAIN, TEST = make_images(24), make_images(30, seed=1)


@pytest.fixture
def trained(monkeypatch):
    """A pair that needs no files; returns the (learning rate, seed, budgets) of every run that trains."""
    runs, real = [], module.finetune

    def watch(*splits, **options):
        runs.append((options["recipe"].learning_rate, options["seed"], options["recipe"].budgets))
        return real(*splits, **options)

    monkeypatch.setattr(module, "read_card", lambda folder: {"sha256": folder, "parts": None})
    monkeypatch.setattr(
        module,
        "open_task",
        lambda folder: SimpleNamespace(
            facts={"classes": ["a", "b", "c"], "multi_label": False, "digest": folder}
        ),
    )
    monkeypatch.setattr(
        module,
        "load_pair",
        lambda pair, seed: Loaded(make_network(seed % 7), TRAIN, TEST, 3, scratch=False),
    )
    monkeypatch.setattr(module, "finetune", watch)
    return runs


def make_runner(folder, pair=None, output="sweep.json", **changes):
    return Runner(
        pair or Pair("net", "colours", "a", "task"),
        {**SETTINGS, **changes},
        output=folder / output,
        device=torch.device("cpu"),
        precision="auto",
        weights=folder / "net.safetensors",
    )


def read(path):
    """The facts and the tensors of a file, as the docs read them."""
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["ckptrank"])
        return facts, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def test_plain_timm_takes_them_and_is_as_accurate_as_reported(tmp_path):
    torch.manual_seed(0)
    source = timm.create_model("test_resnet", num_classes=5)
    save_file(source.state_dict(), tmp_path / "mine.safetensors")
    definition = {"source": "file", "library": "timm", "architecture": "test_resnet"}
    definition |= {"kind": "supervised", "preprocessing": {"size": 32, "crop": 1.0}}
    prepare(tmp_path, **definition, weights=str(tmp_path / "mine.safetensors"))
    arrays = {}
    for split, samples in (("train", 48), ("test", 60)):
        small = make_images(samples, seed=samples)
        arrays[f"{split}_images"] = small.images.repeat(4, 1).repeat(4, 2)
        arrays[f"{split}_labels"] = small.labels
    np.savez(tmp_path / "task.npz", **arrays, classes=["red", "green", "blue"])
    task = {"source": "npz", "path": str(tmp_path / "task.npz"), "validation": 0.25}
    prepare_task(task, tmp_path / "task")
    pair = Pair("net", "colours", tmp_path / "checkpoint", tmp_path / "task")
    runner = make_runner(tmp_path, pair, steps=[5, 30])
    write_whole_sweep(runner, RATES, tmp_path / "truth.json", repeats=1)
    truth = read_json(tmp_path / "truth.json")

    facts, weights = read(tmp_path / "net.safetensors")
    library, classes = facts["library"], facts["classes"]
    network = timm.create_model(library["model"], num_classes=len(classes), **library["arguments"])
    network.load_state_dict(weights)

    images, labels = arrays["test_images"], arrays["test_labels"]
    mean, std = (np.array(facts["preprocessing"][key], np.float32) for key in ("mean", "std"))
    inputs = torch.from_numpy((images / np.float32(255) - mean) / std).permute(0, 3, 1, 2)
    with torch.inference_mode():
        found = network.eval()(inputs).argmax(1).numpy()
    assert (found == labels).mean() == truth["accuracy"] == facts["accuracy"]
    assert facts["validation_accuracy"] == truth["validation_accuracy"]
    assert (facts["learning_rate"], facts["steps"]) == (truth["learning_rate"], truth["steps"])
    assert classes == ["red", "green", "blue"]
    assert facts["head"] == "fc"
    assert len(set(found)) > 1, "it was tuned"
    (tmp_path / "again").mkdir()
    path = str(tmp_path / "net.safetensors")
    assert prepare(tmp_path / "again", **definition, weights=path)[0]["head_classes"] == 3


def test_the_best_of_all_runs_is_kept_without_another(tmp_path, trained):
    write_whole_sweep(make_runner(tmp_path), RATES, tmp_path / "truth.json", repeats=1)
    truth = read_json(tmp_path / "truth.json")
    facts, weights = read(tmp_path / "net.safetensors")
    assert len(trained) == len(RATES) + 1, "the sweep and the repeat"
    for key in ("accuracy", "learning_rate", "steps"):
        assert facts[key] == truth[key]
    assert facts["head"] == OUTPUT
    assert weights["output.weight"].shape == (3, 6)
    assert not list(tmp_path.glob(".*")), "nothing else is left"
    modes = {(tmp_path / name).stat().st_mode for name in ("net.safetensors", "truth.json")}
    assert len(modes) == 1, "whoever may read one may read the other"


def test_parts_of_a_sweep_train_the_best_setting_again_to_the_same_weights(tmp_path, trained):
    write_whole_sweep(make_runner(tmp_path), RATES, tmp_path / "truth.json", repeats=0)
    whole, parts = read(tmp_path / "net.safetensors"), tmp_path / "parts"
    parts.mkdir()
    for rate in RATES:
        runner = make_runner(parts, output=f"{rate}.json")
        runner.weights = None
        write_sweep(runner, [rate])
    trained.clear()
    write_ground_truth(
        [parts / f"{rate}.json" for rate in RATES],
        parts / "truth.json",
        repeats=0,
        start=lambda: nullcontext(make_runner(parts)),
        weights=parts / "net.safetensors",
    )
    truth = read_json(parts / "truth.json")
    assert [(rate, steps) for rate, _, steps in trained] == [
        (truth["learning_rate"], [truth["steps"]])
    ]
    facts, weights = read(parts / "net.safetensors")
    assert facts == whole[0]
    for name, tensor in whole[1].items():
        torch.testing.assert_close(weights[name], tensor, rtol=0, atol=0)


def test_a_killed_job_goes_on_with_what_it_kept_and_not_with_what_others_did(
    tmp_path, trained, monkeypatch
):
    write_whole_sweep(make_runner(tmp_path), RATES, tmp_path / "truth.json", repeats=0)
    whole, counted = read(tmp_path / "net.safetensors"), module.finetune
    (tmp_path / "net.safetensors").unlink()

    def die(*splits, **options):
        raise KeyboardInterrupt

    other = make_runner(tmp_path, batch_size=4)
    other.run(RATES[1], seed=other.pair.seed, description="of another config")
    held = tmp_path / ".net.best.safetensors"
    assert held.exists()
    make_runner(tmp_path).run(RATES[0], seed=other.pair.seed, description="the first")
    assert read(held)[0]["settings"] == SETTINGS
    monkeypatch.setattr(module, "finetune", die)
    with pytest.raises(KeyboardInterrupt):
        write_whole_sweep(make_runner(tmp_path), RATES, tmp_path / "truth.json", repeats=0)
    assert not (tmp_path / "net.safetensors").exists()
    monkeypatch.setattr(module, "finetune", counted)
    trained.clear()
    write_whole_sweep(make_runner(tmp_path), RATES, tmp_path / "truth.json", repeats=0)
    assert [rate for rate, _, _ in trained] == [RATES[1]]
    facts, weights = read(tmp_path / "net.safetensors")
    assert facts == whole[0]
    for name, tensor in whole[1].items():
        torch.testing.assert_close(weights[name], tensor, rtol=0, atol=0)


def test_what_was_kept_of_other_images_is_not_given(tmp_path, trained):
    runner = make_runner(tmp_path)
    runner.run(RATES[1], seed=runner.pair.seed, description="of the images before")
    assert (tmp_path / ".net.best.safetensors").exists()
    trained.clear()
    other = make_runner(tmp_path, Pair("net", "colours", "a", "other images"))
    write_whole_sweep(other, RATES[:1], tmp_path / "truth.json", repeats=0)
    assert read(tmp_path / "net.safetensors")[0]["task_digest"] == "other images"
    assert len(trained) == 1


def fill_disk(monkeypatch, times=None):
    """Let so many files of weights fail as on a full disk; None: all. Returns the paths that were asked for."""
    asked, real = [], kept.save_file

    def save(tensors, path, metadata):
        asked.append(path)
        if times is None or len(asked) <= times:
            raise SafetensorError(
                "Error while serializing: I/O error: No space left on device (os error 28)"
            )
        real(tensors, path, metadata)

    monkeypatch.setattr(kept, "save_file", save)
    return asked


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_a_disk_that_is_full_for_a_while_costs_no_run(
    tmp_path, trained, monkeypatch, caplog, times
):
    write_whole_sweep(make_runner(tmp_path), RATES, tmp_path / "truth.json", repeats=1)
    whole, other = read(tmp_path / "net.safetensors"), tmp_path / "other"
    other.mkdir()
    trained.clear()
    fill_disk(monkeypatch, times)
    write_whole_sweep(make_runner(other), RATES, other / "truth.json", repeats=1)
    assert "No space left on device" in caplog.text
    assert len(trained) <= len(RATES) + 2, (
        "the sweep, the repeat and at most the best setting again"
    )
    facts, weights = read(other / "net.safetensors")
    assert facts == whole[0]
    for name, tensor in whole[1].items():
        torch.testing.assert_close(weights[name], tensor, rtol=0, atol=0)


def test_a_disk_that_stays_full_is_said_and_tried_again(tmp_path, trained, monkeypatch):
    with monkeypatch.context() as patch:
        fill_disk(patch)
        with pytest.raises(OSError, match=r"net\.safetensors cannot be written") as caught:
            write_whole_sweep(make_runner(tmp_path), RATES, tmp_path / "truth.json", repeats=1)
    assert is_transient(caught.value)
    assert "The disk is full" in tell_full_disk(caught.value)
    assert not (tmp_path / "net.safetensors").exists()
    trained.clear()
    write_whole_sweep(make_runner(tmp_path), RATES, tmp_path / "truth.json", repeats=1)
    truth = read_json(tmp_path / "truth.json")
    assert [(rate, steps) for rate, _, steps in trained] == [
        (truth["learning_rate"], [truth["steps"]])
    ], "no finished run is made again"
    assert read(tmp_path / "net.safetensors")[0]["accuracy"] == truth["accuracy"]


def test_the_systems_refusal_to_write_is_one_of_the_system(tmp_path):
    """With a limit on the size of files, for a disk that is really full is hard to come by."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(OSError, match=r"net\.safetensors") as caught:
            kept._save(tmp_path / "net.safetensors", {"weights": torch.zeros(1 << 19)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "keeper"),
    [
        ("net.pt", lambda path: RunState(None, path, "")),
        ("net.json", FinishedRuns),
        (".net.best.safetensors", lambda path: BestWeights(path.with_name("net.safetensors"))),
    ],
)
def test_what_a_kill_in_the_middle_of_a_save_left_goes_when_the_job_is_done(tmp_path, name, keeper):
    folder = tmp_path / f".{name}.12345678{PART}"
    folder.mkdir()
    for file in (LOCK, name):
        (folder / file).touch()
    keeper(tmp_path / name).forget()
    assert not list(tmp_path.iterdir())


def test_a_pair_that_failed_has_a_file_that_says_why(tmp_path):
    failed = {"checkpoint": "net", "task": "colours", "status": "failed", "reason": "no weights"}
    write_json(tmp_path / "part.json", failed)
    path = tmp_path / "net.safetensors"
    write_ground_truth(
        [tmp_path / "part.json"], tmp_path / "truth.json", repeats=1, start=None, weights=path
    )
    assert read(path) == ({"reason": "no weights"}, {})
    assert read_json(tmp_path / "truth.json")["status"] == "failed"


def test_the_head_has_the_librarys_name_where_that_has_a_place_for_it():
    backbone = nn.Sequential()
    backbone.add_module("fc", nn.Identity())
    backbone.add_module("norm", nn.BatchNorm2d(3))
    assert name_head(backbone, {"parts": {"classifiers": ["fc"]}}) == "fc"
    assert name_head(backbone, {"parts": {"classifiers": ["norm"]}}) == OUTPUT
    assert name_head(backbone, {"parts": {"classifiers": ["fc", "aux"]}}) == OUTPUT
    assert (
        name_head(backbone, {"parts": {"classifiers": ["fc"], "feature_layer": "norm"}}) == OUTPUT
    )
    assert name_head(backbone, {"parts": None}) == OUTPUT
    backbone.pretrained_cfg = {"classifier": "fc"}
    assert name_head(backbone, {"parts": {"classifiers": []}}) == "fc"
    backbone.pretrained_cfg = {"classifier": ["fc", "aux"]}
    assert name_head(backbone, {"parts": {"classifiers": []}}) == OUTPUT
