import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptrank.sampling import cap_per_class, hold_out

labels_of = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array)


@settings(deadline=None)
@given(labels_of, st.integers(1, 10), st.integers(0, 5))
def test_the_cap_holds_and_smaller_caps_are_nested(labels, cap, seed):
    chosen = cap_per_class(labels, cap, seed)
    counts, kept = np.bincount(labels), np.bincount(labels[chosen], minlength=labels.max() + 1)
    np.testing.assert_array_equal(kept, np.minimum(counts, cap))
    assert set(cap_per_class(labels, max(1, cap - 1), seed)) <= set(chosen)


@settings(deadline=None)
@given(labels_of, st.floats(0.05, 0.9), st.integers(0, 5))
def test_held_out_rows_are_disjoint_and_leave_every_class_something_to_fit(labels, fraction, seed):
    if np.bincount(labels).max() < 2:
        with pytest.raises(ValueError, match="no class has two samples"):
            hold_out(labels, fraction, seed)
        return
    fit, held = hold_out(labels, fraction, seed)
    assert sorted([*fit, *held]) == list(range(len(labels)))
    assert set(labels[fit]) == set(labels)


def test_a_fifth_is_a_fifth_of_every_class():
    labels = np.repeat([0, 1, 2], [10, 20, 50])
    _, held = hold_out(labels, 0.2, 0)
    np.testing.assert_array_equal(np.bincount(labels[held]), [2, 4, 10])


def test_multi_label_rows_are_stratified_by_their_combination():
    labels = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [1, 1], [1, 1]])
    chosen = cap_per_class(labels, 1, 0)
    assert {tuple(labels[row]) for row in chosen} == {(1, 0), (0, 1), (1, 1)}
    assert len(chosen) == 3
