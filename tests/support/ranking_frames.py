"""A seeded, synthetic result of the rank job: its two tables and facts, faults and hostile names included."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from ckptrank.evaluation.columns import RANK
from tests.support.frames import HOSTILE, complete

MEASURES = {
    "nleep": "N-LEEP",
    "logme": "LogME",
    "lfc": "LFC",
    "linear": "Linear (converged)",
    "leep": "LEEP",
}
POOL = (
    *("vgg16", "resnet18", "resnet50", "resnet101", "convnext_tiny", "convnext_base", "vit_small"),
    *("vit_base", "vit_large", "swin_tiny", "dino_vits16", "dino_vitb16", "mae_vitb16", "clip_rn50"),
    *("clip_vitb32", "mobilenet_v3", "efficientnet_b0", "efficientnet_b4", "regnety_016", HOSTILE),
)  # fmt: skip


def write_ranking(
    folder: Path, *, task: str = "pets", seed: int = 0, tuned: int = 0, advice: dict | None = None
) -> Path:
    """Write ranking.csv, scores.csv and facts.json as the rank job does; return the folder."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    quality = np.sort(rng.normal(size=len(POOL)))[::-1]
    scores = _scores(rng, quality)
    ranking = complete(_ranking(rng, scores, tuned), RANK["ranking"])
    ranking.to_csv(folder / "ranking.csv", index=False)
    complete(scores, RANK["scores"]).to_csv(folder / "scores.csv", index=False)
    facts = {
        "task": task,
        "title": f"Pets {HOSTILE}" if seed else "Pets",
        "classes": 37,
        "objects": None,
        "train_samples": 3680,
        "test_samples": 3669,
        "protocol": "training images only; a stratified fifth is held out where a measure needs it",
        "measures": list(MEASURES),
        "resamples": 20,
        "device": "CPU, 2 cores",
        "error": {"level": 0.2, "weights": [0.7, 0.4], "sd": 0.4, "tasks": 4, "pairs": 72},
        "advice": {
            "take": ranking["checkpoint"].iloc[0],
            "first": ranking["checkpoint"].iloc[0],
            "by_cost": False,
            "as_good": 3,
            "gap": 0.0,
            "error": 0.03,
            "largest_gap": 0.012,
            "noise": 0.02,
            "probe": None,
        },
        "warnings": ["12 images occur in both the training and the test split"] if seed else [],
    }
    facts["advice"] |= advice or {}
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder


def _scores(rng: np.random.Generator, quality: np.ndarray) -> pd.DataFrame:
    rows = []
    for measure, title in MEASURES.items():
        values = quality + 0.5 * rng.normal(size=len(POOL))
        headless = [measure == "leep" and name.startswith(("dino", "mae")) for name in POOL]
        values[headless] = np.nan
        ranks = pd.Series(values).rank(ascending=False, method="min")
        for name, value, rank in zip(POOL, values, ranks, strict=True):
            missing = np.isnan(value)
            status = "not_applicable" if missing else "ok"
            reason = "the checkpoint has no classification head" if missing else ""
            interval = (max(1, rank - 2), min(len(POOL), rank + 2))
            rows.append((measure, title, name, status, reason, value, rank, *interval, 0.2))
    rows += [(measure, title, "broken", "failed", "header is not JSON", *[np.nan] * 5)
             for measure, title in MEASURES.items()]  # fmt: skip
    columns = ["measure", "title", "checkpoint", "status", "reason", "score", "rank", "rank_low"]
    return pd.DataFrame(rows, columns=[*columns, "rank_high", "seconds"])


def _ranking(rng: np.random.Generator, scores: pd.DataFrame, tuned: int) -> pd.DataFrame:
    consensus = scores.groupby("checkpoint")["rank"].mean().reindex(POOL).sort_values()
    rows = []
    for at, (name, mean) in enumerate(consensus.items(), start=1):
        low, high = (
            max(1, at - int(rng.integers(1, 4))),
            min(len(POOL), at + int(rng.integers(1, 4))),
        )
        size = float(rng.uniform(2e6, 3e8))
        rows.append(
            {
                "rank": at, "checkpoint": name, "title": "" if name == HOSTILE else name.replace("_", " "),
                "gap": 0.004 * (at - 1), "gap_low": 0.004 * (at - 1) - 0.014, "gap_high": 0.004 * (at - 1) + 0.014,
                "gap_sd": 0.007, "input_size": 224.0 if at % 4 else 256.0,
                "consensus": mean, "rank_low": low, "rank_high": high, "with_first": str(at <= 4).lower(),
                "stage": "all" if at <= 10 else "16", "samples": 3680 if at <= 10 else 592,
                "parameters": size, "forward_gflops": size / 5e6,
                "latency_seconds": size / 2e9, "finetune_memory_mb": size / 5e4, "inference_memory_mb": size / 2e5,
                "file_mb": size * 4e-6,
                "images_per_second": 2e9 / size, "licence": "apache-2.0" if at % 3 else "",
                "finetune_seconds": size / 2e5, "status": "ok", "reason": "",
                "tuned_accuracy": 0.9 - 0.01 * at + 0.02 * (at == 2) if at <= tuned else np.nan,
                "tuned_low": np.nan, "tuned_high": np.nan,
            }
        )  # fmt: skip
    broken = {"checkpoint": "broken", "title": "Corrupt file", "status": "failed",
              "reason": "resources/checkpoints/broken.safetensors: header is not JSON", "with_first": "false"}  # fmt: skip
    return pd.DataFrame([*rows, broken])
