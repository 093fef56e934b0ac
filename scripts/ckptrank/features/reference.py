"""Features of a network that was trained on a task: what RSA compares every checkpoint with."""

import logging
import time
from pathlib import Path

import torch

from ckptrank.errors import PairFault
from ckptrank.features.extract import extract_features
from ckptrank.features.store import write_failed
from ckptrank.finetune.sweep import Pair, load_pair
from ckptrank.finetune.train import finetune
from ckptrank.seeds import seed_from

logger = logging.getLogger("ckptrank")


def train_reference(
    pair: Pair,
    output: str | Path,
    *,
    settings: dict,
    learning_rate: float,
    batch_size: int,
    device: torch.device,
    precision: str,
) -> None:
    """Fine-tune the pair's checkpoint on its task and write the features of both splits to ``output``.

    ``settings``: as fine-tuning takes them; ``batch_size``: that of the extraction. The file has the number of
    steps and, as ``trained_seconds``, the time that they took: it is part of what RSA costs. What makes either
    impossible becomes the reason of a feature file without features.
    """
    output = Path(output)
    try:
        seed = seed_from("reference", pair.task)
        loaded = load_pair(pair, seed)
        recipe = loaded.make_recipe(settings, learning_rate)
        started = time.perf_counter()
        finetune(  # trains the network in place
            loaded.network,
            loaded.train,
            loaded.test,
            classes=loaded.classes,
            recipe=recipe,
            seed=seed,
            device=device,
            precision=precision,
            resume_path=output.with_name(f".{pair.task}.resume.pt"),
            description="reference network",
            identity=pair.identify(),
        )
        seconds = time.perf_counter() - started
        extract_features(
            loaded.network,
            {"train": loaded.train, "test": loaded.test},
            output,
            checkpoint=pair.checkpoint,
            task=pair.task,
            attributes={"trained_steps": recipe.steps, "trained_seconds": seconds},
            batch_size=batch_size,
            device=device,
            precision=precision,
        )
    except PairFault as fault:
        logger.error("%s", fault)
        write_failed(output, pair.checkpoint, pair.task, str(fault))
