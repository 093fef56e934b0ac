"""Whether the order of checkpoints depends on the precision that they are fine-tuned in.

    python benchmarks/precision.py FOLDER --device cpu --precision bfloat16

FOLDER is where the built-in benchmark has run (`make demo`). The best setting of each (checkpoint, task) pair is run three
times on the device: in float32, in the other precision under the same seed, and in float32 under another seed, which shows
what noise alone does. What is finished is not done again (`FOLDER/precision_DEVICE_PRECISION.jsonl`). Writes
`results/precision.csv`: a row per task and one for all, with Kendall's tau between the orders and the root mean square of
the differences of accuracies.
"""

import argparse
import json
import tempfile
from pathlib import Path

import pandas as pd
import torch
from scipy.stats import kendalltau
from tqdm import tqdm

from ckptrank.files.atomic import read_json
from ckptrank.finetune.sweep import Pair, Runner
from ckptrank.jobs.device import describe
from ckptrank.seeds import seed_from
from ckptrank.workflow.config import complete_config
from ckptrank.workflow.plan import Plan

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "benchmarks/results/precision.csv"


def find_pairs(folder: Path) -> list[dict]:
    """Return the ground truth of the pairs that have one."""
    found = [read_json(path) for path in sorted(folder.glob("results/ground_truth/*/*.json"))]
    return [truth for truth in found if truth["status"] == "ok"]


def run_pair(
    folder: Path, truth: dict, settings: dict, precision: str, device: torch.device
) -> dict[str, float]:
    """Return the accuracies of the three runs of a pair's best setting; ``settings``: those of the sweep."""
    checkpoint, task, steps = truth["checkpoint"], truth["task"], truth["steps"]
    pair = Pair(
        checkpoint, task, folder / "resources/checkpoints" / checkpoint, folder / "resources/tasks" / task
    )  # fmt: skip
    runs = {"float32": ("float32", 0), "other": (precision, 0), "other_seed": ("float32", 1)}
    accuracies = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, (chosen, repeat) in runs.items():
            output = Path(scratch) / f"{name}.json"
            runner = Runner(pair, settings, output=output, device=device, precision=chosen)
            if name == "other" and runner.precision != precision:
                raise SystemExit(f"{describe(device)} has no {precision}")
            run = runner.run(
                truth["learning_rate"],
                seed=seed_from("finetune", task, checkpoint, repeat),
                budgets=[steps],
                description=f"{checkpoint} on {task}, {name}",
            )
            accuracies[name] = run.accuracies[steps]
    return {"task": task, "checkpoint": checkpoint, **accuracies}


def summarise(runs: pd.DataFrame, what: str) -> dict[str, object]:
    row: dict[str, object] = {"task": what, "pairs": len(runs)}
    for name in ("other", "other_seed"):
        by_task = [
            kendalltau(own["float32"], own[name]).statistic for _, own in runs.groupby("task")
        ]
        row[f"tau_{name}"] = round(sum(by_task) / len(by_task), 3)
        row[f"points_{name}"] = round(100 * ((runs["float32"] - runs[name]) ** 2).mean() ** 0.5, 2)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--precision", default="bfloat16", choices=["tf32", "bfloat16", "float16"])
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    kept = given.folder / f"precision_{given.device}_{given.precision}.jsonl"
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
    rows = [json.loads(line) for line in lines]
    done = {(row["task"], row["checkpoint"]) for row in rows}
    settings = Plan(complete_config({}, ROOT / "config.yaml", None)).sweep_settings
    with open(kept, "a", encoding="utf-8") as file:
        for truth in tqdm(find_pairs(given.folder), unit="pair"):
            if (truth["task"], truth["checkpoint"]) in done:
                continue
            rows.append(run_pair(given.folder, truth, settings, given.precision, device))
            print(json.dumps(rows[-1]), file=file, flush=True)
    runs = pd.DataFrame(rows)
    summaries = [summarise(own, task) for task, own in runs.groupby("task")]
    table = pd.DataFrame([*summaries, summarise(runs, "all")])
    table.insert(0, "device", describe(device))
    table.insert(1, "precision", given.precision)
    if TABLE.is_file():
        known = pd.read_csv(TABLE)
        same = (known["device"] == describe(device)) & (known["precision"] == given.precision)
        table = pd.concat([known[~same], table])
    table.to_csv(TABLE, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
