"""What a person decides by: the first checkpoint, who ties with it, and what each would cost."""

import math
from collections.abc import Callable, Iterable, Mapping

import pandas as pd

from ckptrank.rank.words import say_before, say_costs
from ckptrank.report.rank.frames import Ranking
from ckptrank.text import (
    counted,
    is_number,
    listed,
    percent,
    roughly,
    short_count,
    significant,
)

#: What a checkpoint can be the best of: the words on its card, the column, higher is better.
_REASONS = (
    ("best after fine-tuning", "tuned_accuracy", True),
    ("shortest fine-tuning", "finetune_seconds", False),
    ("fewest parameters", "parameters", False),
    ("fastest", "images_per_second", True),
)
#: Names in a sentence; more are counted.
_LISTED = 5


def span(low: float, high: float) -> str:
    """Write an interval of ranks: ``1–3``; one number where both ends are the same."""
    if not (is_number(low) and is_number(high)):
        return ""
    return f"{low:.0f}" if round(low) == round(high) else f"{low:.0f}–{high:.0f}"


def answer(ranking: Ranking) -> dict:
    """Return what the page says first; ``first`` is empty where no checkpoint could be ranked."""
    ranked, names = ranking.ranked, ranking.names()
    counts = {"ranked": len(ranked), "failed": len(ranking.failed)}
    if ranked.empty:
        parts = ("take", "first", "span", "ties_text", "tuned", "agreement", "tuning")
        nothing = dict.fromkeys(parts, "")
        return {**nothing, **counts, "before": "", "by_cost": "", "ties": [], "cards": []}
    first = ranked.iloc[0]
    advice = ranking.facts["advice"]
    candidates = ranked[ranked["with_first"] | (ranked.index == 0)]
    ties = [names[name] for name in candidates["checkpoint"] if name != first["checkpoint"]]
    return {
        "take": names[advice["take"]],
        "before": say_before(ranked, ranking.facts),
        "by_cost": say_costs(ranked, advice, names) if advice["by_cost"] else "",
        "first": names[first["checkpoint"]],
        "span": span(first["rank_low"], first["rank_high"]),
        "ties": ties,
        "ties_text": list_some(ties),
        **counts,
        "tuned": _best_tuned(ranked, names, ranking.metric),
        "agreement": _agreement(ranking, first["checkpoint"]),
        "cards": _cards(candidates, names, advice, ranking.metric),
        "tuning": _tuning(candidates["finetune_seconds"], first["finetune_seconds"]),
    }


def list_some(names: list[str]) -> str:
    """Join names; past a handful the rest is counted."""
    if len(names) <= _LISTED:
        return listed(names)
    return f"{', '.join(names[: _LISTED - 1])} and {len(names) - _LISTED + 1} more"


def _agreement(ranking: Ranking, checkpoint: str) -> str:
    """Say how many of the measures put the checkpoint first."""
    ok = ranking.scores[ranking.scores["status"] == "ok"]
    mine = ok[ok["checkpoint"] == checkpoint]
    if mine.empty:
        return ""
    places = mine["rank"].dropna()
    first = int((places < 2).sum())
    text = f"{first} of {counted(len(places), 'measure')} put it first"
    if first < len(places):
        text += f", the others at place {span(places[places >= 2].min(), places.max())}"
    return text


def _best_tuned(ranked: pd.DataFrame, names: dict[str, str], metric: str) -> dict | str:
    """Return the best of those that the run fine-tuned to check its order; empty without any.

    ``metric``: what a detector reaches, empty of an accuracy.
    """
    tuned = ranked[ranked["tuned_accuracy"].notna()]
    if tuned.empty:
        return ""
    best = tuned.loc[tuned["tuned_accuracy"].idxmax()]
    said = f"{percent(best['tuned_accuracy'])} {metric}".strip()
    if is_number(best["tuned_low"]):
        said += f" (95\xa0% interval {percent(best['tuned_low'])} to {percent(best['tuned_high'])})"
    return {"count": len(tuned), "name": names[best["checkpoint"]], "accuracy": said}


def _tuning(candidates: pd.Series, first: float) -> str:
    """Say what one fine-tuning run of the first, and of all that tie with it, is likely to take."""
    if math.isnan(first):
        return ""
    text = f"about {roughly(first)} on this device"
    if len(candidates) > 1 and candidates.notna().all():
        text += f"; all {len(candidates)} that cannot be told apart, {roughly(candidates.sum())}"
    return text


def _cards(
    candidates: pd.DataFrame, names: dict[str, str], advice: Mapping, metric: str
) -> list[dict]:
    """Return a card for what is to be taken, the first, and each candidate that something speaks for."""
    reasons: dict[str, list[str]] = {advice["take"]: ["first choice"]}
    best_of_tied: dict[str, list[str]] = {}
    reasons.setdefault(advice["first"], ["first of the order"])
    if len(candidates) > 1:
        for words, column, higher in _REASONS:
            values = candidates.set_index("checkpoint")[column].dropna()
            if values.nunique() > 1:
                best = values.idxmax() if higher else values.idxmin()
                best_of_tied.setdefault(best, []).append(words)
    for name, words in best_of_tied.items():
        reasons.setdefault(name, []).append(f"{listed(words)} of the tied")
    rows = candidates.set_index("checkpoint")
    return [
        {
            "name": names[name],
            "why": _capitalised(listed(words)),
            "rank": f"{rows.loc[name, 'rank']:.0f}",
            "span": span(rows.loc[name, "rank_low"], rows.loc[name, "rank_high"]),
            "facts": card_facts(rows.loc[name], metric),
        }
        for name, words in reasons.items()
    ]


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def card_facts(row: pd.Series, metric: str) -> list[tuple[str, str]]:
    """Return what is known of a checkpoint's cost, in words; what is unknown is left out.

    ``metric``: what a detector is judged by where fine-tuning is of one, else empty.
    """
    tuning = "Tuning a detector" if metric else "Fine-tuning"
    shown: Iterable[tuple[str, str, Callable[[float], str]]] = (
        (f"Tuned {metric or 'accuracy'}", "tuned_accuracy", percent),
        (tuning, "finetune_seconds", lambda value: f"about {roughly(value)}"),
        ("Parameters", "parameters", short_count),
        ("GFLOPs per image", "forward_gflops", significant),
        ("Images per second", "images_per_second", significant),
    )
    facts = [(title, show(row[key])) for title, key, show in shown if is_number(row[key])]
    return [*facts, ("Licence", row["licence"] or "not stated")]
