"""Fine-tuning: the ground truth of the benchmark, and (stopped early) one of its ranking methods.

The recipe is that of "Ranking Neural Checkpoints" (appendix A.2): the output layer is replaced by a
linear classifier, all weights are trained by SGD with momentum 0.9, without weight decay and without
augmentation. After a linear warm-up the learning rate is constant, and one run records the test accuracy
at every step budget of the sweep; or it decays at fractions of a run, which ties a run to one budget.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ckptrank.checkpoints.network import Network
from ckptrank.finetune.batches import Placed, place
from ckptrank.finetune.compiled import compile_forward
from ckptrank.finetune.loop import make_fingerprint, make_optimiser, run_steps
from ckptrank.finetune.recipe import Recipe
from ckptrank.finetune.resume import RunState
from ckptrank.finetune.step import TrainingStep
from ckptrank.jobs.gpu_memory import forward_in_parts, memory_is_a_fault
from ckptrank.jobs.precision import Precision, set_precision
from ckptrank.tasks.images import LabelledImages

# Images that are judged at once. Without a GPU so many of its pixels at most: 256 photos of 160 pixels held more memory
# than training on 32 of them, which keeps what the backward pass needs.
EVALUATION_BATCH, EVALUATION_PIXELS = 256, 256 * 64 * 64
TRAINING_PRECISION = "bfloat16"  # that of `auto` on a GPU


class Classifier(nn.Module):
    """A checkpoint's backbone under a new linear output layer, which starts at zero."""

    def __init__(self, network: Network, classes: int):
        super().__init__()
        self.network = Network(network.backbone, network.dimension, None, network.preprocessing)
        self.output = nn.Linear(network.dimension, classes)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.output(self.network(images)[0])


@memory_is_a_fault("lower the batch size")
def finetune(
    network: Network,
    train: LabelledImages | Placed,
    test: LabelledImages | Placed,
    *,
    classes: int,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    precision: str = "auto",
    compiled: bool = False,
    resume_path: Path | None = None,
    description: str = "fine-tuning",
    watch: Callable[[int], None] | None = None,
    losses: list[float] | None = None,
    validation: LabelledImages | Placed | None = None,
    validated: dict[int, float] | None = None,
    keep: Callable[[Classifier, int, list[float]], None] | None = None,
    identity: object = None,
) -> dict[int, float]:
    """Fine-tune ``network`` in place; return the test accuracy at each budget of steps (0..1).

    For multi-label matrices the accuracy is the mean average precision over classes. Several runs on
    one task hand over splits that :func:`~ckptrank.finetune.batches.place` has placed once. ``precision``: as
    ``compute.precision`` has it, ``auto`` being bfloat16 on a GPU. ``compiled``: as ``finetune.compile`` has it, see
    :mod:`~ckptrank.finetune.compiled`. With ``resume_path`` the run leaves its
    state there every 20 seconds and continues from it after a kill, to the same result, if ``identity`` is then the
    same: what tells this network's weights and these images from others, as text has it. ``watch`` is called
    with the number of each step that is queued. ``losses`` is filled with the loss of each step, ``validated`` with the
    accuracy on ``validation`` at each budget, where that is given. ``keep`` is called with the model at each budget of
    steps, and its accuracies: on the test images and, if given, on those for validation. A run whose loss stops being
    finite ends there: its remaining budgets get the accuracy of the broken network (chance, as a rule).
    Raises :class:`~ckptrank.errors.PairFault` when a GPU's memory does not suffice.
    """
    torch.manual_seed(seed)
    chosen = set_precision(precision, device, auto=TRAINING_PRECISION)
    model = Classifier(network, classes).to(device, memory_format=torch.channels_last)
    optimiser = make_optimiser(model, recipe)
    if isinstance(train, LabelledImages):
        given = [train, test] if validation is None else [train, test, validation]
        train, test, *further = place(given, device)
        validation = further[0] if further else None
    loss = _multi_label_loss if train.labels.ndim == 2 else functional.cross_entropy
    forward = compile_forward(model) if compiled else None
    training = TrainingStep(model, optimiser, loss, chosen, forward)
    samples = len(train.labels)
    tests = [test] if validation is None else [test, validation]
    parts = [recipe, seed, classes, samples, chosen.name, *(len(each.labels) for each in tests)]
    fingerprint = make_fingerprint(identity, *parts, *(["compiled"] if compiled else []))

    state = RunState(training, resume_path, fingerprint)

    def test_now() -> list[float]:
        found = [_accuracy(model, each, chosen) for each in tests]
        if keep is not None:
            keep(model, min(set(recipe.budgets) - set(state.accuracies)), found)
        return found

    found = run_steps(
        training,
        state,
        recipe,
        train.batches,
        samples=samples,
        seed=seed,
        test=test_now,
        test_diverged=test_now,
        describe=_describe,
        description=description,
        watch=watch,
        losses=losses,
    )
    if validated is not None and validation is not None:
        validated |= {budget: accuracies[1] for budget, accuracies in found.items()}
    return {budget: accuracies[0] for budget, accuracies in found.items()}


def _describe(accuracies: list[float]) -> str:
    names = ("accuracy", "on validation images")
    return ", ".join(f"{name} {value:.4f}" for name, value in zip(names, accuracies, strict=False))


def _multi_label_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(logits, labels.float())


@torch.inference_mode()
def _accuracy(model: Classifier, test: Placed, precision: Precision) -> float:
    model.eval()
    logits = []
    count, size = len(test.labels), EVALUATION_BATCH
    if model.output.weight.device.type == "cpu":
        size = max(1, min(size, EVALUATION_PIXELS // model.network.preprocessing.size**2))
    parts = (np.arange(start, min(start + size, count)) for start in range(0, count, size))
    for images, _ in test.batches(parts):
        with precision.autocast():
            logits += forward_in_parts(lambda part: (model(part).float(),), images)
    scores = torch.nan_to_num(torch.cat(logits)).cpu().numpy()
    if test.labels.ndim == 2:
        from sklearn.metrics import average_precision_score

        present = test.labels.any(axis=0)
        return float(average_precision_score(test.labels[:, present], scores[:, present]))
    return float((scores.argmax(axis=1) == test.labels).mean())
