"""Find images that the first checkpoint places right and the second wrong."""

from ckptrank.features.why import write_why
from ckptrank.jobs.log import run_job

with run_job(snakemake):
    write_why(snakemake.input.task, snakemake.input.get("features", []), snakemake.output[0])
