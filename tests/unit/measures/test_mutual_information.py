import itertools

import numpy as np
import pandas as pd
import pytest
from tests.support.bounds import slow_bound
from tests.support.measure_cases import digits

from ckptrank.measures._mutual_information import _FORMS, _train, mutual_information
from ckptrank.measures._shared import gram
from ckptrank.measures._shared.critic import Critic
from ckptrank.measures._shared.interpolated_bound import interpolated_bound
from ckptrank.measures._shared.joint_critic import count_flops
from ckptrank.measures.accounting import recording

ALPHAS = [0.0, 0.01, 0.5, 1.0]


def digit_scores():
    features, labels = digits(12)
    weights = np.random.default_rng(0).standard_normal((10, 64))
    return weights[labels] @ features.T, np.linspace(-1, 1, 12)


def random_scores():
    rng = np.random.default_rng(0)
    return 2 * rng.standard_normal((7, 7)), rng.standard_normal(7)


BATCHES = {"random": random_scores(), "digits": digit_scores()}


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("batch", BATCHES)
def test_bound_equals_the_equation(batch, alpha):
    scores, baselines = BATCHES[batch]
    bound, _, _ = interpolated_bound(scores, baselines, alpha)
    assert bound == pytest.approx(slow_bound(scores, baselines, alpha), rel=1e-10)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_gradients_equal_finite_differences(alpha):
    scores, baselines = BATCHES["random"]
    _, by_score, by_baseline = interpolated_bound(scores, baselines, alpha)
    for index in np.ndindex(scores.shape):
        step = np.zeros_like(scores)
        step[index] = 1e-6
        ahead, behind = (interpolated_bound(scores + s, baselines, alpha)[0] for s in (step, -step))
        assert by_score[index] == pytest.approx((ahead - behind) / 2e-6, abs=1e-7)
    for index in range(len(baselines)):
        step = 1e-6 * (np.arange(len(baselines)) == index)
        ahead, behind = (interpolated_bound(scores, baselines + s, alpha)[0] for s in (step, -step))
        assert by_baseline[index] == pytest.approx((ahead - behind) / 2e-6, abs=1e-7)


def test_alpha_one_is_infonce():
    scores, baselines = BATCHES["random"]
    count = len(scores)
    terms = [
        scores[i, i] - np.log(np.mean([np.exp(scores[i, k]) for k in range(count) if k != j]))
        for i, j in itertools.permutations(range(count), 2)
    ]
    bound, _, by_baseline = interpolated_bound(scores, baselines, 1.0)
    assert bound == pytest.approx(np.mean(terms), rel=1e-12)
    assert not by_baseline.any()


def test_alpha_towards_zero_is_nwj():
    scores, _ = BATCHES["random"]
    off_diagonal = ~np.eye(len(scores), dtype=bool)
    nwj = np.diag(scores).mean() - np.exp(scores[off_diagonal] - 1).mean()
    ones = np.ones(len(scores))
    assert interpolated_bound(scores, ones, 0.0)[0] == pytest.approx(nwj, rel=1e-12)
    assert interpolated_bound(scores, ones, 1e-9)[0] == pytest.approx(nwj, rel=1e-6)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_best_critic_bounds_the_information_of_a_discrete_pair(alpha):
    joint = np.array([[0.4, 0.1], [0.05, 0.45]])
    by_x, by_y = joint.sum(axis=1), joint.sum(axis=0)
    ratios = np.log(joint / np.outer(by_x, by_y))
    information = (joint * ratios).sum()
    # The expectation over all batches of four pairs, with f = log p(x, y) / p(x) p(y) and log q = 0.
    expected = 0.0
    for batch in itertools.product(range(4), repeat=4):
        x, y = np.divmod(np.array(batch), 2)
        bound = interpolated_bound(ratios[x][:, y].T, np.zeros(4), alpha)[0]
        expected += np.prod(joint[x, y]) * bound
    if alpha == 0:
        assert expected == pytest.approx(information, rel=1e-8)
    else:
        assert 0 < expected < information


@pytest.mark.parametrize("alpha", [0.01, 0.5, 1.0])
def test_no_batch_exceeds_the_limit(alpha):
    perfect = np.where(np.eye(8, dtype=bool), 500.0, -500.0)
    bound = interpolated_bound(perfect, np.full(8, -400.0), alpha)[0]
    assert np.isfinite(bound)
    assert bound <= np.log(7 / alpha) + 1


def test_a_new_critic_has_a_bound_of_zero():
    critic = Critic(5, 3, 8, 4, np.random.default_rng(0))
    embedded = critic.embed(np.random.default_rng(1).standard_normal((20, 5)))
    assert critic.bound(embedded, np.arange(20) % 3, 0.3) == pytest.approx(0, abs=1e-12)


def test_a_step_climbs_the_gradient_of_every_parameter():
    rng = np.random.default_rng(0)
    features, labels = rng.standard_normal((20, 5)), np.arange(20) % 3
    critic = Critic(5, 3, 8, 4, rng)
    for _ in range(20):
        critic.ascend(features, labels, 0.3, 1e-2)
    start = critic.copy_parameters()
    before = critic.bound(critic.embed(features), labels, 0.3)
    critic.ascend(features, labels, 0.3, 1e-4)
    after = critic.copy_parameters()
    for k, (old, new) in enumerate(zip(start, after, strict=True)):
        assert (old != new).any()
        critic.parameters = [p.copy() for p in start]
        critic.parameters[k] = new
        assert critic.bound(critic.embed(features), labels, 0.3) > before


def labelled(samples, dimensions, classes, signal, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, samples)
    centers = rng.standard_normal((classes, dimensions))
    return signal * centers[labels] + rng.standard_normal((samples, dimensions)), labels


@pytest.mark.parametrize("alpha", [0.01, 0.5, 1.0])
def test_independent_features_tell_nothing(alpha):
    features, labels = labelled(600, 20, 4, 0.0)
    held_out = {"eval_features": features[400:], "eval_labels": labels[400:]}
    options = {"alpha": alpha, "steps": 300}
    assert abs(mutual_information(features[:400], labels[:400], **options, **held_out)) < 0.05
    assert abs(mutual_information(features, labels, **options)) < 0.05


@pytest.mark.parametrize("alpha", [0.01, 0.5, 1.0])
@pytest.mark.parametrize("pca_energy", [None, 0.9])
def test_features_that_tell_all_approach_the_entropy(alpha, pca_energy):
    features, labels = labelled(600, 30, 4, 5.0)
    score = mutual_information(
        features[:400],
        labels[:400],
        alpha=alpha,
        pca_energy=pca_energy,
        steps=500,
        eval_features=features[400:],
        eval_labels=labels[400:],
    )
    assert 0.93 * np.log(4) < score < 1.04 * np.log(4)


def test_noisier_features_tell_less():
    scores = [
        mutual_information(*labelled(500, 20, 4, signal), alpha=0.5, steps=300)
        for signal in (0.2, 0.6, 3.0)
    ]
    assert scores[0] < scores[1] < scores[2]


def test_digits():
    features, labels = digits(1200)
    score = mutual_information(
        *(features[:800], labels[:800]),
        alpha=0.5,
        eval_features=features[800:],
        eval_labels=labels[800:],
    )
    assert 1.5 < score < np.log(10)


def test_without_samples_held_back_the_last_weights_are_scored():
    features, labels = labelled(60, 100, 3, 0.0)
    fitted = mutual_information(features, labels, alpha=0.5, held_back=0)
    assert fitted > 0.5
    assert mutual_information(features, labels, alpha=0.5) < 0.3


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**30])
@pytest.mark.parametrize("pca_energy", [None, 0.8])
def test_does_not_depend_on_scale(scale, pca_energy):
    features, labels = labelled(120, 10, 3, 1.0)
    options = {"alpha": 0.5, "pca_energy": pca_energy, "steps": 100}
    expected = mutual_information(features, labels, **options)
    assert mutual_information(scale * features, labels, **options) == pytest.approx(
        expected, rel=1e-9
    )


@pytest.mark.parametrize("held_back", [0, 0.2])
def test_samples_are_scored_by_blocks(monkeypatch, held_back):
    features, labels = digits(300)
    given = {"eval_features": features[200:], "eval_labels": labels[200:]} if held_back else {}
    arguments = {"alpha": 0.5, "steps": 30, "held_back": held_back, **given}
    whole = mutual_information(features, labels, **arguments)
    monkeypatch.setattr(gram, "_BLOCK_BYTES", 8 * 64 * 7)
    assert mutual_information(features, labels, **arguments) == pytest.approx(whole, rel=1e-9)


def test_is_deterministic_for_a_seed():
    problem = labelled(120, 10, 3, 1.0)
    first, again = (mutual_information(*problem, alpha=0.5, steps=60) for _ in range(2))
    assert first == again
    assert mutual_information(*problem, alpha=0.5, steps=60, seed=1) != first


def test_constant_features_score_zero():
    constant, labels = np.full((30, 4), 0.1), np.arange(30) % 3
    assert mutual_information(constant, labels, alpha=0.5) == 0
    assert mutual_information(constant, labels, alpha=0.5, pca_energy=0.8) == 0


def test_notes():
    with recording() as record:
        mutual_information(*labelled(120, 10, 3, 2.0), alpha=0.5, pca_energy=0.8, steps=120)
    assert record.notes["dimensions"] < 10
    assert record.notes["best_step"] in (50, 100, 120)
    assert record.notes["held_back_bound"] > 0
    assert record.flops > 1e6


@pytest.mark.parametrize(("alpha", "separation"), [(0.01, 1.0), (0.5, 1.0), (0.5, 0.4)])
def test_the_authors_form_finds_the_information_of_a_gaussian_mixture(alpha, separation):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 6000)
    features = rng.standard_normal((6000, 2)) + [separation, 0] * (2 * labels[:, None] - 1)
    # log 2 - E log(1 + exp(-2 s x)), x of N(s, 1), by Gauss and Hermite.
    points, weights = np.polynomial.hermite_e.hermegauss(60)
    lost = np.log1p(np.exp(-2 * separation * (separation + points))) @ weights / weights.sum()
    score = mutual_information(features, labels, alpha=alpha, form="authors", steps=600)
    assert score == pytest.approx(np.log(2) - lost, abs=0.03)


def test_the_authors_form_scores_what_it_memorises():
    features, labels = labelled(60, 100, 3, 0.0)
    options = {"alpha": 0.5, "form": "authors", "steps": 150}
    score = mutual_information(features, labels, **options)
    assert score > 0.5
    with_others = {"eval_features": features[:2] + 1, "eval_labels": labels[:2]}
    assert mutual_information(features, labels, **options, **with_others) == score
    assert mutual_information(features, 2 * labels, **options) == score


def test_the_authors_form_is_deterministic_and_has_its_convention_and_notes():
    features, labels = labelled(120, 10, 3, 2.0)
    options = {"alpha": 0.01, "form": "authors", "pca_energy": 0.8, "steps": 20, "hidden": 16}
    with recording() as record:
        score = mutual_information(features, labels, **options)
    assert mutual_information(features, labels, **options) == score
    assert mutual_information(features, labels, **options, seed=1) != score
    assert set(record.notes) >= {"dimensions", "spread"}
    assert record.notes["dimensions"] < 10
    assert record.notes["spread"] > 0
    assert mutual_information(np.full((30, 4), 0.1), np.arange(30) % 3, **options) == 0


def test_the_authors_form_smooths_the_bound_as_their_notebook():
    bounds = np.random.default_rng(0).standard_normal(700)

    class Critic:
        left = iter(bounds)

        def ascend(self, *_):
            return next(self.left)

    rows = np.arange(3)
    score = _train(Critic(), np.eye(3), rows, 0.5, 0.1, iter([rows] * len(bounds)))
    assert score == pytest.approx(pd.Series(bounds).ewm(span=200).mean().iloc[-1], rel=1e-12)


def test_the_paper_s_gflops_are_the_authors_form():
    """Li et al. 2021, Table 1: 1.62E5 GFLOPS without PCA, in multiply-adds, as a mean over four tasks."""
    form = _FORMS["authors"]

    def gflops(dimensions, classes):
        return form.steps * count_flops(dimensions, 64, classes, form.hidden) / 2 / 1e9

    one_hot = np.mean([gflops(2048, classes) for classes in (101, 102, 2, 397)])
    pairs = 20_000 * 64**2 * 3
    assert gflops(2048, 1) == pytest.approx(1.45e5, rel=0.01)
    assert pairs * (2048 + 150.5 + 256 + 1) * 256 / 1e9 == pytest.approx(1.54e5, rel=0.01)
    assert one_hot == pytest.approx(1.56e5, rel=0.01)
    assert one_hot == pytest.approx(1.62e5, rel=0.05)
    # 5.58E4 with PCA is the same critic on about 360 dimensions in place of 2,048.
    assert gflops(2048, 1) - gflops(360, 1) == pytest.approx(1.62e5 - 5.58e4, rel=0.01)


def test_the_authors_form_counts_its_steps():
    features, labels = labelled(80, 7, 3, 1.0)
    with recording() as record:
        mutual_information(features, labels, alpha=0.5, form="authors", steps=4, hidden=16)
    assert record.flops == 4 * count_flops(7, 64, 3, 16)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alpha": 0}, "alpha"),
        ({"alpha": 1.1}, "alpha"),
        ({"held_back": 1}, "held_back"),
        ({"form": "joint"}, "form: expected one of robust, authors"),
        (
            {"form": "authors", "features": np.eye(30)[:, :3] * 1e13},
            "features: .* overflow float32",
        ),
        ({"form": "authors", "features": np.eye(2), "labels": np.arange(2)}, "features: a bound"),
        ({"steps": 0}, "steps"),
        ({"batch_size": 2}, "batch_size"),
        ({"hidden": 0}, "hidden"),
        ({"embedding": 0}, "embedding"),
        ({"pca_energy": 2}, "pca_energy"),
        ({"features": np.eye(4), "labels": np.arange(4)}, "features: a bound takes at least 3"),
        ({"eval_features": np.ones((2, 3)), "eval_labels": np.arange(2)}, "eval_features: a bound"),
        ({"eval_features": np.ones((2, 3))}, "eval_labels: .* given together"),
    ],
)
def test_bad_input_is_named(changes, message):
    arguments = {"features": np.eye(30)[:, :3], "labels": np.arange(30) % 3, "alpha": 0.5} | changes
    with pytest.raises(ValueError, match=f"^{message}"):
        mutual_information(**arguments)
