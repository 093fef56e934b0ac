"""Pick the best setting of a sweep, and repeat it under other seeds: the ground truth and its noise."""

from collections.abc import Iterator
from contextlib import contextmanager

from ckptrank.finetune.ground_truth import write_ground_truth
from ckptrank.finetune.sweep import Pair, Runner
from ckptrank.jobs.device import acquire_device
from ckptrank.jobs.log import run_job

params, given = snakemake.params, snakemake.input
weights = snakemake.output.get("weights")


@contextmanager
def start() -> Iterator[Runner]:
    pair = Pair(params.checkpoint, params.task, given.checkpoint, given.task, *given.images)
    with acquire_device(params.device, snakemake.threads) as device:
        yield Runner(
            pair,
            params.settings,
            output=snakemake.output[0],
            device=device,
            precision=params.precision,
            weights=weights,
        )


with run_job(snakemake):
    write_ground_truth(
        given.sweep, snakemake.output[0], repeats=params.repeats, start=start, weights=weights
    )
