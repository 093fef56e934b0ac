"""Pre-train one network of the built-in zoo and save a checkpoint at each of its stages."""

from pathlib import Path

import numpy as np
import torch

from ckptrank.device import acquire_device
from ckptrank.errors import PairFault
from ckptrank.files import read_json, sha256_of, write_json
from ckptrank.log import run_job
from ckptrank.seeds import seed_from
from ckptrank.weights import save_weights
from ckptrank.zoo.architectures import build
from ckptrank.zoo.flops import count_forward_flops, count_parameters
from ckptrank.zoo.objectives import KINDS
from ckptrank.zoo.pretrain import IMAGE_SIZE, MEAN, STD, pretrain

LOG_EVERY = 20

with run_job(snakemake) as log:
    name, run = snakemake.params.name, snakemake.params.run
    folder, source = Path(snakemake.output[0]), Path(snakemake.input.data)
    folder.mkdir(parents=True)
    train, validation = run.get("train"), run.get("validation")
    seed = run.get("seed", seed_from("pretrain", name))

    def report(step: int, loss: float) -> None:
        if step % LOG_EVERY == 0 or step == run["steps"]:
            log.info("step %d of %d: loss %.4f", step, run["steps"], loss)

    network = build(run["architecture"])
    card = {
        "status": "ok",
        "reason": "",
        "run": name,
        "architecture": run["architecture"],
        "objective": run["objective"],
        "kind": KINDS[run["objective"]],
        "source_data": run["data"],
        "dimension": network.dimension,
        "parameters": count_parameters(network),
        "forward_flops": count_forward_flops(network, (3, IMAGE_SIZE, IMAGE_SIZE)),
        "feature_layer": "global average pooling",
        "preprocessing": {"size": IMAGE_SIZE, "mean": MEAN, "std": STD},
        "seed": seed,
        "versions": {"torch": torch.__version__},
        "stages": [],
    }
    try:
        with acquire_device(snakemake.params.device, snakemake.threads) as device:
            stages = pretrain(
                architecture=run["architecture"],
                objective=run["objective"],
                images=np.load(source / "train_images.npy")[:train],
                labels=np.load(source / "train_labels.npy")[:train],
                validation_images=np.load(source / "validation_images.npy")[:validation],
                validation_labels=np.load(source / "validation_labels.npy")[:validation],
                steps=run["steps"],
                stages=tuple(run["stages"]),
                seed=seed,
                device=device,
                progress=report,
            )
        for stage in stages:
            file = folder / f"{stage.fraction:g}.safetensors"
            save_weights(file, stage.network, stage.head)
            card["stages"].append(
                {
                    "stage": stage.fraction,
                    "steps": stage.step,
                    "source_accuracy": stage.source_accuracy,
                    "loss": stage.loss,
                    "head_classes": None if stage.head is None else len(stage.head["bias"]),
                    "sha256": sha256_of(file),
                    "file": file.name,
                }
            )
    except PairFault as fault:
        log.error("%s", fault)
        card |= {"status": "failed", "reason": str(fault)}
    classes = len(read_json(source / "source.json")["classes"])
    log.info("%s on %s (%d classes): %s", run["objective"], run["data"], classes, card["status"])
    write_json(folder / "run.json", card)
