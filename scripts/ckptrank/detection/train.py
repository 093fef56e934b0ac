"""Fine-tuning of a detector on a checkpoint: the ground truth of a task with objects.

As in classification all weights are trained by SGD with momentum, without augmentation; the head is random, the
backbone the checkpoint's. One run is tested at every step budget of the sweep.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ckptrank.checkpoints.network import Network
from ckptrank.detection.data import Batch, ObjectImages
from ckptrank.detection.heads import build
from ckptrank.detection.masks import NOWHERE
from ckptrank.detection.quality import (
    BOX_METRICS,
    MASK_METRICS,
    PIXEL_METRICS,
    Confusion,
    average_precisions,
)
from ckptrank.finetune.loop import make_fingerprint, make_optimiser, run_steps
from ckptrank.finetune.recipe import Recipe
from ckptrank.finetune.resume import RunState
from ckptrank.finetune.step import TrainingStep
from ckptrank.finetune.train import TRAINING_PRECISION
from ckptrank.jobs.gpu_memory import compute_in_parts, memory_is_a_fault
from ckptrank.jobs.precision import set_precision
from ckptrank.seeds import seed_from
from ckptrank.tasks.annotated import encode_pixels

TEST_BATCH = 8
SHOWN_SCORE = 0.3  # of a detection in an example
SHOWN_MOST = 20


@dataclass(frozen=True)
class Head:
    """What a detector is beside its backbone; the fields are those of :func:`~ckptrank.detection.heads.build`."""

    head: str
    strides: tuple[int, ...]
    channels: int
    min_size: int
    max_size: int
    freeze_norms: bool

    @classmethod
    def from_dict(cls, fields: Mapping) -> "Head":
        """Return the head that a config's settings describe, where ``strides`` are a list."""
        return cls(**{**fields, "strides": tuple(fields["strides"])})

    @property
    def shapes(self) -> str:
        """What of masks it learns, as :class:`ObjectImages` has it."""
        return {"mask_rcnn": "objects", "fcn": "pixels"}.get(self.head, "")

    @property
    def metrics(self) -> tuple[str, ...]:
        """What it is tested for, the metric that makes the ground truth first."""
        if self.head == "fcn":
            return PIXEL_METRICS
        return (*MASK_METRICS, *BOX_METRICS) if self.head == "mask_rcnn" else BOX_METRICS


class DetectorLoss(nn.Module):
    """The sum of a detector's losses for a batch, outside automatic mixed precision."""

    def __init__(self, detector: nn.Module, device: torch.device):
        super().__init__()
        self.detector = detector
        self.device = device

    def forward(self, batch: Batch) -> Tensor:
        with torch.autocast(self.device.type, enabled=False):
            return torch.stack(list(self.detector(*batch).values())).sum()


@memory_is_a_fault("lower the batch size or the image's size")
def train_detector(
    network: Network,
    train: ObjectImages,
    test: ObjectImages,
    *,
    classes: int,
    head: Head,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    precision: str = "auto",
    resume_path: Path | None = None,
    description: str = "fine-tuning",
    examples: int = 0,
    losses: list[float] | None = None,
    validation: ObjectImages | None = None,
    identity: object = None,
) -> dict[int, dict]:
    """Fine-tune ``network`` under a new head, in place; return what each budget of steps gives.

    That is ``metrics`` (name -> 0..1) and, of the first ``examples`` test images, what is found in them; with images
    for ``validation`` also the metrics on these, as ``validation``. State, its identity, precision, losses and divergence are as in
    :func:`ckptrank.finetune.train.finetune`; the random numbers of a step follow from the seed and its number, so that
    a resumed run is the same on every device. Raises :class:`~ckptrank.errors.PairFault` where the network has no
    feature maps, and where a GPU's memory does not suffice: a mini-batch of training is never split, since its losses
    are shares of what all its images have, of objects or of drawn regions, which parts would weigh otherwise.
    """
    torch.manual_seed(seed)
    chosen = set_precision(precision, device, auto=TRAINING_PRECISION)
    detector = build(network=network, classes=classes, precision=chosen, **vars(head)).to(device)
    optimiser = make_optimiser(detector, recipe)
    training = TrainingStep(DetectorLoss(detector, device), optimiser, lambda loss, _: loss, chosen)
    look = partial(test_detector, detector, classes=classes, head=head, device=device)

    def test_now() -> dict:
        found = look(test, examples=examples)
        if validation is None:
            return found
        return {**found, "validation": look(validation, examples=0)["metrics"]}

    def find_nothing() -> dict:
        nothing = dict.fromkeys(head.metrics, 0.0)
        found = {"metrics": nothing, "examples": []}
        return found if validation is None else {**found, "validation": nothing}

    fingerprint = make_fingerprint(identity, recipe, seed, head, classes, len(train), chosen.name)
    return run_steps(
        training,
        RunState(training, resume_path, fingerprint),
        recipe,
        lambda rows: ((batch, None) for batch in train.batches(rows, device)),
        samples=len(train),
        seed=seed,
        test=test_now,
        test_diverged=find_nothing,
        describe=lambda found: str(found["metrics"]),
        description=description,
        prepare=lambda step: torch.manual_seed(seed_from(seed, "step", step)),
        losses=losses,
    )


@torch.inference_mode()
def test_detector(
    detector: nn.Module,
    test: ObjectImages,
    *,
    classes: int,
    head: Head,
    device: torch.device,
    examples: int,
) -> dict:
    """Return the ``metrics`` of a detector on a test set and its ``examples``.

    Where a GPU's memory does not suffice for a batch its halves are tested one after the other, and so on. Images of
    several sizes then have other margins, as a batch is padded to its largest image: their numbers may differ a little.
    Raises ``torch.OutOfMemoryError`` where a single image is too much.
    """
    detector.eval()
    rows = [
        np.arange(start, min(start + TEST_BATCH, len(test)))
        for start in range(0, len(test), TEST_BATCH)
    ]
    if head.head == "fcn":
        return _test_pixels(detector, test, rows, classes, device, examples)
    found, masks = [], head.head == "mask_rcnn"

    def find(images: list[Tensor]) -> list[dict]:
        return [_to_host(each, masks) for each in detector(images)]

    for images, _ in test.batches(rows, device):
        found += chain.from_iterable(compute_in_parts(find, images))
    metrics = average_precisions(test.objects, found, classes, masks=masks)
    return {
        "metrics": {name: metrics[name] for name in head.metrics},
        "examples": [_describe(image, found[image]) for image in range(min(examples, len(test)))],
    }


def _test_pixels(
    detector: nn.Module,
    test: ObjectImages,
    rows: list[np.ndarray],
    classes: int,
    device: torch.device,
    examples: int,
) -> dict:
    confusion = Confusion(classes + 1, NOWHERE)
    shown = []

    def find(images: list[Tensor]) -> list[np.ndarray]:
        return [each["pixels"].cpu().numpy() for each in detector(images)]

    for images, targets in test.batches(rows, device):
        found = chain.from_iterable(compute_in_parts(find, images))
        for pixels, target in zip(found, targets, strict=True):
            confusion.add(target["pixels"].cpu().numpy(), pixels)
            if len(shown) < examples:
                shown.append(_describe_pixels(len(shown), pixels))
    return {"metrics": {"miou": confusion.mean_iou()}, "examples": shown}


def _to_host(found: dict[str, Tensor], masks: bool) -> dict:
    """Return an image's detections as arrays, labels from 0 on, masks as run-length codes."""
    kept = found["labels"] > 0
    arrays = {
        "boxes": found["boxes"][kept].float().cpu().numpy(),
        "labels": found["labels"][kept].cpu().numpy() - 1,
        "scores": found["scores"][kept].float().cpu().numpy(),
    }
    if masks:
        from faster_coco_eval.core import mask as codes

        solid = (found["masks"][kept][:, 0] >= 0.5).to(torch.uint8).cpu().numpy()
        arrays["masks"] = [codes.encode(np.asfortranarray(each)) for each in solid]
    return arrays


def _describe(image: int, found: dict) -> dict:
    """Return the surest detections of a test image for JSON: numbers, and masks as COCO's run-length codes."""
    sure = [row for row, score in enumerate(found["scores"]) if score >= SHOWN_SCORE][:SHOWN_MOST]
    described = {
        "image": image,
        "boxes": [[round(float(side), 1) for side in found["boxes"][row]] for row in sure],
        "labels": [int(found["labels"][row]) for row in sure],
        "scores": [round(float(found["scores"][row]), 3) for row in sure],
    }
    if "masks" in found:
        described["masks"] = [found["masks"][row]["counts"].decode() for row in sure]
    return described


def _describe_pixels(image: int, pixels: np.ndarray) -> dict:
    """Return the classes (H, W) of a test image's pixels for JSON: a run-length code for each class but the ground."""
    present = [int(value) for value in np.unique(pixels) if value]
    return {
        "image": image,
        "labels": [value - 1 for value in present],
        "masks": [encode_pixels(pixels == value).decode() for value in present],
    }
