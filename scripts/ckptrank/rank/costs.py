"""What a person decides by besides the order: size, speed, licence and the cost of fine-tuning."""

from pathlib import Path

from ckptrank.checkpoints import CARD
from ckptrank.errors import PairFault
from ckptrank.features.store import open_features
from ckptrank.files.atomic import read_json

BACKWARD = 2  # a backward pass takes about twice the operations of a forward pass


def describe_checkpoint(folder: str | Path, title: str) -> dict:
    """Return what the card of a prepared checkpoint says, failed or not."""
    card = read_json(Path(folder) / CARD)
    flops = card.get("forward_flops")
    return {
        "title": title,
        "parameters": card.get("parameters"),
        "forward_gflops": None if flops is None else flops / 1e9,
        "licence": card.get("licence") or "",
        "input_size": card.get("preprocessing", {}).get("size"),
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
