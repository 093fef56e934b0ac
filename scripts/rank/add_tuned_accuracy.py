"""Add the fine-tuned test accuracy of those first checkpoints that the config has tuned."""

from ckptrank.jobs.log import run_job
from ckptrank.rank.tuned import add_tuned_accuracy

with run_job(snakemake):
    given = snakemake.input
    add_tuned_accuracy(given.order, given.get("ground_truth", []), given.facts, snakemake.output)
