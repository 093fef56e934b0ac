"""Time every closed-form measure against its textbook form and public code, in one run.

    OMP_NUM_THREADS=1 python benchmarks/measures.py            # all shapes, about two hours
    OMP_NUM_THREADS=1 python benchmarks/measures.py --quick    # 3,060 x 2,048 with 101 classes

Writes ``results/measures.csv`` beside this file, a row for each shape and measure as soon as it is
known, and in the end ``results/measures.svg`` and ``.png``. Rows that the table holds are not measured
anew unless ``--again`` is given, so that a run that was stopped goes on where it was; two processes
can share the shapes.

Seconds are processor seconds of the call alone (threads added up), imports done; the mean of as many
calls as take half a second. Each call runs in a process of its own, whose peak memory (features
included) is ``peak_gib``. A form that takes too long or too much memory, or is expected to from what
fewer samples took, is left out; the column ``note`` says which and why. The limits:
40 s (``--limit``) and 8 GiB for a textbook form, 600 s (``--own-limit``) for a measure.

Public code (``public.py``) is timed at 3,060 x 2,048 with 101 classes, the features in float32 as its
scripts have them: the measure and the public form in turn, three times; ``seconds`` and
``public_seconds`` are then medians. ``score``, ``reference_score`` and ``public_score`` tell how far
the three agree.
"""

import argparse
import csv
import fcntl
import multiprocessing
import os
import re
import resource
import signal
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ["OMP_NUM_THREADS"])
HERE = Path(__file__).parent

import numpy as np  # noqa: E402
import public  # noqa: E402
import reference  # noqa: E402
from machine import describe_machine  # noqa: E402

from ckptrank.measures.registry import get_function  # noqa: E402

SAMPLES, DIMENSIONS, CLASSES = (1_000, 3_060, 10_000, 76_128), (512, 2_048), (101, 10, 397)
QUICK = [(3_060, 2_048, 101)]
REFERENCE_SECONDS, REFERENCE_GIB, OWN_SECONDS = 40, 8, 600
PUBLIC_SECONDS, PUBLIC_REPEATS = 120, 3
LEAST_SECONDS = 0.5
STOPPED = {"seconds": "stopped after", "reference_seconds": "textbook form stopped after"}
COLUMNS = (
    *("measure", "samples", "dimensions", "classes", "seconds", "peak_gib", "score"),
    *("reference_seconds", "reference_score", "ratio", "relative_difference"),
    *("public_seconds", "public_score", "public_ratio", "repository", "note", "machine"),
)
GIB = 2**30


@dataclass
class Data:
    features: np.ndarray
    labels: np.ndarray

    def reduced(self) -> np.ndarray:
        """Return 64 dimensions, in place of principal components, for what comes after PCA."""
        return np.ascontiguousarray(self.features[:, :64])

    def source_labels(self) -> np.ndarray:
        return self.features[:, :100].argmax(axis=1)

    def source_probabilities(self) -> np.ndarray:
        exponentials = np.exp(self.features[:, :100].astype(np.float64))
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    def class_means(self) -> tuple[np.ndarray, ...]:
        """Return means and counts of one half's classes, then of the other's."""
        parts = []
        for rows in (slice(None, None, 2), slice(1, None, 2)):
            labels, features = self.labels[rows], self.features[rows].astype(np.float64)
            counts = np.bincount(labels)
            kept = np.flatnonzero(counts)
            means = np.array([features[labels == label].mean(axis=0) for label in kept])
            parts += [means, counts[kept]]
        return tuple(parts)


def _supervised(data: Data) -> tuple[np.ndarray, ...]:
    return data.features, data.labels


@dataclass
class Entry:
    """A measure, its textbook form and, where there is one, a public one.

    ``growth``: the power of N with which the textbook form's time grows, ``own_growth`` the
    measure's; ``gib``: the textbook form's memory, from N, D and C.
    """

    method: str
    textbook: Callable[..., float]
    arguments: Callable[[Data], tuple] = _supervised
    parameters: dict | None = None
    growth: int = 1
    own_growth: int = 1
    gib: Callable[[int, int, int], float] = lambda n, d, c: 3 * n * d * 8 / GIB
    public: Callable[..., float] | None = None


def _pairs_gib(n: int, d: int, c: int) -> float:
    return 5 * n * n * 8 / GIB


ENTRIES = {
    "lfc": Entry("lfc", reference.lfc, growth=2, gib=_pairs_gib, public=public.lfc),
    "logme": Entry("logme", reference.logme, public=public.logme),
    "h_score": Entry("h_score", reference.h_score, public=public.h_score),
    "h_score (shrunk)": Entry(
        "h_score", reference.h_score_shrunk, parameters={"shrinkage": "ledoit_wolf"}
    ),
    # C + 1 determinants of D x D matrices
    "transrate": Entry("transrate", reference.transrate, growth=0, public=public.transrate),
    "gbc": Entry("gbc", reference.gbc, public=public.gbc),
    "gbc (after PCA)": Entry(
        "gbc",
        reference.gbc_pairs,
        lambda data: (data.reduced(), data.labels),
        {"pca_components": None},
        public=public.gbc_pairs,
    ),
    "sfda": Entry("sfda", reference.sfda, public=public.sfda),
    "parc": Entry("parc", reference.parc, growth=2, gib=_pairs_gib, public=public.parc),
    "parc (32 components)": Entry(
        "parc",
        reference.parc_32,
        parameters={"pca_components": 32, "standardize": True},
        growth=2,
        gib=_pairs_gib,
        public=public.parc_32,
    ),
    "rsa": Entry(
        "rsa",
        reference.rsa,
        lambda data: (data.features, data.reduced()),
        growth=2,
        gib=_pairs_gib,
        public=public.rsa,
    ),
    "knn": Entry("knn", reference.knn, growth=2, own_growth=2, gib=_pairs_gib, public=public.knn),
    "etran (energy)": Entry(
        "etran",
        reference.etran_energy,
        lambda data: (data.features,),
        {"classification": False},
        public=public.etran_energy,
    ),
    "etran": Entry("etran", reference.etran, public=public.etran),
    "ncti": Entry("ncti", reference.ncti, public=public.ncti),
    "pactran": Entry("pactran", reference.pactran, public=public.pactran),
    "training_speed": Entry("training_speed", reference.training_speed, growth=2, gib=_pairs_gib),
    "generalisation": Entry("generalisation", reference.generalisation, growth=3, gib=_pairs_gib),
    "feature_sparsity": Entry(
        "feature_sparsity", reference.feature_sparsity, lambda data: (data.features,)
    ),
    "leep": Entry(
        "leep",
        reference.leep,
        lambda data: (data.source_probabilities(), data.labels),
        public=public.leep,
    ),
    "nce": Entry(
        "nce",
        reference.nce,
        lambda data: (data.source_labels(), data.labels),
        public=public.nce,
    ),
    "domain_similarity": Entry(
        "domain_similarity",
        reference.domain_similarity,
        Data.class_means,
        {"min_count": 1},
        growth=0,
        own_growth=0,
        gib=lambda n, d, c: 2 * 2 * c**3 * 8 / GIB,
    ),
}


def make_data(samples: int, dimensions: int, classes: int) -> Data:
    """Return float32 features as pooled ReLU maps look: sparse, correlated, with class structure."""
    generator = np.random.default_rng(0)
    labels = generator.permutation(np.arange(samples) % classes)
    factors = generator.standard_normal((64, dimensions)) / 8
    centers = 0.3 * generator.standard_normal((classes, dimensions))
    features = np.empty((samples, dimensions), dtype=np.float32)
    for start in range(0, samples, 8192):
        rows = slice(start, start + 8192)
        count = len(labels[rows])
        values = generator.standard_normal((count, 64)) @ factors + centers[labels[rows]]
        values += 0.5 * generator.standard_normal((count, dimensions))
        features[rows] = 0.3 * np.maximum(values, 0)
    return Data(features, labels)


def _call(
    function: Callable[..., float], arguments: tuple, parameters: dict, limit: int, pipe
) -> None:
    """Time a call in this (forked) process and send (score, seconds, peak bytes) back."""
    started = time.process_time()
    stop = int(started) + limit + 1
    resource.setrlimit(resource.RLIMIT_CPU, (stop, stop + 9))
    score = float(function(*arguments, **parameters))
    seconds, calls = time.process_time() - started, 1
    # Under the limit this clock ticks every 4 ms.
    while seconds < LEAST_SECONDS:
        function(*arguments, **parameters)
        seconds, calls = time.process_time() - started, calls + 1
    pipe.send((score, seconds / calls, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


def measure(
    function: Callable[..., float], arguments: tuple, parameters: dict, limit: int
) -> tuple[float, float, float] | None:
    """Return (score, CPU seconds, peak bytes), or None past ``limit`` CPU seconds."""
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    worker = fork.Process(target=_call, args=(function, arguments, parameters, limit, sender))
    worker.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        worker.join()
        if worker.exitcode == -signal.SIGXCPU:
            return None
        raise RuntimeError(f"{function.__module__}.{function.__name__} failed") from None
    finally:
        worker.join()


def warm_up() -> None:
    """Call everything once on small data, so that no import is timed."""
    small = make_data(90, 110, 3)
    for entry in ENTRIES.values():
        arguments = entry.arguments(small)
        get_function(entry.method)(*arguments, **(entry.parameters or {}))
        entry.textbook(*arguments)
        if entry.public:
            entry.public(*arguments)


def run(
    shapes: list[tuple[int, int, int]],
    names: list[str],
    table: Path,
    again: bool = False,
    limit: int = REFERENCE_SECONDS,
    own_limit: int = OWN_SECONDS,
) -> None:
    """Measure the shapes and put each row into the table as soon as it is known."""
    for samples, dimensions, classes in shapes:
        data = None
        for name in names:
            key, rows = key_of(name, samples, dimensions, classes), read_csv(table)
            if key in rows and not again:
                continue
            data = data or make_data(samples, dimensions, classes)
            smaller = [
                row
                for other, row in rows.items()
                if other[:2] == key[:2] and other[3] == key[3] and other[2] < samples
            ]
            row = {"measure": name, "samples": samples, "dimensions": dimensions}
            row["classes"] = classes
            row |= compare(ENTRIES[name], data, classes, smaller, limit, own_limit)
            packages = "numpy", "scipy", "scikit-learn", "torch"
            add_row(row | {"machine": describe_machine(*packages)}, key, table)
            shown = " ".join(f"{row.get(c, '')!s:.9}" for c in COLUMNS[4:-1])
            print(f"{name:24} {samples} x {dimensions}, {classes}: {shown}", flush=True)


def key_of(name: str, samples: int, dimensions: int, classes: int) -> tuple[int, ...]:
    """Return what identifies a row, in the order of the table."""
    return dimensions, classes, samples, list(ENTRIES).index(name)


def expect(column: str, samples: int, growth: int, smaller: list[dict]) -> float:
    """Return the seconds to expect from what the most of fewer samples took, or took until they were stopped.

    Of few samples most of the time is not what grows with their number: a thousand would promise too much.
    """
    for row in sorted(smaller, key=lambda row: int(row["samples"]), reverse=True):
        stopped = re.fullmatch(STOPPED[column] + r" (\d+) s", row.get("note", ""))
        if seconds := float(stopped[1] if stopped else row.get(column) or 0):
            return seconds * (samples / int(row["samples"])) ** growth
    return 0.0


def compare(
    entry: Entry, data: Data, classes: int, smaller: list[dict], limit: int, own_limit: int
) -> dict:
    """Return the measured columns of a row, knowing the rows of fewer samples.

    ``limit``: the seconds that the textbook form may take; ``own_limit``: the measure.
    """
    samples, dimensions = data.features.shape
    arguments, drawn = entry.arguments(data), entry.method in ("parc", "rsa") and samples > 5000
    growth = 0 if drawn else entry.own_growth
    if expect("seconds", samples, growth, smaller) >= own_limit:
        return {"note": f"left out: expected to take more than {own_limit} s"}
    own = measure(get_function(entry.method), arguments, entry.parameters or {}, own_limit)
    if own is None:
        return {"note": f"{STOPPED['seconds']} {own_limit} s"}
    score, seconds, peak = own
    row = {"seconds": seconds, "peak_gib": peak / GIB, "score": score}
    if entry.public and (samples, dimensions, classes) in QUICK:
        row |= compare_public(entry, arguments)
        seconds = row["seconds"]
    expected = expect("reference_seconds", samples, entry.growth, smaller)
    gib = entry.gib(samples, dimensions, classes)
    reason = ""
    if drawn:
        reason = "the measure scores a subsample of 5,000"
    elif gib > REFERENCE_GIB:
        reason = f"expected to take {gib:.0f} GiB"
    elif expected >= limit:
        reason = f"expected to take more than {limit} s"
    if reason:
        return row | {"note": f"textbook form left out: {reason}"}
    textbook = measure(entry.textbook, arguments, {}, limit)
    if textbook is None:
        return row | {"note": f"{STOPPED['reference_seconds']} {limit} s"}
    other, other_seconds, _ = textbook
    difference = abs(score - other) / max(abs(other), np.finfo(float).tiny)
    row |= {"reference_seconds": other_seconds, "reference_score": other}
    return row | {"ratio": other_seconds / seconds, "relative_difference": difference}


def compare_public(entry: Entry, arguments: tuple) -> dict:
    """Return the columns about public code, and the measure's seconds as taken in turn with it."""
    name, pairs = entry.public.__name__, []
    for _ in range(PUBLIC_REPEATS):
        own = measure(get_function(entry.method), arguments, entry.parameters or {}, OWN_SECONDS)
        other = measure(entry.public, arguments, {}, PUBLIC_SECONDS)
        pairs.append((own[1], other[1], other[0]))
    seconds, public_seconds, scores = zip(*pairs, strict=True)
    row = {"seconds": statistics.median(seconds), "repository": public.REPOSITORIES[name]}
    row |= {"public_seconds": statistics.median(public_seconds), "public_score": scores[0]}
    return row | {"public_ratio": row["public_seconds"] / row["seconds"]}


def read_csv(path: Path) -> dict[tuple, dict]:
    if not path.exists():
        return {}
    with path.open(encoding="utf-8") as file:
        return {
            key_of(row["measure"], *(int(row[column]) for column in COLUMNS[1:4])): row
            for row in csv.DictReader(file)
        }


def add_row(row: dict, key: tuple[int, ...], path: Path) -> None:
    """Put a row into the table, beside what other processes have put there meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        written = {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()}
        rows = read_csv(path) | {key: written}
        part = path.with_suffix(".part")
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows[k] for k in sorted(rows))
        part.replace(path)
    finally:
        os.close(folder)


def draw(table: Path, classes: int = 101) -> None:
    """Draw seconds over samples, a panel per measure, from the CSV; as SVG and PNG beside it."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with table.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["classes"]) == classes]
    names = list(dict.fromkeys(row["measure"] for row in rows))
    quick = [r for r in rows if (int(r["samples"]), int(r["dimensions"])) == QUICK[0][:2]]
    ratios = {row["measure"]: row["ratio"] for row in quick}
    columns = 5
    lines = -(-len(names) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(14, 2.55 * lines + 0.9), sharex=True, sharey=True, squeeze=False
    )
    colors = {512: "#0072B2", 2048: "#D55E00"}
    for axis, name in zip(axes.flat, names, strict=False):
        for dimensions, color in colors.items():
            chosen = [
                r for r in rows if r["measure"] == name and int(r["dimensions"]) == dimensions
            ]
            for column, style, width, fill in (
                ("reference_seconds", "--", 1.2, "white"),
                ("seconds", "-", 2.0, color),
            ):
                points = [(int(r["samples"]), float(r[column])) for r in chosen if r[column]]
                if points:
                    axis.plot(
                        *zip(*points, strict=True),
                        style,
                        color=color,
                        lw=width,
                        marker="o",
                        ms=4,
                        mfc=fill,
                    )
        ratio = ratios.get(name)
        axis.set_title(name, fontsize=10, loc="left")
        if ratio:
            axis.text(0.97, 0.04, f"{float(ratio):.2g} x", transform=axis.transAxes, ha="right")
        axis.set(xscale="log", yscale="log", xlim=(800, 95_000))
        axis.set_xticks(SAMPLES, ["1k", "3k", "10k", "76k"])
        axis.minorticks_off()
        axis.grid(alpha=0.3, lw=0.5)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    for axis in axes[-1]:
        axis.set_xlabel("samples N")
    for axis in axes[:, 0]:
        axis.set_ylabel("processor seconds")
    key = [plt.Line2D([], [], color=c, lw=2, label=f"D = {d:,}") for d, c in colors.items()]
    key += [plt.Line2D([], [], color="0.3", ls="-", lw=2, label="ckptrank")]
    key += [
        plt.Line2D(
            [],
            [],
            color="0.3",
            ls="--",
            lw=1.2,
            marker="o",
            ms=4,
            mfc="white",
            label="textbook form",
        )
    ]
    figure.legend(handles=key, loc="upper right", ncol=4, frameon=False)
    title = f"Time of a score, {classes} classes. The number: textbook / ckptrank at 3,060 x 2,048"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    figure.tight_layout(rect=(0, 0, 1, 0.985))
    for suffix in (".svg", ".png"):
        figure.savefig(table.with_suffix(suffix), dpi=130)


def parse_shape(text: str) -> tuple[int, int, int]:
    samples, dimensions, classes = (int(part) for part in text.split("x"))
    return samples, dimensions, classes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one shape, no figure")
    parser.add_argument("--again", action="store_true", help="measure anew what the table holds")
    parser.add_argument("--shapes", nargs="+", type=parse_shape, help="like 3060x2048x101")
    parser.add_argument("--measures", nargs="+", choices=list(ENTRIES), default=list(ENTRIES))
    parser.add_argument("--limit", type=int, default=REFERENCE_SECONDS, help="of a textbook form")
    parser.add_argument("--own-limit", type=int, default=OWN_SECONDS, help="of a measure")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "measures.csv")
    parser.add_argument("--draw-only", action="store_true", help="redraw the figure from the CSV")
    arguments = parser.parse_args()
    shapes = [(n, d, c) for c in CLASSES for d in DIMENSIONS for n in SAMPLES]
    if not arguments.draw_only:
        warm_up()
        chosen = QUICK if arguments.quick else arguments.shapes or shapes
        run(
            chosen,
            arguments.measures,
            arguments.output,
            arguments.again,
            arguments.limit,
            arguments.own_limit,
        )
    if not arguments.quick:
        draw(arguments.output)


if __name__ == "__main__":
    main()
