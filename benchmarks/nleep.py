"""N-LEEP against scikit-learn's PCA(0.8) and GaussianMixture: `python benchmarks/nleep.py`.

Writes benchmarks/results/nleep.csv, a row for each shape, reading and number of threads (OMP_NUM_THREADS); shapes
and readings can be named as arguments. Each runs in a process of its own, whose largest resident size is
reported; both implementations run there one after the other, from the same features and the same
seed. Where others use the machine too, the processor-time ratios of one thread are the ones to trust.

Features are made to be like those of a network: every class has a mean and some groups around it
(images of a class are not one cluster), samples lie around the group's mean, all with a power-law
spectrum over 512 latent dimensions; a random map to 2,048 dimensions, a negative offset and a
rectifier follow, so that features are non-negative and about 40 % of them zero, as after a ReLU. The
spectrum's decay decides how many principal components hold 80 % of the variance: 0.6 (steep) or 0.3.
A tenth of the labels is permuted, so that scores are neither 0 nor chance.
"""

import csv
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from machine import describe_machine

RESULTS = Path(__file__).with_name("results") / "nleep.csv"
DIMENSIONS = 2048
# measure of config.yaml: covariances, and their floor as a share of the variance, see ckptrank.measures.nleep
READINGS = {"nleep": ("diag", 1e-3), "nleep_full": ("full", 1e-6)}
# name: samples, classes, decay of the spectrum, whether scikit-learn runs too
SHAPES = {
    "1000-10": (1000, 10, 0.3, True),
    "3060-101-steep": (3060, 101, 0.6, True),
    "3060-101": (3060, 101, 0.3, True),
    "8000-200-steep": (8000, 200, 0.6, True),
    "8000-200": (8000, 200, 0.3, True),
    "4000-2-steep": (4000, 2, 0.6, True),
    "4000-2": (4000, 2, 0.3, True),
    "sun397": (76128, 397, 0.6, False),
    "patch_camelyon": (262144, 2, 0.6, False),
}


def make_features(samples: int, classes: int, decay: float) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 features (N, 2048) and labels as the module's docstring describes them."""
    rng = np.random.default_rng(0)
    latent, groups = 512, max(3, 60 // classes)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, samples - classes)])
    group = labels * groups + rng.integers(0, groups, samples)
    labels = np.where(rng.random(samples) < 0.1, rng.permutation(labels), labels)
    spectrum = (np.arange(1, latent + 1) ** -decay).astype(np.float32)
    class_means = 0.4 * rng.standard_normal((classes, latent), dtype=np.float32)
    group_means = np.repeat(class_means, groups, axis=0)
    group_means += 0.6 * rng.standard_normal(group_means.shape, dtype=np.float32)
    mixing = rng.standard_normal((latent, DIMENSIONS), dtype=np.float32)
    mixing *= (2 / np.linalg.norm(spectrum)) * spectrum[:, None]
    features = np.empty((samples, DIMENSIONS), dtype=np.float32)
    for start in range(0, samples, 4096):
        rows = slice(start, start + 4096)
        points = group_means[group[rows]]
        points += rng.standard_normal(points.shape, dtype=np.float32)
        block = points @ mixing
        block += 0.1 * rng.standard_normal(block.shape, dtype=np.float32) - 0.6
        features[rows] = np.maximum(block, 0)
    return features, labels


class Clock:
    """Wall and processor seconds by stage."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.processor: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        wall, processor = time.perf_counter(), time.process_time()
        yield
        self.wall[name] = time.perf_counter() - wall
        self.processor[name] = time.process_time() - processor


def run_ours(
    features: np.ndarray, labels: np.ndarray, covariances: str, regularisation: float
) -> tuple[float, Clock, dict]:
    """Score with the library; stages are timed where N-LEEP calls them."""
    from ckptrank.measures import nleep
    from ckptrank.measures.accounting import recording

    clock = Clock()

    def timed(name: str) -> None:
        function = nleep.__globals__[name]

        def wrapper(*args: object, **kwargs: object) -> object:
            with clock.stage(name):
                return function(*args, **kwargs)

        nleep.__globals__[name] = wrapper

    for name in ("fit_pca", "kmeans", "fit_mixture"):
        timed(name)
    with recording() as record, clock.stage("total"):
        score = nleep(features, labels, covariance_type=covariances, regularisation=regularisation)
    return score, clock, record.notes | {"gflops": record.flops / 1e9}


def run_scikit_learn(
    features: np.ndarray, labels: np.ndarray, covariances: str, regularisation: float
) -> tuple[float, Clock]:
    """Score with scikit-learn; its k-means, which GaussianMixture runs inside, is also timed alone."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    from ckptrank.measures import leep

    clock = Clock()
    components = 5 * (int(labels.max()) + 1)
    features = features.astype(np.float64)
    with clock.stage("total"):
        with clock.stage("fit_pca"):
            samples = PCA(0.8).fit_transform(features)
        with clock.stage("mixture"):
            floor = regularisation * samples.var(axis=0).mean()
            mixture = GaussianMixture(
                components, covariance_type=covariances, reg_covar=floor, random_state=0
            )
            posterior = mixture.fit(samples).predict_proba(samples)
        score = leep(posterior, labels)
    with clock.stage("kmeans"):
        KMeans(components, n_init=1, random_state=0).fit(samples)
    for times in (clock.wall, clock.processor):
        times["fit_mixture"] = times.pop("mixture") - times["kmeans"]
    return score, clock


def measure(shape: str, reading: str) -> dict:
    """Return the row of a shape and a reading."""
    warnings.simplefilter("ignore")
    samples, classes, decay, compared = SHAPES[shape]
    features, labels = make_features(samples, classes, decay)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    score, ours, notes = run_ours(features, labels, *READINGS[reading])
    row = {
        "shape": shape,
        "reading": reading,
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
        "samples": samples,
        "dimensions": DIMENSIONS,
        "classes": classes,
        "components": notes["components"],
        "kept_dimensions": notes["dimensions"],
        "decay": decay,
        "iterations": notes["iterations"],
        "soft": round(notes["soft"], 4),
        "score": score,
        "gflops": round(notes["gflops"], 1),
        "features_gib": round(features.nbytes / 2**30, 3),
        "before_gib": round(before / 2**20, 3),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
    }
    for stage, seconds in ours.wall.items():
        row[f"{stage}_seconds"] = round(seconds, 3)
    row["processor_seconds"] = round(ours.processor["total"], 3)
    if compared:
        reference, theirs = run_scikit_learn(features, labels, *READINGS[reading])
        row["reference_score"] = reference
        row["relative_difference"] = abs(score - reference) / abs(reference)
        for stage, seconds in theirs.wall.items():
            row[f"reference_{stage}_seconds"] = round(seconds, 3)
        row["reference_processor_seconds"] = round(theirs.processor["total"], 3)
        for kind in ("wall", "processor"):
            for stage, seconds in getattr(theirs, kind).items():
                ratio = seconds / getattr(ours, kind)[stage]
                row[f"ratio_{stage}_{kind}"] = round(ratio, 1)
    return row | {"machine": describe_machine("numpy", "scipy", "scikit-learn")}


def write_rows(rows: list[dict]) -> None:
    """Write rows, keeping others from an earlier run."""
    kept = {}
    if RESULTS.exists():
        with RESULTS.open(newline="", encoding="utf-8") as file:
            kept = {_key(row): row for row in csv.DictReader(file)}
    kept |= {_key(row): row for row in rows}
    ordered = [kept[key] for key in sorted(kept)]
    columns = list(dict.fromkeys(key for row in ordered for key in row))
    columns.append(columns.pop(columns.index("machine")))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(ordered)


def _key(row: dict) -> tuple[str, str, int]:
    return row["reading"], row["threads"], [*SHAPES].index(row["shape"])


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        row = measure(*sys.argv[2:])
        write_rows([row])
        print("  ".join(f"{key}={value}" for key, value in row.items()), flush=True)
        return
    named = sys.argv[1:]
    if odd := {*named} - {*SHAPES, *READINGS}:
        sys.exit(f"no shape or reading is named {', '.join(sorted(odd))}")
    for reading in [name for name in READINGS if name in named] or READINGS:
        for shape in [name for name in SHAPES if name in named] or SHAPES:
            subprocess.run([sys.executable, __file__, "--one", shape, reading], check=True)


if __name__ == "__main__":
    main()
