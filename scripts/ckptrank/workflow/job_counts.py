"""How many jobs a benchmark comes to: those of the workflow, and those of a cluster, where some travel together.

docs/cluster.md says which do; tests hold the numbers to what Snakemake plans. Of an order by `rank` one stage is counted.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import singledispatch
from itertools import product
from pathlib import Path

from ckptrank.workflow.detection_plan import DetectionPlan
from ckptrank.workflow.model_zoo_plan import ModelZooPlan
from ckptrank.workflow.plan import Plan, ScoreJob, list_score_jobs

Pair = tuple[str, str]  # a task and a checkpoint


@dataclass
class JobCounts:
    """Jobs of a run whose files are not there yet.

    ``jobs``: of a cluster, by stage. ``processes``: those of the workflow, each a process where all of it runs on one
    machine, but for what draws tables and pages, and for what only connects other jobs.
    """

    jobs: dict[str, int] = field(default_factory=dict)
    processes: int = 0

    def add(self, stage: str, processes: int, jobs: int | None = None) -> None:
        """Add a stage, of as many ``jobs`` of a cluster as processes unless said otherwise."""
        self.processes += processes
        self.jobs[stage] = self.jobs.get(stage, 0) + (processes if jobs is None else jobs)


@singledispatch
def count_jobs(benchmark: Plan | ModelZooPlan | DetectionPlan, *, on_gpu: bool) -> JobCounts:
    """Return the jobs of a benchmark; ``on_gpu``: whether those that run a network ask for a GPU."""
    raise TypeError(f"no benchmark: {type(benchmark).__name__}")


@count_jobs.register
def _(plan: Plan, *, on_gpu: bool) -> JobCounts:
    pairs, tuned = (set(product(plan.tasks, names)) for names in (plan.ranked(), plan.tuned))
    scored = [(job, pair) for job in plan.measure_jobs for pair in pairs]
    gridded = product(plan.tasks, plan.grid_checkpoints)
    scored += [(job, pair) for pair in gridded for job in plan.grid_jobs]
    features, references = _list_read(plan, scored)
    decoded = _list_decoded(plan, tuned | features | references)
    tuning = sum(job.runs_network for job, _ in scored)
    found = JobCounts()
    _add_prepared(found, plan, tuned | features | references)
    found.add("decoding images", len(decoded), len(decoded if on_gpu else decoded - features))
    found.add(
        "extraction and measures of features",
        len(features) + len(scored) - tuning,
        len(features) + len(pairs) if on_gpu else len(features | pairs),
    )
    found.add("measures that tune or differentiate", tuning)
    found.add("reference networks", len(references))
    _add_sweep(found, plan, len(tuned))
    if plan.ordered_tasks:
        _add_order(found, plan, pairs, on_gpu)
    found.add("tables and report", 0, 1)
    return found


@count_jobs.register
def _(detection: DetectionPlan, *, on_gpu: bool) -> JobCounts:
    plan, views = detection.plan, detection.entry["views"]
    pairs, tuned = (
        set(product(detection.tasks, names)) for names in (detection.ranked, detection.tuned)
    )
    decoded = len(_list_decoded(plan, pairs)) if "images" in views else 0
    found, parts = JobCounts(), len(detection.sweep)
    _add_prepared(found, plan, tuned)
    found.add("decoding images", decoded, decoded if on_gpu else 0)
    found.add("extraction", len(pairs) * len(views), len(pairs) * (len(views) if on_gpu else 1))
    scores = len(views) * len(detection.jobs) * len(detection.tasks)
    found.add("measures of features", scores, len(detection.tasks))
    found.add("measures that tune or differentiate", len(pairs) if detection.early_job else 0)
    found.add(
        "fine-tuning", len(tuned) * (parts + 1), len(tuned) * (parts + detection.trains_repeats)
    )
    found.add("tables and report", 0, 1)
    return found


@count_jobs.register
def _(zoo: ModelZooPlan, *, on_gpu: bool) -> JobCounts:
    plan, size = zoo.plan, zoo.entry["tasks_per_job"]
    tuned = set(product(zoo.task_names, zoo.tuned))
    caps = [(zoo.jobs(cap), zoo.tasks_with_cap(cap)) for cap in zoo.caps]
    scored = [
        (job, pair) for jobs, tasks in caps for pair in product(tasks, zoo.experts) for job in jobs
    ]
    features, references = _list_read(plan, scored)
    together = {
        (task, name)
        for task, name in features
        if size > 1 and task in zoo.task_names and name in zoo.batched
    }
    of_sources = {(source, name) for source, names in zoo.sources.items() for name in names}
    alone = features - together - of_sources
    batches = math.ceil(len(zoo.task_names) / size)
    used = tuned | features | references | set(zoo.traced)
    decoded = _list_decoded(plan, used)
    found = JobCounts()
    _add_prepared(found, plan, used, others=zoo.entry["shown"])
    found.add("decoding images", len(decoded), len(decoded if on_gpu else decoded - alone))
    extracted = batches * len({name for _, name in together}) + len(zoo.sources) + len(alone)
    found.add("extraction", extracted)
    found.add("measures", sum(len(jobs) * math.ceil(len(tasks) / size) for jobs, tasks in caps))
    found.add("reference networks", len(references))
    if zoo.entry["recipe"] is None:
        _add_sweep(found, plan, len(tuned))
    else:
        found.add("fine-tuning", batches * len(zoo.tuned))
    found.add("similarity while tuning", 1)
    found.add("tables and report", 0, 4)
    return found


def _list_read(plan: Plan, scored: Iterable[tuple[ScoreJob, Pair]]) -> tuple[set[Pair], set[Pair]]:
    """Return the pairs whose features are read by jobs that score, and those of networks trained to compare with."""
    features, references = set(), set()
    compared = plan.config["references"]["rsa"]["checkpoint"]
    for job, (task, name) in scored:
        files = plan.score_inputs(job.method, task, name)
        features |= {_find_pair(files[key]) for key in ("features", "source") if key in files}
        if "reference" in files:
            references.add((task, compared))
    return features, references


def _find_pair(file: str) -> Pair:
    """Return the pair that a file is of whose folder bears the task's name and itself the checkpoint's."""
    path = Path(file)
    return path.parent.name, path.stem


def _list_decoded(plan: Plan, pairs: Iterable[Pair]) -> set[Pair]:
    return {pair for pair in pairs if plan.needs_images(*pair)}


def _add_prepared(
    found: JobCounts, plan: Plan, pairs: set[Pair], others: Iterable[str] = ()
) -> None:
    """Add what prepares the tasks and the checkpoints of some pairs, and other checkpoints, with the runs that make these."""
    tasks = {task for task, _ in pairs}
    checkpoints = {name for _, name in pairs}.union(others)
    runs = plan.runs_of(checkpoints)
    sources = {data for run in runs.values() for data in run.get("domains", [run.get("data")])}
    # A run of one domain, what starts from it and the checkpoints cut from them travel together.
    chained = {name: run for name, run in runs.items() if "data" in run}
    chains = sum(run.get("start") not in chained for run in chained.values())
    cut = [name for name in checkpoints if not chained.keys().isdisjoint(plan.runs_of([name]))]
    shared = len(tasks) + len(sources)
    found.add(
        "tasks and checkpoints",
        shared + len(runs) + len(checkpoints),
        shared + chains + len(runs) - len(chained) + len(checkpoints) - len(cut),
    )


def _add_sweep(found: JobCounts, plan: Plan, pairs: int) -> None:
    """Add the sweeps of so many pairs; what only selects the best setting travels with the tables."""
    if plan.whole_sweep:
        found.add("fine-tuning", pairs)
    else:
        parts = len(plan.sweep)
        found.add("fine-tuning", pairs * (parts + 1), pairs * (parts + plan.trains_best))


def _add_order(found: JobCounts, plan: Plan, pairs: set[Pair], on_gpu: bool) -> None:
    """Add what orders the checkpoints as `rank` does; on processors it travels with the pairs' features."""
    jobs = list_score_jobs(plan.config, plan.config["rank"]["measures"])
    tuning = sum(job.runs_network for job in jobs)
    for_each = 1 + len(jobs)  # the features of the training images, and their scores
    decoded = len(_list_decoded(plan, pairs))
    found.add("decoding images", decoded, decoded if on_gpu else 0)
    found.add("order", len(pairs) * for_each, len(pairs) * (for_each if on_gpu else tuning))
    found.add("order", 2 * len(plan.tasks) + len(plan.ranked()))
