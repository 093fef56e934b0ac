"""Gather what all jobs left into tidy tables."""

from ckptrank.collecting import (
    collect_checkpoints,
    collect_ground_truth,
    collect_measures,
    collect_scores,
    collect_tasks,
)
from ckptrank.files import atomic_path
from ckptrank.log import run_job

with run_job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    tables = {
        "checkpoints": collect_checkpoints(given.checkpoints, params.groups),
        "tasks": collect_tasks(given.tasks, params.task_titles),
        "ground_truth": collect_ground_truth(given.ground_truth),
        "measures": collect_measures(
            params.measures, params.protocol, params.pooled, params.consensus
        ),
        "scores": collect_scores(given.scores),
    }
    for name, table in tables.items():
        with atomic_path(snakemake.output[name]) as path:
            table.to_csv(path, index=False)
        log.info("%s: %d rows", name, len(table))
