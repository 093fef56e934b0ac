"""What a run is made of, worked out from its config: members of groups, jobs, and the files that each reads.

The rules ask a :class:`Plan`; nothing that decides what is compared with what is decided in them.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ckptrank.measures.registry import METHODS
from ckptrank.text import inert
from ckptrank.workflow import paths
from ckptrank.workflow.sweep import STEP, SweepJob, list_sweep_jobs

SWEEP_SETTINGS = (
    *("steps", "batch_size", "momentum", "weight_decay", "scratch_weight_decay", "warmup"),
)
DECAY_SETTINGS = ("decay_at", "decay")
SHOWN_SETTINGS = ("learning_rates", "steps", "schedule", *DECAY_SETTINGS)
EVALUATION_TABLES = (
    *("checkpoints", "tasks", "ground_truth", "measures", "scores", "metrics", "summary"),
)
NLEEP_GRID = "nleep_grid"
RANKING = "ranking"
# What may be selected as a measure and is made of other scores: the mean rank, and the order that `rank` gives.
MADE_OF_OTHERS = ("consensus", RANKING)
LARGER = (
    "scenes",
)  # of the built-in tasks: larger than the images that the built-in networks learn from


@dataclass(frozen=True)
class ScoreJob:
    """A job that scores pairs by all ``measures`` (name -> parameters) that a config makes of a method.

    ``evals``: measure -> the samples that it scores, where that is not the protocol's choice.
    """

    name: str
    method: str
    measures: dict[str, dict]
    evals: dict[str, str] = field(default_factory=dict)

    @property
    def stack(self) -> str:
        """The environment that it runs in (``envs/<stack>.yaml``)."""
        return METHODS[self.method].stack

    @property
    def uses_gpu(self) -> bool:
        return METHODS[self.method].gpu

    @property
    def minutes(self) -> int:
        """What it asks a cluster for, and more on another try."""
        return METHODS[self.method].minutes

    @property
    def runs_network(self) -> bool:
        """Whether it takes the network itself, which takes long, and not its features."""
        return "network" in METHODS[self.method].inputs

    @property
    def params(self) -> dict:
        """What the job is told beside its pair and its protocol."""
        method = METHODS[self.method]
        return {
            "method": self.method,
            "kind": self.kind,
            "inputs": method.inputs,
            "held_out": method.held_out,
            "measures": self.measures,
            "evals": self.evals,
        }

    @property
    def kind(self) -> str:
        """What it works on: ``network`` or ``features``."""
        return "network" if self.runs_network else "features"


def constrain(names: Iterable[str]) -> str:
    """Return the regular expression that matches just these names; of no names, nothing."""
    return "|".join(sorted(map(re.escape, names))) or "(?!)"


def distinct(names: Iterable[str]) -> list[str]:
    """Return the names without repetitions, in their order."""
    return list(dict.fromkeys(names))


def list_score_jobs(config: dict, names: Iterable[str]) -> list[ScoreJob]:
    """Return a job per method of the named measures; what is made of other scores has none."""
    jobs: dict[str, ScoreJob] = {}
    for name in names:
        if name in MADE_OF_OTHERS:
            continue
        measure = config["measures"][name]
        method = measure["method"]
        job = jobs.setdefault(method, ScoreJob(method, method, {}))
        job.measures[name] = measure.get("params", {})
        if "eval" in measure:
            job.evals[name] = measure["eval"]
    return list(jobs.values())


def costs_of_methods(jobs: Iterable[ScoreJob]) -> list[tuple[str, int, float]]:
    """Return (method, measures made of it, epochs of training that it comes to) of every job of a pair."""
    costs = []
    for job in jobs:
        epochs = [params.get("epochs", 1) for params in job.measures.values()]
        costs.append((job.method, len(job.measures), sum(epochs) if job.runs_network else 0))
    return costs


@dataclass(frozen=True)
class Plan:
    """The first benchmark's run of a complete and checked ``config``."""

    config: dict

    @property
    def tasks(self) -> list[str]:
        return self.config["select"]["tasks"]

    @property
    def groups(self) -> list[str]:
        return self.config["select"]["groups"]

    @property
    def main_group(self) -> str:
        """The group that the first page and the charts are about."""
        return self.groups[-1]

    def members(self, group: str, part: str = "checkpoints") -> list[str]:
        """Return the checkpoints of a group (or its ``unranked`` ones), those of its parts if it is a union."""
        groups = self.config["groups"]
        parts = groups[group].get("union", [group])
        return distinct(name for each in parts for name in groups[each].get(part, []))

    def ranked(self, groups: Iterable[str] | None = None) -> list[str]:
        """Return the checkpoints that are ranked in any of the groups, by default of the selected ones."""
        groups = self.groups if groups is None else groups
        return distinct(name for group in groups for name in self.members(group))

    @cached_property
    def tuned(self) -> list[str]:
        """The checkpoints that are fine-tuned: the ranked ones, and those they are compared with."""
        unranked = [name for group in self.groups for name in self.members(group, "unranked")]
        return distinct([*self.ranked(), *unranked])

    # Fine-tuning

    @cached_property
    def sweep(self) -> dict[str, SweepJob]:
        """Name of a job of the sweep -> what it runs."""
        return list_sweep_jobs(self.config["finetune"])

    @property
    def sweep_settings(self) -> dict:
        """What a run depends on of `finetune`, its learning rate aside; no decays where there are none."""
        entry = self.config["finetune"]
        decays = DECAY_SETTINGS if entry["schedule"] == STEP else ()
        compiled = ("compile",) if entry["compile"] else ()
        return {key: entry[key] for key in (*SWEEP_SETTINGS, *decays, *compiled)}

    @property
    def reference_settings(self) -> dict:
        """How RSA's network is trained on a task: by a recipe, or as the sweep does, for steps of its own."""
        entry = self.config["references"]["rsa"]
        if entry["recipe"] is None:
            return {**self.sweep_settings, "steps": [entry["steps"]]}
        recipe = self.config["recipes"][entry["recipe"]]
        return {key: value for key, value in recipe.items() if key != "learning_rates"}

    @property
    def sweep_of_page(self) -> dict:
        """What the page of accuracies is told of the sweep."""
        return {key: self.config["finetune"][key] for key in SHOWN_SETTINGS}

    def settings_of_sweep(self, name: str) -> dict:
        """Return what the runs of one job of the sweep are told: the settings with its own budgets."""
        return {**self.sweep_settings, "steps": self.sweep[name].steps}

    @property
    def repeated_steps(self) -> int:
        """How many steps a best setting is trained again at most: in its repeats, and for its weights."""
        entry = self.config["finetune"]
        again = bool(self.kept_weights) and self.whole_sweep is None
        return (entry["repeats"] + again) * max(entry["steps"])

    @property
    def trains_best(self) -> bool:
        """Whether the job that selects a best setting trains something."""
        return self.repeated_steps > 0

    @property
    def kept_weights(self) -> dict[str, str]:
        """What the job that selects a best setting leaves beside the ground truth."""
        return {"weights": paths.TUNED_WEIGHTS} if self.config["finetune"]["keep_weights"] else {}

    def weights_beside(self, ground_truth: Iterable[str]) -> list[str]:
        """Return the weights that are to be kept beside some files of ground truth.

        What reads those files asks for them too, or a finished run would not notice that they are wanted.
        """
        if not self.kept_weights:
            return []
        return [f"{file.removesuffix('.json')}.safetensors" for file in ground_truth]

    @property
    def whole_sweep(self) -> str | None:
        """The job of the sweep where there is only one for each pair."""
        return next(iter(self.sweep)) if len(self.sweep) == 1 else None

    def sweep_files(self, task: str, checkpoint: str) -> list[str]:
        return [
            paths.SWEEP.format(task=task, checkpoint=checkpoint, rates=rates)
            for rates in self.sweep
        ]

    def ground_truth_files(self) -> list[str]:
        return [
            paths.GROUND_TRUTH.format(task=task, checkpoint=checkpoint)
            for task in self.tasks
            for checkpoint in self.tuned
        ]

    # Checkpoints

    def run_of(self, checkpoint: str) -> str | list[str]:
        """Return the pre-training run that a built-in checkpoint is taken from; of others, no input."""
        definition = self.config["checkpoints"][checkpoint]
        if definition["source"] != "builtin":
            return []
        return paths.PRETRAINED.format(run=definition["run"])

    def run_inputs(self, run: str) -> dict[str, str]:
        """Return what a pre-training run reads: its source's images, and the run that it starts from."""
        definition = self.config["pretraining"][run]
        inputs = {"data": paths.SOURCE.format(data=definition["data"])}
        if "start" in definition:
            inputs["start"] = paths.PRETRAINED.format(run=definition["start"])
        return inputs

    def runs(self, key: str) -> list[str]:
        """Return the pre-training runs that have a ``key``: `data` (one domain) or `sharing` (several)."""
        return [name for name, run in self.config["pretraining"].items() if key in run]

    def runs_of(self, checkpoints: Iterable[str]) -> dict[str, dict]:
        """Return name -> definition of the pre-training runs that make some checkpoints, those that they start from
        included."""
        defined, needed = self.config["pretraining"], set()
        definitions = [self.config["checkpoints"][name] for name in checkpoints]
        waiting = [each["run"] for each in definitions if each["source"] == "builtin"]
        while waiting:
            run = waiting.pop()
            if run is not None and run not in needed:
                needed.add(run)
                waiting.append(defined[run].get("start"))
        return {name: run for name, run in defined.items() if name in needed}

    def source_module(self, checkpoint: str) -> str:
        """Return the module of the library that knows a checkpoint's source."""
        return f"ckptrank.checkpoints.{self.config['checkpoints'][checkpoint]['source']}"

    def task_module(self, task: str) -> str:
        """Return the module of the library that knows a task's source."""
        return f"ckptrank.tasks.{self.config['tasks'][task]['source']}"

    def source_task(self, checkpoint: str) -> str | None:
        """Return the task that a checkpoint was pre-trained on; None where the config does not say."""
        definition = self.config["checkpoints"][checkpoint]
        if definition["source"] == "builtin":
            run = self.config["pretraining"][definition["run"]]
            data = definition.get("domain") or run["data"]
            return data if data in self.config["tasks"] else None
        return definition.get("source_task")

    # Images at a network's size

    def needs_images(self, task: str, checkpoint: str) -> bool:
        """Whether a task's images may have to be decoded or resized for a checkpoint.

        What is drawn for the built-in benchmark has the size of its networks, but for what is to be detected.
        """
        definition = self.config["checkpoints"][checkpoint]
        library = definition.get("library", "builtin")
        builtin = {"builtin": True, "scratch": library == "builtin"}.get(
            definition["source"], False
        )
        as_drawn = builtin and not definition.keys() & {"preprocessing", "size"}
        drawn = self.config["tasks"][task]
        return not (as_drawn and drawn["source"] == "builtin" and drawn.get("name") not in LARGER)

    def images(self, pairs: Iterable[tuple[str, str]], pattern: str = paths.IMAGES) -> list[str]:
        """Return the folders of decoded images, of a ``pattern``, of those (task, checkpoint) that need some."""
        return [
            pattern.format(task=task, checkpoint=checkpoint)
            for task, checkpoint in pairs
            if self.needs_images(task, checkpoint)
        ]

    def known_features(self, task: str, checkpoint: str) -> list[str]:
        """Return the features of a pair's training images, where this run ranks by them: the rest is added to them."""
        known = RANKING in self.config["select"]["measures"]
        if not known or task not in self.tasks or checkpoint not in self.ranked():
            return []
        return [paths.TRAINING_FEATURES.format(task=task, checkpoint=checkpoint)]

    # Scores

    @cached_property
    def measure_jobs(self) -> list[ScoreJob]:
        return list_score_jobs(self.config, self.config["select"]["measures"])

    @cached_property
    def grid_jobs(self) -> list[ScoreJob]:
        """The job of N-LEEP's grid of parameters, where the config asks for it."""
        grid = self.config["nleep_grid"]
        measures = {
            f"nleep-{energy}-{components}": {
                "pca_energy": energy,
                "components_per_class": components,
            }
            for energy in grid["pca_energy"]
            for components in grid["components_per_class"]
            if grid["groups"]
        }
        return [ScoreJob(NLEEP_GRID, "nleep", measures)] if measures else []

    @property
    def score_jobs(self) -> list[ScoreJob]:
        return [*self.measure_jobs, *self.grid_jobs]

    def score_inputs(
        self,
        method: str,
        task: str,
        checkpoint: str,
        features: str = paths.FEATURES,
        images: str = paths.IMAGES,
    ) -> dict[str, str]:
        """Return what a method reads of a pair: feature files, or the network and its task.

        ``features``, ``images``: the patterns of the pair's own feature file and of its decoded images. Names are
        those of ``ckptrank.scores.inputs.PairFiles`` and of ``ckptrank.scores.network.NetworkFiles``.
        """
        wanted = METHODS[method].inputs
        if "network" in wanted:
            files = {
                "checkpoint": paths.CHECKPOINT.format(checkpoint=checkpoint),
                "task": paths.TASK.format(task=task),
            }
            decoded = self.images([(task, checkpoint)], images)
            return files | ({"images": decoded[0]} if decoded else {})
        if "source_class_means" in wanted:
            viewer = self.config["references"]["domain_similarity"]["checkpoint"] or checkpoint
            files = {"features": features.format(task=task, checkpoint=viewer)}
            source = self.source_task(checkpoint)
            if source is not None:
                files["source"] = paths.FEATURES.format(task=source, checkpoint=viewer)
            return files
        files = {"features": features.format(task=task, checkpoint=checkpoint)}
        if "reference_features" in wanted:
            files["reference"] = paths.REFERENCE.format(task=task)
        return files

    def score_files(
        self, jobs: Iterable[ScoreJob], groups: Iterable[str] | None = None
    ) -> list[str]:
        """Return the scores of all pairs of the selected tasks and the groups' checkpoints."""
        return [
            paths.SCORES.format(job=job.name, task=task, checkpoint=checkpoint)
            for job in jobs
            for task in self.tasks
            for checkpoint in self.ranked(groups)
        ]

    def scores_of_pair(self, task: str, checkpoint: str) -> list[str]:
        """Return the scores of one pair that travel together on a cluster: all but those of networks."""
        jobs = [
            job
            for job in self.score_jobs
            if not job.runs_network
            and (job not in self.grid_jobs or checkpoint in self.grid_checkpoints)
        ]
        return [paths.SCORES.format(job=job.name, task=task, checkpoint=checkpoint) for job in jobs]

    @cached_property
    def grid_checkpoints(self) -> list[str]:
        return self.ranked(self.config["nleep_grid"]["groups"])

    def gathered_files(self) -> list[str]:
        """Return what connects the measures of each pair, also those that need no extraction of it."""
        return [
            paths.GATHERED.format(task=task, checkpoint=checkpoint)
            for task in self.tasks
            for checkpoint in self.ranked()
        ]

    def estimate_of(self, *, on_gpu: bool, local: bool) -> dict:
        """Return the fields of ``ckptrank.workflow.estimate.Plan`` but for its jobs; ``local``: they run on this machine."""
        return {
            "tasks": {name: self.config["tasks"][name] for name in self.tasks},
            "checkpoints": {name: self.config["checkpoints"][name] for name in self.tuned},
            "ranked": self.ranked(),
            "sweep": self.config["finetune"],
            "measures": costs_of_methods(self.score_jobs),
            "pretraining": self.runs_of(self.tuned),
            "gpu": on_gpu,
            "local": local,
            "groups": len(self.groups),
        }

    # Tables and pages

    def measure_table(self, jobs: Iterable[ScoreJob], order: Sequence[str] = ()) -> list[dict]:
        """Return what the tables say of each measure of some jobs, those in ``order`` first."""
        rows = {}
        for job in jobs:
            method = METHODS[job.method]
            for measure, params in job.measures.items():
                rows[measure] = {
                    "measure": measure,
                    "method": job.method,
                    "title": self.config["measures"].get(measure, {}).get("title", method.title),
                    "family": method.family,
                    "reference": method.reference,
                    "held_out": method.held_out,
                    "can_evaluate": method.can_evaluate,
                    "eval": job.evals.get(measure),
                    "params": params,
                }
        first = [name for name in order if name in rows]
        return [rows[name] for name in distinct([*first, *rows])]

    @property
    def pooled(self) -> list[str]:
        """The rows of the tables that no job of a pair scores: what is made of other scores, then the baselines."""
        select = self.config["select"]
        made = [name for name in select["measures"] if name in MADE_OF_OTHERS]
        return [*made, *select["baselines"]]

    @property
    def ordered_tasks(self) -> list[str]:
        """The tasks whose order by `rank` is judged: all where it is selected, else none."""
        return self.tasks if RANKING in self.config["select"]["measures"] else []

    @property
    def families(self) -> dict[str, list[str]]:
        """The selected tasks of each kind; empty where they are not of two kinds at least."""
        families = {
            name: [task for task in self.tasks if task in members]
            for name, members in self.config["evaluation"]["families"].items()
        }
        families = {name: members for name, members in families.items() if members}
        return families if len(families) > 1 else {}

    @property
    def table_rows(self) -> list[str]:
        """Every row of the tables: the selected measures, then the baselines."""
        select = self.config["select"]
        return [*select["measures"], *select["baselines"]]

    def evaluation_files(self) -> list[str]:
        return [paths.EVALUATION.format(table=table) for table in EVALUATION_TABLES]

    def group_title(self, group: str) -> str:
        return inert(self.config["groups"][group].get("title", group))

    def published_beside(self, group: str) -> dict | None:
        """Return the paper whose numbers may stand beside a group's, and what they are comparable with.

        ``comparable``: for the group, or each part of a union, the title of every ranked member and the paper's
        name of it, or None; unranked ones only where they have one. ``own``: the titles of those whose weights are
        the paper's own, by ``paper`` of their definitions.
        """
        paper = self.config["evaluation"]["published"]
        if paper is None:
            return None
        groups = self.config["groups"]
        comparable: dict[str, dict] = {}
        own: set[str] = set()
        for part in groups[group].get("union", [group]):
            names = groups[part].get("comparable", {})
            members = distinct([*self.members(part), *names])
            comparable[part] = {self.checkpoint_title(name): names.get(name) for name in members}
            own |= {
                self.checkpoint_title(name)
                for name in names
                if self.config["checkpoints"][name].get("paper") == paper
            }
        return {"paper": paper, "comparable": comparable, "own": sorted(own)}

    def task_title(self, task: str) -> str:
        return inert(self.config["tasks"][task].get("title", task))

    def checkpoint_title(self, checkpoint: str) -> str:
        return self.config["checkpoints"][checkpoint].get("title", checkpoint)

    def measure_title(self, measure: str) -> str:
        if measure in self.config["measures"]:
            entry = self.config["measures"][measure]
            return entry.get("title", METHODS[entry["method"]].title)
        return measure.replace("_", " ").capitalize()
