"""Write a checkpoint's features of a task's objects."""

from ckptrank.detection.object_features import write_object_features
from ckptrank.finetune.sweep import Pair
from ckptrank.jobs.device import acquire_device
from ckptrank.jobs.log import run_job

params, given = snakemake.params, snakemake.input

with run_job(snakemake), acquire_device(params.device, snakemake.threads) as device:
    write_object_features(
        Pair(params.checkpoint, params.task, given.checkpoint, given.task),
        snakemake.output[0],
        **params.sizes,
        batch_size=params.batch_size,
        device=device,
        precision=params.precision,
    )
