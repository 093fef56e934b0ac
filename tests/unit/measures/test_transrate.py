import numpy as np
import pytest
from tests.support.measure_cases import CASES

from ckptrank.measures._shared import gram
from ckptrank.measures._transrate import transrate


def coding_rate(features, eps):
    samples, dimensions = features.shape
    inside = np.eye(dimensions) + features.T @ features / (samples * eps)
    return np.linalg.slogdet(inside)[1] / 2


@pytest.mark.parametrize("eps", [1e-4, 1.0])
@pytest.mark.parametrize("case", CASES)
def test_equals_the_pseudo_code(case, eps):
    features, labels = CASES[case]
    centered = features - features.mean(axis=0)
    rates = [coding_rate(centered[labels == c], eps) for c in np.unique(labels)]
    expected = coding_rate(centered, eps) - np.mean(rates)
    assert transrate(features, labels, eps=eps) == pytest.approx(expected, rel=1e-9)


def authors_code(features, labels, eps):
    """Their steps one by one: eigenvalues of the whole D x D matrices, sizes, the rank of the first."""
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    features = features - features.mean(axis=0)
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    whole = features.T @ features / len(labels)
    rate, within = np.log(1 + np.linalg.svd(whole)[1] / eps).sum(), 0
    for c in np.unique(labels):
        of_class = features[labels == c]
        values = np.linalg.svd(of_class.T @ of_class / len(of_class))[1]
        within += len(of_class) / len(labels) * np.log(1 + values / eps).sum()
    return (rate - within) / np.linalg.matrix_rank(whole) / 2


@pytest.mark.parametrize("eps", [1e-4, 1.0])
@pytest.mark.parametrize("case", CASES)
def test_equals_the_authors_code(case, eps):
    features, labels = CASES[case]
    assert len(set(np.bincount(labels))) > 1
    expected = authors_code(features, labels, eps)
    score = transrate(features, labels, eps=eps, form="authors")
    assert score == pytest.approx(expected, rel=1e-9)
    assert transrate(1e200 * features, labels, eps=eps, form="authors") == pytest.approx(
        expected, rel=1e-9
    )


@pytest.mark.parametrize("form", ["pseudo_code", "authors"])
def test_classes_are_taken_by_blocks(monkeypatch, form):
    features, labels = CASES["digits tall"]
    whole = transrate(features, labels % 2, form=form)
    monkeypatch.setattr(gram, "_BLOCK_BYTES", 8 * 64 * 7)
    monkeypatch.setitem(transrate.__globals__, "_BLOCK_BYTES", 8 * 64 * 11)
    assert transrate(features, labels % 2, form=form) == pytest.approx(whole, rel=1e-10)


def test_authors_form_is_hand_computed():
    # of unit length (1, 0), (-1, 0), (0, 1), (0, -1), whose mean is 0: Z'Z / 4 = I / 2, of rank 2; of
    # the first three Z'Z / 3 = diag(2, 1) / 3, of the last diag(0, 1)
    features = np.array([[2.0, 0.0], [-1.0, 0.0], [0.0, 5.0], [0.0, -0.1]])
    score = transrate(features, np.array([0, 0, 0, 1]), eps=1.0, form="authors")
    within = 3 / 4 * np.log(5 / 3 * 4 / 3) + 1 / 4 * np.log(2)
    assert score == pytest.approx((2 * np.log(1.5) - within) / 2 / 2, rel=1e-12)


def test_samples_without_length_or_at_the_mean_stay_zero():
    features = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    score = transrate(features, np.array([0, 0, 0, 1, 1]), eps=1.0, form="authors")
    rate = 2 * np.log(1 + 2 / 5)
    within = 3 / 5 * np.log(1 + 2 / 3) + 2 / 5 * np.log(2)
    assert score == pytest.approx((rate - within) / 2 / 2, rel=1e-12)
    parallel = np.outer(np.arange(1, 7), [0.1, 0.3, 0.7])
    assert transrate(parallel, np.arange(6) % 2, form="authors") == 0


def test_hand_computed():
    features = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]) + 5
    score = transrate(features, np.array([0, 0, 1, 1]), eps=1.0)
    assert score == pytest.approx(np.log(1.5) - np.log(2) / 2, rel=1e-12)


def test_features_without_variation_have_no_rate():
    for form in ("pseudo_code", "authors"):
        assert transrate(np.full((6, 3), 0.1), np.arange(6) % 2, form=form) == 0


@pytest.mark.parametrize("eps", [0.0, -1.0, np.nan])
def test_eps_must_be_positive(eps):
    with pytest.raises(ValueError, match="eps"):
        transrate(*CASES["tall"], eps=eps)


def test_the_form_is_one_of_two():
    with pytest.raises(ValueError, match="form: expected 'pseudo_code' or 'authors'"):
        transrate(*CASES["tall"], form="paper")
