"""N-LEEP: LEEP on the components of a Gaussian mixture fitted to the features (Li et al. 2021)."""

from typing import Literal

import numpy as np

from ckptrank.measures._leep import CERTAIN, conditional_table, mean_log, note_constant
from ckptrank.measures._mixture.diagonal import DiagonalMixture, SphericalMixture
from ckptrank.measures._mixture.expectation_maximisation import (
    UNDERFLOW,
    Mixture,
    Responsibilities,
    fit_mixture,
)
from ckptrank.measures._mixture.full import FullMixture
from ckptrank.measures._mixture.kmeans import kmeans
from ckptrank.measures._shared.checks import check_features, check_labels
from ckptrank.measures._shared.gram import require_moderate
from ckptrank.measures._shared.held_out import check_evaluation, count_classes, label_pairs
from ckptrank.measures._shared.pca import fit_pca
from ckptrank.measures.accounting import add_flops, note


def nleep(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    eval_features: np.ndarray | None = None,
    eval_labels: np.ndarray | None = None,
    pca_energy: float = 0.8,
    components_per_class: int = 5,
    covariance_type: Literal["full", "diag", "spherical"] = "diag",
    regularisation: float = 1e-3,
    max_iter: int = 100,
    tol: float = 1e-3,
    smoothing: float | None = None,
    repeats: int = 1,
    seed: int = 0,
) -> float:
    """Return N-LEEP: LEEP with the posteriors of a Gaussian mixture for source probabilities.

    Li et al. 2021, "Ranking Neural Checkpoints", equations 4 to 6: PCA of the training features, a
    Gaussian mixture fitted to the projections by EM, and the posterior P(v | x) of its components in
    theta(x)'s place in LEEP (see :func:`ckptrank.measures.leep`), **with the logarithm**. Two
    widely copied public versions leave out the logarithm and the mixture's seed.

    The paper prints Sigma_v, not whether it is full or diagonal. Its cost speaks for a diagonal one: 12.85
    GFLOPS, the mean over its tasks, are the 2 N K d multiply-adds of diagonal densities at d = 164 dimensions,
    while one E step of full covariances takes N K d^2, 391 at d = 100. It may as well leave the mixture
    out, so this settles nothing, but nothing speaks for full ones but that a public re-implementation takes
    scikit-learn's default. Of regularisation the paper says nothing. Diagonal variances of the 4 samples that a
    component has in some of its tasks come near 0, after which EM assigns every sample to one component; a
    floor in the features' own units would let the score depend on their scale. So it is a share of their
    variance: 1e-3, a standard deviation of 3 % of the coordinates' own. ``docs/nleep.md`` compares the readings.

    The mixture is scikit-learn's ``GaussianMixture(random_state=seed)``: the same k-means start, EM
    in float64 and stopping rule; the score agrees with it to 1e-6 relative or better wherever
    scikit-learn's Cholesky factors are accurate.

    Args:
        features: (N, D) real numbers of any precision; read in blocks, never copied as float64.
        labels: (N,) integers in 0..C-1, or an (N, C) binary matrix, of which each (sample, label)
            pair counts as one sample (the paper's supplement A.6 leaves this open).
        eval_features, eval_labels: the samples to average over, equation 4's "test set"; the training
            samples when None, as the paper's costs have it. PCA, mixture and table are fitted to
            training samples only.
        pca_energy: the smallest number of principal components is kept whose shares of the variance
            sum to at least this.
        components_per_class: the mixture has this many times the number of classes that occur.
        covariance_type: ``full``, ``diag`` or ``spherical``, as in scikit-learn.
        regularisation: added to the diagonal of every covariance, as a share of the mean variance of
            the principal components that are kept.
        max_iter, tol: EM stops when the mean log-likelihood changes by less than ``tol``.
        smoothing: pseudo-samples, drawn from the class prior, added to each component in the table
            P(y | v). Default: 0, the equations as printed, on training samples; 1 where evaluation
            samples are given: one in a component that no training sample of its class supports has
            a probability of 0 or nearly so, and would decide the score, which may be minus infinity.
        repeats: the score is averaged over mixtures started from ``seed``, ``seed + 1``, ...

    Returns:
        A float in (-inf, 0], in nats; higher is better, whatever the features' scale. It does depend on ``seed``: see ``repeats``
        and the notes ``scores`` and ``spread``.

    Notes for :func:`accounting.recording`: ``dimensions``, ``components``, ``iterations``,
    ``converged``, ``soft`` (the share of samples whose largest posterior is below 0.999; at 0 the
    mixture has stayed at its k-means start and the score is LEEP of hard clusters), ``constant_score``
    (what predicting the class frequencies for every sample would score), ``scores`` and their standard
    deviation ``spread``.

    Conventions: where every sample is the same there is nothing to cluster, P(y | x) = P(y), and
    the score is minus the entropy of the labels. Components that duplicated samples leave empty get
    the mass 2e-15, as in scikit-learn. Where the rounding error of a full covariance exceeds the
    regularisation, that error takes its place (scikit-learn raises an error).

    Raises:
        ValueError: naming the argument and its fault; also where there are fewer samples than
            components.

    Example:
        Three classes, in features that tell them apart and in noise that does not:

        >>> import numpy as np
        >>> from ckptrank.measures import nleep
        >>> labels = np.repeat([0, 1, 2], 20)
        >>> noise = np.random.default_rng(0).normal(size=(60, 8))
        >>> features = noise + 3 * np.eye(3, 8)[labels]
        >>> round(nleep(features, labels), 2), round(nleep(noise, labels), 2)
        (-0.1, -0.81)

        What it found on the way (`ckptrank.measures.accounting` has the operations too):

        >>> from ckptrank.measures.accounting import recording
        >>> with recording() as record:
        ...     score = nleep(features, labels, pca_energy=0.5)
        >>> record.notes["dimensions"], record.notes["components"], record.notes["converged"]
        (2, 15, True)
    """
    features = check_features(features, convert=False)
    labels = check_labels(labels, len(features), multi_label=True)
    given, given_labels = check_evaluation(features, labels, eval_features, eval_labels)
    require_moderate(features)
    held_out = given is not features
    smoothing = float(held_out) if smoothing is None else smoothing
    kind = _mixture_kind(covariance_type)
    for name, value, least in (
        ("components_per_class", components_per_class, 1),
        ("max_iter", max_iter, 1),
        ("repeats", repeats, 1),
        ("smoothing", smoothing, 0),
        ("tol", tol, 0),
    ):
        if value < least:
            raise ValueError(f"{name}: expected a number >= {least}, got {value}")
    if regularisation <= 0:
        raise ValueError(f"regularisation: expected a number > 0, got {regularisation}")
    rows, classes = label_pairs(labels)
    components = components_per_class * len(np.unique(classes))
    if components > len(features):
        raise ValueError(
            f"features: {len(features)} samples are fewer than the {components} mixture components; "
            f"give more samples or a components_per_class below {components_per_class}"
        )
    pca = fit_pca(features, pca_energy)
    note(dimensions=len(pca.variances), energy=pca.energy, components=components)
    if not len(pca.variances):
        prior = np.bincount(classes, minlength=count_classes(labels)) / len(classes)
        return mean_log(prior[label_pairs(given_labels, "eval_labels")[1]])
    samples = pca.project(features)
    held_out_samples = pca.project(given) if held_out else None
    # Without smoothing the smallest of posteriors decides between finite and infinite.
    floor = UNDERFLOW if held_out and smoothing == 0 else None
    scores = []
    for repeat in range(repeats):
        start, _ = kmeans(samples, components, seed + repeat)
        fit = fit_mixture(
            kind,
            samples,
            start,
            components,
            reg_covar=regularisation * float(pca.variances.mean()),
            max_iter=max_iter,
            tol=tol,
            floor=floor,
        )
        posterior = fit.posterior
        mass = _soft_counts(posterior, rows, classes, (count_classes(labels), components))
        conditional = conditional_table(mass, smoothing)
        if held_out_samples is not None:
            posterior, _ = fit.mixture.posterior(held_out_samples, floor)
        scores.append(_score(posterior, conditional, *label_pairs(given_labels, "eval_labels")))
    note_constant(mass, label_pairs(given_labels, "eval_labels")[1])
    note(
        iterations=fit.iterations,
        converged=fit.converged,
        soft=_soft_share(fit.posterior, len(samples)),
    )
    if repeats > 1 and np.isfinite(scores).all():
        note(scores=scores, spread=float(np.std(scores, ddof=1)))
    return float(np.mean(scores))


def _mixture_kind(covariance_type: str) -> type[Mixture]:
    kinds: dict[str, type[Mixture]] = {
        "full": FullMixture,
        "diag": DiagonalMixture,
        "spherical": SphericalMixture,
    }
    if covariance_type not in kinds:
        raise ValueError(
            f"covariance_type: expected full, diag or spherical, got {covariance_type!r}"
        )
    return kinds[covariance_type]


def _join(posterior: Responsibilities, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices (entry, pair) of every posterior entry with every label of its sample."""
    first = np.searchsorted(rows, posterior.rows)
    counts = np.searchsorted(rows, posterior.rows, side="right") - first
    entries = np.repeat(np.arange(len(posterior.rows)), counts)
    offsets = np.arange(len(entries)) - np.repeat(np.cumsum(counts) - counts, counts)
    return entries, first[entries] + offsets


def _soft_counts(
    posterior: Responsibilities, rows: np.ndarray, classes: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Return n P(y, v) (C, K), equation 5, from the (sample, class) pairs."""
    entries, pairs = _join(posterior, rows)
    cells = classes[pairs] * shape[1] + posterior.components()[entries]
    mass = np.bincount(cells, posterior.values[entries], minlength=shape[0] * shape[1])
    add_flops(len(entries) + mass.size)
    return mass.reshape(shape)


def _score(
    posterior: Responsibilities, conditional: np.ndarray, rows: np.ndarray, classes: np.ndarray
) -> float:
    """Return the mean over pairs of log sum_v P(y | v) P(v | x), equation 4."""
    entries, pairs = _join(posterior, rows)
    terms = conditional[classes[pairs], posterior.components()[entries]]
    terms *= posterior.values[entries]
    add_flops(2 * len(entries))
    return mean_log(np.bincount(pairs, terms, minlength=len(rows)))


def _soft_share(posterior: Responsibilities, samples: int) -> float:
    largest = np.zeros(samples)
    np.maximum.at(largest, posterior.rows, posterior.values)
    return float((largest < CERTAIN).mean())
