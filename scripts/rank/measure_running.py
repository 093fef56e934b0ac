"""Measure how fast a checkpoint runs, and what memory it takes."""

from ckptrank.features.running import measure_running
from ckptrank.jobs.device import acquire_device
from ckptrank.jobs.log import run_job

params = snakemake.params
with run_job(snakemake), acquire_device(params.device, snakemake.threads) as device:
    measure_running(
        snakemake.input[0], snakemake.output[0], device=device, precision=params.precision
    )
