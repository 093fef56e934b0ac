"""Print what docs/detection.md says of drawn scenes: ``python docs/make_detection_demo.py FOLDER``.

FOLDER is where `make detect-demo` has run to its end; it is only read. Kendall's tau of the measures is that of the run's
own tables. Of `snakemake rank`, which the demo does not run, the order is made here: the measures of the config's
`rank.measures` score the run's features of whole images as `rank` does, by training images alone, and their consensus is
the order.
"""

import logging
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from make_real_detection import rank_measures
from run_tables import read_costs, with_interval, write_table
from scipy.stats import kendalltau

from ckptrank.evaluation.baselines import consensus
from ckptrank.evaluation.columns import DETECTION
from ckptrank.evaluation.metrics import kendall
from ckptrank.measures.registry import METHODS, get_function
from ckptrank.report.detection.frames import Results, read_results
from ckptrank.report.kit.sweep_notes import describe_edges
from ckptrank.scores.inputs import FeatureInputs, PairFiles
from ckptrank.scores.protocol import Protocol
from ckptrank.scores.run import score_measures
from ckptrank.text import fixed

TASK = "detect-scenes"
PRESET = "presets/detect_demo.yaml"
RESAMPLES = 2000


def read_yaml(file: Path) -> dict:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def score_as_rank(folder: Path, results: Results, config: Mapping) -> pd.DataFrame:
    """Return the scores that `rank` would give: ranked checkpoints x its measures, NaN where one does not apply."""
    quiet = logging.getLogger("ckptrank.demo")
    quiet.setLevel(logging.CRITICAL)
    found: dict[str, dict[str, float]] = {}
    for name in config["rank"]["measures"]:
        entry = config["measures"][name]
        method = METHODS[entry["method"]]
        for checkpoint in results.scores["checkpoint"].unique():
            inputs = FeatureInputs(
                PairFiles(str(folder / f"results/features/{TASK}/{checkpoint}.h5")),
                task=TASK,
                protocol=Protocol("train", config["rank"]["samples_per_class"]),
                held_out=method.held_out,
            )
            record = score_measures(
                get_function(entry["method"]),
                method.inputs,
                {name: entry.get("params", {})},
                inputs,
                quiet,
            )[name]
            score = record["score"] if record["status"] == "ok" else float("nan")
            found.setdefault(checkpoint, {})[name] = score
    return pd.DataFrame(found).T


def compare_orders(results: Results, scores: pd.DataFrame) -> str:
    """A row per measure of `rank` and one for their consensus: Kendall's tau, and the AP that the first gives up."""
    titles = results.measure_titles
    precisions = results.of_task(TASK).set_index("checkpoint")["accuracy"].loc[scores.index]
    columns = {titles.get(name, name): scores[name] for name in scores}
    columns["**the order of `rank`**"] = consensus(scores)
    rows = []
    for title, values in columns.items():
        known = values.dropna()
        if known.empty:
            rows.append([title, "does not apply", ""])
            continue
        behind = precisions.max() - precisions[known.idxmax()]
        tau = with_interval(estimate_tau(known.to_numpy(), precisions[known.index].to_numpy()))
        rows.append([title, tau, fixed(100 * behind, 1)])
    return write_table(["measure, on training images", "Kendall", "gives up"], rows)


def estimate_tau(scores: np.ndarray, precisions: np.ndarray) -> dict[str, float]:
    """Return Kendall's tau times 100, with a 95 % interval over resampled checkpoints."""
    size = len(scores)
    drawn = np.random.default_rng(0).multinomial(size, [1 / size] * size, RESAMPLES)
    taus = kendall(scores, precisions, counts=drawn)
    low, high = np.nanquantile(taus, [0.025, 0.975])
    mean = kendalltau(scores, precisions).statistic
    return {"mean": 100 * mean, "low": 100 * low, "high": 100 * high}


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
    print(
        compare_orders(results, score_as_rank(folder, results, read_yaml(folder / "config.yaml")))
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
