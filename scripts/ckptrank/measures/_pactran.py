"""PACTran-Gaussian, a PAC-Bayesian bound."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from ckptrank.measures._shared.checks import check_features, check_labels
from ckptrank.measures._shared.discriminant import Blocks, softmax
from ckptrank.measures._shared.gram import compress, mean_of, require_moderate, row_blocks
from ckptrank.measures.accounting import add_flops, note

# Up to so many bytes the centred features are kept; larger ones are made by blocks.
_KEPT_BYTES = 2**30
_BLOCK_BYTES = 2**22
# With so many samples a dimension their second moments are worth their cost.
_WORTH = 4
# ... where the largest is so many times their mean. Below, whitening lifts what is noise and costs more iterations.
_UNEVEN = 10
_ROUNDS = 8  # of the power iteration
# The largest entry of the gradient at which the iterations in a precision end; float32 gets stuck below about 3e-6.
_TOLERANCES = {"float32": 1e-5, "float64": 1e-10}
_FINE_TOLERANCE = 1e-12
_SINGLE_RANGE = (1e-12, 1e12)  # of the largest magnitude, for float32
_SINGLE_BYTES = 2**22  # Smaller features, in float64, are solved in no time.
_ACCEPTABLE_GRADIENT = 1e-5


def pactran(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    data_weight: float = 1.0,
    prior_variance: float = 100.0,
    max_iter: int = 2000,
) -> float:
    """Return minus the PAC-Bayesian bound on the loss of a linear classifier on the features.

    Ding et al. 2022, "PACTran: PAC-Bayesian Metrics for Estimating the Transferability of Pretrained
    Models to Classification Tasks", the Gaussian form: with L(W, b) the mean cross-entropy of the
    softmax classifier W'x + b on the centred features, H its Hessian and the prior N(0, s^2 I) on W,

        min over W, b of [L + |W|^2 / (2 l s^2)]  +  (C D / 2 l) log(1 + l s^2 trace(H) / (C D)),

    in nats; the sign is turned so that higher is better. ``data_weight`` is l s^2 / N and
    ``prior_variance`` is s^2 D (the authors' ``lda_factor`` and ``s2_factor``: they try 0.1, 1 and 10
    with two values of the other each; the defaults are the first of their middle pair). The bias b has
    no prior and no part in the second term.

    The authors' code differs: it stops L-BFGS after 100 iterations from an unseeded random start; the problem is
    convex, and here is solved from zero to a gradient of 1e-10, above 4 MiB first in float32 and from there in float64
    (about 1e-8 relative in the score; less where the classes separate and the loss is flat), below on to 1e-12 (about
    1e-10). It leaves 1 / N out of the second derivatives, where the bound has those of the mean loss, and adds those
    of b. With N < D the optimum lies in the span of the samples, and so the samples are first turned into N
    dimensions, which changes no inner product. Where the centred samples take more than 1 GiB they are made anew in
    each iteration, by blocks, and never held.

    Shape: features (N, D), labels (N,) integers. At most 0. Depends on the scale of the features.
    Conventions: classes without samples do not count in C. Raises ``ValueError`` when the optimum is
    not reached in ``max_iter`` iterations.

    Example:
        Three classes, in features that tell them apart and in noise that does not:

        >>> import numpy as np
        >>> from ckptrank.measures import pactran
        >>> labels = np.repeat([0, 1, 2], 20)
        >>> noise = np.random.default_rng(0).normal(size=(60, 8))
        >>> features = noise + 3 * np.eye(3, 8)[labels]
        >>> round(pactran(features, labels), 1), round(pactran(noise, labels), 1)
        (-2.7, -7.4)
    """
    for name, value in (("data_weight", data_weight), ("prior_variance", prior_variance)):
        if not value > 0:
            raise ValueError(f"{name}: must be positive, got {value}")
    features = check_features(features, convert=False)
    require_moderate(features)
    samples, dimensions = features.shape
    labels = check_labels(labels, samples)
    labels = np.unique(labels, return_inverse=True)[1]
    centred, size = _center(features)
    precision = 1 / (data_weight * samples)  # 1 / (l s^2)
    loss, weights, iterations = _fit(centred, size, labels, precision, max_iter)

    classes = weights.shape[1]
    trace = 0.0
    for _, block in centred["float64"]():
        posteriors = softmax(block @ weights[:-1] + weights[-1])
        curvature = (posteriors * (1 - posteriors)).sum(axis=1)
        trace += float(curvature @ np.square(block).sum(axis=1)) / samples
    growth = np.log1p(trace / (precision * classes * dimensions))
    complexity = float(classes * precision * prior_variance / 2 * growth)
    add_flops(2 * samples * size + 3 * samples * classes)
    note(loss=loss, complexity=complexity, iterations=iterations)
    return -(loss + complexity)


def _center(features: np.ndarray) -> tuple[dict[str, Blocks], int]:
    """Return what hands out the centred samples by blocks, for each data type, and their dimensions, at most N."""
    mean = mean_of(features)
    if len(features) < features.shape[1]:
        features = compress(features, mean)
        mean = np.zeros(features.shape[1])

    def make(dtype: str) -> Iterator[tuple[slice, np.ndarray]]:
        for rows, block in row_blocks(features, _BLOCK_BYTES):
            yield rows, (block - mean).astype(dtype, copy=False)

    def hold(dtype: str) -> Blocks:
        if np.dtype(dtype).itemsize * features.size > _KEPT_BYTES:
            return lambda: make(dtype)
        kept: np.ndarray = np.empty(features.shape, dtype)
        for rows, block in make(dtype):
            kept[rows] = block
        step = max(1, _BLOCK_BYTES // kept[0].nbytes)
        parts = [slice(start, start + step) for start in range(0, len(kept), step)]
        return lambda: ((rows, kept[rows]) for rows in parts)

    peak = max(
        float((features.max(axis=0) - mean).max()), float((mean - features.min(axis=0)).max())
    )
    least, largest = _SINGLE_RANGE
    single = 8 * features.size >= _SINGLE_BYTES and least < peak < largest
    used = [*_TOLERANCES] if single else ["float64"]
    return {dtype: hold(dtype) for dtype in used}, features.shape[1]


def _fit(
    centred: Mapping[str, Blocks],
    size: int,
    labels: np.ndarray,
    precision: float,
    max_iter: int,
) -> tuple[float, np.ndarray, int]:
    """Return the penalised loss at its minimum, the weights there (D + 1, C), the bias last, and the iterations."""
    from scipy.optimize import OptimizeResult, minimize

    samples = len(labels)
    shape = (size + 1, int(labels.max()) + 1)
    penalty = np.full((size + 1, 1), precision)
    penalty[-1] = 0
    units = _Units(centred["float64"], size, samples, precision, shape[1])

    def evaluate(flat: np.ndarray, blocks: Blocks) -> tuple[float, np.ndarray]:
        weights = units.to_weights(flat.reshape(shape))
        loss, gradient = _sum_losses(blocks, labels, weights)
        loss = loss / samples + float((penalty * weights**2).sum() / 2)
        gradient = gradient / samples + penalty * weights
        add_flops(4 * samples * weights.size)
        return loss, units.to_gradient(gradient).ravel()

    def descend(
        function: Callable, start: np.ndarray, tolerance: float, allowed: int
    ) -> OptimizeResult:
        limits = {"maxiter": allowed, "maxfun": 2 * allowed, "ftol": 0, "gtol": tolerance}
        return minimize(function, start, jac=True, method="L-BFGS-B", options=limits)

    solution = OptimizeResult(x=np.zeros(shape).ravel())
    iterations = 0
    for dtype, blocks in centred.items():
        if (allowed := max_iter - iterations) == 0:
            break
        function = partial(evaluate, blocks=blocks)
        solution = descend(function, solution.x, _TOLERANCES[dtype], allowed)
        iterations += solution.nit
    loss = solution.fun
    if "float32" not in centred and (allowed := max_iter - iterations) > 0:
        # where the loss is flat to rounding the line search gives up before the gradient is met
        from_there = partial(_integrate, function, solution.x, solution.jac)
        solution = descend(from_there, solution.x, _FINE_TOLERANCE, allowed)
        loss, iterations = loss + solution.fun, iterations + solution.nit
    remaining = float(np.abs(solution.jac).max())
    if remaining > _ACCEPTABLE_GRADIENT:
        raise ValueError(
            f"max_iter: the classifier did not converge in {iterations} of {max_iter} iterations, "
            f"the largest entry of its gradient is {remaining:.2g}"
        )
    return loss, units.to_weights(solution.x.reshape(shape)), iterations


def _integrate(
    function: Callable, start: np.ndarray, slope: np.ndarray, values: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return what the function gains from ``start``, where its gradient is ``slope``, and its gradient.

    By the trapezoid rule, exact to the third order: near the minimum the difference of two values is all rounding.
    """
    gradient = function(values)[1]
    return float((slope + gradient) @ (values - start)) / 2, gradient


def _sum_losses(
    blocks: Blocks, labels: np.ndarray, weights: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the cross-entropy over all samples, in nats, and its derivatives by the weights (D + 1, C)."""
    loss, gradient = 0.0, np.zeros_like(weights)
    for rows, block in blocks():
        used = weights.astype(block.dtype, copy=False)
        scores = block @ used[:-1]
        scores += used[-1]
        scores -= scores.max(axis=1, keepdims=True)
        own = (np.arange(len(scores)), labels[rows])
        own_scores = scores[own]
        np.exp(scores, out=scores)
        totals = scores.sum(axis=1)
        loss += float((np.log(totals) - own_scores).sum(dtype=np.float64))
        scores /= totals[:, None]
        scores[own] -= 1
        gradient[:-1] += block.T @ scores
        gradient[-1] += scores.sum(axis=0)
    return loss, gradient


class _Units:
    """The units of the weights in which L-BFGS works; the gradient then means the same at every scale.

    With at least four times as many samples as dimensions, whose variances differ much among directions, as a network's
    do, those in which the second derivatives by the weights of a class, at W = 0 and over a part of the samples, are
    the identity: a third to a half of the iterations. Else those of the steepest direction, which cost nothing.
    """

    def __init__(self, blocks: Blocks, size: int, samples: int, precision: float, classes: int):
        self.bias, self.factor = 1.0, None
        if samples < _WORTH * size:
            self._be_plain(_find_largest(lambda v: _multiply(blocks, v) / samples, size), precision)
            add_flops(4 * _ROUNDS * samples * size)
            return
        curvature = (1 - 1 / classes) / classes
        moments, step, count = np.zeros((size, size)), samples // (_WORTH * size), 0
        for _, block in blocks():
            chosen = block[::step]
            moments += chosen.T @ chosen
            count += len(chosen)
        moments /= count
        add_flops(count * size**2 + 2 * _ROUNDS * size**2)
        largest = _find_largest(moments.__matmul__, size)
        if largest < _UNEVEN * moments.trace() / size:
            self._be_plain(largest, precision)
            return
        moments *= curvature
        # at least what rounding leaves of the largest
        least = size * np.finfo(np.float64).eps * float(moments.diagonal().max())
        moments.flat[:: size + 1] += max(precision, least)
        self.factor, self.bias = np.linalg.cholesky(moments), float(np.sqrt(curvature))
        add_flops(size**3 / 3)

    def _be_plain(self, largest: float, precision: float) -> None:
        self.unit = float(np.sqrt(largest + precision))

    def to_weights(self, values: np.ndarray) -> np.ndarray:
        """Return the weights (D + 1, C), the bias last, that have these values in these units."""
        return self._apply(values, transposed=True)

    def to_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """Return the derivatives by the values from those by the weights."""
        return self._apply(gradient, transposed=False)

    def _apply(self, matrix: np.ndarray, transposed: bool) -> np.ndarray:
        if self.factor is None:
            return np.concatenate([matrix[:-1] / self.unit, matrix[-1:]])
        from scipy.linalg import solve_triangular

        solved = solve_triangular(self.factor, matrix[:-1], trans=transposed, lower=True)
        return np.concatenate([solved, matrix[-1:] / self.bias])


def _multiply(blocks: Blocks, vector: np.ndarray) -> np.ndarray:
    """Return X'X v for the samples X."""
    products = (block.T @ (block @ vector) for _, block in blocks())
    return sum(products, start=np.zeros(len(vector)))


def _find_largest(multiply: Callable[[np.ndarray], np.ndarray], size: int) -> float:
    """Return about the largest eigenvalue of a matrix of second moments, by power iteration."""
    vector = np.random.default_rng(0).standard_normal(size)
    for _ in range(_ROUNDS):
        length = np.linalg.norm(vector)
        if length == 0:
            return 0.0
        vector = multiply(vector / length)
    return float(np.linalg.norm(vector))
