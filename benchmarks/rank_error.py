"""How far the order of `snakemake rank` is off in accuracy: `python benchmarks/rank_error.py NAME=RESULTS ...`.

RESULTS: the folder ``results`` of a finished benchmark, NAME: what to call it. Writes
`scripts/ckptrank/rank/benchmark.csv`, the fine-tuned accuracy and the scores of each of its pairs, from which
`rank` learns the error of the measures that it uses; several benchmarks stand in it together, and those that are
not named stay as they are.

Says what was learnt, and, in `results/rank_error.csv` too, what the advice would have been worth on each task of those named, learnt on all others: the accuracy
that taking the first of the order gives up against the best, the same for taking what the advice says (the
cheapest of those expected to be as good), and how much cheaper that is; and how often the accuracy lies in the
interval that is expected of it, for all and for those whose interval is narrow enough to be told.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from few_shot import without_few_shot
from scipy import stats
from scipy.special import expit

from ckptrank.evaluation.baselines import consensus
from ckptrank.evaluation.columns import RANK, RANK_VOTERS
from ckptrank.evaluation.evaluate import LEVEL
from ckptrank.evaluation.tables import read_frame, write_frames
from ckptrank.rank.advice import advise
from ckptrank.rank.expected import (
    PROBE,
    TABLE,
    MeasureError,
    expect_gaps,
    learn_error,
    read_benchmark,
)

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results") / "rank_error.csv"
TEST_IMAGES = 500  # that a user is taken to have
WIDEST = 0.2  # a 95 % interval of an accuracy that says something


def collect(name: str, results: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the pairs of a benchmark as the table has them, and its checkpoints' costs."""
    frames = {
        table: read_frame(results / "evaluation" / f"{table}.csv", table)
        for table in ("scores", "ground_truth", "checkpoints", "tasks")
    }
    scores = frames["scores"]
    scores = scores[scores["measure"].isin(RANK_VOTERS) & (scores["status"] == "ok")]
    wide = scores.pivot(index=["task", "checkpoint"], columns="measure", values="score")
    truth = frames["ground_truth"].set_index(["task", "checkpoint"])["accuracy"].dropna()
    single = frames["tasks"].loc[~frames["tasks"]["multi_label"], "task"]
    # a few-shot version would judge what was learnt on its images
    single = without_few_shot(single)
    pairs = wide.join(truth, how="inner").reset_index().assign(benchmark=name)
    pairs = pairs[pairs["task"].isin(single)].reindex(columns=RANK["benchmark"].names)
    return pairs, frames["checkpoints"].set_index("checkpoint")[["forward_gflops", "parameters"]]


def expect_accuracy(error: MeasureError, scores: pd.DataFrame, test_samples: int) -> pd.DataFrame:
    """Return the accuracy that each checkpoint is expected to reach by fine-tuning.

    As ``expect_gaps``, and with what a task is like for all checkpoints: ``reach``, ``reach_low`` and
    ``reach_high`` (95 %, Student's t with a degree of freedom less than there are tasks), in fractions.
    """
    expected = error.predict(scores)
    accuracy = expit(expected)
    variance = error.level_sd**2 * (1 + 1 / error.tasks) + error.sd**2
    variance += 1 / (test_samples * accuracy * (1 - accuracy))
    width = stats.t.ppf((1 + LEVEL) / 2, error.tasks - 1) * np.sqrt(variance)
    found = {
        "reach": accuracy,
        "reach_low": expit(expected - width),
        "reach_high": expit(expected + width),
    }
    return pd.DataFrame(found, index=scores.index)


def judge(
    pairs: pd.DataFrame, names: list[str], costs: pd.DataFrame, measures: list[str]
) -> pd.DataFrame:
    """Return a row per task of these benchmarks: what the first and the advised give up, learnt on all other tasks."""
    rows = []
    judged = pairs[pairs["benchmark"].isin(names)]
    for (name, task), own in judged.groupby(["benchmark", "task"], sort=False):
        others = pairs[(pairs["benchmark"] != name) | (pairs["task"] != task)]
        error = learn_error(others, measures)
        table = own.set_index("checkpoint")
        share = consensus(table[measures])
        order = pd.DataFrame({"rank": share.rank(ascending=False, method="min")})
        order = order.sort_values("rank", kind="stable").join(costs)
        gaps = expect_gaps(error, table[measures], order.index[0], TEST_IMAGES)
        order = order.join(gaps).assign(with_first=lambda frame: frame["gap_low"] <= 0)
        advice = advise(order.reset_index(), table[PROBE], TEST_IMAGES)
        reach = expect_accuracy(error, table[measures], TEST_IMAGES)
        narrow = reach["reach_high"] - reach["reach_low"] <= WIDEST
        inside = table["accuracy"].between(reach["reach_low"], reach["reach_high"])
        truth, gflops = table["accuracy"].reindex(order.index), order["forward_gflops"]
        real = truth[advice.first] - truth
        covered = (real >= order["gap_low"]) & (real <= order["gap_high"])
        rows.append(
            {
                "benchmark": name,
                "task": task,
                "checkpoints": len(order),
                "tied": int(order["with_first"].sum()),
                "as_good": advice.as_good,
                "first_gives_up": truth.max() - truth[advice.first],
                "advised_gives_up": truth.max() - truth[advice.take],
                "cost_of_first": gflops[advice.take] / gflops[advice.first],
                "covered": covered.drop(advice.first).mean(),
                "best_in_tied": bool(order.loc[truth.idxmax(), "with_first"]),
                "accuracy": truth[advice.take],
                **reach.loc[advice.take],
                "accuracies_covered": inside.mean(),
                "told": narrow.mean(),
                "told_covered": inside[narrow].mean(),
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    folders = dict(each.split("=", 1) for each in sys.argv[1:])
    found = [collect(name, Path(folder)) for name, folder in folders.items()]
    if found:
        others = read_benchmark()
        others = others[~others["benchmark"].isin(folders)]
        pairs = pd.concat([others, *(pairs for pairs, _ in found)], ignore_index=True)
        pairs = pairs.sort_values(["benchmark", "task", "checkpoint"], ignore_index=True)
        write_frames({"benchmark": str(TABLE)}, {"benchmark": pairs.round(6)}, RANK)
    voters = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["rank"]["measures"]
    print(learn_error(read_benchmark(), voters))
    if found:
        costs = pd.concat([costs for _, costs in found])
        table = judge(read_benchmark(), list(folders), costs[~costs.index.duplicated()], voters)
        table.round(4).to_csv(RESULTS, index=False, lineterminator="\n")
        print(table.round(3).to_string())
        print(table.select_dtypes(np.number).mean().round(3).to_string())
