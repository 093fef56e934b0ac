import numpy as np
import pandas as pd
import pytest

from ckptrank.evaluation.comparisons import (
    Series,
    compare_series,
    find_ties,
    smallest_difference,
)


def get_interval(values):
    means = np.nanmean(values, axis=1)
    return means.min(), means.max()


def test_differences_by_hand():
    """Tau of a: 60 and 40, of b: 50 and 80: b leads by 15; in two resamples by 30 and by 0."""
    a = Series(np.array([60.0, 40.0]), np.array([[60.0, 20.0], [50.0, 50.0]]))
    b = Series(np.array([50.0, 80.0]), np.array([[70.0, 70.0], [50.0, 50.0]]))
    (row,) = compare_series({"a": a, "b": b}, get_interval)
    assert row == {
        "better": "b", "worse": "a", "difference": 15.0,
        "low": 0.0, "high": 30.0, "tasks": 2, "told_apart": False,
    }  # fmt: skip


def test_only_tasks_that_both_know_count():
    a = Series(np.array([60.0, np.nan]), np.array([[55.0, 99.0]]))
    b = Series(np.array([50.0, 10.0]), np.array([[50.0, 0.0]]))
    (row,) = compare_series({"a": a, "b": b}, get_interval)
    assert (row["difference"], row["low"], row["high"], row["tasks"]) == (10, 5, 5, 1)
    nothing = Series(np.array([np.nan, 10.0]), np.array([[np.nan, 10.0]]))
    assert compare_series({"a": a, "b": nothing}, get_interval) == []


def test_measures_with_unlike_gaps_are_judged_on_what_both_have_scored():
    every = np.array([[True, True, True]])
    a = Series(np.array([60.0]), np.array([[60.0]]), every)
    b = Series(np.array([50.0]), np.array([[50.0]]), every)
    gaps = Series(np.array([90.0]), np.array([[90.0]]), np.array([[True, False, True]]))
    asked = []

    def judge(name, counted):
        asked.append((name, counted.tolist()))
        return Series(np.array([{"a": 80.0, "b": 30.0, "gaps": 90.0}[name]]), np.array([[0.0]]))

    rows = compare_series({"a": a, "b": b, "gaps": gaps}, get_interval, judge)
    assert [(row["better"], row["worse"], row["difference"]) for row in rows] == [
        ("a", "b", 10),
        ("gaps", "a", 10),
        ("gaps", "b", 60),
    ]
    both = [[True, False, True]]
    assert asked == [("a", both), ("gaps", both), ("b", both), ("gaps", both)]


@pytest.mark.parametrize(
    ("apart", "ties"),
    [
        (set(), [("a", "b", "c", "d")]),
        ({"ad"}, [("a", "b", "c"), ("b", "c", "d")]),
        ({"ab", "ac", "ad"}, [("b", "c", "d")]),
        ({"ac", "ad", "bd"}, [("a", "b"), ("b", "c"), ("c", "d")]),
        ({"ab", "ac", "ad", "bc", "bd", "cd"}, []),
        # b and c are no further from each other than a and c, and yet told apart
        ({"bc"}, [("a", "b"), ("c", "d")]),
    ],
)
def test_ties_are_the_longest_stretches(apart, ties):
    assert find_ties("abcd", lambda first, second: first + second in apart) == ties


def test_the_smallest_difference_is_the_median_half_width():
    frame = pd.DataFrame({"low": [-10.0, 0.0, 5.0], "high": [10.0, 40.0, 65.0]})
    assert smallest_difference(frame) == 20
