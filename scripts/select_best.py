"""Pick the best setting of a fine-tuning sweep: the ground truth of a (checkpoint, task) pair."""

from ckptrank.files import read_json, write_json
from ckptrank.ground_truth import select_best
from ckptrank.log import run_job

with run_job(snakemake):
    write_json(snakemake.output[0], select_best([read_json(path) for path in snakemake.input]))
