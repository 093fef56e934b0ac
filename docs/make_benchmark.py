"""Fill the tables and pictures of docs/benchmark.md from a finished run: ``python docs/make_benchmark.py FOLDER``.

FOLDER is where `make benchmark` has run. A table stands in the page between ``<!-- NAME -->`` and ``<!-- end -->``; the
text around them is written by hand. Two of the pictures are the report's own figures of the union of the groups.
"""

import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
import yaml

from ckptrank.evaluation.comparisons import smallest_difference
from ckptrank.jobs.costs import read_job_costs
from ckptrank.text import DASH, fixed, significant

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/benchmark.md"
UNION = "I+II+III"
# Those that most papers on the subject compare.
BEST_KNOWN = (
    "linear_converged", "leep", "nleep", "nce", "logme", "h_score", "lfc", "transrate", "gbc", "parc",
)  # fmt: skip
STAGES = {
    "prepare": "data",
    "pretrain": "pre-training",
    "extract_features": "features",
    "finetune": "fine-tuning sweeps (the ground truth)",
    "score_early_stopped_finetune": "early-stopped fine-tuning",
    "score": "all other measures",
}


def write_table(head: Iterable[str], rows: Iterable[Iterable[str]], numbers_from: int = 1) -> str:
    """Return a Markdown table, its columns from ``numbers_from`` on set to the right."""
    head = list(head)
    lines = [head, ["---"] * numbers_from + ["---:"] * (len(head) - numbers_from), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def with_interval(row: Mapping[str, float] | None) -> str:
    """``71 [60, 80]`` of a row of a table with an interval."""
    if row is None or pd.isna(row["mean"]):
        return DASH
    return f"{fixed(row['mean'], 0)} [{fixed(row['low'], 0)}, {fixed(row['high'], 0)}]"


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


def rank_measures(frames: Mapping[str, pd.DataFrame]) -> str:
    summary, titles = frames["summary"], frames["measures"].set_index("measure")["title"]
    groups = list(summary["group"].unique())
    by_metric = {
        metric: rows.set_index(["measure", "group"])
        for metric, rows in summary[summary["complete"]].groupby("metric")
    }
    tau = by_metric["kendall"]
    order = tau["mean"].unstack().reindex(titles.index)
    order = order.sort_values([UNION, "II"], ascending=False, na_position="last").index

    def find(metric: str, name: str, group: str) -> pd.Series | None:
        table = by_metric[metric]
        return table.loc[(name, group)] if (name, group) in table.index else None

    rows = []
    for name in order:
        seconds, regret = find("seconds", name, UNION), find("regret_at_1", name, UNION)
        rows.append(
            [
                titles[name],
                *(with_interval(find("kendall", name, group)) for group in groups),
                DASH if regret is None or pd.isna(regret["mean"]) else fixed(regret["mean"], 1),
                DASH
                if seconds is None or pd.isna(seconds["mean"])
                else significant(seconds["mean"], 2),
            ]
        )
    return write_table(["measure", *groups, "gives up", "seconds"], rows)


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


def add_up_costs(folder: Path) -> str:
    """Jobs and processor time by stage, from the last line of every job's log."""
    frame = pd.DataFrame(read_job_costs(folder / "logs"))
    starts = list(STAGES)
    stages = frame["rule"].map(
        lambda rule: max((s for s in starts if rule.startswith(s)), key=len, default="rest")
    )
    sums = frame.groupby(stages).agg(
        jobs=("rule", "size"), cpu=("cpu_seconds", "sum"), memory=("peak_mb", "max")
    )
    rows = [
        [
            STAGES.get(stage, "tables, figures, pages"),
            f"{row.jobs:,.0f}",
            fixed(row.cpu / 60, 1),
            f"{row.cpu / sums['cpu'].sum():.0%}",
            f"{row.memory:,.0f}",
        ]
        for stage in [*starts, "rest"]
        if stage in sums.index
        for row in [sums.loc[stage]]
    ]
    total = sums.sum()
    rows.append(
        ["all", f"{total.jobs:,.0f}", fixed(total.cpu / 60, 1), "", f"{sums['memory'].max():,.0f}"]
    )
    head = ["stage", "jobs", "processor minutes", "share", "most memory of a job, MB"]
    return write_table(head, rows)


def fill(page: str, tables: Mapping[str, str]) -> str:
    """Return the page with the tables in their places.

    Raises:
        KeyError: for a table without a place, or a place without a table.
    """
    places = re.findall(r"<!-- (\w+) -->", page)
    if odd := sorted({*places} ^ {*tables, "end"}):
        raise KeyError(f"tables without a place, or places without a table: {', '.join(odd)}")
    return re.sub(
        r"(<!-- (\w+) -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}{tables[found[2]]}\n{found[3]}",
        page,
        flags=re.DOTALL,
    )


def main(folder: Path) -> None:
    names = ("summary", "measures", "tasks", "ground_truth", "families", "findings", "comparisons")
    frames = {name: pd.read_csv(folder / "results/evaluation" / f"{name}.csv") for name in names}
    evaluation = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["evaluation"]
    family_of = {task: kind for kind, tasks in evaluation["families"].items() for task in tasks}
    tables = {
        "tasks": list_tasks(frames, family_of),
        "ranking": rank_measures(frames),
        "kinds": rank_by_kind(frames),
        "findings": list_findings(frames),
        "apart": count_told_apart(frames),
        "ways": list_ways(ROOT / "benchmarks/results/rank_default.csv"),
        "costs": add_up_costs(folder),
    }
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")
    for figure in ("comparisons", "quality_cost"):
        drawn = folder / "results/report" / figure / f"{UNION}.svg"
        shutil.copy(drawn, PAGE.parent / "images" / f"benchmark_{figure}.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
