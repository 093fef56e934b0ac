import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax
from tests.support.measure_cases import CASES, digits

from ckptrank.measures._pactran import pactran
from ckptrank.measures.accounting import recording


def bound(features, labels, data_weight, prior_variance):
    """Minimise the penalised loss over W and b as written, then add the second term."""
    features = features - features.mean(axis=0)
    samples, dimensions = features.shape
    classes = labels.max() + 1
    strength = data_weight * samples
    onehot = np.eye(classes)[labels]

    def objective(flat):
        weights, bias = flat[:-classes].reshape(dimensions, classes), flat[-classes:]
        logs = log_softmax(features @ weights + bias, axis=1)
        error = (np.exp(logs) - onehot) / samples
        gradient = np.append(features.T @ error + weights / strength, error.sum(axis=0))
        return -(onehot * logs).sum() / samples + np.square(weights).sum() / 2 / strength, gradient

    options = {"maxiter": 20000, "maxfun": 40000, "ftol": 0, "gtol": 1e-11, "maxcor": 40}
    start = np.zeros((dimensions + 1) * classes)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    weights = found.x[:-classes].reshape(dimensions, classes)
    probabilities = np.exp(log_softmax(features @ weights + found.x[-classes:], axis=1))
    hessian_trace = sum(
        np.square(x).sum() * (p * (1 - p)).sum()
        for x, p in zip(features, probabilities, strict=True)
    )
    hessian_trace /= samples
    parameters = classes * dimensions
    variance = prior_variance / dimensions
    inverse_temperature = strength / variance
    growth = np.log1p(inverse_temperature * variance * hessian_trace / parameters)
    return found.fun + parameters / (2 * inverse_temperature) * growth


@pytest.mark.parametrize(("data_weight", "prior_variance"), [(1.0, 100.0), (0.1, 1.0)])
@pytest.mark.parametrize("case", ["tall", "two classes", "digits tall"])
def test_equals_the_bound(case, data_weight, prior_variance):
    features, labels = CASES[case]
    expected = -bound(features, labels, data_weight, prior_variance)
    score = pactran(features, labels, data_weight=data_weight, prior_variance=prior_variance)
    assert score == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("kept", [0, 2**30])
def test_blocks_change_nothing(monkeypatch, kept):
    features, labels = CASES["digits tall"]
    whole = pactran(features.astype(np.float32), labels)
    monkeypatch.setitem(pactran.__globals__, "_KEPT_BYTES", kept)
    monkeypatch.setitem(pactran.__globals__, "_BLOCK_BYTES", 8 * 64 * 7)
    assert pactran(features.astype(np.float32), labels) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("case", ["tall", "digits tall"])
def test_a_start_in_single_precision_changes_nothing(monkeypatch, case):
    features, labels = CASES[case]
    double = pactran(features, labels)
    monkeypatch.setitem(pactran.__globals__, "_SINGLE_BYTES", 0)
    assert pactran(features, labels) == pytest.approx(double, rel=1e-8)


def test_dimensions_of_unequal_variance_take_few_iterations_with_many_samples(monkeypatch):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 400)
    features = rng.standard_normal((400, 30)) + rng.standard_normal((4, 30))[labels]
    features = 10 * features * np.arange(1, 31) ** -1.5
    scores, iterations = [], []
    for worth in (4, 1000):
        monkeypatch.setitem(pactran.__globals__, "_WORTH", worth)
        with recording() as record:
            scores.append(pactran(features, labels))
        iterations.append(record.notes["iterations"])
    assert scores[0] == pytest.approx(scores[1], rel=1e-9)
    assert iterations[0] < 0.6 * iterations[1]


def test_wide_features_lose_nothing_to_fewer_dimensions():
    features, labels = CASES["wide"]
    expected = -bound(0.1 * features, labels, 0.1, 1.0)
    score = pactran(0.1 * features, labels, data_weight=0.1, prior_variance=1.0)
    assert score == pytest.approx(expected, rel=1e-8)


def test_hand_computed_features_that_say_nothing():
    labels = np.array([0, 0, 0, 1])
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    with recording() as record:
        score = pactran(np.full((4, 3), 0.1), labels)
    assert score == pytest.approx(-entropy, rel=1e-10)
    assert record.notes["complexity"] == 0


def test_better_features_have_a_lower_bound():
    features, labels = digits(300)
    shuffled = np.random.default_rng(0).permutation(labels)
    assert pactran(features, labels) > pactran(features, shuffled)


@pytest.mark.parametrize("scale", [1e-30, 1e6])
def test_any_scale_is_solved(scale):
    features, labels = CASES["tall"]
    assert np.isfinite(pactran(features * scale, labels))


def test_refusals():
    features, labels = CASES["tall"]
    with pytest.raises(ValueError, match="max_iter: the classifier did not converge in 3 of 3"):
        pactran(features, labels, max_iter=3)
    with pytest.raises(ValueError, match="data_weight"):
        pactran(features, labels, data_weight=0.0)
    with pytest.raises(ValueError, match="prior_variance"):
        pactran(features, labels, prior_variance=-1.0)
    with pytest.raises(ValueError, match="features: magnitudes"):
        pactran(features * 1e200, labels)
