"""Tables of the rank job: what to decide by, every measure's ranks and scores, what failed."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from ckptrank.report.kit.losses import group_losses
from ckptrank.report.kit.marks import explain_marks, score_cell
from ckptrank.report.kit.tables import Cell, Column, Row, Table, mark_best
from ckptrank.report.rank.answer import list_some
from ckptrank.report.rank.frames import Ranking
from ckptrank.text import (
    duration,
    is_number,
    listed,
    megabytes,
    one_decimal,
    percent,
    roughly,
    short_count,
    significant,
)

_RANK_HELP = "Place by the consensus of the measures; 95 % interval over half-samples"
_GAP_HELP = "Points of accuracy that it is expected to reach less than the first, 95 % interval"


def _points(fraction: float) -> str:
    return one_decimal(100 * fraction)


def whole(value: float) -> str:
    return f"{value:.0f}"


def render_decision_table(ranking: Ranking) -> Table:
    """Return a row per ranked checkpoint: its rank with interval, and what taking it would cost.

    Columns that are empty for every checkpoint are left out. The lowest cost is marked among the
    checkpoints that cannot be told apart from the first: elsewhere cheap is no merit.
    """
    names = ranking.names()
    rank_help = _RANK_HELP + (" and the measures' error" if ranking.has_gaps else "")
    columns = [
        Column("checkpoint", "Checkpoint", numeric=False),
        Column("rank", "Rank", show=whole, show_extra=whole, higher_is_better=False, help=rank_help),
        Column("with_first", "Tied", numeric=False, help="Cannot be told apart from the first"),
        Column("consensus", "Mean rank", higher_is_better=False, help="Mean over the measures"),
    ]  # fmt: skip
    gap = Column("gap", "Behind the first", show=_points, show_extra=_points, help=_GAP_HELP)
    if ranking.has_gaps:
        columns.append(gap)
    metric = ranking.metric
    tuning, memory, of_what = "Fine-tuning", "Memory to tune", "fine-tuning"
    if metric:
        tuning, memory, of_what = "Tuning a detector", "Detector's memory", "tuning a detector"
    costs = [
        Column("tuned_accuracy", f"Tuned {metric or 'accuracy'}", show=percent, show_extra=percent, contest="cost"),
        _cost("finetune_seconds", tuning, roughly, "One run at one learning rate on this device, estimated"),
        _cost("parameters", "Parameters", short_count),
        _cost("forward_gflops", "GFLOPs", significant, "Operations of one forward pass, in 10^9, two per multiply-add: timm's tables have half"),
        Column("images_per_second", "Images/s", show=significant, contest="cost",
               help="Measured in the forward pass on this device"),
    ]  # fmt: skip
    costs += [
        _cost("latency_seconds", "Latency", duration, "Forward pass of one image on this device"),
        _cost("finetune_memory_mb", memory, megabytes,
              f"For {of_what}: weights, gradients, momentum and what a batch keeps; estimated"),
        _cost("inference_memory_mb", "Memory to run", megabytes, "For one image; estimated"),
        _cost("file_mb", "File", megabytes, "Its stored weights"),
    ]  # fmt: skip
    estimated = ""
    if ranking.ranked["finetune_seconds"].notna().any():
        of_detector = " of a detector, by a few steps of it on this device"
        estimated = (
            f" Fine-tuning times are estimates{of_detector if metric else ' for this device'}."
        )
    costs.append(_cost("input_size", "Pixels", whole, "Side of the square image that it takes"))
    costs = [column for column in costs if ranking.ranked[column.key].notna().any()]
    about = [
        Column("licence", "Licence", numeric=False),
        Column("samples", "Judged on", show=lambda value: f"{value:,.0f}",
               help="Training images that its scores saw; fewer where it was dropped early"),
    ]  # fmt: skip
    rows = []
    for row in ranking.ranked.itertuples(index=False):
        cells = [
            Cell(names[row.checkpoint]),
            Cell(row.rank, row.rank_low, row.rank_high),
            Cell("yes" if row.with_first else "no"),
            Cell(row.consensus),
            *([Cell(row.gap, row.gap_low, row.gap_high)] if gap in columns else []),
            *(_decide_by(row, column.key) for column in costs),
            Cell(row.licence, text=row.licence or "not stated"),
            Cell(row.samples, note="" if row.stage == "all" else f"{row.stage} per class"),
        ]
        contests = frozenset({"cost"} if row.with_first else ())
        rows.append(Row(tuple(cells), section=str(row.with_first), contests=contests))
    table = Table(
        name=f"ranking_{_slug(ranking.facts['task'])}",
        title="What to decide by",
        columns=(*columns, *costs, *about),
        rows=tuple(rows),
        caption=(
            "Brackets hold 95 % intervals, as told below under how this was measured. Among "
            "the checkpoints that cannot be told apart from the first, the best of each cost is in "
            f"bold, the second best underlined.{estimated}"
        ),
    )
    return mark_best(table)


def _decide_by(row: Any, key: str) -> Cell:
    if key == "tuned_accuracy" and is_number(row.tuned_low):
        return Cell(row.tuned_accuracy, row.tuned_low, row.tuned_high)
    return Cell(getattr(row, key))


def _cost(key: str, title: str, show: Callable[[float], str], text: str = "") -> Column:
    return Column(key, title, show=show, higher_is_better=False, contest="cost", help=text)


def _measures(ranking: Ranking) -> dict[str, str]:
    pairs = zip(ranking.scores["measure"], ranking.scores["title"], strict=True)
    return {measure: title or measure for measure, title in pairs}


def _matrix(ranking: Ranking, cell: Callable[[pd.Series], Cell]) -> tuple[Row, ...]:
    """Return a row per checkpoint (ranked ones first), a cell per measure."""
    found = ranking.scores.set_index(["checkpoint", "measure"])
    rows = []
    for checkpoint, name in ranking.names().items():
        cells = [Cell(name)]
        for measure in _measures(ranking):
            if (checkpoint, measure) not in found.index:
                cells.append(Cell(note="not scored"))
                continue
            row = found.loc[(checkpoint, measure)]
            if row["status"] == "ok":
                cells.append(cell(row))
            else:
                cells.append(Cell(text=row["status"].replace("_", " "), note=row["reason"]))
        rows.append(Row(tuple(cells), contests=frozenset({"rank"})))
    return tuple(rows)


def render_rank_matrix(ranking: Ranking) -> Table:
    """Return checkpoints x measures: the rank that each measure gives, with its interval."""
    columns = [
        Column(measure, title, show=whole, show_extra=whole, higher_is_better=False, contest="rank")
        for measure, title in _measures(ranking).items()
    ]
    rows = _matrix(ranking, lambda row: Cell(row["rank"], row["rank_low"], row["rank_high"]))
    return mark_best(
        Table(
            name=f"measure_ranks_{_slug(ranking.facts['task'])}",
            title="Every measure's ranks",
            columns=(Column("checkpoint", "Checkpoint", numeric=False), *columns),
            rows=rows,
            caption=(
                "Checkpoints in the order of the consensus. Each measure's first place is in bold, its "
                "second underlined; brackets hold 95 % intervals."
            ),
        )
    )


def render_score_matrix(ranking: Ranking) -> Table:
    """Return checkpoints x measures: the scores themselves, in each measure's unit."""
    columns = {
        measure: Column(measure, title, show=lambda value: significant(value, 4))
        for measure, title in _measures(ranking).items()
    }

    def cell(row: pd.Series) -> Cell:
        return score_cell(row["score"], row["mark"], columns[row.name[1]])

    return Table(
        name=f"measure_scores_{_slug(ranking.facts['task'])}",
        title="Every measure's scores",
        columns=(Column("checkpoint", "Checkpoint", numeric=False), *columns.values()),
        rows=_matrix(ranking, cell),
        caption="In each measure's own unit, higher is better.",
        footnotes=explain_marks(ranking.scores["mark"]),
    )


def render_losses(ranking: Ranking) -> Table:
    """Return the checkpoints without a rank and the scores that are missing, with their reasons."""
    names, measures = ranking.names(), _measures(ranking)
    rows = [
        ("Checkpoint", "not ranked", names[row.checkpoint], "", row.reason)
        for row in ranking.failed.itertuples(index=False)
    ]
    scores = ranking.scores
    lost = scores[
        (scores["status"] != "ok") & ~scores["checkpoint"].isin(ranking.failed["checkpoint"])
    ]
    for status, checkpoints, lost_measures, _, reason in group_losses(lost.assign(task="")):
        shown = list_some([names.get(name, name) for name in checkpoints])
        titles = listed([measures[measure] for measure in lost_measures])
        rows.append(("Score", status.replace("_", " "), shown, titles, reason))
    columns = [("what", "What"), ("status", "Status"), ("checkpoints", "Checkpoints")]
    columns += [("measures", "Measures"), ("reason", "Reason")]
    return Table(
        name=f"missing_{_slug(ranking.facts['task'])}",
        title="What failed or does not apply",
        columns=tuple(Column(key, title, numeric=False) for key, title in columns),
        rows=tuple(Row(tuple(map(Cell, row))) for row in rows),
        caption="A missing score is never counted as a zero."
        if rows
        else "Nothing failed and everything applies.",
    )


def _slug(name: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in name)
