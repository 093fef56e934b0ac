# The config of the run and what is worked out from it. Every decision is made in ckptrank.workflow, where
# it is tested; the rules say what is made from what.
import sys
from functools import partial
from pathlib import Path

from ckptrank.checkpoints.own_code import hash_code
from ckptrank.files.atomic import read_json
from ckptrank.files.tries import find_try
from ckptrank.jobs.fork_server import start as start_fork_server
from ckptrank.measures.registry import module_of
from ckptrank.model_zoo.config import add_few_shot_tasks
from ckptrank.workflow import paths
from ckptrank.workflow.accounting import use_what_answers
from ckptrank.workflow.config import ConfigError, complete_config
from ckptrank.workflow.detection_plan import DetectionPlan
from ckptrank.workflow.digest import digest_code, digest_data
from ckptrank.workflow.job_counts import count_jobs
from ckptrank.workflow.local_files import (
    find_files,
    find_known_by_hash,
    stamp_folders,
)
from ckptrank.workflow.model_zoo_plan import EXPERIMENTS, TABLES, ModelZooPlan
from ckptrank.workflow.plan import EVALUATION_TABLES, Plan, constrain
from ckptrank.workflow.queries import expand_queries
from ckptrank.workflow.rank_plan import RankPlan
from ckptrank.workflow.report_plan import (
    described_modules,
    digest_report,
    linked_pages,
    measure_pages,
    model_zoo_report_files,
    report_files,
    run_config,
)
from ckptrank.workflow.resources import (
    JobResources,
    disk,
    memory,
    runtime,
    share_cores,
)

# Snakemake names the files of the command line before the one in the working directory, over which they
# are laid. Where another workflow uses this one as a module, its `config:` counts and no file.
CONFIGFILES = sorted(
    map(Path, workflow.configfiles),
    key=lambda file: file.resolve() != Path("config.yaml").resolve(),
)
try:
    config = complete_config(
        config,
        Path(str(workflow.source_path("../config.yaml"))),
        None if workflow.modifier.skip_configfile else CONFIGFILES,
    )
    expand_queries(config, Path("resources/queries"))
    add_few_shot_tasks(config)
except ConfigError as error:
    raise WorkflowError(str(error)) from None

plan = Plan(config)
zoo = ModelZooPlan(plan)
detection = DetectionPlan(plan)
rank = RankPlan(plan, lambda task, samples: get_kept(task, samples))
resources = JobResources(config["compute"], config["finetune"])
# A step of a detector takes as long as so many of a classifier, whose images are smaller.
DETECTOR_COST = 8
detection_resources = JobResources(config["compute"], detection.entry["finetune"])
DEVICE = config["compute"]["device"]


wildcard_constraints:
    task=constrain(config["tasks"]),
    checkpoint=constrain(config["checkpoints"]),
    run=constrain(config["pretraining"]),
    data="shapes|letters|textures|scribbles|mixture",
    group=constrain(config["groups"]),
    rates=constrain(plan.sweep),
    detector_rates=constrain(detection.sweep),
    samples=constrain(rank.stages),
    recipe=constrain(config["recipes"]),


def tell_of_accounting():
    """Say where a cluster keeps none; stop where the ends of its jobs could not be known."""
    try:
        told = use_what_answers(workflow.executor_settings)
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
    if told:
        print(told, file=sys.stderr)


def get_local_files(definition, facts):
    """The files of this machine that a definition names; where a hash tells their contents their times do not count."""
    known = find_known_by_hash(definition, Path(facts))
    return [
        ancient(local(file)) if file in known else local(file)
        for file in find_files(definition)
    ]


def get_kept(task, samples):
    """The checkpoints that a stage of `rank` kept; known once its job is done."""
    kept = checkpoints.drop_checkpoints.get(task=task, samples=samples)
    return read_json(kept.output[0])


def get_tuned_first(wildcards):
    """Ground truth of the first `rank.finetune_top` checkpoints of a task."""
    if not config["rank"]["finetune_top"]:
        return []
    ordered = checkpoints.order_checkpoints.get(task=wildcards.task)
    return rank.tuned_first(wildcards.task, ordered.output.order)


def get_features_of_first(wildcards):
    """Feature files of the first two of a task's order; known once that is."""
    ordered = checkpoints.order_checkpoints.get(task=wildcards.task)
    return rank.features_of_first(wildcards.task, ordered.output.order)


def get_score_params(job):
    """What a job that scores by a method is told beside its pairs and its protocol."""
    code = digest_code(
        f"ckptrank.scores.{job.kind}",
        module_of(job.method),
        without=("ckptrank.measures.registry",),
    )
    compute = {"device": DEVICE}
    if job.kind == "network":
        compute["precision"] = config["compute"]["precision"]
    return {**job.params, **compute, "code": code}


def get_fitted(wildcards):
    """Whether the images of a pair are decoded for it, as a list of one."""
    return [plan.needs_images(wildcards.task, wildcards.checkpoint)]


def get_training_images(wildcards):
    """The decoded training images of a pair, where it needs some."""
    return plan.images([(wildcards.task, wildcards.checkpoint)], paths.TRAINING_IMAGES)


def get_fitted_of_batch(batch, wildcards):
    """As `get_fitted`, for the tasks of a batch."""
    tasks = batch.tasks_of(wildcards)
    return [plan.needs_images(task, wildcards.checkpoint) for task in tasks]


def get_images_of_batch(batch, wildcards):
    tasks = batch.tasks_of(wildcards)
    return plan.images((task, wildcards.checkpoint) for task in tasks)


def get_pair_group(wildcards):
    """Jobs of one group that depend on each other become one job of the cluster; locally it is ignored.

    One group per pair; shortened, since Slurm's log files are named by it.
    """
    return f"{wildcards.task[:30]}.{wildcards.checkpoint[:60]}"


def get_task_group(wildcards):
    """As `get_pair_group`; one group per task, of its detectors' scores."""
    return f"{wildcards.task[:60]}.detection"


# The measures of a pair go with its extraction, unless that holds a GPU which they do not need.
EXTRACTION_GROUP = None if resources.gpus() else get_pair_group


def get_decoding_threads(wildcards):
    """Threads of a job that decodes images."""
    return share_cores(4, workflow.cores if workflow.local_exec else None)
