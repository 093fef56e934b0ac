"""Gather what the detection benchmark's jobs left into tidy tables, and compare scores with precisions."""

from ckptrank.detection.collect import collect_tables, evaluate_views
from ckptrank.evaluation.columns import DETECTION
from ckptrank.evaluation.tables import read_table, write_frames
from ckptrank.jobs.log import run_job

with run_job(snakemake):
    given, made, params = snakemake.input, snakemake.output, snakemake.params
    measured = collect_tables(
        checkpoints=given.checkpoints,
        tasks=given.tasks,
        ground_truth=given.ground_truth,
        scores={view: given[view] for view in params.views},
        ranked=params.ranked,
        titles=params.titles,
        sources=params.sources,
        heads=params.heads,
        measures=params.measures,
        protocol=params.protocol,
        accuracy=params.accuracy,
    )
    write_frames(made, measured, DETECTION)
    tables = {name: read_table(made[name], DETECTION[name], name) for name in measured}
    write_frames(made, evaluate_views(tables, params.ranked, params.bootstrap), DETECTION)
