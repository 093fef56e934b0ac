"""Fill the tables of docs/real_networks.md: ``python docs/make_real_networks.py FOLDER BUDGET``.

FOLDER is where `presets/real.yaml` has run to its end, BUDGET where its `rank` has run with a budget.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
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

from ckptrank.text import DASH, fixed

PAGE = Path(__file__).parent / "real_networks.md"
# What a practitioner does today: the network of the highest accuracy on ImageNet.
HABIT = "source_accuracy"
ALL, OF_IMAGENET = "all", "imagenet"


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


def read_answers(folder: Path, tasks: Iterable[str]) -> dict[str, dict]:
    """Return what `rank` says of each task, as it wrote it for programs."""
    return {
        task: json.loads((folder / f"results/rank/{task}/ranking.json").read_text(encoding="utf-8"))
        for task in tasks
    }


def compare_choices(frames: Mapping[str, pd.DataFrame], folder: Path, budget: Path) -> str:
    """A row per task: the best network, and what each way of choosing gives up against it."""
    titles = frames["checkpoints"].set_index("checkpoint")["title"]
    sources = frames["checkpoints"].set_index("checkpoint")["source_accuracy"]
    truth = frames["ground_truth"].pivot(index="task", columns="checkpoint", values="accuracy")
    names = frames["tasks"].set_index("task")["title"]
    whole, halved = read_answers(folder, names.index), read_answers(budget, names.index)
    rows = []
    for task, title in names.items():
        accuracies = 100 * truth.loc[task]
        order = [row["checkpoint"] for row in whole[task]["checkpoints"]]
        best = accuracies[order].idxmax()

        def tell(chosen: str, accuracies: pd.Series = accuracies, best: str = best) -> str:
            return f"{titles[chosen]}: {fixed(accuracies[best] - accuracies[chosen])}"

        rows.append(
            [
                title,
                f"{titles[best]}: {fixed(accuracies[best])}",
                tell(sources.idxmax()),
                tell(order[0]),
                tell(accuracies[order[:3]].idxmax()),
                tell(whole[task]["advice"]["take"]),
                f"{whole[task]['advice']['as_good']} of {len(order)}",
                tell(halved[task]["checkpoints"][0]["checkpoint"]),
                fixed(accuracies[best] - accuracies[order].mean()),
            ]
        )
    head = ["task", "best: %", "the habit", "first of `rank`", "best of its first three"]
    head += ["its advice", "expected as good", "first with a budget", "a random one"]
    return write_table(head, rows, 8)


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


def main(folder: Path, budget: Path) -> None:
    names = ("summary", "measures", "tasks", "checkpoints", "ground_truth", "comparisons")
    frames, costs = read_tables(folder, names), read_costs(folder)
    tables = {
        "accuracies": list_accuracies(frames),
        "choices": compare_choices(frames, folder, budget),
        "ranking": rank_measures(frames, ALL, "photos"),
        "habit": compare_with_habit(frames),
        "spent": add_up_ranking(costs, read_costs(budget)),
        "costs": add_up_costs(costs),
    }
    fill_page(PAGE, tables)
    copy_figures(folder, ALL, "real")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
