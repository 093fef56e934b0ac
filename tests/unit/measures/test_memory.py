"""What the measures hold in memory beside features of many samples."""

import sys
import tracemalloc

import numpy as np
import pytest

from ckptrank.measures.registry import METHODS, get_function

SAMPLES, DIMENSIONS = 5000, 640
# Blocks are a fortieth of the features here, as they are at 262,144 x 2,048 or less than that.
BLOCKS = {
    "_shared.gram": {"_BLOCK_BYTES": 2**19, "_CACHED_BYTES": 2**17},
    "_shared.standardised": {"_KEPT_BYTES": 2**19},
    "_transrate": {"_BLOCK_BYTES": 2**19},
    "_pactran": {"_KEPT_BYTES": 2**19, "_BLOCK_BYTES": 2**19},
    "_knn": {"_TILE": 250, "_BLOCK_CELLS": 2**16},
    "_mixture.expectation_maximisation": {"BLOCK_ROWS": 200},
    "_mixture.diagonal": {"_CHUNK_CELLS": 2**14},
}
# PARC and RSA score a subsample of a fixed size.
CALLS = {
    "etran": {},
    "feature_sparsity": {},
    "gbc": {},
    "generalisation": {},
    "h_score": {},
    "knn": {},
    "lfc": {},
    "linear_probe": {"epochs": 1},
    "linear_probe converged": {"epochs": "converged", "max_iter": 3},
    "logme": {},
    "mutual_information": {"alpha": 0.5, "steps": 2, "held_back": 0},
    "mutual_information authors": {"alpha": 0.5, "steps": 2, "form": "authors"},
    "ncti": {},
    "nleep": {"max_iter": 2},
    "pactran": {},
    "parc": {"max_samples": 200},
    "rsa": {"max_samples": 200},
    "sfda": {},
    "training_speed": {},
    "transrate": {},
    "transrate authors": {"form": "authors"},
}


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, SAMPLES)
    signal = rng.standard_normal((SAMPLES, 12), dtype=np.float32) + labels[:, None]
    features = signal @ rng.standard_normal((12, DIMENSIONS), dtype=np.float32)
    features += rng.standard_normal(features.shape, dtype=np.float32)
    features, labels = features.astype(np.float32), labels
    return {
        "features": features,
        "labels": labels,
        "reference_features": features[:, :30],
        "eval_features": features,
        "eval_labels": labels,
    }


def test_all_measures_of_features_are_covered():
    measures = {name for name, method in METHODS.items() if "features" in method.inputs}
    assert {name.split()[0] for name in CALLS} == measures


@pytest.mark.parametrize("call", CALLS)
def test_holds_at_most_three_times_the_features(monkeypatch, arrays, call):
    """So 262,144 x 2,048 in float32, which are 2 GiB, are scored within 8."""
    name = call.split()[0]
    function = get_function(name)
    inputs = {key: arrays[key] for key in METHODS[name].inputs}
    for module, values in BLOCKS.items():
        module = f"ckptrank.measures.{module}"
        for constant, value in values.items() if module in sys.modules else ():
            monkeypatch.setattr(sys.modules[module], constant, value)
    tracemalloc.start()
    function(**inputs, **CALLS[call])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * arrays["features"].nbytes
