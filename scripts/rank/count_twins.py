"""Count the test images that look almost like a training image."""

from ckptrank.jobs.log import run_job
from ckptrank.tasks.twins import write_twins

with run_job(snakemake):
    write_twins(snakemake.input[0], snakemake.output[0])
