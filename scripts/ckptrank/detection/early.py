"""Detectors that are stopped early, as a ranking method: what ``early_stopped_finetune`` is among classifiers.

A detector is tuned at one learning rate by the recipe of the ground truth, less its decays, which belong to the end of
a run that is not stopped: after the warm-up the rate is constant. One run at a rate, to the most epochs that are asked
for, gives the scores of all numbers of epochs.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from ckptrank.checkpoints import load_network, read_card
from ckptrank.detection.data import ObjectImages
from ckptrank.detection.heads import build
from ckptrank.detection.train import Head
from ckptrank.detection.tune import DetectorRunner, load_objects, select_images
from ckptrank.finetune.finished import Run
from ckptrank.finetune.sweep import Pair
from ckptrank.finetune.train import TRAINING_PRECISION
from ckptrank.jobs.precision import set_precision
from ckptrank.measures.accounting import add_flops, note
from ckptrank.networks.flops import Counter
from ckptrank.scores.protocol import Protocol, choose_rows
from ckptrank.scores.run import Scoring, score_measures, write_pairs
from ckptrank.seeds import seed_from
from ckptrank.tasks.store import StoredTask, open_task
from ckptrank.text import counted

logger = logging.getLogger("ckptrank")
PASSES_OF_A_STEP = 3  # forward, and backward to weights and to inputs


class EarlyRunner(DetectorRunner):
    """As :class:`DetectorRunner`, for the images that a measure may see.

    ``settings`` has also the fields of the :class:`Protocol` as ``protocol``, and ``held_out`` as
    :func:`~ckptrank.scores.protocol.choose_rows` takes it.
    """

    @cached_property
    def identity(self) -> dict:
        return {**self.pair.identify(), "protocol": self.settings["protocol"]}

    def split(self, task: StoredTask, head: Head) -> tuple[ObjectImages, ObjectImages, None]:
        """Return the training images that the protocol allows, and those to score: of the same rows as a classifier's."""
        protocol = Protocol(**self.settings["protocol"])
        labels, held_out = task.labels("train"), self.settings["held_out"]
        fit, held = choose_rows(labels, protocol, held_out, self.pair.task)
        images = load_objects(task, "train", head)
        train = select_images(images, fit, "remaining training")
        if held is None:
            return train, load_objects(task, "test", head), None
        return train, select_images(images, held, "held-out training"), None


def score_stopped_early(
    scoring: Scoring,
    pair: Pair,
    settings: dict,
    output: str | Path,
    *,
    device: torch.device,
    precision: str,
) -> None:
    """Score a pair by detectors that are stopped early; write the scores to ``output``.

    A score is the first metric of the head (0..1) after the measure's ``epochs`` at its ``learning_rate``, on the images
    that its protocol has a classifier judged by: the test set, or a held-out fifth of the training images. Its seconds are
    those of its run, the images' reading included, by its share of the run's passes; of a run that was killed and gone on with,
    those since. Operations are counted as in :func:`~ckptrank.measures.early_stopped_finetune`, with a pass of the
    detector, in testing and on the first training image, in place of the network's. ``settings``: as :class:`DetectorRunner`
    takes them. What cannot be tuned makes the scores ``failed``.
    """
    scores: dict[str, dict] = {}
    for part in scoring.split_by_protocol():
        seen = {"protocol": asdict(part.protocol), "held_out": part.held_out}
        runner = EarlyRunner(
            pair, {**settings, **seen}, output=output, device=device, precision=precision
        )
        stops = _EarlyStops(runner, part.measures)
        for measure, params in part.measures.items():
            scores |= score_measures(stops, (), {measure: params}, {}, logger)
            if scores[measure]["status"] == "ok":
                scores[measure]["seconds"] = stops.time(**params)
    write_pairs(scoring, {pair.task: [pair.checkpoint]}, [output], lambda *_: scores)
    runner.finish()


@dataclass(frozen=True)
class _EarlyStops:
    """Gives the score of some of the ``measures`` that a ``runner`` makes, and its seconds."""

    runner: EarlyRunner
    measures: Mapping[str, dict]
    _runs: dict[float, Run] = field(default_factory=dict)

    def __call__(self, *, epochs: int, learning_rate: float) -> float:
        run, steps = self._find_run(learning_rate), self._count_steps(epochs)
        train, judged, _ = self._images
        shared = len(train) * read_card(self.runner.pair.checkpoint_folder)["forward_flops"]
        add_flops(self._pass_flops * self._count_passes([steps], len(judged)) - shared)
        note(steps=steps)
        return run.accuracies[steps]

    def time(self, *, epochs: int, learning_rate: float) -> float:
        run, judged = self._find_run(learning_rate), len(self._images[1])
        own = self._count_passes([self._count_steps(epochs)], judged)
        return run.seconds * own / self._count_passes(list(run.accuracies), judged)

    def _find_run(self, learning_rate: float) -> Run:
        if learning_rate not in self._runs:
            given = self.measures.values()
            epochs = {each["epochs"] for each in given if each["learning_rate"] == learning_rate}
            pair = self.runner.pair
            self._runs[learning_rate] = self.runner.run(
                learning_rate,
                seed=seed_from("score", pair.task, pair.checkpoint),
                budgets=sorted(map(self._count_steps, epochs)),
                description=f"{counted(max(epochs), 'epoch')} at learning rate {learning_rate}",
            )
        return self._runs[learning_rate]

    def _count_steps(self, epochs: int) -> int:
        return epochs * math.ceil(len(self._images[0]) / self.runner.settings["batch_size"])

    def _count_passes(self, budgets: list[int], judged: int) -> int:
        """Return the passes of an image through a detector that is tested at each of the budgets of steps."""
        trained = max(budgets) * self.runner.settings["batch_size"]
        return PASSES_OF_A_STEP * trained + len(budgets) * judged

    @cached_property
    def _images(self) -> tuple[ObjectImages, ObjectImages, None]:
        return self.runner.split(self._task, self._head)

    @cached_property
    def _task(self) -> StoredTask:
        return open_task(self.runner.pair.task_folder)

    @cached_property
    def _head(self) -> Head:
        return Head.from_dict(self.runner.settings["detector"])

    @cached_property
    def _pass_flops(self) -> int:
        """The operations of a detector's forward pass."""
        device = self.runner.device
        detector = build(
            network=load_network(self.runner.pair.checkpoint_folder),
            classes=self._task.classes,
            precision=set_precision(self.runner.precision, device, auto=TRAINING_PRECISION),
            **vars(self._head),
        )
        detector.to(device).eval()
        images, _ = next(iter(self._images[0].batches([np.array([0])], device)))
        with torch.inference_mode(), Counter() as counter:
            detector(images)
        return counter.flops
