"""What a job leaves behind when the checkpoint it works on is broken: a row with its reason."""

import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.support.networks import make_images

from ckptrank.checkpoints import CARD, WEIGHTS
from ckptrank.checkpoints import builtin as zoo_source
from ckptrank.files.atomic import write_json
from ckptrank.tasks.inspection import inspect_task
from ckptrank.tasks.store import save_task
from ckptrank.tasks.task import TaskData

SCRIPTS = Path(__file__).parents[3] / "scripts"


class Named(SimpleNamespace):
    def get(self, name):
        return getattr(self, name, None)


class Outputs(list):
    """The files of a job, the same one under whatever name it is asked for."""

    def __getattr__(self, name):
        return self[0]

    def get(self, name):
        """Return an optional file: none is asked for."""


def run(script, tmp_path, output, **fields):
    """Run a rule's script as Snakemake does; return the JSON that it leaves."""
    given, params = fields.pop("input", {}), fields.pop("params", {})
    job = Named(
        input=Named(**given),
        params=Named(**params),
        output=Outputs([str(tmp_path / output)]),
        log=[str(tmp_path / "job.log")],
        rule="rule",
        resources=Named(attempt=1),
        threads=1,
    )
    runpy.run_path(str(SCRIPTS / script), init_globals={"snakemake": job})
    path = tmp_path / output
    return json.loads((path / CARD if path.is_dir() else path).read_text())


@pytest.fixture
def task(tmp_path):
    train, test = make_images(6), make_images(6, seed=1)
    data = TaskData(
        ("a", "b", "c"),
        train.images,
        train.labels.astype(np.int64),
        test.images,
        test.labels.astype(np.int64),
    )
    inspected, findings = inspect_task(data)
    save_task(inspected, tmp_path / "task", findings)
    return str(tmp_path / "task")


def prepare(tmp_path, definition):
    return run(
        "checkpoints/prepare_checkpoint.py",
        tmp_path,
        "checkpoint",
        params={"name": "net", "definition": {"title": "Net", "kind": "supervised", **definition}},
    )


@pytest.mark.parametrize(
    ("weights", "fields", "reason"),
    [
        ("absent.pth", {}, "no such file"),
        ("junk.pth", {}, "not a readable checkpoint|not loaded"),
        ("junk.safetensors", {}, "not a readable safetensors file"),
        ("junk.pth", {"sha256": "0" * 64}, "SHA-256 is .*, expected 000"),
        ("https://127.0.0.1:1/net.pth", {}, "the download failed: .*refused"),
    ],
)
def test_a_checkpoint_that_cannot_be_prepared_is_a_failed_row(
    tmp_path, monkeypatch, weights, fields, reason
):
    monkeypatch.setattr("ckptrank.files.downloads.FIRST_WAIT", 0.0)
    (tmp_path / "junk.pth").write_bytes(b"not weights")
    (tmp_path / "junk.safetensors").write_bytes(b"not weights")
    place = weights if "://" in weights else str(tmp_path / weights)
    card = prepare(
        tmp_path,
        {"source": "file", "library": "torchvision", "architecture": "resnet18", "weights": place}
        | fields,
    )
    assert (card["checkpoint"], card["title"], card["status"]) == ("net", "Net", "failed")
    assert re.search(reason, card["reason"]), card["reason"]


def raise_error(*_arguments):
    raise IndexError("deep in a library")


def test_an_unexpected_error_of_a_library_fails_that_checkpoint_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("ckptrank.checkpoints.timm.prepare", raise_error)
    card = prepare(tmp_path, {"source": "timm", "model": "resnet18"})
    assert card["status"] == "failed"
    assert card["reason"] == "checkpoint: IndexError: deep in a library"
    assert "Traceback" in (tmp_path / "job.log").read_text()


def test_an_error_of_this_project_stops_the_job(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo_source, "prepare", raise_error)
    with pytest.raises(SystemExit):
        prepare(tmp_path, {"source": "builtin", "run": "r", "stage": 1.0})


@pytest.mark.parametrize(
    "script", ["finetune/select_best.py", "finetune/finetune.py", "finetune/finetune_whole.py"]
)
def test_weights_that_break_during_a_run_fail_the_pair(tmp_path, task, script):
    """The card is sound, the weights are not: found by whichever job needs them next."""
    folder = tmp_path / "checkpoint"
    card = {"status": "ok", "source": "file", "sha256": "0" * 64}
    write_json(folder / CARD, card)
    (folder / WEIGHTS).write_bytes(b"other weights")
    pair = {"checkpoint": "net", "task": "colours"}
    run_ = {"learning_rate": 0.1, "seconds": 1.0, "accuracies": {"5": 0.5}, "first_epoch_loss": 1.0}
    where = {"device": "a processor", "precision": "float32"}
    sweep = {**pair, **where, "status": "ok", "reason": "", "runs": [run_]}
    write_json(tmp_path / "sweep.json", sweep)
    settings = {"steps": [5], "batch_size": 4, "momentum": 0.9, "weight_decay": 0.0, "warmup": 0}
    result = run(
        script,
        tmp_path,
        "result.json",
        input={
            "checkpoint": folder,
            "task": task,
            "images": [],
            "sweep": [tmp_path / "sweep.json"],
        },
        params={
            **pair,
            "repeats": 1,
            "learning_rates": [0.1],
            "settings": {**settings, "scratch_weight_decay": 0.0},
            "precision": "float32",
            "device": "cpu",
        },
    )
    assert {**pair, "status": "failed"}.items() <= result.items()
    assert "SHA-256" in result["reason"]
    assert "accuracy" not in result
