"""Tables in Markdown of a finished run, and the pages of docs/ that they fill.

A table stands in its page between ``<!-- NAME -->`` and ``<!-- end -->``; the text around them is written by hand.
"""

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from ckptrank.jobs.costs import read_job_costs
from ckptrank.text import DASH, fixed, significant

IMAGES = Path(__file__).parent / "images"
STAGES = {
    "prepare": "data",
    "pretrain": "pre-training",
    "fit": "decoding",
    "extract": "features",
    "finetune": "fine-tuning sweeps (the ground truth)",
    "score_early_stopped_finetune": "early-stopped fine-tuning",
    "train_reference": "networks that RSA compares with",
    "score": "all other measures",
    "rank": "the order of `rank`",
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


def read_tables(folder: Path, names: Iterable[str]) -> dict[str, pd.DataFrame]:
    """Return tables of a run's evaluation by their names."""
    return {name: pd.read_csv(folder / "results/evaluation" / f"{name}.csv") for name in names}


def index_metrics(summary: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return each metric's rows of a summary, by measure and group."""
    return {
        metric: rows.set_index(["measure", "group"]) for metric, rows in summary.groupby("metric")
    }


def rank_measures(frames: Mapping[str, pd.DataFrame], union: str, second: str) -> str:
    """Return a row per measure: Kendall's tau in every group; what it gives up and its seconds in ``union``.

    The rows are ordered by tau in ``union``, those without one by tau in the group ``second``.
    """
    summary, titles = frames["summary"], frames["measures"].set_index("measure")["title"]
    groups = list(summary["group"].unique())
    by_metric = index_metrics(summary[summary["complete"]])
    tau = by_metric["kendall"]
    order = tau["mean"].unstack().reindex(titles.index)
    order = order.sort_values([union, second], ascending=False, na_position="last").index

    def find(metric: str, name: str, group: str) -> pd.Series | None:
        table = by_metric[metric]
        return table.loc[(name, group)] if (name, group) in table.index else None

    rows = []
    for name in order:
        seconds, regret = find("seconds", name, union), find("regret_at_1", name, union)
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


def read_costs(folder: Path) -> pd.DataFrame:
    """Return a row per job of a run, from the last line of its log."""
    return pd.DataFrame(read_job_costs(folder / "logs"))


def add_up_costs(costs: pd.DataFrame) -> str:
    """Jobs and processor time by stage, of a row per job."""
    starts = list(STAGES)
    stages = costs["rule"].map(
        lambda rule: max((s for s in starts if rule.startswith(s)), key=len, default="rest")
    )
    sums = costs.groupby(stages).agg(
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


def compare_spent(seconds: Mapping[str, float]) -> str:
    """Return a row per entry: its processor minutes, and their share of the last entry's, which is tuning all."""
    *_, tuning = seconds.values()
    rows = [
        [what, fixed(spent / 60, 1), f"{spent / tuning:.1%}"] for what, spent in seconds.items()
    ]
    return write_table(["", "processor minutes", "of tuning all"], rows)


def copy_figures(folder: Path, group: str, page: str) -> None:
    """Put a report's comparison of the measures of a group beside the pages, as ``PAGE_FIGURE.svg``."""
    for figure in ("comparisons", "quality_cost"):
        drawn = folder / "results/report" / figure / f"{group}.svg"
        shutil.copy(drawn, IMAGES / f"{page}_{figure}.svg")


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


def fill_page(path: Path, tables: Mapping[str, str]) -> None:
    """Write the tables into their places of a page."""
    path.write_text(fill(path.read_text(encoding="utf-8"), tables), encoding="utf-8")
