"""Gather what all jobs left into tidy tables."""

from ckptrank.evaluation.collect import collect_benchmark, collect_scored
from ckptrank.evaluation.columns import BENCHMARK
from ckptrank.evaluation.tables import write_frames
from ckptrank.jobs.log import run_job

with run_job(snakemake):
    given, params = snakemake.input, snakemake.params
    benchmark = collect_benchmark(
        given.checkpoints,
        given.tasks,
        given.ground_truth,
        groups=params.groups,
        task_titles=params.task_titles,
        task_sources=params.task_sources,
        accuracy=params.accuracy,
    )
    scored = collect_scored(
        given.scores,
        params.measures,
        params.protocol,
        params.pooled,
        params.consensus,
        dict(zip(params.ordered, given.orders, strict=True)),
    )
    write_frames(snakemake.output, benchmark | scored, BENCHMARK)
