"""Tables of docs/detection.md that both of its runs have.

Kendall's tau of the measures is that of a run's own tables. Of `snakemake rank`, which such a run need not have made, the
order is made here: the measures of the config's `rank.measures` score the run's features of whole images as `rank` does, by
training images alone, and their consensus is the order.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from run_tables import index_metrics, with_interval, write_table
from scipy.stats import kendalltau

from ckptrank.evaluation.baselines import consensus
from ckptrank.evaluation.metrics import kendall
from ckptrank.measures.registry import METHODS, get_function
from ckptrank.report.detection.frames import VIEWS, Results
from ckptrank.scores.inputs import FeatureInputs, PairFiles
from ckptrank.scores.protocol import Protocol
from ckptrank.scores.run import score_measures
from ckptrank.text import DASH, fixed

RESAMPLES = 2000


def rank_measures(results: Results) -> str:
    """A row per measure: Kendall's tau in both views, and the AP that its first choice gives up."""
    cells, titles = index_metrics(results.summary), results.measure_titles
    tau = cells["kendall"]["mean"].unstack().reindex(columns=results.views)
    order = tau.max(axis=1).sort_values(ascending=False, na_position="last").index

    def tell(name: str, view: str) -> list[str]:
        if pd.isna(tau.loc[name, view]):
            return [DASH, DASH]
        regret = cells["regret_at_1"].loc[(name, view), "mean"]
        return [with_interval(cells["kendall"].loc[(name, view)]), fixed(regret, 1)]

    rows = [
        [titles[name], *(cell for view in results.views for cell in tell(name, view))]
        for name in order
    ]
    views = [VIEWS[view].lower() for view in results.views]
    return write_table(["measure", *(head for view in views for head in (view, "gives up"))], rows)


def score_as_rank(folder: Path, results: Results, task: str, config: Mapping) -> pd.DataFrame:
    """Return the scores that `rank` would give: ranked checkpoints x its measures, NaN where one does not apply."""
    quiet = logging.getLogger("ckptrank.docs")
    quiet.setLevel(logging.CRITICAL)
    found: dict[str, dict[str, float]] = {}
    for name in config["rank"]["measures"]:
        entry = config["measures"][name]
        method = METHODS[entry["method"]]
        for checkpoint in results.scores["checkpoint"].unique():
            inputs = FeatureInputs(
                PairFiles(str(folder / f"results/features/{task}/{checkpoint}.h5")),
                task=task,
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


def compare_orders(results: Results, task: str, scores: pd.DataFrame) -> str:
    """A row per measure of `rank` and one for their consensus: Kendall's tau, and the AP that the first gives up."""
    titles = results.measure_titles
    precisions = results.of_task(task).set_index("checkpoint")["accuracy"].loc[scores.index]
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
