"""What the detection benchmark is made of: its tasks, who is tuned and scored on them, and their files."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from ckptrank.measures.registry import METHODS
from ckptrank.text import inert
from ckptrank.workflow import paths
from ckptrank.workflow.plan import (
    DECAY_SETTINGS,
    SHOWN_SETTINGS,
    SWEEP_SETTINGS,
    Plan,
    ScoreJob,
    costs_of_methods,
    distinct,
    list_score_jobs,
)
from ckptrank.workflow.sweep import STEP, SweepJob, list_sweep_jobs

TABLES = ("checkpoints", "tasks", "ground_truth", "scores", "measures", "metrics", "summary")
DETECTOR = ("strides", "channels", "min_size", "max_size", "freeze_norms")


@dataclass(frozen=True)
class DetectionPlan:
    """The detection benchmark of a ``plan``'s config (its entry ``detection``); empty without checkpoints."""

    plan: Plan

    @property
    def entry(self) -> dict:
        return self.plan.config["detection"]

    @property
    def tasks(self) -> list[str]:
        return self.entry["tasks"]

    @property
    def ranked(self) -> list[str]:
        return self.entry["checkpoints"]

    @property
    def tuned(self) -> list[str]:
        """The checkpoints that are fine-tuned: the ranked ones, and those they are compared with."""
        return distinct([*self.ranked, *self.entry["unranked"]])

    def head(self, task: str) -> str:
        return self.entry["heads"].get(task, self.entry["head"])

    # Fine-tuning

    @cached_property
    def sweep(self) -> dict[str, SweepJob]:
        return list_sweep_jobs(self.entry["finetune"])

    @property
    def repeated_steps(self) -> int:
        return self.entry["finetune"]["repeats"] * max(self.entry["finetune"]["steps"])

    @property
    def trains_repeats(self) -> bool:
        """Whether the job that selects the best setting trains something; the weights of detectors are not kept."""
        return self.entry["finetune"]["repeats"] > 0

    def settings(self, task: str, rates: str | None = None) -> dict:
        """Return what the runs of a job are told: the recipe's settings with its own budgets, and the detector.

        ``rates``: the job of the sweep; None is the job that repeats the best setting.
        """
        entry = self.entry["finetune"]
        decays = DECAY_SETTINGS if entry["schedule"] == STEP else ()
        steps = entry["steps"] if rates is None else self.sweep[rates].steps
        return {
            **{key: entry[key] for key in (*SWEEP_SETTINGS, *decays)},
            "steps": steps,
            "detector": {"head": self.head(task), **{key: self.entry[key] for key in DETECTOR}},
            "examples": self.entry["examples"],
        }

    @property
    def sweep_of_page(self) -> dict:
        """What the chapter is told of the sweep."""
        return {key: self.entry["finetune"][key] for key in SHOWN_SETTINGS}

    def sweep_files(self, task: str, checkpoint: str) -> list[str]:
        return [
            paths.DETECTOR_SWEEP.format(task=task, checkpoint=checkpoint, detector_rates=rates)
            for rates in self.sweep
        ]

    def ground_truth_files(self) -> list[str]:
        return [
            paths.DETECTOR.format(task=task, checkpoint=name)
            for task, name in product(self.tasks, self.tuned)
        ]

    # Scores

    @cached_property
    def jobs(self) -> list[ScoreJob]:
        return list_score_jobs(self.plan.config, self.entry["measures"])

    def features(self, view: str) -> str:
        """Return the pattern of the feature files of a view."""
        return paths.FEATURES if view == "images" else paths.OBJECT_FEATURES

    def score_inputs(self, view: str, task: str) -> list[str]:
        """Return the features of all ranked checkpoints, in their order."""
        return [self.features(view).format(task=task, checkpoint=name) for name in self.ranked]

    def views_of_pair(self, task: str, checkpoint: str) -> list[str]:
        """Return the features of a pair in all views."""
        return [
            self.features(view).format(task=task, checkpoint=checkpoint)
            for view in self.entry["views"]
        ]

    def pairs(self, task: str) -> list[dict]:
        """Return the pairs that a job scores, as ``ckptrank.scores.run.sort_pairs`` takes them."""
        return [
            {"task": task, "checkpoint": name, "files": {"features": number}}
            for number, name in enumerate(self.ranked)
        ]

    def score_files(self) -> dict[str, list[str]]:
        """Return view -> the scores of all its jobs."""
        return {
            view: [file for task in self.tasks for file in self._list_scores(view, task)]
            for view in self.entry["views"]
        }

    def scores_of_task(self, task: str) -> list[str]:
        """Return the scores of a task in all views, which travel together on a cluster."""
        return [file for view in self.entry["views"] for file in self._list_scores(view, task)]

    def _list_scores(self, view: str, task: str) -> list[str]:
        return [
            paths.DETECTION_SCORES.format(view=view, job=job.name, task=task) for job in self.jobs
        ]

    def gathered_files(self, *, pairs: bool) -> list[str]:
        """Return what connects the scores of each task and, if ``pairs`` travel too, the views of each pair."""
        scores = [paths.GATHERED_DETECTION_SCORES.format(task=task) for task in self.tasks]
        named = product(self.tasks, self.ranked) if pairs else ()
        return scores + [
            paths.GATHERED_VIEWS.format(task=task, checkpoint=name) for task, name in named
        ]

    def estimate_of(self, *, on_gpu: bool, local: bool) -> dict:
        """Return the fields of ``ckptrank.workflow.estimate.Plan``; ``local``: jobs run on this machine."""
        config = self.plan.config
        runs = {config["checkpoints"][name].get("run") for name in self.tuned}
        seen = self.ranked if "images" in self.entry["views"] else []
        return {
            "tasks": {name: config["tasks"][name] for name in self.tasks},
            "checkpoints": {name: config["checkpoints"][name] for name in self.tuned},
            "ranked": self.ranked,
            "sweep": self.entry["finetune"],
            "measures": costs_of_methods(self.jobs),
            "pretraining": {
                name: run for name, run in config["pretraining"].items() if name in runs
            },
            "gpu": on_gpu,
            "local": local,
            "fitted": len(self.plan.images(product(self.tasks, seen))),
            "detectors": {name: self.settings(name)["detector"] for name in self.tasks},
            "views": self.entry["views"],
        }

    # Tables and pages

    def table_files(self) -> dict[str, str]:
        return {table: paths.DETECTION.format(table=table) for table in TABLES}

    def files(self) -> list[str]:
        """Return the benchmark's tables; none where it is empty."""
        return list(self.table_files().values()) if self.ranked else []

    @property
    def collected(self) -> dict:
        """What the job that makes the tables is told of the config."""
        tasks = self.plan.config["tasks"]
        return {
            "views": list(self.entry["views"]),
            "ranked": self.ranked,
            "titles": {task: inert(tasks[task].get("title", task)) for task in self.tasks},
            "sources": {task: tasks[task]["source"] for task in self.tasks},
            "heads": {task: self.head(task) for task in self.tasks},
            "measures": self.plan.measure_table(self.jobs, self.entry["measures"]),
            "protocol": self.plan.config["protocol"],
            "bootstrap": self.plan.config["evaluation"]["bootstrap"],
        }

    def pages(self) -> list[str]:
        """Return the pages of the chapter; none where the benchmark is empty."""
        names = ("index", "tables", "provenance") if self.ranked else ()
        return [f"<results>/report/detection/{name}.html" for name in names]


def check_detection(config: dict, need: Callable[[str, list[str], str], None]) -> list[str]:
    """Return what is wrong with ``detection``; ``need(place, names, kind)`` notes names that are not defined."""
    entry = config["detection"]
    need("detection.tasks", entry["tasks"], "tasks")
    for key in ("checkpoints", "unranked"):
        need(f"detection.{key}", entry[key], "checkpoints")
    need("detection.measures", entry["measures"], "measures")
    faults = []
    if entry["checkpoints"] and not (entry["tasks"] and entry["measures"]):
        faults.append("detection: has checkpoints, and needs `tasks` and `measures` too")
    for key in ("heads", "published"):
        faults += [
            f"detection.{key}: {task!r} is not in detection.tasks"
            for task in entry[key]
            if task not in entry["tasks"]
        ]
    if entry["finetune"]["keep_weights"]:
        faults.append(
            "detection.finetune.keep_weights: the weights of detectors are not kept; say false"
        )
    if entry["finetune"]["compile"]:
        faults.append("detection.finetune.compile: detectors are not compiled; say false")
    faults += _check_measures(config, entry["measures"])
    faults += [
        f"detection.checkpoints: {name} has random weights and cannot be ranked; list it under `unranked`"
        for name in entry["checkpoints"]
        if config["checkpoints"].get(name, {}).get("source") == "scratch"
    ]
    if entry["min_size"] > entry["max_size"]:
        faults.append("detection.min_size: larger than max_size")
    return faults


def _check_measures(config: dict, names: Iterable[str]) -> list[str]:
    faults = []
    for name in names:
        method = METHODS.get(config["measures"].get(name, {}).get("method", ""))
        further = [] if method is None else sorted(set(method.inputs) & _ELSEWHERE)
        if further:
            faults.append(
                f"detection.measures: {name!r} reads more than the features of a pair ({', '.join(further)})"
            )
    return faults


_ELSEWHERE = {"network", "reference_features", "source_class_means"}
