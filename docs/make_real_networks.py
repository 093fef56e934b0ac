"""Fill the tables of docs/real_networks.md: ``python docs/make_real_networks.py [FOLDER BUDGET]``.

FOLDER is where `presets/real.yaml` has run to its end, BUDGET where its `rank` has run with a budget. Without them, or
where one of them holds no finished run, the tables that are made of it stay as they were published; what each way of choosing
gives up is always worked out, from the run's pairs in `scripts/ckptrank/rank/benchmark.csv` and the page's first table.
"""

import re
import sys
from collections.abc import Mapping
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from run_tables import (
    add_up_costs,
    compare_spent,
    copy_figures,
    fill_page,
    rank_measures,
    read_costs,
    read_tables,
    with_interval,
    write_table,
)

from ckptrank.evaluation.baselines import consensus
from ckptrank.rank.advice import advise
from ckptrank.rank.expected import PROBE, MeasureError, expect_gaps, learn_error, read_benchmark
from ckptrank.text import DASH, fixed

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).parent / "real_networks.md"
# What a practitioner does today: the network of the highest accuracy on ImageNet.
HABIT = "source_accuracy"
ALL, OF_IMAGENET = "all", "imagenet"
BENCHMARK = "real"  # the name of this run's pairs in benchmark.csv
SHORTLIST = 3
# Titles of the tasks and how many test images they have, in the order of the tables.
TASKS = {
    "clothing": ("Clothing", 713),
    "hand-signs": ("Hand signs", 411),
    "flowers": ("Flowers", 550),
    "waste": ("Waste", 759),
    "blood-cells": ("Blood cells", 340),
}
SINGLE = {"habit": "the habit", "first": "first of `rank`", "advice": "its advice"}
THREE = {"habit_three": "the habit's three", "rank_three": "three of `rank`"}
CHANCE = {
    "of_imagenet": "a random one of the nine",
    "three_of_imagenet": "three random ones of the nine",
    "of_all": "a random one of all",
}
WAYS = {**SINGLE, **THREE, **CHANCE}
PAIRED = (
    ("first", "habit"),
    ("rank_three", "habit_three"),
    ("advice", "habit"),
    ("advice", "first"),
    ("habit", "of_imagenet"),
    ("first", "of_imagenet"),
    ("rank_three", "three_of_imagenet"),
)


def list_accuracies(frames: Mapping[str, pd.DataFrame]) -> str:
    """A row per network: its fine-tuned test accuracies, the best of each task in bold."""
    cards = frames["checkpoints"].set_index("checkpoint")
    tasks = frames["tasks"].set_index("task")["title"]
    accuracy = 100 * frames["ground_truth"].pivot(
        index="checkpoint", columns="task", values="accuracy"
    )
    best = accuracy.max()
    rows = []
    for name in cards.index:
        source = cards.loc[name, "source_accuracy"]
        cells = (
            f"**{fixed(value)}**" if value == best[task] else fixed(value)
            for task, value in accuracy.loc[name, tasks.index].items()
        )
        rows.append(
            [
                cards.loc[name, "title"],
                DASH if pd.isna(source) else fixed(100 * source),
                fixed(cards.loc[name, "forward_gflops"], 2),
                *cells,
            ]
        )
    return write_table(["network", "ImageNet, %", "GFLOPs", *tasks], rows)


def read_networks(accuracies: str) -> pd.DataFrame:
    """Return what each network costs and reached on ImageNet: of the preset, GFLOPs of the page's table of accuracies."""
    rows = [re.split(r" *\| *", line.strip("| ")) for line in accuracies.splitlines()[2:]]
    gflops = {row[0]: float(row[2]) for row in rows}
    preset = yaml.safe_load((ROOT / "presets/real.yaml").read_text(encoding="utf-8"))
    networks = pd.DataFrame.from_dict(preset["checkpoints"], orient="index")
    networks["forward_gflops"] = networks["title"].map(gflops)
    return networks[["title", HABIT, "forward_gflops"]].assign(parameters=0.0)


def order_networks(pairs: pd.DataFrame, error: MeasureError, measures: list[str]) -> list[str]:
    """Return a task's networks as `rank` orders them; of equal places the one of higher expected accuracy first."""
    scores = pairs.set_index("checkpoint")[measures]
    known = {"place": -consensus(scores), "expected": -error.predict(scores)}
    return [*pd.DataFrame(known).sort_values([*known], kind="stable").index]


def choose(networks: pd.DataFrame) -> pd.DataFrame:
    """Return a row per task: what each way of choosing takes and gives up, in points.

    ``best``, ``as_good`` and ``within``, the difference in points that the test images just show; per way of
    ``WAYS`` its ``NAME_gives_up``, and ``NAME_takes`` where it takes one. The advice is learnt without the
    benchmark ``real``, none of its tasks and networks.
    """
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    benchmark, measures = read_benchmark(), config["rank"]["measures"]
    error = learn_error(benchmark[benchmark["benchmark"] != BENCHMARK], measures)
    own = benchmark[benchmark["benchmark"] == BENCHMARK]
    rows = {}
    for task, (_, images) in TASKS.items():
        pairs = own[own["task"] == task]
        table = pairs.set_index("checkpoint")
        truth = 100 * (table["accuracy"] * images).round() / images  # the file has six digits
        order = order_networks(pairs, error, measures)
        known = networks.loc[order]
        habit = [*known[HABIT].dropna().sort_values(ascending=False, kind="stable").index]
        gaps = expect_gaps(error, table[measures], order[0], images)
        ranked = known.join(gaps).assign(rank=np.arange(len(order)) + 1.0)
        ranked["with_first"] = ranked["gap_low"] <= 0
        advice = advise(ranked.rename_axis("checkpoint").reset_index(), table[PROBE], images)
        taken = {
            "habit": habit[0],
            "first": order[0],
            "advice": advice.take,
            "habit_three": truth[habit[:SHORTLIST]].idxmax(),
            "rank_three": truth[order[:SHORTLIST]].idxmax(),
        }
        best = float(truth.max())
        rows[task] = {
            "best": truth.reindex(networks.index).idxmax(),
            "accuracy": best,
            "as_good": f"{advice.as_good} of {len(order)}",
            "within": 196 * np.sqrt(2 * best / 100 * (1 - best / 100) / images),
            **{f"{way}_takes": name for way, name in taken.items()},
            **{f"{way}_gives_up": best - truth[name] for way, name in taken.items()},
            "of_imagenet_gives_up": best - truth[habit].mean(),
            "three_of_imagenet_gives_up": best
            - np.mean([truth[[*three]].max() for three in combinations(habit, SHORTLIST)]),
            "of_all_gives_up": best - truth.mean(),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def compare_choices(choices: pd.DataFrame, networks: pd.DataFrame) -> str:
    """A row per task: the best network, and what each way of choosing gives up against it; their mean; their cost."""
    titles, gflops = networks["title"], networks["forward_gflops"]
    rows = []
    for task, row in choices.iterrows():
        cells = (
            f"{titles[row[f'{way}_takes']]}: {fixed(row[f'{way}_gives_up'])}"
            for way in (*SINGLE, *THREE)
        )
        chance = (fixed(row[f"{way}_gives_up"]) for way in CHANCE)
        best = f"{titles[row['best']]}: {fixed(row['accuracy'])}"
        rows.append([TASKS[task][0], best, *cells, *chance, row["as_good"]])
    means = (_with_bootstrap(choices[f"{way}_gives_up"]) for way in WAYS)
    rows.append(["**mean**", "", *means, ""])
    costs = [fixed(gflops[choices[f"{way}_takes"]].mean()) for way in SINGLE]
    rows.append(["GFLOPs, mean", "", *costs, *[""] * (len(WAYS) - len(costs) + 1)])
    return write_table(["task", "best: %", *WAYS.values(), "expected as good"], rows, 7)


def compare_ways(choices: pd.DataFrame) -> str:
    """A row per two ways: how much more the one gives up than the other on the same tasks."""
    rows = []
    for way, other in PAIRED:
        apart = choices[f"{way}_gives_up"] - choices[f"{other}_gives_up"]
        rows.append([f"{WAYS[way]} − {WAYS[other]}", _with_bootstrap(apart), *map(fixed, apart)])
    titles = (title for title, _ in TASKS.values())
    return write_table(["gives up more by", "mean", *titles], rows)


def count_hits(choices: pd.DataFrame) -> str:
    """A row per way: on how many tasks what it takes is best, nearly so, or not told from the best by the test images."""
    rows = []
    for way, title in {**SINGLE, **THREE}.items():
        behind = choices[f"{way}_gives_up"]
        limits = (1e-9, 1.0, choices["within"])
        rows.append(
            [title, *(f"{int((behind <= limit).sum())} of {len(choices)}" for limit in limits)]
        )
    return write_table(["", "a best one", "within 1 point", "within the test images' noise"], rows)


def _with_bootstrap(values: pd.Series) -> str:
    """``0.87 [0.3, 1.7]``: the mean, and the middle 95 % of the means of all resamples of the tasks."""
    means = np.mean([*product(values, repeat=len(values))], axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{fixed(values.mean())} [{fixed(low)}, {fixed(high)}]"


def compare_with_habit(frames: Mapping[str, pd.DataFrame]) -> str:
    """A row per measure: how far it is ahead of the habit, on the networks that both order."""
    pairs, titles = frames["comparisons"], frames["measures"].set_index("measure")["title"]
    pairs = pairs[pairs["group"] == OF_IMAGENET]
    ahead = pairs[pairs["worse"] == HABIT].set_index("better")[["difference", "low", "high"]]
    behind = pairs[pairs["better"] == HABIT].set_index("worse")[["difference", "high", "low"]]
    behind = -behind.set_axis(["difference", "low", "high"], axis=1)
    both = pd.concat([ahead, behind]).rename(columns={"difference": "mean"})
    both = both.sort_values("mean", ascending=False)
    rows = [[titles[name], with_interval(row)] for name, row in both.iterrows()]
    return write_table(["measure", "tau × 100 more than the habit"], rows)


def add_up_ranking(costs: pd.DataFrame, with_budget: pd.DataFrame) -> str:
    """Processor minutes of ranking with and without a budget, and of tuning what is ranked."""

    def add_up(frame: pd.DataFrame, *starts: str) -> float:
        ranked = ~frame["log"].str.contains("-scratch")
        return frame.loc[ranked & frame["rule"].str.startswith(starts), "cpu_seconds"].sum()

    ranking = ("fit_training", "extract_training", "extract_sample", "rank", "order_", "drop_")
    return compare_spent(
        {
            "`rank`": add_up(costs, *ranking),
            "`rank` with a budget": add_up(with_budget, *ranking),
            "fine-tuning the fifteen at three rates": add_up(costs, "fit_images", "finetune"),
        }
    )


def read_published(page: str) -> dict[str, str]:
    """Return the tables that stand in a page, by their names."""
    return dict(re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- end -->", page, re.DOTALL))


def make_tables(
    published: Mapping[str, str], folder: Path | None, budget: Path | None
) -> dict[str, str]:
    """Return all tables of the page; those of a run that is not there as they were published."""
    tables = dict(published)
    names = ("summary", "measures", "tasks", "checkpoints", "ground_truth", "comparisons")
    if folder is not None:
        frames, costs = read_tables(folder, names), read_costs(folder)
        tables |= {
            "accuracies": list_accuracies(frames),
            "ranking": rank_measures(frames, ALL, "photos"),
            "habit": compare_with_habit(frames),
            "costs": add_up_costs(costs),
        }
        if budget is not None:
            tables["spent"] = add_up_ranking(costs, read_costs(budget))
    networks = read_networks(tables["accuracies"])
    choices = choose(networks)
    return tables | {
        "choices": compare_choices(choices, networks),
        "apart": compare_ways(choices),
        "hits": count_hits(choices),
    }


def find_run(folder: str, holds: str) -> Path | None:
    """Return the folder of a finished run; None, and say so, where it does not hold what the tables are made of."""
    if (Path(folder) / holds).exists():
        return Path(folder)
    print(f"{folder}: has no {holds}; the tables made of it stay as they were published")
    return None


def main(*folders: str) -> None:
    holds = ("results/evaluation/summary.csv", "results/rank")
    folder, budget = (*map(find_run, folders, holds), None, None)[:2]
    tables = make_tables(read_published(PAGE.read_text(encoding="utf-8")), folder, budget)
    fill_page(PAGE, tables)
    if folder is not None:
        copy_figures(folder, ALL, "real")


if __name__ == "__main__":
    main(*sys.argv[1:])
