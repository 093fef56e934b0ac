"""What a person decides by besides the order: size, speed, licence and the cost of fine-tuning."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from ckptrank.checkpoints import CARD, WEIGHTS
from ckptrank.errors import PairFault
from ckptrank.features.store import open_features
from ckptrank.files.atomic import read_json

BYTES, MEGA = 4, 1e6
COPIES = 3  # weights, gradients, momentum
BACKWARD = 2  # a backward pass takes about twice the operations of a forward pass
TUNING_COSTS = ("finetune_seconds", "finetune_memory_mb")
"""What fine-tuning takes: of a classifier, as the checkpoint is one, or of the detector that a task asks for."""


def describe_checkpoint(folder: str | Path, title: str) -> dict:
    """Return what the card of a prepared checkpoint says, failed or not."""
    card = read_json(Path(folder) / CARD)
    flops = card.get("forward_flops")
    return {
        "title": title,
        "parameters": card.get("parameters"),
        "forward_gflops": None if flops is None else flops / 1e9,
        "licence": card.get("licence") or "",
        "input_size": (card.get("preprocessing") or {}).get("size"),
    }


def describe_running(folder: str | Path, running: str | Path, batch_size: int) -> dict:
    """Return latency, memory in MB and the size of the weights of a prepared checkpoint.

    ``running``: what :func:`ckptrank.features.running.measure_running` found. Fine-tuning holds weights, gradients and
    momentum, and what the backward pass needs of ``batch_size`` images; inference weights and what the
    largest layer takes in and gives out for one image. What the framework needs for itself comes on top.
    """
    weights = Path(folder) / WEIGHTS
    sizes = {"file_mb": weights.stat().st_size / MEGA} if weights.is_file() else {}
    found, parameters = read_json(running), read_json(Path(folder) / CARD).get("parameters")
    if found["status"] != "ok" or parameters is None:
        return sizes
    held = BYTES * parameters
    return {
        **sizes,
        "latency_seconds": found["latency_seconds"],
        "inference_memory_mb": (held + found["passing_bytes"]) / MEGA,
        "finetune_memory_mb": (COPIES * held + batch_size * found["activation_bytes"]) / MEGA,
    }


def describe_speed(features: str | Path, finetune_images: int) -> dict:
    """Return the speed that an extraction had, and what a fine-tuning run would take there.

    ``finetune_images``: images that one run trains on. Its time is estimated at three forward passes
    per image at the extraction's speed, reading included; evaluation comes on top.
    """
    try:
        opened = open_features(features)
    except PairFault as fault:
        return {"card_reason": str(fault)}
    samples = opened.attributes["samples"]
    speed = samples / opened.attributes["seconds"]
    return {
        "images_per_second": speed,
        "finetune_seconds": finetune_images * (1 + BACKWARD) / speed,
        "device": opened.attributes["device"],
    }


def read_detectors(files: Iterable[str]) -> dict[str, dict]:
    """Return checkpoint -> what :func:`ckptrank.detection.running.measure_detector` found of it."""
    found = map(read_json, files)
    return {each["checkpoint"]: each for each in found}


def say_barred(detectors: Mapping[str, Mapping]) -> dict[str, str]:
    """Return checkpoint -> why no detector can be tuned on it, of those that can carry none."""
    return {
        name: f"carries no detector: {found['reason']}"
        for name, found in detectors.items()
        if found["status"] != "ok"
    }


def describe_detector(found: Mapping, steps: int) -> dict:
    """Return :data:`TUNING_COSTS` of a detector from what was measured, None where there is none.

    ``steps``: of one run, each taken to last as long as those that were measured; tests and reading come on top. The
    memory is counted as a classifier's, with what the backward pass needs of a batch.
    """
    if found["status"] != "ok":
        return dict.fromkeys(TUNING_COSTS)
    held = COPIES * BYTES * found["parameters"] + found["kept_bytes"]
    return {"finetune_seconds": steps * found["step_seconds"], "finetune_memory_mb": held / MEGA}
