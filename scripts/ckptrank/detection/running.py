"""What it takes to fine-tune a detector on a checkpoint, measured by a few steps on the device of the run."""

import logging
import statistics
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch

from ckptrank.checkpoints import load_network
from ckptrank.checkpoints.network import Network
from ckptrank.detection.data import ObjectImages
from ckptrank.detection.heads import build
from ckptrank.detection.train import DetectorLoss, Head
from ckptrank.detection.tune import load_objects
from ckptrank.errors import PairFault
from ckptrank.features.running import count_kept
from ckptrank.files.atomic import write_json
from ckptrank.finetune.loop import make_optimiser
from ckptrank.finetune.recipe import Recipe
from ckptrank.finetune.step import TrainingStep
from ckptrank.finetune.sweep import Pair
from ckptrank.finetune.train import TRAINING_PRECISION
from ckptrank.jobs.device import describe
from ckptrank.jobs.gpu_memory import memory_is_a_fault
from ckptrank.jobs.precision import set_precision
from ckptrank.tasks.store import open_task

logger = logging.getLogger("ckptrank")
WARM_UP, TIMED = 1, 3


def measure_detector(
    pair: Pair,
    output: str | Path,
    *,
    batch_size: int,
    detector: Mapping,
    device: torch.device,
    precision: str,
) -> None:
    """Write what a detector on a checkpoint takes for a task, see :func:`measure_training`; where none can stand, why.

    ``detector``: the fields of :class:`~ckptrank.detection.train.Head`.
    """
    try:
        stored, head = open_task(pair.task_folder), Head.from_dict(detector)
        found: Mapping[str, object] = measure_training(
            load_network(pair.checkpoint_folder),
            load_objects(stored, "train", head),
            classes=stored.classes,
            head=head,
            batch_size=batch_size,
            device=device,
            precision=precision,
        )
    except PairFault as fault:
        logger.error("%s: %s", pair.task, fault)
        found = {"status": "failed", "reason": str(fault)}
    write_json(output, {"checkpoint": pair.checkpoint, "task": pair.task, **found})


@memory_is_a_fault("lower the batch size or the image's size")
def measure_training(
    network: Network,
    images: ObjectImages,
    *,
    classes: int,
    head: Head,
    batch_size: int,
    device: torch.device,
    precision: str,
) -> dict[str, object]:
    """Return what fine-tuning a detector takes on a device, by batches that are spread over the images.

    ``step_seconds``: of a step of training, the median of three after one to warm up; the images are read before.
    ``kept_bytes``: what the forward pass of a batch keeps for the backward pass, parameters not counted.
    ``parameters``: of the detector. Raises :class:`PairFault` where the network has no feature maps for it, or a GPU's
    memory does not suffice.
    """
    torch.manual_seed(0)  # of the head's weights, and of the regions that a second stage draws
    chosen = set_precision(precision, device, auto=TRAINING_PRECISION)
    model = build(network=network, classes=classes, precision=chosen, **vars(head)).to(device)
    loss = DetectorLoss(model, device).train()
    # The weights stay: whatever the rate, a step takes as long, and none diverges.
    recipe = Recipe(0.0, batch_size, [WARM_UP + TIMED], weight_decay=1e-4)
    training = TrainingStep(loss, make_optimiser(model, recipe), lambda value, _: value, chosen)
    kept, times = 0, []
    for step, batch in enumerate(images.batches(_spread(len(images), recipe), device)):
        if not step:
            kept = count_kept(loss, batch)
        started = time.perf_counter()
        training.take(step, batch, None, recipe.learning_rate)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - started)
    seconds = statistics.median(times[WARM_UP:])
    logger.info("%.2g s a step of %d images, %d bytes kept", seconds, batch_size, kept)
    return {
        "status": "ok",
        "reason": "",
        "step_seconds": seconds,
        "kept_bytes": kept,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "device": describe(device),
    }


def _spread(images: int, recipe: Recipe) -> Iterable[np.ndarray]:
    """The rows of each step's batch: all together evenly spaced, every batch from the first to the last image."""
    rows = np.linspace(0, images - 1, recipe.steps * recipe.batch_size).astype(int)
    return (rows[step :: recipe.steps] for step in range(recipe.steps))
