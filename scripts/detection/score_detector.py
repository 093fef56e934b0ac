"""Score a (checkpoint, task) pair by detectors on the checkpoint that are stopped early."""

from ckptrank.detection.early import score_stopped_early
from ckptrank.finetune.sweep import Pair
from ckptrank.jobs.device import acquire_device
from ckptrank.jobs.log import run_job
from ckptrank.scores.run import Scoring

params, given = snakemake.params, snakemake.input

with run_job(snakemake), acquire_device(params.device, snakemake.threads) as device:
    score_stopped_early(
        Scoring.from_dict(params),
        Pair(params.checkpoint, params.task, given.checkpoint, given.task),
        params.settings,
        snakemake.output[0],
        device=device,
        precision=params.precision,
    )
