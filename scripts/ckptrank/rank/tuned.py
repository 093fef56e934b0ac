"""Fine-tuned accuracies beside the order that was made without them."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from ckptrank.evaluation.collect import collect_ground_truth
from ckptrank.evaluation.columns import RANK
from ckptrank.evaluation.tables import read_table, write_frames
from ckptrank.files.atomic import read_json, write_json


def add_tuned_accuracy(
    order: str | Path, ground_truth: Iterable[str], facts: str | Path, outputs: Mapping[str, str]
) -> None:
    """Write an order with a column ``tuned_accuracy``: that of the checkpoints with ground truth, in 0..1.

    ``outputs``: ``ranking``, the table, and ``json``: the task's facts with the table's rows as ``checkpoints``,
    numbers that there are not as null.
    """
    table = read_table(order, RANK["order"], "order")
    tuned = collect_ground_truth(ground_truth)
    table["tuned_accuracy"] = table["checkpoint"].map(tuned.set_index("checkpoint")["accuracy"])
    write_frames({"ranking": outputs["ranking"]}, {"ranking": table}, RANK)
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    write_json(outputs["json"], read_json(facts) | {"checkpoints": rows})
