"""What stands below the ground truth of the sweep that it comes from: its schedule, and its edges."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ckptrank.text import listed

# Column of the ground truth, entry of the config, its name, and how the smallest and the largest are called.
_AXES = (
    ("learning_rate", "learning_rates", "learning rate", "lowest rate ({:g})", "highest ({:g})"),
    ("steps", "steps", "step budget", "shortest budget ({:,} steps)", "longest ({:,})"),
)


def describe_schedule(sweep: Mapping) -> str:
    """Say how the learning rate goes; ``sweep``: the config's ``schedule``, ``decay_at`` and ``decay``."""
    if sweep["schedule"] == "constant":
        return "After the warm-up the learning rate is constant, and all step budgets are read off one run."
    places = listed([f"{100 * fraction:g}" for fraction in sorted(sweep["decay_at"])])
    return (
        f"Each step budget is a run of its own, whose learning rate is multiplied by {sweep['decay']:g} "
        f"after {places} % of its steps."
    )


def describe_edges(ground_truth: pd.DataFrame, tasks: Mapping[str, str], sweep: Mapping) -> str:
    """Say for each task how many of the checkpoints in the ground truth are best at which edge of the ``sweep``.

    ``tasks``: name -> title. ``sweep``: the config's ``learning_rates`` and ``steps``. One with a single value has no
    edges; where neither has two, the text says only that.
    """
    truth = ground_truth[ground_truth["status"] == "ok"]
    axes = [axis for axis in _AXES if len(sweep[axis[1]]) > 1]
    single = [f"one {axis[2]}" for axis in _AXES if axis not in axes]
    rest = [f"The sweep has {listed(single)}: no choice, no edge."] if single else []
    if not axes:
        return " ".join(rest)
    counts = [
        f"{title}: {_count(truth[truth['task'] == task], axes, sweep)}"
        for task, title in tasks.items()
    ]
    narrow = [axis[2] + "s" for axis in axes if len(sweep[axis[1]]) == 2]
    if narrow:
        rest.append(f"Of two {listed(narrow)} each is an edge.")
    return " ".join(
        [
            "Checkpoints whose best setting lies on the sweep's edge, beyond which a better one may lie.",
            *counts,
            *rest,
            "Of equal accuracies the fewest steps count, then the lowest rate.",
        ]
    )


def _count(truth: pd.DataFrame, axes: Sequence[tuple], sweep: Mapping) -> str:
    """Return ``3 of 4 (1 at the ...)`` for the ground truth of one task."""
    on_edge, said = np.zeros(len(truth), dtype=bool), []
    for column, key, _, smallest, largest in axes:
        ends = [(min(sweep[key]), smallest), (max(sweep[key]), largest)]
        for value, name in ends:
            found = np.isclose(truth[column].to_numpy(float), value, rtol=1e-9, atol=0)
            on_edge |= found
            said.append(f"{found.sum()} at the {name.format(value)}")
    return f"{on_edge.sum()} of {len(truth)} ({', '.join(said)})."
