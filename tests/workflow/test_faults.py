"""Bad input: refused before work starts where that is possible, else a row with its reason."""

import json

import pandas as pd
import pytest

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
    from hashlib import sha256

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
