"""Fine-tuned accuracies beside the order that was made without them."""

from collections.abc import Iterable
from pathlib import Path

from ckptrank.evaluation.collect import collect_ground_truth
from ckptrank.evaluation.columns import RANK
from ckptrank.evaluation.tables import read_table, write_frames


def add_tuned_accuracy(order: str | Path, ground_truth: Iterable[str], output: str | Path) -> None:
    """Write an order with a column ``tuned_accuracy``: that of the checkpoints with ground truth, in 0..1."""
    table = read_table(order, RANK["order"], "order")
    tuned = collect_ground_truth(ground_truth)
    table["tuned_accuracy"] = table["checkpoint"].map(tuned.set_index("checkpoint")["accuracy"])
    write_frames({"ranking": str(output)}, {"ranking": table}, RANK)
