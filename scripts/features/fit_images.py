"""Decode a task's images to the size that a checkpoint wants."""

from ckptrank.features.fit import fit_images
from ckptrank.jobs.log import run_job

with run_job(snakemake):
    given = snakemake.input
    fit_images(
        given.checkpoint,
        given.task,
        snakemake.output[0],
        splits=snakemake.params.splits,
        workers=snakemake.threads,
    )
