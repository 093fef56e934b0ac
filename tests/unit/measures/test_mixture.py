import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from tests.support.measure_cases import digits
from threadpoolctl import threadpool_limits

from ckptrank.measures._mixture import diagonal as diagonal_mixture
from ckptrank.measures._mixture import full as full_mixture
from ckptrank.measures._mixture.diagonal import DiagonalMixture, SphericalMixture
from ckptrank.measures._mixture.expectation_maximisation import (
    UNDERFLOW,
    _list_changed,
    fit_mixture,
    sort_by_component,
)
from ckptrank.measures._mixture.full import FullMixture
from ckptrank.measures._mixture.gaussian import fit_gaussian
from ckptrank.measures._mixture.kmeans import kmeans
from ckptrank.measures._shared.pca import fit_pca
from ckptrank.measures.accounting import recording

KINDS = {"full": FullMixture, "diag": DiagonalMixture, "spherical": SphericalMixture}


def clustered(samples, dimensions, clusters, spread, seed=0):
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((clusters, dimensions))
    features = centers[rng.integers(clusters, size=samples)]
    features = features + spread * rng.standard_normal((samples, dimensions))
    features = features * np.arange(1, dimensions + 1) ** -0.3
    return fit_pca(features, 1.0).project(features)


# name: samples, components, and how many leading coordinates are looked at first
REGIMES = {
    "one-hot, few members": (clustered(300, 60, 30, 0.3), 60, None),
    "soft, many members": (clustered(500, 4, 3, 0.8), 6, None),
    "soft, screened": (clustered(500, 10, 3, 0.5), 6, 3),
    "thin and dense components": (clustered(250, 30, 8, 0.5), 16, 20),
    "more dimensions than samples": (clustered(60, 200, 10, 0.5), 20, None),
    "digits": (fit_pca(digits(900)[0], 0.8).project(digits(900)[0]), 50, None),
    "digits, screened": (fit_pca(digits(900)[0], 0.9).project(digits(900)[0]), 20, 6),
}


def scikit_learn(samples, components, covariance_type="full", **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(
            components, covariance_type=covariance_type, random_state=0, **parameters
        ).fit(samples)


def fitted(kind, samples, components, *, reg_covar=1e-6, max_iter=100, tol=1e-3):
    start, _ = kmeans(samples, components, 0)
    return fit_mixture(
        kind, samples, start, components, reg_covar=reg_covar, max_iter=max_iter, tol=tol
    )


def dense(posterior, samples, components):
    matrix = np.zeros((samples, components))
    matrix[posterior.rows, posterior.components()] = posterior.values
    return matrix


def assert_same(fit, reference, samples, others):
    components = len(reference.weights_)
    for points, posterior in (
        (samples, fit.posterior),
        (others, fit.mixture.posterior(others, UNDERFLOW)[0]),
    ):
        np.testing.assert_allclose(
            dense(posterior, len(points), components),
            reference.predict_proba(points),
            rtol=0,
            atol=1e-6,
        )
    assert fit.log_likelihood == pytest.approx(reference.lower_bound_, rel=1e-7)


@pytest.mark.parametrize("reg_covar", [1e-6, 1e-2])
@pytest.mark.parametrize("regime", REGIMES)
def test_full_covariances_equal_scikit_learn(monkeypatch, regime, reg_covar):
    samples, components, leading = REGIMES[regime]
    if leading is not None:
        monkeypatch.setattr(FullMixture, "_choose_leading", lambda *_: leading)
    others = samples[::3] + 0.05 * np.roll(samples, 1, axis=0)[::3]
    fit = fitted(FullMixture, samples, components, reg_covar=reg_covar)
    reference = scikit_learn(samples, components, reg_covar=reg_covar)
    assert_same(fit, reference, samples, others)
    assert fit.converged == reference.converged_


@pytest.fixture(params=["products with all samples", "each component's members"])
def moments(request, monkeypatch):
    """By which of the two ways the M step of other covariances goes."""
    few, dense = (np.inf, 0) if request.param.startswith("products") else (0, 2)
    monkeypatch.setattr(diagonal_mixture, "_FEW_CELLS", few)
    monkeypatch.setattr(diagonal_mixture, "_DENSE", dense)


@pytest.mark.usefixtures("moments")
@pytest.mark.parametrize("kind", ["diag", "spherical"])
@pytest.mark.parametrize("regime", ["one-hot, few members", "soft, many members", "digits"])
def test_other_covariances_equal_scikit_learn(kind, regime):
    samples, components, _ = REGIMES[regime]
    fit = fitted(KINDS[kind], samples, components)
    reference = scikit_learn(samples, components, kind)
    assert_same(fit, reference, samples, samples[::3] + 0.01)
    assert fit.iterations == reference.n_iter_


def test_regimes_are_what_they_are_called():
    soft = {name: fitted(FullMixture, s, k) for name, (s, k, _) in REGIMES.items()}
    assert len(soft["one-hot, few members"].posterior.rows) == 300
    assert len(soft["soft, many members"].posterior.rows) > 1000
    assert soft["soft, many members"].iterations > 3
    kinds = {type(g).__name__ for g in soft["thin and dense components"].mixture.gaussians.values()}
    assert kinds == {"_ThinGaussian", "_DenseGaussian"}


def test_an_assignment_that_reproduces_itself_ends_the_iteration():
    samples, components, _ = REGIMES["one-hot, few members"]
    fit = fitted(FullMixture, samples, components, tol=0)
    assert fit.iterations == 1
    assert fit.converged


@pytest.mark.parametrize("kind", KINDS)
def test_the_limit_on_iterations_holds(kind):
    samples, components, _ = REGIMES["soft, many members"]
    fit = fitted(KINDS[kind], samples, components, max_iter=2, tol=0)
    reference = scikit_learn(samples, components, kind, max_iter=2, tol=0)
    assert not fit.converged
    assert_same(fit, reference, samples, samples[:5])


@pytest.mark.usefixtures("moments")
@pytest.mark.parametrize("kind", KINDS)
def test_empty_components_are_at_the_origin(kind):
    rng = np.random.default_rng(0)
    distinct = rng.standard_normal((6, 3))
    samples = np.repeat(distinct - distinct.mean(axis=0), 5, axis=0)
    fit = fitted(KINDS[kind], samples, 8)
    matrix = dense(fit.posterior, 30, 8)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    np.testing.assert_allclose(
        matrix, scikit_learn(samples, 8, kind).predict_proba(samples), atol=1e-6
    )


@pytest.mark.parametrize("members", [1, 4, 9, 30])
@pytest.mark.parametrize("count", [3, 9, 20])
def test_leading_coordinates_bound_the_distance(members, count):
    rng = np.random.default_rng(members)
    samples = rng.standard_normal((60, 20)) * np.arange(20, 0, -1)
    gaussian = fit_gaussian(samples, np.arange(members), rng.random(members) + 0.1, 1e-2)
    factor, scale = gaussian.leading_factor(count)
    leading = samples[:, :count] - gaussian.mean[:count]
    products = np.square(leading @ factor.T).sum(axis=1)
    bound = scale * np.square(leading).sum(axis=1) - products if scale else products
    exact = -2 * (gaussian.log_density(samples) - gaussian.log_scale)
    assert (bound <= exact * (1 + 1e-9) + 1e-9).all()
    if count == 20:
        np.testing.assert_allclose(bound, exact, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("reg_covar", [1e-6, 1e-2])
@pytest.mark.parametrize("leading", [3, 7, 20])
@pytest.mark.parametrize(
    "regime", ["thin and dense components", "one-hot, few members", "more dimensions than samples"]
)
def test_bounds_in_single_precision_hold_and_are_of_use(monkeypatch, regime, leading, reg_covar):
    samples, components, _ = REGIMES[regime]
    monkeypatch.setattr(FullMixture, "_choose_leading", lambda *_: leading)
    mixture = fitted(FullMixture, samples, components, reg_covar=reg_covar, max_iter=2).mixture
    bound = mixture._upper_bounds(samples)
    exact = [
        log_weight + gaussian.log_density(samples)
        for log_weight, gaussian in zip(
            mixture.log_weights, mixture.gaussians.values(), strict=True
        )
    ]
    assert mixture.stack.dtype == np.float32
    assert (bound >= exact).all()
    constants = (mixture.log_weights + mixture.log_scales)[:, None]
    assert (bound < constants - 1).any()


@pytest.mark.parametrize("members", [2, 40])
def test_densities_equal_the_formula(members):
    rng = np.random.default_rng(members)
    samples, weights = rng.standard_normal((members, 9)), rng.random(members) + 0.1
    gaussian = fit_gaussian(samples, np.arange(members), weights, 1e-3)
    mean = weights @ samples / weights.sum()
    covariance = np.cov(samples.T, aweights=weights, bias=True) + 1e-3 * np.eye(9)
    for point in rng.standard_normal((5, 9)):
        gap = point - mean
        log_density = -0.5 * (
            9 * np.log(2 * np.pi)
            + np.linalg.slogdet(covariance)[1]
            + gap @ np.linalg.solve(covariance, gap)
        )
        assert gaussian.log_density(point[None])[0] == pytest.approx(log_density, rel=1e-9)


@pytest.mark.parametrize("members", [2, 40])
@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_densities_below_what_is_asked_for_may_be_left_out(monkeypatch, members, share):
    monkeypatch.setattr("ckptrank.measures._mixture.gaussian._STRIP", 2)
    rng = np.random.default_rng(members)
    fitted_to, samples = rng.standard_normal((members, 9)), rng.standard_normal((50, 9))
    samples[::2] *= 9
    gaussian = fit_gaussian(fitted_to, np.arange(members), np.ones(members), 1e-3)
    exact = gaussian.log_density(samples)
    least = np.full(50, np.quantile(exact, share)) - 1e-9
    found = gaussian.log_density(samples, least)
    near = exact > least
    np.testing.assert_allclose(found[near], exact[near], rtol=1e-12)
    assert ((found[~near] == -np.inf) | np.isclose(found[~near], exact[~near])).all()
    if members == 40:
        assert np.isinf(found).any() == (share > 0)


def set_block_cells(monkeypatch, cells):
    monkeypatch.setattr("ckptrank.measures._mixture.expectation_maximisation._BLOCK_CELLS", cells)
    monkeypatch.setattr(full_mixture, "_BLOCK_CELLS", cells)


@pytest.mark.usefixtures("moments")
@pytest.mark.parametrize("kind", ["full", "diag"])
def test_small_blocks_change_nothing(monkeypatch, kind):
    samples, components, _ = REGIMES["thin and dense components"]
    whole = fitted(KINDS[kind], samples, components)
    monkeypatch.setattr(full_mixture, "_STACK_CELLS", 40)
    set_block_cells(monkeypatch, 200)
    monkeypatch.setattr("ckptrank.measures._mixture.gaussian._CHUNK", 7)
    monkeypatch.setattr("ckptrank.measures._mixture.gaussian._STRIP", 3)
    monkeypatch.setattr(diagonal_mixture, "_CHUNK_CELLS", 210)
    blocks = fitted(KINDS[kind], samples, components)
    np.testing.assert_allclose(
        dense(blocks.posterior, 250, components), dense(whole.posterior, 250, components), atol=1e-9
    )


@pytest.mark.usefixtures("moments")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("regime", ["soft, screened", "thin and dense components"])
def test_threads_change_nothing(monkeypatch, kind, regime):
    samples, components, _ = REGIMES[regime]
    set_block_cells(monkeypatch, 640)
    start, _ = kmeans(samples, components, 0)
    outcomes = []
    for threads in (1, 3):
        with threadpool_limits(threads, user_api="blas"), recording() as record:
            fit = fit_mixture(
                KINDS[kind], samples, start, components, reg_covar=1e-3, max_iter=5, tol=0
            )
        outcomes.append((fit, record.flops))
    (one, flops), (three, others) = outcomes
    assert flops == pytest.approx(others)
    assert (one.log_likelihood, one.iterations) == (three.log_likelihood, three.iterations)
    for part in ("starts", "rows", "values"):
        np.testing.assert_array_equal(getattr(one.posterior, part), getattr(three.posterior, part))


@pytest.mark.parametrize("seed", range(5))
def test_components_with_other_members_or_values_have_changed(seed):
    rng = np.random.default_rng(seed)
    rows, components = np.divmod(np.flatnonzero(rng.random((30, 6)) < 0.3), 6)
    values = rng.random(len(rows))
    old = sort_by_component(components, rows, values, 6)
    # one component has another value, one a member less, one another member
    values = np.where((components == 1) & (rows == rows[components == 1][0]), 2.0, values)
    kept = ~((components == 3) & (rows == rows[components == 3][-1]))
    rows = np.where((components == 4) & (rows == rows[components == 4][-1]), 30, rows)
    order = np.argsort(rows[kept], kind="stable")
    new = sort_by_component(*(part[kept][order] for part in (components, rows, values)), 6)
    assert _list_changed(old, new).tolist() == [1, 3, 4]
    assert _list_changed(new, new).tolist() == []
