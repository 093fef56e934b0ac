import tracemalloc

import numpy as np
import pytest
from tests.support.measure_cases import CASES, random_case

from ckptrank.measures._lfc import lfc


def correlate_entries(theta, label_matrix):
    return np.corrcoef(theta.ravel(), label_matrix.ravel())[0, 1]


@pytest.mark.parametrize("case", CASES)
def test_equals_equation_8_on_the_full_matrices(case):
    features, labels = CASES[case]
    label_matrix = np.where(labels[:, None] == labels, 1, -1)
    expected = correlate_entries(features @ features.T, label_matrix)
    assert lfc(features, labels) == pytest.approx(expected, rel=1e-10)


def test_hand_computed():
    opposite = np.array([[1.0], [1.0], [-1.0], [-1.0]])
    assert lfc(opposite, np.array([0, 0, 1, 1])) == pytest.approx(1, abs=1e-15)
    assert lfc(opposite, np.array([0, 1, 0, 1])) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("shape", [(80, 7), (20, 60)])
def test_multi_label_equals_the_full_matrices(shape):
    generator = np.random.default_rng(0)
    features = generator.standard_normal(shape) + 1
    labels = generator.random((shape[0], 6)) < 0.3
    agree = (labels[:, None] == labels).sum(axis=2)
    label_matrix = (agree - (6 - agree)) / 6
    expected = correlate_entries(features @ features.T, label_matrix)
    assert lfc(features, labels.astype(np.uint8)) == pytest.approx(expected, rel=1e-10)


def test_multi_label_rows_of_one_class_score_as_plain_labels():
    features, labels = CASES["tall"]
    assert lfc(features, np.eye(5, dtype=int)[labels]) == pytest.approx(lfc(features, labels))


def test_a_mean_far_from_zero_costs_no_accuracy():
    features, labels = random_case(60, 5, 3)
    features = np.round(features, 3) + 1000
    exact = features.astype(np.longdouble)
    theta = exact @ exact.T
    label_matrix = np.where(labels[:, None] == labels, 1, -1).astype(np.longdouble)
    theta -= theta.mean()
    label_matrix -= label_matrix.mean()
    norms = np.sqrt((theta**2).sum() * (label_matrix**2).sum())
    expected = float((theta * label_matrix).sum() / norms)
    assert lfc(features, labels) == pytest.approx(expected, rel=1e-9)


def test_scale_does_not_matter_however_large():
    features, labels = CASES["tall"]
    for scale in (1e-200, 1e200):
        assert lfc(features * scale, labels) == pytest.approx(lfc(features, labels), rel=1e-10)


def test_float32_features_are_not_copied_whole():
    features = np.random.default_rng(0).standard_normal((400_000, 64)).astype(np.float32)
    tracemalloc.start()
    lfc(features, np.arange(400_000) % 10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.75 * 8 * features.size


def test_undefined_correlations_are_refused():
    with pytest.raises(ValueError, match="features: every sample"):
        lfc(np.full((4, 3), 0.1), np.array([0, 0, 1, 1]))
    with pytest.raises(ValueError, match="labels: all rows"):
        lfc(np.eye(4), np.tile([1, 1, 0], (4, 1)))
