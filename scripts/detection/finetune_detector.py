"""Fine-tune a detector on a checkpoint at some learning rates of the sweep."""

from ckptrank.detection.tune import DetectorRunner
from ckptrank.finetune.sweep import Pair, write_sweep
from ckptrank.jobs.device import acquire_device
from ckptrank.jobs.log import run_job

params, given = snakemake.params, snakemake.input

with run_job(snakemake), acquire_device(params.device, snakemake.threads) as device:
    runner = DetectorRunner(
        Pair(params.checkpoint, params.task, given.checkpoint, given.task),
        params.settings,
        output=snakemake.output[0],
        device=device,
        precision=params.precision,
    )
    write_sweep(runner, params.learning_rates)
