"""Fine-tuned accuracies beside the order that was made without them."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from ckptrank.evaluation.collect import collect_ground_truth
from ckptrank.evaluation.columns import RANK
from ckptrank.evaluation.tables import read_table, write_frames
from ckptrank.files.atomic import read_json, write_json

TUNED = {"tuned_accuracy": "accuracy", "tuned_low": "accuracy_low", "tuned_high": "accuracy_high"}
"""Column of a ranking -> that of the ground truth."""


def add_tuned_accuracy(
    order: str | Path, ground_truth: Iterable[str], facts: str | Path, outputs: Mapping[str, str]
) -> None:
    """Write an order with the columns of :data:`TUNED`: those of the checkpoints with ground truth, in 0..1.

    ``outputs``: ``ranking``, the table, and ``json``: the task's facts with the table's rows as ``checkpoints``,
    numbers that there are not as null.
    """
    table = read_table(order, RANK["order"], "order")
    tuned = collect_ground_truth(ground_truth).set_index("checkpoint")
    for column, source in TUNED.items():
        table[column] = table["checkpoint"].map(tuned[source])
    write_frames({"ranking": outputs["ranking"]}, {"ranking": table}, RANK)
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    write_json(outputs["json"], read_json(facts) | {"checkpoints": rows})
