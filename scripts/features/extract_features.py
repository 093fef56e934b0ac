"""One forward pass of a checkpoint over images of a task; of several, or over several tasks'."""

from itertools import product

from ckptrank.features.extract import extract_pairs
from ckptrank.finetune.sweep import list_pairs
from ckptrank.jobs.device import acquire_device
from ckptrank.jobs.log import run_job

params, given = snakemake.params, snakemake.input
names = product(params.checkpoints, params.tasks)
folders = product(given.checkpoints, given.tasks)

with run_job(snakemake), acquire_device(params.device, snakemake.threads) as device:
    pairs = list_pairs(names, folders, given.get("images", []), params.fitted)
    extract_pairs(
        zip(pairs, snakemake.output, strict=True),
        splits=params.splits,
        known=next(iter(given.get("known", [])), None),
        samples_per_class=params.samples_per_class,
        batch_size=params.batch_size,
        device=device,
        precision=params.precision,
    )
