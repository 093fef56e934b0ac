"""Keep the best checkpoints of a stage of successive halving."""

from ckptrank.jobs.log import run_job
from ckptrank.rank.halving import drop_checkpoints

with run_job(snakemake):
    given = snakemake.input
    drop_checkpoints(
        given.scores, snakemake.params.keep, snakemake.output[0], given.get("detectors", [])
    )
