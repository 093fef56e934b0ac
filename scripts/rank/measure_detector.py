"""Measure what fine-tuning a detector on a checkpoint takes for a task, or why none can stand on it."""

from ckptrank.detection.running import measure_detector
from ckptrank.finetune.sweep import Pair
from ckptrank.jobs.device import acquire_device
from ckptrank.jobs.log import run_job

params, given = snakemake.params, snakemake.input

with run_job(snakemake), acquire_device(params.device, snakemake.threads) as device:
    measure_detector(
        Pair(params.checkpoint, params.task, given.checkpoint, given.task),
        snakemake.output[0],
        **params.settings,
        device=device,
        precision=params.precision,
    )
