"""One forward pass of a checkpoint over a task's train and test images."""

from pathlib import Path

from ckptrank.checkpoints import load_network, read_card
from ckptrank.device import acquire_device
from ckptrank.errors import PairFault
from ckptrank.extraction import extract_features
from ckptrank.features import write_failed
from ckptrank.images import load_images
from ckptrank.log import run_job
from ckptrank.sampling import cap_per_class
from ckptrank.seeds import seed_from
from ckptrank.tasks.store import SPLITS, open_task

with run_job(snakemake) as log:
    params, output = snakemake.params, Path(snakemake.output[0])
    try:
        task = open_task(snakemake.input.task)
        card = read_card(snakemake.input.checkpoint)
        network = load_network(snakemake.input.checkpoint)
        samples = params.get("samples_per_class")
        if samples is None:
            splits = {split: load_images(task, split, network.preprocessing) for split in SPLITS}
        else:  # a first look by `snakemake rank`
            train = load_images(task, "train", network.preprocessing)
            rows = cap_per_class(train.labels, samples, seed_from("cap", params.task))
            splits = {"train": train.limited_to(rows)}
        with acquire_device(params.device, snakemake.threads) as device:
            extract_features(
                network,
                splits,
                output,
                checkpoint=params.checkpoint,
                task=params.task,
                attributes={
                    "sha256": card["sha256"],
                    "feature_layer": card["feature_layer"],
                    "parameters": card["parameters"],
                    "forward_flops": card["forward_flops"],
                },
                batch_size=params.batch_size,
                device=device,
                precision=params.precision,
            )
    except PairFault as fault:
        log.error("%s", fault)
        write_failed(output, params.checkpoint, params.task, str(fault))
