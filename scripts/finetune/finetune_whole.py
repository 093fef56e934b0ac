"""Fine-tune a checkpoint on a task at all learning rates of the sweep, and repeat the best setting."""

from ckptrank.finetune.ground_truth import write_whole_sweep
from ckptrank.finetune.sweep import Pair, Runner
from ckptrank.jobs.device import acquire_device
from ckptrank.jobs.log import run_job

params, given = snakemake.params, snakemake.input

with run_job(snakemake), acquire_device(params.device, snakemake.threads) as device:
    runner = Runner(
        Pair(params.checkpoint, params.task, given.checkpoint, given.task, *given.images),
        params.settings,
        output=snakemake.output.sweep,
        device=device,
        precision=params.precision,
        weights=snakemake.output.get("weights"),
    )
    write_whole_sweep(runner, params.learning_rates, snakemake.output.truth, repeats=params.repeats)
