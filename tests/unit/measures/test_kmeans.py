import warnings

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.cluster import kmeans_plusplus as reference_plusplus
from sklearn.exceptions import ConvergenceWarning
from tests.support.measure_cases import CASES, digits

from ckptrank.measures._mixture import kmeans as module
from ckptrank.measures._mixture.kmeans import kmeans, kmeans_plusplus
from ckptrank.measures._shared.pca import fit_pca


def projected(features):
    return fit_pca(features, 1.0).project(features)


def clustered(samples, dimensions, clusters, seed=0):
    """Return features with a power-law spectrum, for which leading coordinates tell much."""
    rng = np.random.default_rng(seed)
    centers = 4 * rng.standard_normal((clusters, dimensions))
    features = centers[rng.integers(clusters, size=samples)]
    features = features + rng.standard_normal((samples, dimensions))
    return projected(features * np.arange(1, dimensions + 1) ** -0.5)


SAMPLES = {
    **{
        name: (projected(features), 4 * (labels.max() + 1))
        for name, (features, labels) in CASES.items()
    },
    "all digits": (projected(digits(1797)[0]), 50),
    "screened": (clustered(900, 80, 60), 150),
}


def scikit_learn(samples, clusters, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(clusters, n_init=1, random_state=np.random.RandomState(seed)).fit(samples)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("case", SAMPLES)
def test_labels_are_those_of_scikit_learn(case, seed):
    samples, clusters = SAMPLES[case]
    labels, iterations = kmeans(samples, clusters, seed)
    reference = scikit_learn(samples, clusters, seed)
    np.testing.assert_array_equal(labels, reference.labels_)
    assert iterations == reference.n_iter_


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_seeds_are_those_of_scikit_learn_with_the_screen(monkeypatch, scale):
    samples = scale * clustered(900, 80, 60)
    used = []
    screened = module._Screen.improve
    monkeypatch.setattr(
        module._Screen, "improve", lambda *a: used.append(a[0].useful) or screened(*a)
    )
    seeds = kmeans_plusplus(samples, 150, np.random.RandomState(3))
    _, reference = reference_plusplus(samples, 150, random_state=np.random.RandomState(3))
    np.testing.assert_array_equal(seeds, reference)
    assert sum(used) > 50


@pytest.mark.parametrize("scale", [1e-60, 1.0, 1e60])
def test_the_nearest_of_centres_of_which_some_move(monkeypatch, scale):
    monkeypatch.setattr(module, "_BLOCK_CELLS", 700)
    rng = np.random.default_rng(0)
    samples = scale * rng.standard_normal((300, 6))
    # among them pairs that single precision cannot tell apart
    centres = samples[rng.permutation(300)[:30]].repeat(2, axis=0)
    centres[::2] += scale * 1e-9 * rng.standard_normal(centres[::2].shape)
    nearest = module._Nearest(samples, len(centres))
    for moving in (60, 40, 10, 1, 0):
        labels = nearest.find(centres)
        distances = np.square(samples[:, None] / scale - centres / scale).sum(axis=2)
        found = distances[np.arange(300), labels]
        np.testing.assert_allclose(found, distances.min(axis=1), rtol=1e-12, atol=1e-15)
        assert len(np.unique(labels)) > 30
        centres = centres.copy()
        moved = rng.permutation(60)[:moving]
        centres[moved] += scale * 0.3 * rng.standard_normal((moving, 6))


def test_sums_follow_the_samples():
    rng = np.random.default_rng(0)
    samples, before = rng.standard_normal((90, 4)), np.full(90, -1)
    sums = np.zeros((5, 4))
    for changing in (90, 60, 10, 1, 0):
        labels = before.copy()
        labels[:changing] = rng.integers(0, 5, changing)
        module._move_sums(sums, samples, before, labels)
        expected = [samples[labels == k].sum(axis=0) for k in range(5)]
        np.testing.assert_allclose(sums, expected, atol=1e-12)
        before = labels


def test_empty_clusters_move_to_the_farthest_samples():
    samples = np.array([[0.0], [1.0], [10.0], [11.0], [30.0]])
    labels = np.array([0, 0, 0, 0, 0])
    centers = np.array([[0.0], [100.0], [200.0]])
    means = module._cluster_means(samples, labels, centers, np.array([[52.0], [0.0], [0.0]]))
    np.testing.assert_allclose(means, [[11 / 3], [30.0], [11.0]])


@pytest.mark.parametrize("distinct", [1, 40, 100])
def test_duplicated_samples_fill_no_more_clusters_than_there_are_points(distinct):
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((distinct, 12))[rng.integers(distinct, size=300)]
    labels, _ = kmeans(samples - samples.mean(axis=0), 50, 0)
    assert len(np.unique(labels)) <= distinct
    same = np.all(samples[:, None] == samples[None], axis=2)
    assert (labels[:, None] == labels[None])[same].all()
