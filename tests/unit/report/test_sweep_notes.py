"""The sentences below the ground truth on the sweep that it comes from."""

import pandas as pd
import pytest

from ckptrank.report.benchmark.accuracy import describe_sweep
from ckptrank.report.kit.sweep_notes import describe_edges, describe_schedule

TASKS = {"one": "Task one", "two": "two"}
TRUTH = pd.DataFrame(
    [
        ("a", "one", "ok", 0.1, 100),
        ("b", "one", "ok", 0.2, 40),
        ("c", "one", "ok", 0.2, 70),
        ("d", "one", "ok", 0.4, 100),
        ("broken", "one", "failed", None, None),
        ("a", "two", "ok", 0.2, 70),
    ],
    columns=["checkpoint", "task", "status", "learning_rate", "steps"],
)
RATES, STEPS = [0.1, 0.2, 0.4], [100, 40, 70]


def describe(rates=RATES, steps=STEPS):
    return describe_edges(TRUTH, TASKS, {"learning_rates": rates, "steps": steps})


def test_the_schedule_is_told():
    sweep = {"schedule": "step", "decay_at": [0.6, 0.3, 0.9], "decay": 0.1}
    text = describe_schedule(sweep)
    assert "multiplied by 0.1 after 30, 60 and 90 % of its steps" in text
    assert "all step budgets are read off one run" in describe_schedule(
        {**sweep, "schedule": "constant"}
    )


def test_in_the_benchmark_only_the_members_of_the_group_count():
    checkpoints = pd.DataFrame([("a", "A"), ("b", "A;B")], columns=["checkpoint", "groups"])
    tasks = pd.DataFrame([("one", "Task one")], columns=["task", "title"])
    sweep = {"learning_rates": RATES, "steps": STEPS, "schedule": "constant"}
    schedule, edges = describe_sweep(TRUTH, checkpoints, tasks, "B", sweep)
    assert "Task one: 1 of 1 (0 at the lowest rate (0.1)" in edges
    assert "2 of 2" in describe_sweep(TRUTH, checkpoints, tasks, "A", sweep)[1]
    assert "not as in the paper" in schedule


def test_every_edge_is_counted_and_a_corner_once():
    text = describe()
    assert (
        "Task one: 3 of 4 (1 at the lowest rate (0.1), 1 at the highest (0.4), "
        "1 at the shortest budget (40 steps), 2 at the longest (100))." in text
    )
    assert "two: 0 of 1 (0 at the lowest rate (0.1)" in text


def test_a_single_value_has_no_edge_and_two_have_nothing_else():
    text = describe(rates=[0.1, 0.2], steps=[100])
    assert "budget (" not in text
    assert "The sweep has one step budget: no choice, no edge." in text
    assert "Of two learning rates each is an edge." in text
    assert describe([0.1], [40]) == (
        "The sweep has one learning rate and one step budget: no choice, no edge."
    )


@pytest.mark.parametrize("shift", [1e-17, -1e-17])
def test_a_rate_that_a_table_rounded_is_still_the_one_of_the_config(shift):
    assert "Task one: 3 of 4" in describe(rates=[0.1 + shift, 0.2, 0.4])
