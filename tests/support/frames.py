"""A seeded, synthetic run for the report's tests: every table of the contract, faults included.

The numbers follow from one another (metrics from scores and accuracies), but nothing here was trained.
"""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd

from ckptrank.evaluation.baselines import COSTS
from ckptrank.evaluation.columns import BENCHMARK, FLAG, NUMBER, TEXT, Table
from ckptrank.evaluation.tables import Frames

HOSTILE = "<script>alert(1)</script>"
GROUPS = ("I", "II", "III", "I+II+III")

# checkpoint, title, groups, kind, architecture, objective, source data, stage, head, quality
CHECKPOINTS = [
    ("scratch", "From-Scratch", "I;II", "scratch", "resnet", "none", "", "", False, -2.0),
    ("wae", "WAE", "I", "generative", "resnet", "wae", "A", 1, False, -1.9),
    ("vae", "VAE", "I", "generative", "resnet", "vae", "A", 1, False, -1.6),
    ("gan", "GAN", "I", "generative", "resnet", "gan", "A", 1, False, -2.2),
    ("jigsaw", "Jigsaw", "I", "self-supervised", "resnet", "jigsaw", "A", 1, False, -0.9),
    ("relpatch", "Rel.Pat.Loc", "I", "self-supervised", "resnet", "relpatch", "A", 1, False, -1.1),
    (HOSTILE, "", "I", "self-supervised", "resnet", "exemplar", "A", 1, False, -0.8),
    ("rotation", "Rotation", "I", "self-supervised", "resnet", "rotation", "A", 1, False, 0.1),
    ("semi-rot", "Semi-Rotation-10%", "I", "semi-supervised", "resnet", "semi", "A", 1, True, 0.3),
    ("semi-ex", "Semi-Exemplar-10%", "I", "semi-supervised", "resnet", "semi", "A", 1, True, -0.1),
    ("supex", "Sup-Exemplar", "I", "supervised", "resnet", "sup+exemplar", "A", 1, True, 0.2),
    ("sup-a-6", "Sup-A 6 %", "II", "supervised", "resnet", "supervised", "A", 0.06, True, -0.6),
    ("sup-a-20", "Sup-A 20 %", "II", "supervised", "resnet", "supervised", "A", 0.2, True, 0.2),
    ("sup-a", "Sup-A 100 %", "I;II", "supervised", "resnet", "supervised", "A", 1, True, 0.8),
    ("sup-b-6", "Sup-B 6 %", "II", "supervised", "resnet", "supervised", "B", 0.06, True, -0.6),
    ("sup-b-20", "Sup-B 20 %", "II", "supervised", "resnet", "supervised", "B", 0.2, True, 0.3),
    ("sup-b", "Sup-B 100 %", "I;II", "supervised", "resnet", "supervised", "B", 1, True, 0.7),
    ("sup-c", "Sup-C 100 %", "I;II", "supervised", "resnet", "supervised", "C", 1, True, 0.4),
    ("vgg", "VGG", "III", "supervised", "vgg", "supervised", "A", 1, True, 1.6),
    ("vgg-h", "VGG (half width)", "III", "supervised", "vgg", "supervised", "A", 1, True, 1.2),
    ("inception", "Inception", "III", "supervised", "inception", "supervised", "A", 1, True, 1.5),
    ("mobilenet", "MobileNet", "III", "supervised", "mobilenet", "supervised", "A", 1, True, 0.6),
    (
        "mobilenet-h",
        "MobileNet (half)",
        "III",
        "supervised",
        "mobilenet",
        "supervised",
        "A",
        1,
        True,
        0.1,
    ),
    ("broken", "Corrupt file", "III", "supervised", "resnet", "supervised", "A", 1, True, 0.0),
]
# task, title, classes, training samples, mean accuracy, spread over checkpoints, weight of quality
TASKS = [
    ("objects", "Objects", 20, 300, 0.52, 0.16, 0.95),
    ("digits", "Digits", 10, 200, 0.73, 0.09, 0.9),
    ("materials", "Materials", 16, 320, 0.36, 0.15, 0.7),
    ("tissue", "Tissue <b>&</b>", 2, 120, 0.74, 0.04, 0.2),
]
# measure, method, title, family, reference, params, skill, seconds, gmacs
MEASURES = [
    ("finetune_1", "early_stopped_finetune", "Fine-tune (1 epoch)", "neucrab", {"epochs": 1}, 0.3, 0.6, 31),
    ("finetune_5", "early_stopped_finetune", "Fine-tune (5 epochs)", "neucrab", {"epochs": 5}, 0.6, 2.5, 155),
    ("linear_5", "linear_probe", "Linear (5 epochs)", "neucrab", {"epochs": 5}, 0.7, 0.04, 0.03),
    ("linear_1", "linear_probe", "Linear (1 epoch)", "neucrab", {"epochs": 1}, 0.4, 0.03, 0.006),
    ("linear", "linear_probe", "Linear (converged)", "neucrab", {"epochs": "converged"}, 0.95, 0.2, 0.4),
    ("mi_50", "mutual_information", "MI (α=0.50)", "neucrab", {"alpha": 0.5}, 0.1, 0.8, 2.1),
    ("mi_01", "mutual_information", "MI (α=0.01)", "neucrab", {"alpha": 0.01}, 0.35, 0.8, 2.1),
    ("mi_01_pca", "mutual_information", "MI w/ PCA (α=0.01)", "neucrab", {"alpha": 0.01, "pca_energy": 0.8}, 0.5, 0.6, 1.2),
    ("mi_50_pca", "mutual_information", "MI w/ PCA (α=0.50)", "neucrab", {"alpha": 0.5, "pca_energy": 0.8}, -0.1, 0.6, 1.2),
    ("nleep", "nleep", "N-LEEP", "neucrab", {"pca_energy": 0.8, "components_per_class": 5}, 0.85, 0.09, 0.2),
    ("leep", "leep", "LEEP", "neucrab", {}, 0.5, 0.002, 0.0002),
    ("lfc", "lfc", "LFC", "model_zoo", {}, 0.75, 0.004, 0.01),
    ("lgc", "lgc", "LGC", "model_zoo", {}, 0.7, 0.1, 1.4),
    ("logme", "logme", "LogME", "field", {}, 0.9, 0.01, 0.02),
    ("h_score", "h_score", "H-score", "field", {"shrinkage": None}, 0.7, 0.008, 0.01),
    ("knn", "knn", "k-NN (k=5)", "field", {"k": 5}, 0.9, 0.006, 0.02),
    ("transrate", "transrate", "TransRate", "field", {"eps": 1e-4}, 0.4, 0.005, 0.01),
    ("consensus", "consensus", "Consensus", "beyond", {"measures": ["linear", "logme", "knn"]}, 0.95, 0.001, 0),
    ("random", "random", "Random order", "baseline", {"seed": 0}, 0.0, 0.0, 0),
    ("parameter_count", "parameter_count", "Parameter count", "baseline", {}, 0.2, 0.0, 0),
    ("forward_flops", "forward_flops", "Forward FLOPs", "baseline", {}, 0.25, 0.0, 0),
    ("source_accuracy", "source_accuracy", "Source accuracy", "baseline", {}, 0.35, 0.0, 0),
    ("others", "leave_one_task_out", "Leave-one-task-out", "control", {}, 0.65, 0.0, 0),
]  # fmt: skip
WEIGHTED = ("weighted_kendall", "weighted_kendall_by_accuracy")
CORRELATIONS = ("pearson", "spearman", "kendall", *WEIGHTED)


def build_frames(seed: int = 0) -> Frames:
    """Return one complete synthetic run; the same seed gives the same run."""
    rng = np.random.default_rng(seed)
    checkpoints, tasks = _checkpoints(rng), _tasks()
    truth = _ground_truth(rng)
    measures = _measures()
    scores = _scores(rng, truth)
    metrics = _metrics(checkpoints, truth, scores)
    summary = _summary(metrics, scores, measures)
    frames = (checkpoints, tasks, truth, scores, metrics, summary, measures)
    return Frames(*map(complete, frames, BENCHMARK.values()))


def complete(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Return the frame with all columns of its table, those that it says nothing of empty."""
    empty = {TEXT: "", NUMBER: np.nan, FLAG: False}
    more = {name: empty[column.kind] for name, column in table.columns.items() if name not in frame}
    return frame.assign(**more)[table.names]


def build_nleep_grid(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ``(summary, measures)`` of an N-LEEP sweep over PCA energy and components per class."""
    rng = np.random.default_rng(seed)
    summary, measures = [], []
    for energy, components in itertools.product((0.5, 0.65, 0.8, 0.95), (1, 2, 5, 10)):
        name = f"nleep_{energy}_{components}"
        params = json.dumps({"pca_energy": energy, "components_per_class": components})
        measures.append((name, "nleep", name, "neucrab", "", "train", "", params, False))
        for group in ("I", "II"):
            kendall = 60 + 10 * energy - abs(components - 5) + rng.normal(0, 2)
            summary.append(
                (group, name, "kendall", kendall, kendall - 9, kendall + 8, 4, 0, 0, True)
            )
    return _summary_frame(summary), _measures_frame(measures)


def build_stages() -> pd.DataFrame:
    rows = [
        ("Pre-training", 9, 131.0, 236.0, 16.0),
        ("Tasks and sources", 7, 9.0, 9.0, 6.0),
        ("Feature extraction", 20, 11.0, 21.0, 38.0),
        ("Fine-tuning", 92, 402.0, 640.0, 170.0),
        ("Early-stopped fine-tuning", 92, 64.0, 99.0, 70.0),
        ("Measures", 96, 22.0, 22.0, 18.0),
        ("Evaluation and report", 31, 22.0, 21.0, 25.0),
    ]
    columns = ["stage", "jobs", "seconds", "cpu_seconds", "startup_cpu_seconds"]
    return pd.DataFrame(rows, columns=columns)


def build_provenance() -> dict:
    return {
        "project": "ckptrank 0.1.0",
        "preset": "config.yaml",
        "command": "snakemake --cores 2 --configfile presets/smoke.yaml",
        "commit": "017b1af8c1d2e3f4a5b60718293a4b5c6d7e8f90",
        "modified": True,
        "started": "2026-03-01T10:00:00+00:00",
        "finished": "2026-03-01T10:09:12+00:00",
        "wall_seconds": 552.0,
        "cores": 2,
        "hardware": {"Processor": "AMD EPYC 9B14, 2 cores", "Memory": "15.6 GiB", "GPU": ""},
        "platform": "Linux-6.1-x86_64-with-glibc2.36",
        "seeds": {"zoo": 1, "tasks": 2, "finetune": 3},
        "versions": {
            "numpy": {"python": "3.11.2", "numpy": "2.4.1"},
            "torch": {"python": "3.11.2", "torch": "2.12.0"},
        },
        "config": f"groups:\n  I: [sup-a, rotation]\ncheckpoints:\n  '{HOSTILE}': {{source: builtin}}\n",
    }


def write_frames(frames: Frames, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for table, frame in vars(frames).items():
        flags = {
            column: frame[column].map({True: "true", False: "false"})
            for column in frame
            if frame[column].dtype == bool
        }
        frame.assign(**flags).to_csv(directory / f"{table}.csv", index=False)


def _checkpoints(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for (
        name,
        title,
        groups,
        kind,
        architecture,
        objective,
        data,
        stage,
        head,
        quality,
    ) in CHECKPOINTS:
        failed = name == "broken"
        rows.append(
            {
                "checkpoint": name,
                "title": title,
                "groups": f"{groups};I+II+III",
                "kind": kind,
                "source": "builtin",
                "architecture": architecture,
                "objective": objective,
                "source_data": data,
                "stage": float(stage) if stage != "" else np.nan,
                "steps": 400.0,
                "source_accuracy": float(np.clip(0.7 + 0.1 * quality, 0, 1)) if head else np.nan,
                "parameters": float(rng.integers(100_000, 900_000)),
                "forward_gflops": float(rng.uniform(0.005, 0.05)),
                "has_head": head,
                "seed": 1.0,
                "sha256": "" if failed else f"{rng.integers(1 << 60):064x}",
                "status": "failed" if failed else "ok",
                "reason": "resources/checkpoints/broken.safetensors: header is not JSON"
                if failed
                else "",
            }
        )
    return pd.DataFrame(rows)


def _tasks() -> pd.DataFrame:
    return pd.DataFrame(
        [(t, title, f"{classes} classes of drawn things", float(classes), float(train), 1200.0, False, "ok", "")
         for t, title, classes, train, *_ in TASKS],
        columns=["task", "title", "description", "classes", "train_samples", "test_samples", "multi_label", "status", "reason"],
    )  # fmt: skip


def _ground_truth(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for name, *_, quality in CHECKPOINTS:
        for task, _, _, _, mean, spread, weight in TASKS:
            if name == "broken":
                rows.append(
                    (name, task, "failed", "the checkpoint could not be loaded")
                    + (np.nan,) * 4
                    + ("", np.nan, np.nan)
                )
                continue
            z = weight * quality / 1.1 + np.sqrt(1 - weight**2) * rng.normal()
            accuracy = float(np.clip(round((mean + spread * z) * 1200) / 1200, 0.02, 0.99))
            repeats = [round((accuracy + rng.normal(0, 0.006)) * 1200) / 1200 for _ in range(2)]
            noise = float(np.std([accuracy, *repeats], ddof=1))
            joined = ";".join(f"{value:.6f}" for value in repeats)
            rows.append(
                (
                    name,
                    task,
                    "ok",
                    "",
                    accuracy,
                    0.08,
                    300.0,
                    2.0,
                    joined,
                    noise,
                    float(rng.uniform(3, 6)),
                )
            )
    columns = ["checkpoint", "task", "status", "reason", "accuracy", "learning_rate", "steps"]
    table = pd.DataFrame(
        rows, columns=[*columns, "repeats", "repeat_accuracies", "noise_sd", "seconds"]
    )
    return table.reindex(columns=BENCHMARK["ground_truth"].names)


def _measures() -> pd.DataFrame:
    return _measures_frame(
        [(name, method, title, family, "Somebody et al. 2021", "train", "training samples only, 80/20 split inside",
          json.dumps(params), family == "control")
         for name, method, title, family, params, *_ in MEASURES]
    )  # fmt: skip


def _measures_frame(rows: list[tuple]) -> pd.DataFrame:
    columns = [
        "measure",
        "method",
        "title",
        "family",
        "reference",
        "scored_on",
        "protocol",
        "params",
        "is_control",
    ]
    return pd.DataFrame(rows, columns=columns)


def _scores(rng: np.random.Generator, truth: pd.DataFrame) -> pd.DataFrame:
    heads = {row[0]: row[8] for row in CHECKPOINTS}
    accuracies = truth.set_index(["checkpoint", "task"])["accuracy"]
    rows = []
    ranked = [name for name in heads if name != "scratch"]
    groups = {row[0]: {*row[2].split(";"), "I+II+III"} for row in CHECKPOINTS}
    for measure, method, _, _, _, skill, seconds, gmacs in MEASURES:
        pools = GROUPS if method in ("consensus", "leave_one_task_out") else ("",)
        for pool, name, task in itertools.product(pools, ranked, (row[0] for row in TASKS)):
            if pool and pool not in groups[name]:
                continue
            pair = (measure, method, name, task, pool)
            accuracy = accuracies[name, task]
            if name == "broken":
                rows.append(
                    (
                        *pair,
                        "failed",
                        "the checkpoint could not be loaded",
                        np.nan,
                        np.nan,
                        np.nan,
                        "{}",
                    )
                )
            elif method in ("leep", "source_accuracy") and not heads[name]:
                rows.append(
                    (
                        *pair,
                        "not_applicable",
                        "the checkpoint has no classification head",
                        np.nan,
                        np.nan,
                        np.nan,
                        "{}",
                    )
                )
            elif (measure, name, task) == ("h_score", "gan", "tissue"):
                rows.append(
                    (
                        *pair,
                        "failed",
                        "features: 3 of 120 rows hold NaN or infinity",
                        np.nan,
                        np.nan,
                        np.nan,
                        "{}",
                    )
                )
            else:
                score = skill * accuracy + (1 - abs(skill)) * 0.3 * rng.normal()
                cost = seconds * rng.uniform(0.7, 1.4)
                rows.append(
                    (
                        *pair,
                        "ok",
                        "",
                        float(score),
                        float(cost),
                        float(gmacs),
                        json.dumps({"iterations": 7}),
                    )
                )
    columns = [
        "measure",
        "method",
        "checkpoint",
        "task",
        "group",
        "status",
        "reason",
        "score",
        "seconds",
        "gmacs",
        "notes",
    ]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(
        gmacs_with_fitting=2 * frame["gmacs"], gmacs_test_pass=0.0, gmacs_head=0.0, mark=""
    )


def _kendall(x: np.ndarray, y: np.ndarray) -> float:
    signs = np.sign(x[:, None] - x) * np.sign(y[:, None] - y)
    return float(signs.sum() / (len(x) * (len(x) - 1)))


def _metrics(checkpoints: pd.DataFrame, truth: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    groups = checkpoints.set_index("checkpoint")["groups"]
    merged = scores.merge(truth[["checkpoint", "task", "accuracy"]], on=["checkpoint", "task"])
    rows = []
    for group in GROUPS:
        members = {name for name, text in groups.items() if group in text.split(";")} - {"scratch"}
        chosen = merged[merged["checkpoint"].isin(members) & merged["group"].isin(["", group])]
        for (task, measure), frame in chosen.groupby(["task", "measure"], sort=False):
            ok = frame[(frame["status"] == "ok") & frame["accuracy"].notna()].sort_values(
                "score", ascending=False
            )
            x, y = ok["score"].to_numpy(), ok["accuracy"].to_numpy()
            tau, best = _kendall(x, y), y.max()
            rows.append(
                {
                    "group": group, "task": task, "measure": measure, "n": len(ok),
                    "left_out": len(members) - len(ok), "ties": 0,
                    "left_out_not_applicable": int((frame["status"] == "not_applicable").sum()),
                    "recall_at_1": float(y[0] == best), "rel_at_1": y[0] / best,
                    "recall_at_3": float(y[:3].max() == best), "rel_at_3": y[:3].max() / best,
                    "pearson": float(np.corrcoef(x, y)[0, 1]), "spearman": min(1, 1.3 * tau),
                    "kendall": tau, **dict.fromkeys(WEIGHTED, tau),
                    "trials_to_best": int(y.argmax()) + 1,
                    "regret_at_1": best - y[0], "regret_at_3": best - y[:3].max(),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def _summary_frame(rows: list[tuple]) -> pd.DataFrame:
    columns = [
        "group",
        "measure",
        "metric",
        "mean",
        "low",
        "high",
        "tasks",
        "left_out",
        "left_out_not_applicable",
        "complete",
    ]
    return pd.DataFrame(rows, columns=columns)


def _summary(metrics: pd.DataFrame, scores: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    rows = []
    ok = scores[scores["status"] == "ok"]
    cost = ok.groupby("measure")[list(COSTS)].agg(["mean", "min", "max"])
    names = [
        "recall_at_1",
        "rel_at_1",
        "recall_at_3",
        "rel_at_3",
        *CORRELATIONS,
        "trials_to_best",
        "regret_at_1",
        "regret_at_3",
    ]
    for (group, measure), frame in metrics.groupby(["group", "measure"], sort=False):
        left_out = int(frame["left_out"].sum())
        facts = (len(frame), left_out, int(frame["left_out_not_applicable"].sum()), left_out == 0)
        for metric in names:
            scale = 1 if metric == "trials_to_best" else 100
            mean, half = (
                scale * frame[metric].mean(),
                scale * frame[metric].std() / 2 + 0.05 * scale,
            )
            top = {"trials_to_best": 99}.get(metric, 100)
            low = -100 if metric in CORRELATIONS else 1 if metric == "trials_to_best" else 0
            rows.append(
                (group, measure, metric, mean, max(low, mean - half), min(top, mean + half), *facts)
            )
        for metric in COSTS:
            rows.append((group, measure, metric, *cost.loc[measure, metric], *facts))
    return _summary_frame(rows)
