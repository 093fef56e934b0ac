"""A variational lower bound of the mutual information between features and labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ckptrank.measures._shared.checks import check_features, check_labels
from ckptrank.measures._shared.critic import Critic
from ckptrank.measures._shared.gram import mean_of, require_moderate, row_blocks
from ckptrank.measures._shared.held_out import check_evaluation, count_classes
from ckptrank.measures._shared.joint_critic import JointCritic
from ckptrank.measures._shared.pca import fit_pca
from ckptrank.measures.accounting import note

# Held-back samples looked at every so many steps, and at most so many of them.
_CHECK_EVERY = 50
_CHECKED = 2048
# Ways in which the evaluation samples are cut into batches.
_PARTITIONS = 4
# Over which the notebook smooths its estimates, and what float32 can square with room to spare.
_SPAN = 200
_LARGEST = 1e12


@dataclass(frozen=True)
class _Form:
    """What a form has where the caller says nothing."""

    steps: int
    hidden: int
    learning_rate: float


_FORMS = {
    "robust": _Form(steps=1000, hidden=128, learning_rate=1e-3),
    "authors": _Form(steps=20_000, hidden=256, learning_rate=5e-4),
}


def mutual_information(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    alpha: float,
    eval_features: np.ndarray | None = None,
    eval_labels: np.ndarray | None = None,
    pca_energy: float | None = None,
    form: Literal["robust", "authors"] = "robust",
    steps: int | None = None,
    batch_size: int = 64,
    hidden: int | None = None,
    embedding: int = 32,
    learning_rate: float | None = None,
    held_back: float = 0.2,
    seed: int = 0,
) -> float:
    """Return the I_alpha bound of the mutual information of features and labels, in nats.

    Section 3.3 of Li et al. 2021, "Ranking Neural Checkpoints", by the estimator of Poole et al.
    2019, "On Variational Bounds of Mutual Information", section 2.3 (see
    :func:`ckptrank.measures._shared.interpolated_bound.interpolated_bound` for the equation): a critic
    f(x, y) and a baseline q(y) are learned by maximising the bound, whose baseline is interpolated
    between the mean over the batch (``alpha=1``: InfoNCE, high bias, at most log(batch_size - 1))
    and q alone (``alpha`` towards 0: NWJ, high variance). Both forms train by Adam on batches of 64.

    ``form="robust"`` is ours. The critic is separable, g(x).h(y); g has a hidden layer of 128 units, h
    and q are tables over the labels, which are few. Features are centred and divided by the root of
    their mean variance, so that their scale does not matter. With more dimensions than samples a
    critic tells any labels apart, which says nothing; so the weights kept are those with the highest
    bound on a fifth of the training samples held back for it. They start where the bound is zero.

    ``form="authors"`` is the notebook that Poole et al. released (google-research, ``vbmi``). Li et al.
    say no more than that they "use the code released by the authors", alpha and PCA. The notebook has
    a joint critic of two hidden layers of 256 on the concatenated pair, a baseline network of two of
    512 on the label, 20,000 steps at a rate of 5e-4, features as they are, no sample held back; it
    shows the training bound, averaged over the last steps by exponential weights of span 200, whose
    last value is the score here. That Li et al. changed none of this is inferred: 20,000 steps x 64^2
    pairs x 3 passes are 1.45E5 (label as a number) to 1.56E5 (one-hot, with the baseline) GFLOPS of
    multiply-adds at D = 2,048, and they print 1.62E5; with a separable critic they would be some 60
    times fewer. Also inferred: labels are one-hot, and batches come from shuffling the samples, where
    the notebook draws new ones. The notebook transposes its joint critic's scores, so that its means
    run over labels; here they run over samples, as the equation has it. In this form samples for
    evaluation do not count, and the more dimensions there are for a sample, the more of the score is
    memory. With 10 classes it takes 2 minutes of a core at D = 128 and 3 at 2,048, with 101 classes 8 (the
    robust form: 1 and 5 seconds; ``benchmarks/mutual_information.py``).

    Args:
        features: (N, D) real numbers of any precision; of magnitudes up to 1e12 in the authors' form.
        labels: (N,) integers in 0..C-1.
        alpha: in (0, 1]; the paper has 0.01 and 0.50.
        eval_features, eval_labels: the robust bound is evaluated on these; where None on the training
            samples held back, or on all of them with ``held_back=0``.
        pca_energy: reduce the features first to the principal components that hold this share of
            their variance.
        form: see above.
        steps, hidden, learning_rate: of the critic and its training; None: as the form has it, 1,000,
            128 and 1e-3 (robust) or 20,000, 256 and 5e-4.
        batch_size: at most all samples.
        embedding: the length of g(x), robust form only.
        held_back: the share of the training samples that choose among the weights, robust form only;
            with 0 the last weights are used.

    Returns:
        The bound, higher is better; about 0 where features tell nothing about the labels and 0
        where they are all the same; in expectation at most the entropy of the labels, and never
        above log((K - 1) / alpha) on a batch of K. Evaluation batches have ``batch_size`` to twice
        as many samples. It can be negative. Deterministic for a ``seed``; float64, but for the authors'
        networks, which are float32 as theirs.

    Notes: ``dimensions``, ``best_step`` and ``held_back_bound``; of the authors' form ``dimensions`` and
    ``spread``, the standard deviation of the bound over the last 200 batches.

    Operations are counted for the products with weights; of the authors' form as the notebook makes
    them, on every concatenated pair, which is what the paper's column is about. A small part of them
    is needed for the same gradient: see ``_shared/joint_critic.py``.

    Raises:
        ValueError: naming the argument and its fault.

    Example:
        Fitted to one half of the samples and judged on the other, in good features and in noise:

        >>> import numpy as np
        >>> from ckptrank.measures import mutual_information
        >>> labels = np.repeat([0, 1, 2], 20)
        >>> noise = np.random.default_rng(0).normal(size=(60, 8))
        >>> features = noise + 3 * np.eye(3, 8)[labels]
        >>> def score(x):
        ...     held_out = {"eval_features": x[1::2], "eval_labels": labels[1::2]}
        ...     return mutual_information(x[::2], labels[::2], alpha=0.5, **held_out)
        >>> round(score(features), 2), round(score(noise), 2)
        (0.75, 0.0)
    """
    features = check_features(features, convert=False)
    labels = check_labels(labels, len(features))
    given, given_labels = check_evaluation(features, labels, eval_features, eval_labels)
    require_moderate(features)
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha: expected a number in (0, 1], got {alpha}")
    if form not in _FORMS:
        raise ValueError(f"form: expected one of {', '.join(_FORMS)}, got {form!r}")
    steps = _FORMS[form].steps if steps is None else steps
    hidden = _FORMS[form].hidden if hidden is None else hidden
    learning_rate = _FORMS[form].learning_rate if learning_rate is None else learning_rate
    if not 0 <= held_back < 1:
        raise ValueError(f"held_back: expected a share in [0, 1), got {held_back}")
    for name, value, least in (
        ("steps", steps, 1),
        ("batch_size", batch_size, 3),
        ("hidden", hidden, 1),
        ("embedding", embedding, 1),
    ):
        if value < least:
            raise ValueError(f"{name}: expected at least {least}, got {value}")
    if form == "authors":
        given, given_labels, held_back = features, labels, 0.0
    aside = int(np.ceil(held_back * len(features)))
    for name, count in (
        ("features", len(features) - aside),
        ("features", aside or 3),
        ("eval_features", len(given)),
    ):
        if count < 3:
            raise ValueError(
                f"{name}: a bound takes at least 3 samples, and {count} remain "
                f"({len(features)} in all, {aside} held back)"
            )
    if pca_energy is not None:
        pca = fit_pca(features, pca_energy)
        same, features = given is features, pca.project(features)
        given = features if same else pca.project(given)
    note(dimensions=features.shape[1])
    scaled = _Scaled(features)
    if not scaled.scale:
        return 0.0
    rng = np.random.default_rng(seed)
    if form == "authors":
        peak = max(abs(float(features.max())), abs(float(features.min())))
        if peak > _LARGEST:
            raise ValueError(
                f"features: magnitudes up to {peak:.3g} overflow float32, rescale them"
            )
        classes, labels = np.unique(labels, return_inverse=True)
        joint = JointCritic(features.shape[1], len(classes), hidden, rng)
        batches = _batches(np.arange(len(features)), batch_size, steps, rng)
        return _train(joint, features, labels, alpha, learning_rate, batches)
    order = rng.permutation(len(features))
    chosen, rest = order[:aside], order[aside:]
    critic = Critic(features.shape[1], count_classes(labels), hidden, embedding, rng)
    checked = scaled.take(chosen[:_CHECKED])
    best, best_step, kept = 0.0, 0, critic.copy_parameters()
    for step, rows in enumerate(_batches(rest, batch_size, steps, rng), start=1):
        critic.ascend(scaled.take(rows), labels[rows], alpha, learning_rate)
        if aside and (step % _CHECK_EVERY == 0 or step == steps):
            embedded = critic.embed(checked)
            bound = _evaluate(critic, embedded, labels[chosen[:_CHECKED]], alpha, batch_size, seed)
            if bound > best:
                best, best_step, kept = bound, step, critic.copy_parameters()
    if aside:
        critic.parameters = kept
        note(best_step=best_step, held_back_bound=best)
    if eval_features is None and aside:
        given, given_labels = features[chosen], labels[chosen]
    embedded = np.concatenate([critic.embed(scaled.apply(block)) for _, block in row_blocks(given)])
    return _evaluate(critic, embedded, given_labels, alpha, batch_size, seed)


def _train(
    critic: JointCritic,
    features: np.ndarray,
    labels: np.ndarray,
    alpha: float,
    learning_rate: float,
    batches: Iterator[np.ndarray],
) -> float:
    """Return the smoothed bound after training on the batches."""
    bounds = [
        critic.ascend(features[rows].astype(np.float32), labels[rows], alpha, learning_rate)
        for rows in batches
    ]
    note(spread=float(np.std(bounds[-_SPAN:])))
    weights = (1 - 2 / (_SPAN + 1)) ** np.arange(len(bounds))[::-1]
    return float(np.average(bounds, weights=weights))


class _Scaled:
    """Features less their mean and divided by the root of their mean variance."""

    def __init__(self, features: np.ndarray):
        self.features, self.scale = features, 0.0
        if features.size:
            self.mean = mean_of(features)
            squares = sum(float(np.square(b - self.mean).sum()) for _, b in row_blocks(features))
            self.scale = float(np.sqrt(squares / features.size))

    def apply(self, features: np.ndarray) -> np.ndarray:
        return (np.asarray(features, dtype=np.float64) - self.mean) / self.scale

    def take(self, rows: np.ndarray) -> np.ndarray:
        return self.apply(self.features[rows])


def _batches(
    rows: np.ndarray, batch_size: int, steps: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield ``steps`` batches of full size, or of all rows, from one shuffling after the other."""
    size = min(batch_size, len(rows))
    while True:
        order = rng.permutation(rows)
        for start in range(0, len(order) - size + 1, size):
            if not steps:
                return
            steps -= 1
            yield order[start : start + size]


def _evaluate(
    critic: Critic,
    embedded: np.ndarray,
    labels: np.ndarray,
    alpha: float,
    batch_size: int,
    seed: int,
) -> float:
    """Return the mean bound over batches of ``batch_size`` to twice that, in several partitions."""
    rng = np.random.default_rng(seed)
    batches = max(1, len(embedded) // batch_size)
    parts = [
        part
        for _ in range(_PARTITIONS)
        for part in np.array_split(rng.permutation(len(embedded)), batches)
    ]
    return float(np.mean([critic.bound(embedded[part], labels[part], alpha) for part in parts]))
