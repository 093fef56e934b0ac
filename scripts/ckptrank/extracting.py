"""The feature file of a prepared checkpoint and a prepared task: what one job or many of them make."""

from pathlib import Path

import torch

from ckptrank.checkpoints import load_network, read_card
from ckptrank.extraction import extract_features
from ckptrank.images import load_images
from ckptrank.sampling import cap_per_class
from ckptrank.seeds import seed_from
from ckptrank.tasks.store import SPLITS, open_task


def extract_pair(
    checkpoint_folder: str | Path,
    task_folder: str | Path,
    output: Path,
    *,
    checkpoint: str,
    task: str,
    samples_per_class: int | None = None,
    batch_size: int,
    device: torch.device,
    precision: str,
) -> None:
    """Write the features of both splits; of so many training samples of each class, if that is given.

    Raises :class:`PairFault` where the checkpoint or the task cannot be used.
    """
    stored = open_task(task_folder)
    card = read_card(checkpoint_folder)
    network = load_network(checkpoint_folder)
    if samples_per_class is None:
        splits = {split: load_images(stored, split, network.preprocessing) for split in SPLITS}
    else:  # a first look by `snakemake rank`
        train = load_images(stored, "train", network.preprocessing)
        rows = cap_per_class(train.labels, samples_per_class, seed_from("cap", task))
        splits = {"train": train.limited_to(rows)}
    extract_features(
        network,
        splits,
        output,
        checkpoint=checkpoint,
        task=task,
        attributes={
            key: card[key] for key in ("sha256", "feature_layer", "parameters", "forward_flops")
        },
        batch_size=batch_size,
        device=device,
        precision=precision,
    )
