"""The answer of a ranking in words, the same on its page and in the terminal."""

from collections.abc import Mapping

import pandas as pd

from ckptrank.evaluation.columns import FIRST_METRICS
from ckptrank.text import counted, one_decimal, percent, significant


def points(fraction: float) -> str:
    """Write a difference of accuracies: ``1.2 points``."""
    return f"{one_decimal(100 * fraction)} points"


def name_metric(facts: Mapping) -> str:
    """Name what a fine-tuned detector is judged by: ``AP``, ``mask AP`` or ``mIoU``; empty where a classifier is tuned."""
    head = facts.get("head")  # the facts of an older run have none
    return FIRST_METRICS[head] if head else ""


def describe_task(facts: Mapping) -> str:
    """Say how large a task is: its classes, its training images, and the objects in them where it has boxes."""
    classes = counted(int(facts["classes"]), "class", "classes")
    images = counted(int(facts["train_samples"] or 0), "training image")
    objects = facts["objects"]
    return f"{classes}, {images}" + (
        "" if objects is None else f" with {counted(objects, 'object')}"
    )


def say_before(order: pd.DataFrame, facts: Mapping) -> str:
    """Say what is to be known before any checkpoint is named, whichever is to be taken; empty where the order speaks.

    That the task is near its ceiling; how many are expected to be as good as the first, and how little tells them
    apart; or that more than half of the others may be. ``order``: the ranked checkpoints; ``facts``: what is written
    of the task, with the ``advice``.
    """
    advice, ranked = facts["advice"], len(order)
    # Of images with boxes the probe sees the classes alone, and the ceiling is not the detectors'.
    near = advice["probe"] is not None and facts["objects"] is None
    opening = (
        f"The task is near its ceiling: a linear probe alone reaches {percent(advice['probe'])}, so that differences "
        "after fine-tuning are small"
        if near
        else "The scores say little here"
    )
    if advice["as_good"] > 1:
        images = counted(int(facts["test_samples"]), "test image")
        return (
            f"{opening}. {advice['as_good']} of {ranked} checkpoints are expected within "
            f"{points(advice['largest_gap'])} of the first; the measures are off by as much or more (one standard error: "
            f"{points(advice['error'])}), and {images} could not show it (± {points(advice['noise'])})."
        )
    ties = int(order["with_first"].astype(bool).sum()) - 1
    little = f"{ties} of {ranked - 1} others may be as good as the first"
    if ranked < 3 or 2 * ties <= ranked - 1:
        return f"{opening}." if near else ""
    return f"{opening}{'.' if near else ':'} {little}."


def say_costs(order: pd.DataFrame, advice: Mapping, names: Mapping[str, str]) -> str:
    """Say what the checkpoint to take and the first of the order cost; ``names``: their titles."""
    gflops = order.set_index("checkpoint")["forward_gflops"]
    take, first = (significant(gflops[advice[which]]) for which in ("take", "first"))
    return f"{take} GFLOPs an image; {names[advice['first']]}, the first of the order, {first} GFLOPs an image"
