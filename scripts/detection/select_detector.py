"""Pick a detector's best setting, and repeat it under other seeds: the ground truth and its noise."""

from collections.abc import Iterator
from contextlib import contextmanager

from ckptrank.detection.tune import DetectorRunner
from ckptrank.finetune.ground_truth import write_ground_truth
from ckptrank.finetune.sweep import Pair, Runner
from ckptrank.jobs.device import acquire_device
from ckptrank.jobs.log import run_job

params, given = snakemake.params, snakemake.input


@contextmanager
def start() -> Iterator[Runner]:
    with acquire_device(params.device, snakemake.threads) as device:
        yield DetectorRunner(
            Pair(params.checkpoint, params.task, given.checkpoint, given.task),
            params.settings,
            output=snakemake.output[0],
            device=device,
            precision=params.precision,
        )


with run_job(snakemake):
    write_ground_truth(given.sweep, snakemake.output[0], repeats=params.repeats, start=start)
