"""All runs of a fine-tuning sweep that one job makes of one (checkpoint, task) pair."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from ckptrank.checkpoints import load_network, read_card
from ckptrank.finetune import finetune, get_budgets, make_recipe
from ckptrank.images import load_images
from ckptrank.seeds import seed_from
from ckptrank.tasks.store import open_task


def run_sweep(
    checkpoint_folder: str | Path,
    task_folder: str | Path,
    *,
    checkpoint: str,
    task: str,
    learning_rates: Sequence[float],
    settings: dict,
    device: torch.device,
    get_resume_path: Callable[[float], Path],
) -> list[dict]:
    """Fine-tune a checkpoint on a task at each learning rate; return a record per run.

    A record holds the learning rate, the seed, the accuracy at each step budget and the seconds that
    the run took, its loading included. The seed depends on the pair's names alone. Raises
    :class:`PairFault` where the checkpoint or the task cannot be used.
    """
    stored = open_task(task_folder)
    scratch = not read_card(checkpoint_folder)["sha256"]
    runs = []
    for rate in learning_rates:
        started = time.perf_counter()
        seed = seed_from("finetune", task, checkpoint, 0)
        network = load_network(checkpoint_folder, seed)
        train = load_images(stored, "train", network.preprocessing)
        accuracies = finetune(
            network,
            train,
            load_images(stored, "test", network.preprocessing),
            classes=stored.classes,
            recipe=make_recipe(settings, rate, scratch=scratch, samples=len(train)),
            budgets=get_budgets(settings, len(train)),
            seed=seed,
            device=device,
            resume_path=get_resume_path(rate),
            description=f"learning rate {rate}",
        )
        runs.append(
            {
                "learning_rate": rate,
                "seed": seed,
                "accuracies": {str(steps): value for steps, value in accuracies.items()},
                "seconds": time.perf_counter() - started,
            }
        )
    return runs
