"""The ranking of a task as text for a terminal."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from ckptrank.rank.words import describe_task, name_metric, say_before, say_costs
from ckptrank.text import (
    DASH,
    is_number,
    megabytes,
    one_decimal,
    percent,
    roughly,
    short_count,
    significant,
)

_WIDEST = 44  # characters of a checkpoint's name


def format_ranking(ranking: pd.DataFrame, facts: Mapping) -> str:
    """Return the answer, a line per ranked checkpoint and one per checkpoint that has no rank.

    ``ranking``: the table ``ranking``; ``facts``: the task's ``facts.json``.
    """
    names = {row.checkpoint: row.title or row.checkpoint for row in ranking.itertuples()}
    ranked = ranking[ranking["rank"].notna()].sort_values("rank", kind="stable")
    lost = ranking[ranking["rank"].isna()]
    lines = [
        f"{facts['title'] or facts['task']} ({describe_task(facts)})",
        *_answer(ranked, facts, names),
    ]
    lines += [f"Mind: {warning}" for warning in facts["warnings"]]
    if len(ranked):
        costs = _list_costs(ranked, name_metric(facts))
        rows = [_row(row, names, costs) for row in ranked.itertuples()]
        lines += ["", *_align([(*_HEADER, *costs, _LAST), *rows])]
    if ranked["with_first"].astype(bool).sum() > 1:
        lines.append("* cannot be told apart from the first")
    lines += [f"not ranked: {names[row.checkpoint]}: {row.reason}" for row in lost.itertuples()]
    return "\n".join(lines)


_HEADER = (
    "rank",
    "95 %",
    "checkpoint",
    "points behind",
    "GFLOPs",
    "parameters",
    "images/s",
)
_LAST = "licence"


def _answer(ranked: pd.DataFrame, facts: Mapping, names: Mapping[str, str]) -> list[str]:
    if ranked.empty:
        return ["No checkpoint could be ranked."]
    advice = facts["advice"]
    take, before = names[advice["take"]], say_before(ranked, facts)
    if advice["by_cost"]:
        answer = f"Take {take}, the cheapest of them ({say_costs(ranked, advice, names)})."
    elif facts["objects"] is None:
        answer = f"Take {take}."
    else:
        answer = (
            f"{take} is first by the classes in the images; fine-tune detectors before you choose."
        )
    return [before, answer] if before else [answer]


def _list_costs(ranked: pd.DataFrame, metric: str) -> dict[str, tuple[str, Callable]]:
    """Return title -> (column, how to write it) of what tuning a detector takes, and reaches where some were tuned.

    ``metric``: of the detector; empty where none is to be tuned.
    """
    if not metric:
        return {}
    costs = {
        "detector's tuning": ("finetune_seconds", roughly),
        "detector's memory": ("finetune_memory_mb", megabytes),
        f"tuned {metric}": ("tuned_accuracy", percent),
    }
    return {title: cost for title, cost in costs.items() if ranked[cost[0]].notna().any()}


def _row(
    row: Any, names: Mapping[str, str], costs: Mapping[str, tuple[str, Callable]]
) -> tuple[str, ...]:
    name = names[row.checkpoint]
    return (
        f"{row.rank:.0f}{'*' if row.with_first else ' '}",
        f"{row.rank_low:.0f}\N{EN DASH}{row.rank_high:.0f}" if is_number(row.rank_low) else DASH,
        name if len(name) <= _WIDEST else f"{name[: _WIDEST - 1]}\N{HORIZONTAL ELLIPSIS}",
        one_decimal(100 * row.gap) if is_number(row.gap) else DASH,
        significant(row.forward_gflops) if is_number(row.forward_gflops) else DASH,
        short_count(row.parameters) if is_number(row.parameters) else DASH,
        significant(row.images_per_second) if is_number(row.images_per_second) else DASH,
        *(
            write(getattr(row, column)) if is_number(getattr(row, column)) else DASH
            for column, write in costs.values()
        ),
        row.licence or "not stated",
    )


def _align(rows: list[tuple[str, ...]]) -> list[str]:
    """Pad each column to its widest cell: names and licences on the right, numbers on the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if at in (2, len(widths) - 1) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
