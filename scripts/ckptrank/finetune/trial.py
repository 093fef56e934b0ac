"""How long a core of this machine takes for a step of training: what an estimate of hours rests on."""

import time

import torch
from torch.nn import functional

from ckptrank.checkpoints.builtin import make_untrained
from ckptrank.finetune.loop import make_optimiser
from ckptrank.finetune.recipe import Recipe
from ckptrank.finetune.step import TrainingStep
from ckptrank.finetune.train import Classifier
from ckptrank.jobs.precision import set_precision

ARCHITECTURE, BATCH, CLASSES = "resnet", 32, 10
WARMUP, STEPS, REPEATS = 4, 8, 3


def time_step() -> float:
    """Return the processor seconds of a training step on one core: the built-in ResNet, 32 of its images, float32.

    The least of three times eight steps, for a busy machine only adds to them. It takes about half a second.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            training, images, labels = _prepare()
            _train(training, images, labels, WARMUP)
            return min(_train(training, images, labels, STEPS) / STEPS for _ in range(REPEATS))
    finally:
        torch.set_num_threads(threads)


def _prepare() -> tuple[TrainingStep, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    network = make_untrained(ARCHITECTURE)
    model = Classifier(network, CLASSES).to(memory_format=torch.channels_last).train()
    recipe = Recipe(0.01, BATCH, [STEPS])
    precision = set_precision("float32", torch.device("cpu"), auto="float32")
    training = TrainingStep(
        model, make_optimiser(model, recipe), functional.cross_entropy, precision
    )
    size = network.preprocessing.size
    images = torch.randint(0, 256, (BATCH, size, size, 3), dtype=torch.uint8)
    return training, images, torch.arange(BATCH) % CLASSES


def _train(training: TrainingStep, images: torch.Tensor, labels: torch.Tensor, steps: int) -> float:
    """Return the processor seconds of so many steps."""
    started = time.process_time()
    for step in range(steps):
        training.take(step, images, labels, 0.01)
        training.diverged_at(wait=False)
    return time.process_time() - started
