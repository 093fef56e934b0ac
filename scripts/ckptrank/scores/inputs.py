"""The arguments that a method can ask for by name, read from a pair's feature files on demand.

What each name stands for, the functions that read them say: :data:`FEATURE_INPUTS`. A method that works on
the network itself gets its arguments from :mod:`ckptrank.scores.network`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, partial

import numpy as np

from ckptrank.errors import NotApplicable
from ckptrank.features.store import Features, Split, open_features
from ckptrank.measures._shared.gram import class_sums
from ckptrank.measures._shared.held_out import count_classes
from ckptrank.scores.costs import Sizes
from ckptrank.scores.protocol import Protocol, choose_rows


@dataclass(frozen=True)
class PairFiles:
    """The feature files that a method reads of a (checkpoint, task) pair; None: it reads none of these.

    ``features``: the checkpoint's of the task. ``reference``: a network's that was trained on the task.
    ``source``: the checkpoint's of what it was pre-trained on. For domain similarity through one common
    network, ``features`` and ``source`` are that network's.
    """

    features: str | None = None
    reference: str | None = None
    source: str | None = None


def average_classes(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean features of each class (C, D) float64 and its samples (C,); none: a mean of 0.

    In a 0/1 label matrix (N, C) a sample counts for each of its classes.
    """
    counts = labels.sum(axis=0, dtype=np.int64) if labels.ndim == 2 else np.bincount(labels)
    sums = class_sums(features, labels, len(counts))
    return sums / np.maximum(counts, 1)[:, None], counts


def softmax(logits: np.ndarray) -> np.ndarray:
    values = logits.astype(np.float64)
    values -= values.max(axis=1, keepdims=True)
    np.exp(values, out=values)
    values /= values.sum(axis=1, keepdims=True)
    return values


class FeatureInputs:
    """Arguments by name for one pair; raises :class:`NotApplicable` where the checkpoint has no head.

    ``files``: what is read, ``protocol`` and ``held_out``: which samples of it, see :func:`choose_rows`.
    ``part``: the number of a random half of the training samples to be limited to, ``open_file``: what
    opens a feature file.
    """

    def __init__(
        self,
        files: PairFiles,
        *,
        task: str,
        protocol: Protocol,
        held_out: bool,
        part: int | None = None,
        open_file: Callable[[str], Features] = open_features,
    ):
        self.files = files
        self._task, self._protocol, self._held_out = task, protocol, held_out
        self._part = part
        self._open = open_file

    def __getitem__(self, name: str) -> np.ndarray | None:
        return FEATURE_INPUTS[name](self)

    def halves(self, count: int) -> Iterator["FeatureInputs"]:
        """Yield the inputs limited to ``count`` random halves of the training samples.

        The halves share what they read. These inputs do not share it with them: a method that is at
        work on all samples should not need memory for them twice.
        """
        open_once = cache(partial(open_features, in_memory=True))
        for part in range(count):
            yield FeatureInputs(
                self.files,
                task=self._task,
                protocol=self._protocol,
                held_out=self._held_out,
                part=part,
                open_file=open_once,
            )

    def limit(self, file: str) -> tuple[Split, Split | None]:
        """Return the samples of a feature file to fit on, and those to score or None."""
        features = self._open(file)
        train = features.train
        labels = train.read("labels")
        # Of objects; where a sample is an image there is none.
        images = train.read("image")[:, 0] if train.shape("image") else None
        fit, held = choose_rows(
            labels,
            self._protocol,
            self._held_out,
            self._task,
            self._part,
            groups=images,
        )
        if held is not None:
            return train.limited_to(fit), train.limited_to(held)
        test = features.test if self._protocol.scores_test_set(self._held_out) else None
        return train.limited_to(fit), test

    @cached_property
    def splits(self) -> tuple[Split, Split | None]:
        """The pair's own samples to fit on, and those to score or None."""
        return self.limit(self.files.features)

    @cached_property
    def sizes(self) -> Sizes:
        """What the costs of a score of these samples follow from."""
        train, scored = self.splits
        shape, logits = train.shape("features"), train.shape("logits")
        return Sizes(
            train=shape[0],
            test=0 if scored is None or scored.name == "train" else scored.shape("features")[0],
            forward=float(self._open(self.files.features).attributes["forward_flops"]) / 2,
            dimension=shape[1],
            classes=count_classes(train.read("labels")),
            source_classes=logits[1] if logits else 0,
        )

    def time_passes(self, names: Iterable[str]) -> dict[str, object]:
        """Return what passes of networks a score took that was made of the arguments ``names``.

        ``pass_seconds``: the checkpoint's pass over the images that were seen, the part of its extraction
        that they are. ``reference``: what had to be made beside, empty: nothing; ``reference_seconds``: the time
        that it took.
        """
        names = set(names)
        train, scored = self.splits
        seen = len(train.read("labels"))
        if scored is not None and any(name.startswith("eval_") for name in names):
            seen += len(scored.read("labels"))
        passes = {"pass_seconds": self._time_pass(self.files.features, seen)}
        if "reference_features" in names:
            file, further = self.files.reference, seen
        elif "source_class_means" in names and self.files.source is not None:
            file, further = (
                self.files.source,
                len(self._open(self.files.source).train.read("labels")),
            )
        else:
            return {**passes, "reference": "", "reference_seconds": None}
        made = self._open(file).attributes
        seconds = float(made.get("trained_seconds", 0)) + self._time_pass(file, further)
        return {
            **passes,
            "reference": f"{made['checkpoint']} on {made['task']}",
            "reference_seconds": seconds,
        }

    def _time_pass(self, file: str, images: int) -> float:
        made = self._open(file).attributes
        return float(made["seconds"]) * images / int(made["samples"])

    @cached_property
    def source_classes(self) -> tuple[np.ndarray, np.ndarray]:
        """Means and counts of the classes that the checkpoint was pre-trained on."""
        if self.files.source is None:
            raise NotApplicable("no `source_task` says what the checkpoint was pre-trained on")
        train = self._open(self.files.source).train
        return average_classes(train.read("features"), train.read("labels"))

    @cached_property
    def target_classes(self) -> tuple[np.ndarray, np.ndarray]:
        """Means of the task's classes by the samples that the protocol allows, and all their training samples."""
        train = self.limit(self.files.features)[0]
        means, seen = average_classes(train.read("features"), train.read("labels"))
        labels = self._open(self.files.features).train.read("labels")
        counts = labels.sum(axis=0, dtype=np.int64) if labels.ndim == 2 else np.bincount(labels)
        return means, np.where(seen > 0, counts[: len(seen)], 0)


def _read_logits(split: Split) -> np.ndarray:
    logits = split.read("logits")
    if logits is None:
        raise NotApplicable("the checkpoint has no classification head")
    return logits


def features(inputs: FeatureInputs) -> np.ndarray:
    """The checkpoint's features (N, D) of the training samples that the protocol allows."""
    return inputs.splits[0].read("features")


def labels(inputs: FeatureInputs) -> np.ndarray:
    """The labels of the same samples: classes (N,), or a 0/1 matrix (N, C)."""
    return inputs.splits[0].read("labels")


def eval_features(inputs: FeatureInputs) -> np.ndarray | None:
    """Features of the samples that are scored, where these are not the training samples: the test set
    or a held-out fifth of the training samples, as :class:`~ckptrank.scores.protocol.Protocol` says."""
    scored = inputs.splits[1]
    return None if scored is None else scored.read("features")


def eval_labels(inputs: FeatureInputs) -> np.ndarray | None:
    """Labels of the samples that are scored, or None."""
    scored = inputs.splits[1]
    return None if scored is None else scored.read("labels")


def source_probabilities(inputs: FeatureInputs) -> np.ndarray:
    """Softmax (N, Z) of the checkpoint's own head on the training samples; needs a head."""
    return softmax(_read_logits(inputs.splits[0]))


def eval_source_probabilities(inputs: FeatureInputs) -> np.ndarray | None:
    """Softmax of the checkpoint's own head on the samples that are scored, or None; needs a head."""
    scored = inputs.splits[1]
    return None if scored is None else softmax(_read_logits(scored))


def source_labels(inputs: FeatureInputs) -> np.ndarray:
    """The class (N,) that the checkpoint's own head gives each training sample; needs a head."""
    return _read_logits(inputs.splits[0]).argmax(axis=1)


def reference_features(inputs: FeatureInputs) -> np.ndarray:
    """The same training samples as a network that was trained on the task sees them (N, E)."""
    return inputs.limit(inputs.files.reference)[0].read("features")


def source_class_means(inputs: FeatureInputs) -> np.ndarray:
    """Mean feature (C, E) of each class that the checkpoint was pre-trained on, in its own eyes or a common
    network's, over all training samples; needs a task that stands for it."""
    return inputs.source_classes[0]


def source_class_counts(inputs: FeatureInputs) -> np.ndarray:
    """The samples (C,) behind each of the means of the source's classes."""
    return inputs.source_classes[1]


def target_class_means(inputs: FeatureInputs) -> np.ndarray:
    """Mean feature (C, E) of each class of the task in the same eyes, over the samples that the protocol
    allows."""
    return inputs.target_classes[0]


def target_class_counts(inputs: FeatureInputs) -> np.ndarray:
    """The samples (C,) behind each of the means of the task's classes."""
    return inputs.target_classes[1]


# Name -> what reads it. A method of the registry that reads feature files asks for some of these.
FEATURE_INPUTS: dict[str, Callable[[FeatureInputs], np.ndarray | None]] = {
    read.__name__: read
    for read in (
        features,
        labels,
        eval_features,
        eval_labels,
        source_probabilities,
        eval_source_probabilities,
        source_labels,
        reference_features,
        source_class_means,
        source_class_counts,
        target_class_means,
        target_class_counts,
    )
}
