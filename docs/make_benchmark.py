"""Fill the tables and pictures of docs/benchmark.md from a finished run: ``python docs/make_benchmark.py FOLDER``.

FOLDER is where `make benchmark` has run. Two of the pictures are the report's own figures of the union of the groups.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml
from run_tables import (
    add_up_costs,
    copy_figures,
    fill_page,
    rank_measures,
    read_costs,
    read_tables,
    with_interval,
    write_table,
)
from scipy import stats

from ckptrank.evaluation.comparisons import smallest_difference
from ckptrank.text import DASH, fixed

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/benchmark.md"
UNION = "I+II+III"
# Those that most papers on the subject compare.
BEST_KNOWN = (
    "linear_converged", "leep", "nleep", "nce", "logme", "h_score", "lfc", "transrate", "gbc", "parc",
)  # fmt: skip
CONTROL = "leave_one_task_out"
WELL_PLACED = (
    "finetune_5_epochs", "generalisation_normalised", "sfda", "etran", "ncti", "h_score", "linear_converged",
    "consensus", "logme", "nleep", "lfc",
)  # fmt: skip


def list_tasks(frames: Mapping[str, pd.DataFrame], family_of: Mapping[str, str]) -> str:
    truth = frames["ground_truth"].groupby("task")
    rows = []
    for row in frames["tasks"].itertuples():
        own = truth.get_group(row.task)
        rows.append(
            [
                row.title,
                family_of.get(row.task, DASH),
                *(f"{count:,}" for count in (row.classes, row.train_samples, row.test_samples)),
                *(fixed(100 * own["accuracy"].quantile(q)) for q in (0, 0.5, 1)),
                fixed(100 * (own["noise_sd"] ** 2).mean() ** 0.5),
            ]
        )
    head = ["task", "kind", "classes", "training images", "test images"]
    head += ["worst, %", "median, %", "best, %", "noise, points"]
    return write_table(head, rows, 2)


def rank_by_kind(frames: Mapping[str, pd.DataFrame], count: int = 14) -> str:
    families = frames["families"]
    families = families[families["group"] == UNION].rename(columns={"kendall": "mean"})
    titles = frames["measures"].set_index("measure")["title"]
    cells = families.set_index(["measure", "family"])
    names = cells["mean"].unstack().dropna().mean(axis=1).nlargest(count).index
    kinds = list(families["family"].unique())
    rows = [
        [titles[name], *(with_interval(cells.loc[(name, kind)]) for kind in kinds)]
        for name in names
    ]
    return write_table(["measure", *kinds], rows)


def list_findings(frames: Mapping[str, pd.DataFrame]) -> str:
    findings = frames["findings"]
    rows = []
    for _, parts in findings.groupby("finding", sort=False):
        whole, parts = parts[parts["part"].isna()].iloc[0], parts[parts["part"].notna()]
        counts = parts["verdict"].value_counts()
        told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        rows.append([whole["statement"], f"**{whole['verdict']}**", told])
    return write_table(["the paper says", "here", "its parts"], rows, 3)


def count_told_apart(frames: Mapping[str, pd.DataFrame]) -> str:
    """Of the pairs of the best-known measures: how many the benchmark tells apart, and from which difference on."""
    rows = []
    for group, pairs in frames["comparisons"].groupby("group", sort=False):
        known = pairs[pairs["better"].isin(BEST_KNOWN) & pairs["worse"].isin(BEST_KNOWN)]
        if known.empty:
            continue
        measures = len({*known["better"], *known["worse"]})
        apart = int(known["told_apart"].sum())
        rows.append(
            [group, str(measures), str(len(known)), f"{apart} ({apart / len(known):.0%})", fixed(smallest_difference(known), 0)]
        )  # fmt: skip
    head = ["group", "measures", "pairs", "told apart", "smallest difference, tau × 100"]
    return write_table(head, rows)


def compare_with_control(frames: Mapping[str, pd.DataFrame]) -> str:
    """How far measures are ahead of the control that knows the other tasks, in every group, both resampled together."""
    titles = frames["measures"].set_index("measure")["title"]
    pairs = frames["comparisons"]
    groups = list(pairs["group"].unique())
    ahead = {}
    for row in pairs[(pairs["better"] == CONTROL) | (pairs["worse"] == CONTROL)].itertuples():
        if row.worse == CONTROL:
            ahead[row.better, row.group] = {
                "mean": row.difference,
                "low": row.low,
                "high": row.high,
            }
        else:
            ahead[row.worse, row.group] = {"mean": -row.difference, "low": -row.high, "high": -row.low}  # fmt: skip
    rows = [
        [titles[name], *(with_interval(ahead.get((name, group))) for group in groups)]
        for name in WELL_PLACED
    ]
    return write_table(["measure", *groups], rows)


def compare_intervals(frames: Mapping[str, pd.DataFrame]) -> str:
    """Tau in the union with its interval over tasks and checkpoints, and over the tasks alone (Student's t)."""
    titles = frames["measures"].set_index("measure")["title"]
    summary = frames["summary"]
    summary = summary[(summary["group"] == UNION) & (summary["metric"] == "kendall")]
    summary = summary.set_index("measure")
    taus = frames["metrics"][frames["metrics"]["group"] == UNION]
    taus = 100 * taus.pivot(index="task", columns="measure", values="kendall")
    control, rows = taus[CONTROL], []
    for name in WELL_PLACED:
        alone, lead = (_estimate_mean(values) for values in (taus[name], taus[name] - control))
        rows.append([titles[name], *map(with_interval, (summary.loc[name], alone, lead))])
    head = ["measure", "tasks and checkpoints", "tasks alone", "ahead of the control, tasks alone"]
    return write_table(head, rows)


def _estimate_mean(values: pd.Series) -> dict[str, float]:
    found = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    return {"mean": values.mean(), "low": found.low, "high": found.high}


def list_ways(path: Path) -> str:
    frame = pd.read_csv(path)
    rows = []
    for _, row in frame.iterrows():
        cells = [row["order"]]
        for name, scale, decimals in (
            ("kendall", 100, 0), ("kendall_ahead", 100, 0), ("regret", 100, 1), ("regret_ahead", 100, 1),
        ):  # fmt: skip
            value, low, high = (
                fixed(scale * row[f"{name}{end}"], decimals) for end in ("", "_low", "_high")
            )
            cells.append(f"{value} [{low}, {high}]")
        rows.append(cells)
    head = [
        "order",
        "tau × 100",
        "ahead of the default",
        "gives up, points",
        "more than the default",
    ]
    return write_table(head, rows)


def main(folder: Path) -> None:
    names = (
        "metrics",
        "summary",
        "measures",
        "tasks",
        "ground_truth",
        "families",
        "findings",
        "comparisons",
    )
    frames = read_tables(folder, names)
    evaluation = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["evaluation"]
    family_of = {task: kind for kind, tasks in evaluation["families"].items() for task in tasks}
    tables = {
        "tasks": list_tasks(frames, family_of),
        "ranking": rank_measures(frames, UNION, "II"),
        "kinds": rank_by_kind(frames),
        "findings": list_findings(frames),
        "apart": count_told_apart(frames),
        "control": compare_with_control(frames),
        "intervals": compare_intervals(frames),
        "ways": list_ways(ROOT / "benchmarks/results/rank_default.csv"),
        "costs": add_up_costs(read_costs(folder)),
    }
    fill_page(PAGE, tables)
    copy_figures(folder, UNION, "benchmark")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
