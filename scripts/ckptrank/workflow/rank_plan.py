"""What ``snakemake rank`` is made of: the stages of successive halving, and the files of each."""

from collections.abc import Callable, Iterable
from csv import DictReader
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ckptrank.workflow import paths
from ckptrank.workflow.config import ConfigError
from ckptrank.workflow.detection_plan import DetectionPlan
from ckptrank.workflow.plan import Plan, ScoreJob, list_score_jobs

ALL = "all"


@dataclass(frozen=True)
class RankPlan:
    """The rank job of a ``plan``'s config.

    ``read_kept(task, samples)`` returns the checkpoints that a stage kept, once that is known.
    """

    plan: Plan
    read_kept: Callable[[str, str], list[str]]

    @cached_property
    def detection(self) -> DetectionPlan:
        """What the config says of detectors: those of its tasks are what fine-tuning is of there."""
        return DetectionPlan(self.plan)

    @cached_property
    def jobs(self) -> list[ScoreJob]:
        return list_score_jobs(self.plan.config, self.plan.config["rank"]["measures"])

    @cached_property
    def budget(self) -> dict[str, float]:
        """Stage, named by its samples of each class -> the share of checkpoints that it keeps."""
        stages = self.plan.config["rank"]["budget"]
        return {str(stage["samples_per_class"]): stage["keep"] for stage in stages}

    @property
    def stages(self) -> list[str]:
        return [*self.budget, ALL]

    def protocol(self, samples: str) -> dict:
        """Return what a stage's scores may see: training samples alone, so many of each class."""
        cap = self.plan.config["rank"]["samples_per_class"] if samples == ALL else int(samples)
        return {"score_on": "train", "samples_per_class": cap}

    def features(self, samples: str) -> str:
        """Return the pattern of the feature files of a stage."""
        if samples == ALL:
            return paths.TRAINING_FEATURES
        return paths.SAMPLE_FEATURES.replace("{samples}", samples)

    def candidates(self, task: str, samples: str) -> list[str]:
        """Return the checkpoints that a stage scores: all, or what the stage before it kept."""
        stage = self.stages.index(samples)
        return self.read_kept(task, self.stages[stage - 1]) if stage else self.plan.ranked()

    def score_files(self, task: str, samples: str) -> list[str]:
        return [
            paths.RANK_SCORES.format(
                samples=samples, job=job.name, task=task, checkpoint=checkpoint
            )
            for job in self.jobs
            for checkpoint in self.candidates(task, samples)
        ]

    def feature_files(self, task: str, samples: str) -> list[str]:
        """Return the feature files of a stage, in the order of its candidates."""
        return [
            self.features(samples).format(task=task, checkpoint=checkpoint)
            for checkpoint in self.candidates(task, samples)
        ]

    def candidates_of_stages(self, task: str) -> dict[str, list[str]]:
        """Return stage -> candidates, by which a job knows the files of :meth:`files_of_stages` apart."""
        return {samples: self.candidates(task, samples) for samples in self.stages}

    def tuned_first(self, task: str, order: str | Path) -> list[str]:
        """Return the ground truth of the first ``rank.finetune_top`` checkpoints of an order's table."""
        with Path(order).open(newline="", encoding="utf-8") as file:
            ranked = [row["checkpoint"] for row in DictReader(file) if row["rank"]]
        pattern = paths.DETECTOR if self.asks_for_detector(task) else paths.GROUND_TRUTH
        return [
            pattern.format(task=task, checkpoint=checkpoint)
            for checkpoint in ranked[: self.plan.config["rank"]["finetune_top"]]
        ]

    def weights_of_first(self, task: str, tuned: Iterable[str]) -> list[str]:
        """Return the weights that are kept beside the ground truth of the first; those of detectors never are."""
        return [] if self.asks_for_detector(task) else self.plan.weights_beside(tuned)

    def features_of_first(self, task: str, order: str | Path) -> list[str]:
        """Return the feature files of the first two of an order's table that saw all samples."""
        with Path(order).open(newline="", encoding="utf-8") as file:
            ranked = [row for row in DictReader(file) if row["rank"] and row["stage"] == ALL]
        return [
            self.features(ALL).format(task=task, checkpoint=row["checkpoint"]) for row in ranked[:2]
        ]

    # Detectors

    def asks_for_detector(self, task: str) -> bool:
        """Whether what is fine-tuned for a task is a detector."""
        return task in self.detection.tasks

    def detector_files(self, task: str, samples: str) -> list[str]:
        """Return what a detector takes on each candidate of a stage; nothing for a task that asks for none."""
        if not self.asks_for_detector(task):
            return []
        return [
            paths.DETECTOR_RUNNING.format(task=task, checkpoint=checkpoint)
            for checkpoint in self.candidates(task, samples)
        ]

    def detector_settings(self, task: str) -> dict:
        """Return what the measurement of a detector is told: those of its settings that decide what a step takes."""
        batch_size = self.detection.entry["finetune"]["batch_size"]
        return {"batch_size": batch_size, "detector": self.detection.settings(task)["detector"]}

    def detector_of_order(self, task: str) -> dict | None:
        """Return what the order of a task is told of the detector that is to be tuned; None: it asks for none."""
        if not self.asks_for_detector(task):
            return None
        steps = max(self.detection.entry["finetune"]["steps"])
        return {"head": self.detection.head(task), "steps": steps}

    def files_of_stages(self, task: str) -> dict[str, list[str]]:
        """Return ``scores`` and ``features`` of all stages, one after the other, and ``detectors`` of all checkpoints.

        Raises :class:`ConfigError` where the config has no measure to rank by.
        """
        if not self.jobs:
            raise ConfigError(
                "rank.measures: is empty, so that there is nothing to rank by; name measures, or let `make detect` "
                "fine-tune a detector on each checkpoint where the labels of images tell nothing apart"
            )
        return {
            "scores": [file for each in self.stages for file in self.score_files(task, each)],
            "features": [file for each in self.stages for file in self.feature_files(task, each)],
            "detectors": self.detector_files(task, self.stages[0]),
        }
