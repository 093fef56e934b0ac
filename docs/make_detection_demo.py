"""Print what docs/detection.md says of drawn scenes: ``python docs/make_detection_demo.py FOLDER``.

FOLDER is where `make detect-demo` has run to its end; it is only read.
"""

import sys
from pathlib import Path

import yaml
from detection_tables import compare_orders, rank_measures, score_as_rank
from run_tables import read_costs

from ckptrank.evaluation.columns import DETECTION
from ckptrank.report.detection.frames import read_results
from ckptrank.report.kit.sweep_notes import describe_edges
from ckptrank.text import fixed

TASK = "detect-scenes"
PRESET = "presets/detect_demo.yaml"


def read_yaml(file: Path) -> dict:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def add_up_minutes(folder: Path) -> str:
    """Say what processor time the demo's jobs took; logs of another run in the folder do not name its checkpoints."""
    costs = read_costs(folder)
    own = costs[costs["log"].str.contains("detect")]
    tuning = own["rule"].isin(("finetune_detector", "select_detector"))
    spent = own["cpu_seconds"].sum() / 60, own.loc[tuning, "cpu_seconds"].sum() / 60
    return f"{len(own)} jobs, {spent[0]:.1f} minutes of a core, of which fine-tuning {spent[1]:.1f}"


def main(folder: Path) -> None:
    tables = folder / "results/detection"
    results = read_results({name: tables / f"{name}.csv" for name in DETECTION})
    truth = results.of_task(TASK)
    sweep = read_yaml(folder / PRESET)["detection"]["finetune"]
    low, high = 100 * truth["ap"].min(), 100 * truth["ap"].max()
    print(f"{len(truth)} detectors, AP {fixed(low, 1)} to {fixed(high, 1)} %")
    print(describe_edges(truth, results.task_titles, sweep))
    print(add_up_minutes(folder), "\n")
    print(rank_measures(results), "\n")
    scores = score_as_rank(folder, results, TASK, read_yaml(folder / "config.yaml"))
    print(compare_orders(results, TASK, scores))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
