"""The k-means start of a Gaussian mixture: the clusters that scikit-learn's ``KMeans`` finds.

``GaussianMixture(random_state=seed)`` starts from ``KMeans(n_init=1, random_state=seed)``: greedy
k-means++ seeding, then Lloyd's iterations. Both are done here by the same steps, with the same
random numbers and by the same rules for convergence and empty clusters, so that the labels are equal
but for ties within rounding. Being here saves the 1.2 s that importing scikit-learn costs every
job, and most of the work. Of the seeding: scikit-learn computes the distance of every sample to every
candidate, but few samples come nearer to a new centre, and the leading coordinates of a PCA are enough to
rule most of them out. Of the iterations: only centres that moved are compared with samples whose own did not,
in single precision where that decides, and sums follow the samples that changed their cluster.
"""

import numpy as np

from ckptrank.measures.accounting import add_flops

_BLOCK_CELLS = 2**21
# Below so many dimensions ruling samples out costs as much as computing their distances.
_FEW = 64
# The share of the coordinates, one of so many, by which samples are ruled out.
_LEADING = 2


def kmeans(
    samples: np.ndarray, clusters: int, seed: int, *, max_iter: int = 300, tol: float = 1e-4
) -> tuple[np.ndarray, int]:
    """Return the labels (N,) of ``samples`` (N, d) and the number of iterations.

    Any samples will do; those whose leading coordinates vary most take least time.
    """
    samples = samples - samples.mean(axis=0)
    centres = samples[kmeans_plusplus(samples, clusters, np.random.RandomState(seed))]
    nearest = _Nearest(samples, clusters)
    sums = np.zeros_like(centres)
    labels = np.full(len(samples), -1)
    threshold = tol * float(samples.var(axis=0).mean())
    for iteration in range(1, max_iter + 1):
        before, labels = labels, nearest.find(centres)
        if np.array_equal(labels, before):
            return labels, iteration
        _move_sums(sums, samples, before, labels)
        moved = _cluster_means(samples, labels, centres, sums)
        shift = float(np.square(moved - centres).sum())
        centres = moved
        if shift <= threshold:
            break
    return nearest.find(centres), iteration


def kmeans_plusplus(
    samples: np.ndarray, clusters: int, random_state: np.random.RandomState
) -> np.ndarray:
    """Return the indices (clusters,) of the seeds that ``sklearn.cluster.kmeans_plusplus`` picks."""
    count, dimensions = samples.shape
    trials = 2 + int(np.log(clusters))
    norms = np.einsum("ij,ij->i", samples, samples)
    seeds = np.empty(clusters, dtype=np.int64)
    seeds[0] = random_state.choice(count, p=np.full(count, 1 / count))
    nearest = _squared_distances(samples, norms, seeds[:1])[0]
    screen = _Screen(samples, norms, nearest) if dimensions >= _FEW else None
    for step in range(1, clusters):
        cumulative = np.cumsum(nearest)
        draws = random_state.uniform(size=trials) * (nearest @ np.ones(count))
        candidates = np.searchsorted(cumulative, draws).clip(max=count - 1)
        if screen is not None and (screen.useful or step % 32 == 0):
            options = screen.improve(candidates, nearest)
        else:
            distances = _squared_distances(samples, norms, candidates)
            options = [(slice(None), np.minimum(line, nearest)) for line in distances]
        gains = [float((nearest[rows] - values).sum()) for rows, values in options]
        best = int(np.argmax(gains))
        rows, values = options[best]
        nearest[rows] = values
        if screen is not None:
            screen.lower(rows, values)
        seeds[step] = candidates[best]
    return seeds


class _Screen:
    """Rules out, by a lower bound of the distance, the samples that a candidate cannot be nearest to.

    With u the leading coordinates of x and the norm of the others as one more, |u - v| <= |x - y|.
    Single precision does, less its rounding error, so that the result stays exact.
    """

    def __init__(self, samples: np.ndarray, norms: np.ndarray, nearest: np.ndarray):
        self.samples, self.norms = samples, norms
        leading = samples[:, : samples.shape[1] // _LEADING]
        rests = np.sqrt(np.maximum(norms - np.einsum("ij,ij->i", leading, leading), 0))
        self.scale = float(norms.max()) or 1.0
        self.folded = np.empty((len(samples), leading.shape[1] + 1), dtype=np.float32)
        np.divide(leading, np.sqrt(self.scale), out=self.folded[:, :-1], casting="same_kind")
        np.divide(rests, np.sqrt(self.scale), out=self.folded[:, -1], casting="same_kind")
        rounding = (leading.shape[1] + 8) * float(np.finfo(np.float32).eps)
        self.halves = norms * ((1 - rounding) / (2 * self.scale))
        self.bounds = np.empty(len(samples), dtype=np.float32)
        self.lower(slice(None), nearest)
        self.useful = False

    def lower(self, rows: np.ndarray | slice, nearest: np.ndarray) -> None:
        """Take note of the squared distances of some samples to the nearest seed."""
        self.bounds[rows] = self.halves[rows] - nearest / (2 * self.scale)

    def improve(
        self, candidates: np.ndarray, nearest: np.ndarray
    ) -> list[tuple[np.ndarray | slice, np.ndarray]]:
        """Return, of each candidate, samples (among them all that it is nearer to) and their least squared distance."""
        # |u - v|^2 < nearest, where |u - v|^2 = |x|^2 + |y|^2 - 2 u.v
        products = self.folded @ self.folded[candidates].T
        products -= self.halves[candidates].astype(np.float32)
        possible = products > self.bounds[:, None]
        rows, which = np.divmod(np.flatnonzero(possible), len(candidates))
        self.useful = 8 * len(rows) < possible.size
        add_flops(2 * len(candidates) * self.folded.size)
        add_flops(2 * len(rows) * self.samples.shape[1])
        found: list[tuple[np.ndarray | slice, np.ndarray]] = []
        for place, candidate in enumerate(candidates):
            chosen = rows[which == place]
            exact = self.samples[chosen] @ (-2 * self.samples[candidate])
            exact += self.norms[chosen]
            exact += self.norms[candidate]
            found.append((chosen, np.minimum(np.maximum(exact, 0), nearest[chosen])))
        return found


def _squared_distances(samples: np.ndarray, norms: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the squared distances (R, N) of the samples to those at ``rows``."""
    distances = (-2 * samples[rows]) @ samples.T
    distances += norms[rows, None]
    distances += norms
    add_flops(2 * len(rows) * samples.size)
    return np.maximum(distances, 0, out=distances)


class _Nearest:
    """The nearest of some centres to each sample, as the centres move.

    Distances are taken in single precision, and again in double where its rounding leaves in doubt which is
    the least. A sample whose centre stays is compared with those centres alone that have moved.
    """

    def __init__(self, samples: np.ndarray, clusters: int):
        self.samples = samples
        norms = np.einsum("ij,ij->i", samples, samples)
        self.scale = float(np.sqrt(norms.max())) or 1.0
        self.singles = np.empty(samples.shape, dtype=np.float32)
        np.divide(samples, self.scale, out=self.singles, casting="same_kind")
        # Of half a squared distance |y|^2 / 2 - x.y, with |x| and |y| up to 1, in single precision.
        rounding = (samples.shape[1] + 8) * float(np.finfo(np.float32).eps)
        self.margins = (2 * rounding * (np.sqrt(norms) / self.scale + 0.5)).astype(np.float32)
        self.labels = np.zeros(len(samples), dtype=np.int64)
        self.distances = np.zeros(len(samples), dtype=np.float32)
        self.centres = np.full((clusters, samples.shape[1]), np.nan)

    def find(self, centres: np.ndarray) -> np.ndarray:
        """Return the labels (N,); of centres equally near (to rounding) any."""
        moved = (centres != self.centres).any(axis=1)
        self.centres = centres
        norms = np.einsum("ij,ij->i", centres, centres)
        scaled, halves = centres / self.scale, norms / (2 * self.scale**2)
        changed, same = np.flatnonzero(moved), np.flatnonzero(~moved)
        step = max(1, _BLOCK_CELLS // len(centres))
        for start in range(0, len(self.labels) if len(changed) else 0, step):
            rows = slice(start, start + step)
            block, margins = self.singles[rows], self.margins[rows]
            labels, distances, doubt = _compare(block, margins, scaled, halves, changed)
            if len(same):
                own, least = self.labels[rows].copy(), self.distances[rows].copy()
                unsure = np.zeros(len(block), dtype=bool)
                lines = np.flatnonzero(moved[own])
                own[lines], least[lines], unsure[lines] = _compare(
                    block[lines], margins[lines], scaled, halves, same
                )
                nearer = distances < least
                doubt = np.where(nearer, doubt, unsure) | (np.abs(distances - least) <= margins)
                labels = np.where(nearer, labels, own)
                distances = np.where(nearer, distances, least)
            lines = np.flatnonzero(doubt)
            exact = norms - 2 * (self.samples[rows][lines] @ centres.T)
            labels[lines] = exact.argmin(axis=1)
            distances[lines] = exact.min(axis=1) / (2 * self.scale**2)
            self.labels[rows], self.distances[rows] = labels, distances
            add_flops(2 * self.samples.shape[1] * (len(block) * len(changed) + exact.size))
        return self.labels.copy()


def _compare(
    block: np.ndarray,
    margins: np.ndarray,
    centres: np.ndarray,
    halves: np.ndarray,
    chosen: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the nearest of the ``chosen`` centres in single precision, how near, and whether this is in doubt."""
    table = block @ centres[chosen].astype(np.float32).T
    np.subtract(halves[chosen].astype(np.float32), table, out=table)
    every, best = np.arange(len(table)), table.argmin(axis=1)
    least = table[every, best]
    table[every, best] = np.inf
    return chosen[best], least, table.min(axis=1) <= least + margins


def _move_sums(
    sums: np.ndarray, samples: np.ndarray, before: np.ndarray, labels: np.ndarray
) -> None:
    """Let the sums over clusters follow the samples whose label changed, or add all up where these are many."""
    changed = np.flatnonzero(labels != before)
    moves = [(labels, 1), (before, -1)]
    if 4 * len(changed) > len(labels):
        sums[:], changed, moves = 0, np.arange(len(labels)), [(labels, 1)]
    step = max(1, _BLOCK_CELLS // samples.shape[1])
    for clusters, sign in moves:
        order = changed[np.argsort(clusters[changed], kind="stable")]
        for start in range(0, len(order), step):
            rows = order[start : start + step]
            starts = np.flatnonzero(np.diff(clusters[rows], prepend=-1))
            sums[clusters[rows[starts]]] += sign * np.add.reduceat(samples[rows], starts, axis=0)


def _cluster_means(
    samples: np.ndarray, labels: np.ndarray, centres: np.ndarray, sums: np.ndarray
) -> np.ndarray:
    """Return the means of the clusters; an empty one takes the sample farthest from its centre."""
    counts = np.bincount(labels, minlength=len(centres))
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        sums = sums.copy()
        distances = np.square(samples - centres[labels]).sum(axis=1)
        if distances.max() > 0:
            farthest = np.argpartition(distances, -len(empty))[: -len(empty) - 1 : -1]
            for new, row in zip(empty, farthest, strict=True):
                sums[labels[row]] -= samples[row]
                sums[new] = samples[row]
                counts[labels[row]] -= 1
                counts[new] = 1
    means = sums * (1 / np.maximum(counts, 1))[:, None]
    means[counts == 0] = means[counts.argmax()]
    return means
