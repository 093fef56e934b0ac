"""Tables of the ground truth and of what is missing from it."""

import pandas as pd

from ckptrank.evaluation.recommend import say_accuracy
from ckptrank.evaluation.tables import in_group, in_stages, titles
from ckptrank.report.kit import theme
from ckptrank.report.kit.tables import Cell, Column, Row, Table, mark_best
from ckptrank.text import is_number, listed, one_decimal

_KINDS = (*theme.KIND_TITLES,)


def render_accuracy_table(
    ground_truth: pd.DataFrame, checkpoints: pd.DataFrame, tasks: pd.DataFrame, group: str = ""
) -> Table:
    """Return checkpoints x tasks with the best fine-tuned test accuracy, in percent, and its noise.

    With a ``group`` only its members are shown. Within each kind of supervision rows keep the order of
    ``checkpoints``, the stages of one pre-training together. Best and second best per task are marked.
    """
    chosen = in_stages(in_group(checkpoints, group) if group else checkpoints)
    truth = ground_truth.set_index(["checkpoint", "task"])
    ordered = sorted(
        chosen.itertuples(index=False),
        key=lambda row: _KINDS.index(row.kind) if row.kind in _KINDS else len(_KINDS),
    )
    rows = []
    for checkpoint in ordered:
        cells = [_accuracy_cell(truth, checkpoint.checkpoint, task) for task in tasks["task"]]
        values = [cell.value for cell in cells]
        mean = sum(values) / len(values) if None not in values else None
        kind = theme.KIND_TITLES.get(checkpoint.kind, checkpoint.kind)
        name = Cell(checkpoint.title or checkpoint.checkpoint)
        about = (
            Cell(kind),
            Cell(checkpoint.architecture),
            Cell(checkpoint.groups.replace(";", ", ")),
        )
        contests = frozenset({"accuracy"})
        rows.append(
            Row((name, *cells, Cell(mean), *about), section=checkpoint.kind, contests=contests)
        )
    names, judged = titles(tasks, "task"), say_accuracy(ground_truth)
    columns = (
        Column("checkpoint", "Checkpoint", numeric=False),
        *(
            Column(
                f"accuracy_{task}",
                names[task],
                show=one_decimal,
                contest="accuracy",
                help=f"{judged.capitalize()} of the sweep, %",
            )
            for task in tasks["task"]
        ),
        Column("mean", "Mean", show=one_decimal, contest="accuracy", help="Mean over the tasks, %"),
        Column("kind", "Supervision", numeric=False),
        Column("architecture", "Architecture", numeric=False),
        Column("groups", "Groups", numeric=False),
    )
    return mark_best(
        Table(
            name="accuracy"
            + (f"_{''.join(c if c.isalnum() else '_' for c in group)}" if group else ""),
            title="Fine-tuned accuracies" + (f" of group {group}" if group else ""),
            columns=columns,
            rows=tuple(rows),
            caption=(
                f"The ground truth: {judged} of each checkpoint after fine-tuning all of its "
                "weights, over the sweep of learning rates and step budgets, in percent. ± is its "
                "standard deviation between seeds, by repeats of the best setting. "
                + _say_chosen(ground_truth, names)
                + "Best in bold, second best underlined."
            ),
        )
    )


def _say_chosen(ground_truth: pd.DataFrame, names: dict[str, str]) -> str:
    """Say which tasks have validation images, by which the best setting was chosen."""
    chosen = ground_truth.loc[ground_truth["validation_accuracy"].notna(), "task"].unique()
    if not len(chosen):
        return ""
    return (
        f"Of {listed([names[task] for task in chosen])} validation images chose the best setting, which the test images "
        "then judged. "
    )


def _accuracy_cell(truth: pd.DataFrame, checkpoint: str, task: str) -> Cell:
    if (checkpoint, task) not in truth.index:
        return Cell(None, note="not fine-tuned")
    row = truth.loc[(checkpoint, task)]
    if row["status"] != "ok":
        return Cell(None, text="failed", note=row["reason"])
    low, high = 100 * row["accuracy_low"], 100 * row["accuracy_high"]
    note = f"95\xa0% interval for the draw of the test images: {low:.1f} to {high:.1f}"
    judged = is_number(row["accuracy_low"])
    return Cell(100 * row["accuracy"], spread=100 * row["noise_sd"], note=note if judged else "")
