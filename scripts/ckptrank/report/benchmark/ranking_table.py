"""The papers' table of ranking measures: a row per measure, a column per metric, one per group."""

import pandas as pd

from ckptrank.evaluation.tables import ranked_checkpoints
from ckptrank.report.kit.measures import measure_order
from ckptrank.report.kit.tables import Cell, Column, Row, Table, mark_best
from ckptrank.scores.costs import count_shared_pass
from ckptrank.text import DASH, counted, is_number, significant

#: The papers' metrics, in percent, in the order of their tables.
METRIC_COLUMNS = tuple(
    Column(key, title, contest="quality", help=text)
    for key, title, text in (
        (
            "recall_at_1",
            "Recall@1",
            "How often the first choice is the best checkpoint, % of tasks",
        ),
        ("rel_at_1", "Rel@1", "Accuracy of the first choice relative to the best checkpoint, %"),
        (
            "recall_at_3",
            "Recall@3",
            "How often the best checkpoint is among the first three, % of tasks",
        ),
        (
            "rel_at_3",
            "Rel@3",
            "Best accuracy among the first three relative to the best checkpoint, %",
        ),
        ("pearson", "Pearson", "Linear correlation of scores with fine-tuned accuracies, x 100"),
        (
            "kendall",
            "Kendall",
            "Rank correlation (tau-b) of scores with fine-tuned accuracies, x 100",
        ),
    )
)

_SCORED_ON = Column(
    "scored_on",
    "Scored on",
    numeric=False,
    help="Training samples that it was fitted on, or the test set, or held out training samples",
)

COST_COLUMNS = tuple(
    Column(
        key,
        title,
        show=significant,
        higher_is_better=False,
        contest="cost",
        help=f"{text}, per checkpoint and task",
    )
    for key, title, text in (
        (
            "gmacs",
            "GMACs",
            "Billions of multiply-adds beyond the shared pass, counted as the first paper does",
        ),
        (
            "gmacs_with_fitting",
            "GMACs with fitting",
            "All multiply-adds done beyond the shared pass, in billions",
        ),
        ("seconds", "Seconds", "Measured time of the measure alone"),
    )
)


def render_ranking_table(
    summary: pd.DataFrame,
    measures: pd.DataFrame,
    group: str,
    *,
    checkpoints: pd.DataFrame,
    tasks: pd.DataFrame,
) -> Table:
    """Return a group's table: measures x (samples scored, the papers' metrics, multiply-adds twice, seconds).

    Rows are the measures of ``measures`` that ``summary`` knows in this group. Best and second best
    are marked among all but the control; in the cost columns also without the baselines, whose
    scores are looked up, not computed. A row that misses more pairs of the group than every row
    does has a dagger; it competes like the others, since the measure ranks what it failed on last.
    """
    wanted = summary[summary["group"] == group]
    if wanted.empty:
        raise ValueError(f"summary: no rows for group {group!r}")
    values = {
        (row.measure, row.metric): (row.mean, row.low, row.high)
        for row in wanted.itertuples(index=False)
    }
    left_out = wanted.groupby("measure")["left_out"].max()
    dashed = undefined_measures(summary, group)
    comparable = left_out[[name not in dashed for name in left_out.index]]
    common = int(comparable.min()) if len(comparable) else 0
    facts = measures.set_index("measure")
    rows = []
    for measure in measure_order(measures):
        if measure not in left_out.index:
            continue
        fact = facts.loc[measure]
        title = fact["title"] or measure
        if measure in dashed:
            note = "Not defined for every checkpoint of this group."
            cells = [Cell(None, note=note) for _ in (*METRIC_COLUMNS, *COST_COLUMNS)]
        else:
            cells = [Cell(*values.get((measure, column.key), (None,))) for column in METRIC_COLUMNS]
            cells += [
                Cell(values.get((measure, column.key), (None,))[0]) for column in COST_COLUMNS
            ]
        shown, note = title, ""
        if left_out[measure] > common and measure not in dashed:
            shown, note = (
                f"{title} †",
                f"{counted(int(left_out[measure]), 'pair')} of this group without a score or ground truth",
            )
        rows.append(
            Row(
                (
                    Cell(title, text=shown, note=note),
                    Cell(fact["scored_on"], note=fact["protocol"]),
                    *cells,
                ),
                section=fact["family"],
                contests=_contests(fact["family"]),
            )
        )
    count = int(wanted["tasks"].max())
    members = ranked_checkpoints(checkpoints, group)
    table = Table(
        name=f"ranking_{_slug(group)}",
        title=f"Ranking measures on group {group}",
        columns=(
            Column("measure", "Method", numeric=False),
            _SCORED_ON,
            *METRIC_COLUMNS,
            *COST_COLUMNS,
        ),
        rows=tuple(rows),
        caption=(
            f"Averages over {counted(count, 'task')} and {counted(len(members), 'checkpoint')}, in percent, "
            "with 95 % bootstrap intervals over tasks and checkpoints. A checkpoint that a measure has no "
            "score for is its last choice; only Pearson and Kendall are without it. Best in bold, second best "
            "underlined, the control apart. GMACs are billions of multiply-adds per checkpoint and task, "
            "counted as the first paper counts its GFLOPS, beyond a forward pass over the training images "
            f"that all measures share{_shared_pass(checkpoints, members, tasks)}. With fitting: all that was "
            "done here beyond that pass. Seconds are of the measure, with its share of what it alone needs."
        ),
        footnotes=_footnotes(rows, dashed, common),
    )
    return mark_best(table)


def _shared_pass(checkpoints: pd.DataFrame, members: list[str], tasks: pd.DataFrame) -> str:
    """Say what the shared pass takes, the mean over checkpoints and tasks."""
    forward = checkpoints.set_index("checkpoint").loc[members, "forward_gflops"].mean() / 2
    images = tasks.loc[tasks["status"] == "ok", "train_samples"].mean()
    gmacs = count_shared_pass(images, forward)
    return f", which takes {significant(gmacs)}" if is_number(gmacs) else ""


def _contests(family: str) -> frozenset[str]:
    if family == "control":
        return frozenset()
    return frozenset({"quality"} if family == "baseline" else {"quality", "cost"})


#: What stands in the place of a figure of Kendall's tau.
NO_ORDER = "No measure has a Kendall here: on every task all fine-tuned accuracies are equal, or fewer than two are known."


def undefined_measures(summary: pd.DataFrame, group: str) -> set[str]:
    """Return the measures that are not defined for all pairs of a group, such as LEEP without heads.

    Their row is a dash, as in the papers: such a measure cannot rank the group.
    """
    partly = (summary["group"] == group) & (summary["left_out_not_applicable"] > 0)
    return set(summary.loc[partly, "measure"])


def _footnotes(rows: list[Row], dashed: set[str], common: int) -> tuple[str, ...]:
    notes = []
    if dashed:
        notes.append(
            f"{DASH} not defined for every checkpoint of this group (LEEP needs a classification "
            "head); the provenance page has the reasons."
        )
    if any(row.cells[0].note for row in rows):
        notes.append(
            "† the measure failed on some pairs: their checkpoints are its last choices, and are left "
            "out of Pearson and Kendall; the provenance page lists them."
        )
    if common:
        notes.append(
            f"{counted(common, 'pair')} of this group could not be fine-tuned, or not be scored, in any row."
        )
    if any(row.section == "control" for row in rows):
        notes.append(
            "Controls use what the measures are to predict and compete for no mark: one ranks by the "
            "fine-tuned accuracies on the other tasks, the ceiling by those of the task itself with as much "
            "noise as repeats showed."
        )
    return tuple(notes)


def _slug(group: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in group)
