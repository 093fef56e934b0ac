"""The training loop that classifiers and detectors share: steps, tests at budgets, states, and what ends a run."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from torch import nn

from ckptrank.finetune.batches import SampleOrder
from ckptrank.finetune.recipe import Recipe
from ckptrank.finetune.resume import RunState
from ckptrank.finetune.step import TrainingStep
from ckptrank.jobs.log import progress
from ckptrank.networks.optimisers import SGD

logger = logging.getLogger("ckptrank")


def make_optimiser(model: nn.Module, recipe: Recipe) -> SGD:
    """Return the optimiser of all weights of a model that a recipe asks for."""
    return SGD(
        model.parameters(),
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        decoupled=recipe.decoupled,
        nesterov=recipe.nesterov,
    )


def make_fingerprint(*parts: object) -> str:
    """Return what tells the state of this run from that of another."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()


def run_steps(
    training: TrainingStep,
    state: RunState,
    recipe: Recipe,
    read: Callable[[Iterable[np.ndarray]], Iterable[tuple[Any, Any]]],
    *,
    samples: int,
    seed: int,
    test: Callable[[], Any],
    test_diverged: Callable[[], Any],
    describe: Callable[[Any], str],
    description: str,
    prepare: Callable[[int], object] | None = None,
    watch: Callable[[int], None] | None = None,
    losses: list[float] | None = None,
) -> dict[int, Any]:
    """Train from where ``state`` was left to the last budget; return what ``test`` gave at each budget of steps.

    ``read``: from the rows of mini-batches, of so many ``samples``, to what a step takes: inputs and labels on the
    device. ``test_diverged``: what the remaining budgets get when a loss is not finite, which ends the run.
    ``describe``: from what a test gave to its line in the log. ``prepare`` is called with the number of each step before it is queued, ``watch`` with how many are. ``losses`` is
    filled with the loss of each step.
    """
    state.restore()
    steps, model = recipe.steps, training.model
    order = SampleOrder(samples, recipe.batch_size, seed)
    remaining = range(state.step, steps)
    model.train()
    for step, (inputs, labels) in progress(
        zip(remaining, read(map(order.rows, remaining)), strict=True),
        description=description,
        unit="step",
        initial=state.step,
        total=steps,
    ):
        if prepare is not None:
            prepare(step)
        training.take(step, inputs, labels, recipe.learning_rate_at(step))
        done = step + 1
        tested, saved = done in recipe.budgets, state.is_due()
        broken = training.diverged_at(wait=tested or saved or done == steps)
        if broken:
            logger.warning("the loss is %s at step %d: this run diverged", broken[1], broken[0] + 1)
            missing = [budget for budget in recipe.budgets if budget not in state.accuracies]
            state.accuracies |= dict.fromkeys(missing, test_diverged())
            break
        state.step = done
        if watch is not None:
            watch(done)
        if tested:
            state.accuracies[done] = test()
            logger.info("step %d of %d: %s", done, steps, describe(state.accuracies[done]))
            model.train()
        if saved:
            state.save()
    state.forget()
    if losses is not None:
        losses[:] = training.losses
    return {budget: state.accuracies[budget] for budget in recipe.budgets}
