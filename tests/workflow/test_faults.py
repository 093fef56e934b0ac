"""Bad input: refused before work starts where that is possible, else a row with its reason."""

import io
import json
import os
import signal
import subprocess
from hashlib import sha256

import pandas as pd
import pytest
from tests.support.loopback import serve
from tests.support.throwaway import wait_until
from tests.support.workspaces import ROOT, make_workspace

pytestmark = pytest.mark.workflow


def read_scores(workspace):
    return pd.read_csv(workspace.folder / "results/evaluation/scores.csv")


def is_of(table, checkpoint):
    return table["checkpoint"] == checkpoint


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"not safetensors at all", "SHA-256"), (None, "weights are gone")],
)
def test_broken_weights_fail_that_checkpoint_alone(workspace, content, reason):
    weights = workspace.folder / "resources/checkpoints/smoke-letters/weights.safetensors"
    weights.write_bytes(content) if content else weights.unlink()
    workspace.run(
        "--forcerun",
        *[f"results/features/{task}/smoke-letters.h5" for task in ("smoke-digits", "smoke-tissue")],
    )
    scores = read_scores(workspace)
    jobs = scores["method"].isin(["lfc", "nleep", "leep", "linear_probe", "knn", "logme"])
    broken = scores[is_of(scores, "smoke-letters") & jobs]
    assert len(broken)
    assert (broken["status"] == "failed").all()
    assert broken["reason"].str.contains(reason).all()
    assert broken["score"].isna().all()
    others = scores[~is_of(scores, "smoke-letters") & jobs & (scores["method"] != "leep")]
    assert (others["status"] == "ok").all()


def test_a_checkpoint_that_yields_nan_is_failed_with_its_reason(workspace):
    from safetensors.numpy import load_file, save_file

    folder = workspace.folder / "resources/checkpoints/smoke-rotation"
    weights = load_file(folder / "weights.safetensors")
    for name, tensor in weights.items():
        if tensor.ndim == 4:
            weights[name] = tensor * float("nan")
    save_file(weights, folder / "weights.safetensors")
    card = json.loads((folder / "card.json").read_text())
    card["sha256"] = sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    (folder / "card.json").write_text(json.dumps(card))
    workspace.run("--forcerun", "results/features/smoke-digits/smoke-rotation.h5")
    scores = read_scores(workspace)
    pair = scores[is_of(scores, "smoke-rotation") & (scores["task"] == "smoke-digits")]
    pair = pair[pair["method"] == "lfc"]
    assert pair["status"].tolist() == ["failed"]
    assert "NaN or infinity" in pair["reason"].item()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("score_on", "score_onn", ["'score_onn'", "did you mean 'score_on'"]),
        ("smoke-rotation]", "missing]", ["groups.smoke.checkpoints", "'missing'"]),
        ("leep, nleep", "lep, nleep", ["select.measures", "'lep'"]),
    ],
)
def test_a_faulty_config_is_refused_before_any_work(workspace, old, new, words):
    preset = workspace.folder / "presets/smoke.yaml"
    text = preset.read_text() + "\nprotocol: {score_on: test}\n"
    preset.write_text(text.replace(old, new, 1))
    output = workspace.run("--dry-run", check=False)
    assert "the config has faults" in output
    assert all(word in output for word in words), output
    assert "Traceback" not in output


FETCHED = """
select: {{tasks: [digits], groups: [fetched]}}
nleep_grid: {{groups: []}}
groups: {{fetched: {{title: Fetched, checkpoints: [fetched]}}}}
checkpoints:
  fetched: {{source: file, library: timm, architecture: test_resnet, weights: "{url}", sha256: {digest}, kind: supervised}}
"""


def test_a_download_that_failed_is_tried_again_by_the_next_run(tmp_path, monkeypatch):
    import timm
    import torch

    monkeypatch.setenv("CKPTRANK_CACHE", str(tmp_path / "cache"))
    workspace = make_workspace(tmp_path / "a run")
    downloads = workspace.folder / "scripts/ckptrank/files/downloads.py"
    text = downloads.read_text()
    downloads.write_text(
        text.replace("FIRST_WAIT, LONGEST_WAIT = 1.0", "FIRST_WAIT, LONGEST_WAIT = 0.01")
    )
    assert downloads.read_text() != text
    target = "resources/checkpoints/fetched"
    card = workspace.folder / target / "card.json"
    with serve() as server:
        content = io.BytesIO()
        torch.save(timm.create_model("test_resnet").state_dict(), content)
        server.content = content.getvalue()
        digest = sha256(server.content).hexdigest()
        (workspace.folder / "presets/fetched.yaml").write_text(
            FETCHED.format(url=server.url, digest=digest)
        )
        server.codes = [503] * 5
        workspace.run(target, preset="fetched.yaml")
        failed = json.loads(card.read_text())
        assert failed["status"] == "failed"
        assert "the download failed: HTTP 503" in failed["reason"]
        workspace.run(target, preset="fetched.yaml")
        assert json.loads(card.read_text())["reason"] == ""
        assert len(server.asked) == 6
    assert "Nothing to be done" in workspace.run("--dry-run", target, preset="fetched.yaml")


def test_the_lock_of_a_run_that_was_killed_is_taken_away_by_make(tmp_path):
    folder = tmp_path / "my run"
    folder.mkdir()
    (folder / "config.yaml").write_text((ROOT / "tests/support/tiny.yaml").read_text())
    make = ["make", "-o", ".venv/installed", "CORES=1", f"PRESET={folder}/config.yaml"]
    run = subprocess.Popen(
        [*make, "run"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    locks = folder / ".snakemake/locks"
    wait_until(lambda: locks.is_dir() and any(locks.iterdir()), 120, "the lock")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    refused = subprocess.run([*make, "run"], cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "Directory cannot be locked" in refused.stderr
    subprocess.run([*make, "unlock"], cwd=ROOT, capture_output=True, check=True)
    assert not list(locks.glob("*"))
