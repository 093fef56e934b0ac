"""The answer of a ranking in words, the same on its page and in the terminal."""

from collections.abc import Mapping

import pandas as pd

from ckptrank.text import counted, one_decimal, percent, significant


def points(fraction: float) -> str:
    """Write a difference of accuracies: ``1.2 points``."""
    return f"{one_decimal(100 * fraction)} points"


def describe_task(facts: Mapping) -> str:
    """Say how large a task is: its classes, its training images, and the objects in them where it has boxes."""
    classes = counted(int(facts["classes"]), "class", "classes")
    images = counted(int(facts["train_samples"] or 0), "training image")
    objects = facts["objects"]
    return f"{classes}, {images}" + (
        "" if objects is None else f" with {counted(objects, 'object')}"
    )


def say_little(ties: int, ranked: int) -> str:
    """Say that more than half of the others may be as good as the first; empty where they are not."""
    if ranked < 3 or 2 * ties <= ranked - 1:
        return ""
    return f"{ties} of {ranked - 1} others may be as good as the first"


def say_by_cost(order: pd.DataFrame, facts: Mapping, names: Mapping[str, str]) -> dict[str, str]:
    """Say why another than the first is to be taken: how little tells them apart, and what each costs.

    ``order``: the ranked checkpoints; ``facts``: what is written of the task, with the ``advice``; ``names``:
    their titles. Returns ``why`` and ``costs``.
    """
    advice, rows = facts["advice"], order.set_index("checkpoint")
    if advice["probe"] is None:
        why = "The scores say little here"
    else:
        why = (
            f"The task is near its ceiling: a linear probe alone reaches {percent(advice['probe'])}"
        )
    costs = [
        f"{significant(rows.loc[advice[which], 'forward_gflops'])} GFLOPs an image"
        for which in ("take", "first")
    ]
    images = counted(int(facts["test_samples"]), "test image")
    return {
        "why": f"{why}. {advice['as_good']} of {len(rows)} checkpoints are expected within "
        f"{points(advice['largest_gap'])} of the first; the measures are off by as much or more (one standard error: "
        f"{points(advice['error'])}), and {images} could not show it (± {points(advice['noise'])})",
        "costs": f"{costs[0]}; {names[advice['first']]}, the first of the order, {costs[1]}",
    }
