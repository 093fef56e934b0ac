"""What the second benchmark is made of: its tasks, who is tuned and scored on them, and their files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from ckptrank.measures.signatures import get_parameters
from ckptrank.model_zoo.config import ModelZooTask, describe_experts, list_tasks
from ckptrank.model_zoo.names import POOL_TITLES, SINGLE, list_pages
from ckptrank.text import inert
from ckptrank.workflow import paths
from ckptrank.workflow.plan import (
    Plan,
    ScoreJob,
    costs_of_methods,
    distinct,
    list_score_jobs,
)

ALL = "all"
TABLES = (
    *("checkpoints", "tasks", "ground_truth", "scores", "measures"),
    *("similarity", "shots", "fixed_rate"),
)
EXPERIMENTS = (
    *("gains", "trials", "correlations", "ties", "predictions", "averages", "cost", "ablation"),
    *(
        "claims",
        "errors",
        "expert_gains",
        "shot_averages",
        "fixed_rate_averages",
        "similarity_averages",
    ),
)


@dataclass(frozen=True)
class Batch:
    """The tasks of one job of a rule.

    One task a job is a rule with a wildcard for it, and no ``suffix``; more are a rule per batch, which
    lists them and bears the suffix.
    """

    suffix: str
    tasks: tuple[str, ...]

    @property
    def log(self) -> str:
        """The name that its logs bear: its task's, or its own."""
        return f"batch{self.suffix}" if self.suffix else "{task}"

    def tasks_of(self, wildcards: Mapping[str, str]) -> list[str]:
        """Return the names of a job's tasks."""
        return [task.format(task=wildcards.get("task", "")) for task in self.tasks]


@dataclass(frozen=True)
class ModelZooPlan:
    """The second benchmark of a ``plan``'s config (its entry ``model_zoo``); empty without checkpoints."""

    plan: Plan

    @property
    def entry(self) -> dict:
        return self.plan.config["model_zoo"]

    @property
    def experts(self) -> list[str]:
        """The checkpoints that are scored and fine-tuned on every target."""
        return self.entry["checkpoints"]

    @property
    def tuned(self) -> list[str]:
        return [*self.experts, *self.entry["architectures"]]

    @cached_property
    def tasks(self) -> list[ModelZooTask]:
        return list_tasks(self.plan.config)

    @property
    def task_names(self) -> list[str]:
        return [each.task for each in self.tasks]

    @cached_property
    def caps(self) -> dict[str, int | None]:
        """Name of a cap -> how many training images of each class a score sees at most.

        Scores see training images alone: "the test set is hidden" in the paper.
        """
        return {ALL if cap is None else str(cap): cap for cap in self.entry["caps"]}

    @property
    def main_cap(self) -> str:
        return next(iter(self.caps))

    def protocol(self, cap: str) -> dict:
        return {"score_on": "train", "samples_per_class": self.caps[cap]}

    def jobs(self, cap: str) -> list[ScoreJob]:
        """Return the jobs that score with a cap: of all measures with the first, else of the ablation's.

        How many samples a method sees is left to the cap.
        """
        chosen = self.entry["measures"] if cap == self.main_cap else self.entry["ablation"]
        jobs = list_score_jobs(self.plan.config, chosen)
        for job in jobs:
            if "samples_per_class" in get_parameters(job.method):
                for name, params in job.measures.items():
                    job.measures[name] = {**params, "samples_per_class": None}
        return jobs

    def tasks_with_cap(self, cap: str) -> list[str]:
        """Return the tasks that are scored with a cap: all with the first, else the targets at full size."""
        everything = cap == self.main_cap
        return [task for task, _, shots in self.tasks if everything or shots is None]

    def batches(self, tasks: Sequence[str]) -> list[Batch]:
        """Return the tasks in parts of ``tasks_per_job``."""
        size = self.entry["tasks_per_job"]
        if size == 1:
            return [Batch("", ("{task}",))]
        parts = [tuple(tasks[start : start + size]) for start in range(0, len(tasks), size)]
        return [Batch(f"_{number}", part) for number, part in enumerate(parts)]

    @property
    def batched(self) -> list[str]:
        """The checkpoints whose features are made in batches.

        Snakemake has one producer of each file: where the first benchmark asks for features too, both
        take them from its jobs of one pair.
        """
        return [name for name in self.tuned if name not in self.plan.tuned]

    @property
    def sources(self) -> dict[str, list[str]]:
        """Task -> the experts trained on it, whose features of it domain similarity reads and one job makes.

        None where jobs do not come in batches, or where another rule makes the features.
        """
        own = self.plan.config["references"]["domain_similarity"]["checkpoint"] is None
        own &= self.entry["tasks_per_job"] > 1
        methods = {self.plan.config["measures"][name]["method"] for name in self.entry["measures"]}
        found: dict[str, list[str]] = {}
        for name in self.experts if own and "domain_similarity" in methods else []:
            source = self.plan.source_task(name)
            if source is not None and source not in self.task_names and name in self.batched:
                found.setdefault(source, []).append(name)
        return found

    @property
    def traced(self) -> list[tuple[str, str]]:
        """The (task, checkpoint) pairs that are tuned once more and looked at on the way."""
        similarity = self.entry["similarity"]
        return list(product(similarity["targets"], similarity["checkpoints"]))

    # Fine-tuning

    @property
    def settings(self) -> dict:
        """How its networks are fine-tuned: by its recipe, or by the first benchmark's sweep."""
        recipe = self.plan.config["recipes"].get(self.entry["recipe"])
        rates = self.plan.config["finetune"]["learning_rates"]
        return recipe or {**self.plan.sweep_settings, "learning_rates": rates}

    def ground_truth(self, task: str, checkpoint: str) -> str:
        pattern = paths.GROUND_TRUTH if self.entry["recipe"] is None else paths.TUNED
        return pattern.format(recipe=self.entry["recipe"], task=task, checkpoint=checkpoint)

    def ground_truth_files(self, checkpoints: Iterable[str]) -> list[str]:
        checkpoints = list(checkpoints)
        return [self.ground_truth(task, name) for task in self.task_names for name in checkpoints]

    # Scores

    def score_inputs(self, method: str, tasks: Sequence[str]) -> list[str]:
        """Return all files that a method reads of all experts on some tasks, each once."""
        return distinct(
            file
            for task, name in product(tasks, self.experts)
            for file in self.plan.score_inputs(method, task, name).values()
        )

    def pairs(self, method: str, tasks: Sequence[str]) -> list[dict]:
        """Return the pairs that a job scores: ``task``, ``checkpoint``, and name -> number of each file.

        The numbers are those of :meth:`score_inputs`, so that a job's params hold no path.
        """
        numbers = {file: n for n, file in enumerate(self.score_inputs(method, tasks))}
        pairs = []
        for task, name in product(tasks, self.experts):
            files = self.plan.score_inputs(method, task, name)
            numbered = {key: numbers[file] for key, file in files.items()}
            pairs.append({"task": task, "checkpoint": name, "files": numbered})
        return pairs

    def score_files(self) -> list[str]:
        return [
            paths.MODEL_ZOO_SCORES.format(cap=cap, job=job.name, task=task)
            for cap in self.caps
            for job in self.jobs(cap)
            for task in self.tasks_with_cap(cap)
        ]

    def estimate_of(self, *, on_gpu: bool, local: bool) -> dict:
        """Return the fields of ``ckptrank.workflow.estimate.Plan`` but for its jobs, of the scores with the first cap."""
        config = self.plan.config
        sweep = config["finetune"] if self.entry["recipe"] is None else self.settings
        return {
            "tasks": {name: config["tasks"][name] for name in self.task_names},
            "checkpoints": {name: config["checkpoints"][name] for name in self.tuned},
            "ranked": self.experts,
            "sweep": sweep,
            "measures": costs_of_methods(self.jobs(self.main_cap)),
            "pretraining": self.plan.runs_of([*self.tuned, *self.entry["shown"]]),
            "gpu": on_gpu,
            "local": local,
            "groups": len(self.pools),
        }

    # Tables and pages

    def table_files(self, tables: Iterable[str]) -> dict[str, str]:
        return {table: paths.MODEL_ZOO.format(table=table) for table in tables}

    def files(self) -> list[str]:
        """Return the tables of what was measured; none where the benchmark is empty."""
        return list(self.table_files(TABLES).values()) if self.experts else []

    def measure_table(self) -> list[dict]:
        return self.plan.measure_table(self.jobs(self.main_cap), self.entry["measures"])

    def describe_experts(self) -> dict[str, dict]:
        return describe_experts(self.plan.config)

    @property
    def pools(self) -> list[str]:
        """The kinds of networks of which two experts or more are fine-tuned: each is chosen from by itself."""
        if not self.experts:
            return [SINGLE]
        experts = self.describe_experts()
        networks = [experts[name]["network"] for name in self.experts]
        return [network for network in POOL_TITLES if networks.count(network) > 1]

    def pages(self) -> dict[str, str]:
        """Return name -> title of the chapter's pages."""
        return {name: inert(title) for name, title in list_pages(self.pools).items()}
