"""What the detection benchmark is made of: its tasks, who is tuned and scored on them, and their files."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
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
# The one measure that tunes a network and is made of a detector too.
EARLY_STOPPED = "early_stopped_finetune"
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
        """The jobs that score features, each in every view."""
        return [job for job in self._list_jobs() if job.method != EARLY_STOPPED]

    @cached_property
    def early_job(self) -> ScoreJob | None:
        """The job that tunes a detector on a pair and stops it early; None where no measure asks for one.

        A measure without a learning rate has the middle one of the sweep, of two the lower.
        """
        found = [job for job in self._list_jobs() if job.method == EARLY_STOPPED]
        if not found:
            return None
        rates = sorted(self.entry["finetune"]["learning_rates"])
        usual = {"learning_rate": rates[(len(rates) - 1) // 2]}
        measures = {name: usual | params for name, params in found[0].measures.items()}
        return replace(found[0], measures=measures)

    @property
    def all_jobs(self) -> list[ScoreJob]:
        return [*self.jobs, *([self.early_job] if self.early_job else [])]

    def _list_jobs(self) -> list[ScoreJob]:
        return list_score_jobs(self.plan.config, self.entry["measures"])

    def early_settings(self, task: str) -> dict:
        """As :meth:`settings`, of a run that is stopped early: its rate does not decay, its steps follow from epochs."""
        kept = {key: each for key, each in self.settings(task).items() if key not in DECAY_SETTINGS}
        return kept | {"steps": [], "examples": 0}

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
        """Return view -> the scores of all its jobs; a detector's, which depend on no view, stand with the first."""
        found = {
            view: [file for task in self.tasks for file in self._list_scores(view, task)]
            for view in self.entry["views"]
        }
        found[self.entry["views"][0]] += [
            paths.DETECTOR_STOPPED_EARLY.format(task=task, checkpoint=name)
            for task, name in product(self.tasks, self.ranked)
            if self.early_job
        ]
        return found

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
        """Return the fields of ``ckptrank.workflow.estimate.Plan`` but for its jobs; ``local``: they run on this machine."""
        config = self.plan.config
        return {
            "tasks": {name: config["tasks"][name] for name in self.tasks},
            "checkpoints": {name: config["checkpoints"][name] for name in self.tuned},
            "ranked": self.ranked,
            "sweep": self.entry["finetune"],
            "measures": [*costs_of_methods(self.jobs), *self._count_early()],
            "pretraining": self.plan.runs_of(self.tuned),
            "gpu": on_gpu,
            "local": local,
            "detectors": {name: self.settings(name)["detector"] for name in self.tasks},
            "views": self.entry["views"],
        }

    def _count_early(self) -> list[tuple[str, int, float]]:
        """As :func:`costs_of_methods`: one run gives all measures of a learning rate and a protocol."""
        if self.early_job is None:
            return []
        longest: dict[tuple, int] = {}
        for name, params in self.early_job.measures.items():
            run = params["learning_rate"], self.early_job.evals.get(name)
            longest[run] = max(longest.get(run, 0), params["epochs"])
        return [(EARLY_STOPPED, len(self.early_job.measures), sum(longest.values()))]

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
            "measures": self.plan.measure_table(self.all_jobs, self.entry["measures"]),
            "protocol": self.plan.config["protocol"],
            "bootstrap": self.plan.config["evaluation"]["bootstrap"],
            "accuracy": self.plan.config["evaluation"]["accuracy"],
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
        measure = config["measures"].get(name, {})
        method = METHODS.get(measure.get("method", ""))
        if measure.get("method") == EARLY_STOPPED:
            faults += _check_early_stopped(name, measure.get("params", {}))
            continue
        further = [] if method is None else sorted(set(method.inputs) & _ELSEWHERE)
        if further:
            faults.append(
                f"detection.measures: {name!r} reads more than the features of a pair ({', '.join(further)}); leave it out"
            )
    return faults


def _check_early_stopped(name: str, params: dict) -> list[str]:
    """Find what a detector cannot be tuned by; values of a wrong type are found with all measures' parameters."""
    place = f"detection.measures: {name!r}"
    faults = []
    if "batch_size" in params:
        faults.append(
            f"{place} has a `batch_size`; detectors have that of detection.finetune, so leave it out of its `params`"
        )
    if "epochs" not in params:
        faults.append(f"{place} does not say when to stop; give its `params` a number of `epochs`")
    faults += [
        f"{place}: `{key}` of its `params` is {params[key]}; make it more than 0"
        for key in ("epochs", "learning_rate")
        if isinstance(params.get(key), (int, float)) and params[key] <= 0
    ]
    return faults


_ELSEWHERE = {"network", "reference_features", "source_class_means"}
