import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from tests.support.measure_cases import CASES, digits

from ckptrank.measures._knn import _nearest, knn
from ckptrank.measures._shared import gram
from ckptrank.measures._shared.average_precision import mean_average_precision


def slow_votes(features, labels, k):
    """Votes for each class, neighbours tied for the last place sharing what is left."""
    features = features.astype(np.float64)
    votes = np.zeros((len(labels), labels.max() + 1))
    for i in range(len(labels)):
        distances = np.square(features - features[i]).sum(axis=1)
        distances[i] = np.inf
        last = np.sort(distances)[k - 1]
        certain, tied = np.flatnonzero(distances < last), np.flatnonzero(distances == last)
        for j in certain:
            votes[i, labels[j]] += 1
        for j in tied:
            votes[i, labels[j]] += (k - len(certain)) / len(tied)
    return votes


def slow_knn(features, labels, k):
    score = 0.0
    for row, label in zip(slow_votes(features, labels, k), labels, strict=True):
        winners = np.flatnonzero(row > row.max() - 1e-9)
        score += (label in winners) / len(winners)
    return score / len(labels)


@pytest.mark.parametrize("k", [1, 2, 5, 20])
@pytest.mark.parametrize("case", CASES)
def test_equals_the_definition(case, k):
    features, labels = CASES[case]
    assert knn(features, labels, k=k) == pytest.approx(slow_knn(features, labels, k), rel=1e-8)


def test_equals_the_definition_where_many_distances_tie():
    labels = digits(200)[1]
    features = np.round(digits(200)[0][:, 10:16] * 2)
    for k in (1, 3, 10):
        assert knn(features, labels, k=k) == pytest.approx(slow_knn(features, labels, k), rel=1e-8)


def test_hand_computed():
    features = np.array([[0.0], [1.0], [2.0], [10.0], [11.0]])
    labels = np.array([0, 0, 1, 1, 1])
    # Neighbours: 1; 0 and 2 tied, one of each class; 1; 4; 3.
    assert knn(features, labels, k=1) == pytest.approx((1 + 0.5 + 0 + 1 + 1) / 5)


def test_duplicated_samples_find_each_other():
    features = np.repeat(np.random.default_rng(0).standard_normal((10, 50)) * 1e3, 3, axis=0)
    labels = np.repeat(np.arange(10), 3)
    assert knn(features, labels, k=2) == 1


def test_a_class_of_one_sample_is_never_found():
    features = np.array([[0.0], [0.1], [0.2], [5.0]])
    assert knn(features, np.array([0, 0, 0, 1]), k=2) == 3 / 4


def test_where_all_samples_are_the_same_all_others_vote():
    labels = np.array([0, 0, 0, 1])
    assert knn(np.full((4, 3), 0.1), labels, k=2) == 3 / 4


@pytest.mark.parametrize("scale", [1e-200, 1e-3, 1e6, 1e200])
def test_does_not_depend_on_scale(scale):
    features, labels = CASES["tall"]
    assert knn(features * scale, labels) == knn(features, labels)


def test_does_not_depend_on_the_order_of_samples():
    labels = digits(200)[1]
    features = np.round(digits(200)[0][:, 10:16] * 2)
    order = np.random.default_rng(0).permutation(200)
    assert knn(features[order], labels[order]) == pytest.approx(knn(features, labels), rel=1e-12)


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("tile", [7, 100, 299])
def test_tiles_change_nothing(monkeypatch, tile, multi_label):
    features, labels = CASES["digits tall"]
    labels = np.eye(10, dtype=int)[labels] if multi_label else labels
    whole = knn(features, labels)
    monkeypatch.setitem(knn.__globals__, "_TILE", tile)
    monkeypatch.setitem(knn.__globals__, "_BLOCK_CELLS", 2000)
    monkeypatch.setattr(gram, "_BLOCK_BYTES", 8 * 64 * 11)
    assert knn(features, labels) == whole


@pytest.mark.parametrize("tile", [11, 64, 1000])
def test_the_nearest_of_all_samples_are_found_from_tiles(monkeypatch, tile):
    monkeypatch.setitem(knn.__globals__, "_TILE", tile)
    # farther samples first, so that later tiles have nearer ones
    samples = np.random.default_rng(0).standard_normal((230, 4)) * np.linspace(3, 0, 230)[:, None]
    singles = samples.astype(np.float32)
    distances, neighbours = _nearest(singles, np.square(singles).sum(axis=1, dtype=float), 9)
    expected = np.square(samples[:, None] - samples).sum(axis=2)
    np.fill_diagonal(expected, np.inf)
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :9], atol=1e-5)
    found = np.take_along_axis(expected, neighbours, axis=1)
    np.testing.assert_allclose(found, distances, atol=1e-5)


@pytest.mark.parametrize("spare", [0, 2, 11])
def test_what_single_precision_cannot_tell_apart_is_settled_in_double(monkeypatch, spare):
    # eight samples at each of 20 places, so near to each other that single precision cannot tell them apart
    rng = np.random.default_rng(0)
    features = rng.standard_normal((20, 30)).repeat(8, axis=0)
    features += 1e-4 * rng.standard_normal(features.shape)
    labels = rng.integers(0, 3, len(features))
    expected = slow_knn(features, labels, 3)
    settled = []
    for name in ("_distances_to", "_distances_to_all"):
        function = knn.__globals__[name]
        monkeypatch.setitem(
            knn.__globals__, name, lambda *a, f=function, n=name: settled.append(n) or f(*a)
        )
    monkeypatch.setitem(knn.__globals__, "_SPARE", spare)
    assert knn(features, labels, k=3) == pytest.approx(expected, rel=1e-12)
    assert set(settled) == {"_distances_to" if spare == 11 else "_distances_to_all"}


def test_several_labels_a_sample():
    features, labels = CASES["digits tall"]
    matrix = np.eye(10, dtype=int)[labels]
    matrix[:, 0] |= labels == 8
    votes = slow_votes(features, labels, 5)
    votes[:, 0] += votes[:, 8]
    expected = np.mean([average_precision_score(matrix[:, k], votes[:, k]) for k in range(10)])
    assert knn(features, matrix) == pytest.approx(expected, rel=1e-8)
    with pytest.raises(ValueError, match="every sample has every class"):
        knn(features, np.ones_like(matrix))


def test_average_precision_counts_equal_scores_together():
    scores = np.array([[0.9], [0.5], [0.5], [0.1]])
    labels = np.array([[True], [False], [True], [False]])
    # Recall 1/2 at precision 1, then 2/2 at precision 2/3.
    assert mean_average_precision(scores, labels) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert mean_average_precision(scores[::-1], labels[::-1]) == pytest.approx(5 / 6)


def test_average_precision_leaves_out_classes_without_samples():
    scores, labels = np.array([[0.2, 0.9], [0.7, 0.8]]), np.array([[False, False], [True, False]])
    assert mean_average_precision(scores, labels) == 1
    with pytest.raises(ValueError, match="no sample has a label"):
        mean_average_precision(scores, np.zeros((2, 2), bool))


@pytest.mark.parametrize("k", [0, 90])
def test_k_is_less_than_the_number_of_samples(k):
    with pytest.raises(ValueError, match=r"^k: expected 1 to 89 neighbours"):
        knn(*CASES["tall"], k=k)
