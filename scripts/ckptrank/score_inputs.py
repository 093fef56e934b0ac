"""The arguments that a method can ask for by name, read from a pair's feature file on demand.

``features``, ``labels``: the training samples that the protocol allows. ``eval_features``,
``eval_labels``: the samples that are scored; the test set when scores are made on it, else a
held-out fifth of the training samples for methods that need one, else ``None``. ``logits``,
``source_probabilities`` (softmax of the checkpoint's own head), ``source_labels`` (its argmax) and
``eval_source_probabilities`` need a head.
"""

from functools import cached_property

import numpy as np

from ckptrank.errors import NotApplicable
from ckptrank.features import Split, open_features
from ckptrank.sampling import cap_per_class, hold_out
from ckptrank.seeds import seed_from

HELD_OUT_FRACTION = 0.2


def choose_rows(
    labels: np.ndarray, protocol: dict, held_out: bool, task: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return (rows to fit on, rows to score or None) among the training samples of a task.

    Seeded by the task alone, so that every checkpoint is judged on the same samples.
    """
    rows = np.arange(len(labels))
    cap = protocol["samples_per_class"]
    if cap is not None:
        rows = cap_per_class(labels, cap, seed_from("cap", task))
    if protocol["score_on"] == "test" or not held_out:
        return rows, None
    fit, held = hold_out(labels[rows], HELD_OUT_FRACTION, seed_from("hold out", task))
    return rows[fit], rows[held]


def softmax(logits: np.ndarray) -> np.ndarray:
    values = logits.astype(np.float64)
    values -= values.max(axis=1, keepdims=True)
    np.exp(values, out=values)
    return values / values.sum(axis=1, keepdims=True)


class FeatureInputs:
    """Arguments by name for one pair; raises :class:`NotApplicable` where the checkpoint has no head."""

    def __init__(self, files: object, params: object):
        self._features = open_features(files.features)
        self._params = params

    @cached_property
    def _splits(self) -> tuple[Split, Split | None]:
        params, train = self._params, self._features.train
        fit, held = choose_rows(train.read("labels"), params.protocol, params.held_out, params.task)
        if held is not None:
            return train.limited_to(fit), train.limited_to(held)
        test = self._features.test if params.protocol["score_on"] == "test" else None
        return train.limited_to(fit), test

    def __getitem__(self, name: str) -> np.ndarray | None:
        evaluate = name.startswith("eval_")
        split = self._splits[evaluate]
        if split is None:
            return None
        plain = name.removeprefix("eval_")
        if plain in ("features", "labels"):
            return split.read(plain)
        logits = split.read("logits")
        if logits is None:
            raise NotApplicable("the checkpoint has no classification head")
        if plain == "logits":
            return logits
        if plain == "source_probabilities":
            return softmax(logits)
        if plain == "source_labels":
            return logits.argmax(axis=1)
        raise KeyError(name)
