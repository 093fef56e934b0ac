"""From-Scratch: an architecture of the zoo with random weights, the reference of the accuracy plots."""

from pathlib import Path

import torch

from ckptrank.checkpoints.network import Network, Preprocessing
from ckptrank.zoo.architectures import build as build_backbone
from ckptrank.zoo.flops import count_forward_flops, count_parameters
from ckptrank.zoo.pretrain import IMAGE_SIZE, MEAN, STD

PREPROCESSING = Preprocessing(IMAGE_SIZE, MEAN, STD)


def prepare(name: str, definition: dict, folder: Path, run_folder: object) -> dict:
    """Return the card's fields; there are no weights, each run draws its own from its seed."""
    backbone = build_backbone(definition["architecture"])
    return {
        "architecture": definition["architecture"],
        "objective": "none",
        "kind": "scratch",
        "source_data": "",
        "steps": 0,
        "stage": None,
        "source_accuracy": None,
        "head_classes": None,
        "dimension": backbone.dimension,
        "parameters": count_parameters(backbone),
        "forward_flops": count_forward_flops(backbone, (3, IMAGE_SIZE, IMAGE_SIZE)),
        "feature_layer": "global average pooling",
        "preprocessing": PREPROCESSING.to_dict(),
        "seed": None,
        "sha256": None,
        "origin": "random weights",
        "licence": "Apache-2.0",
    }


def build(card: dict, folder: Path, seed: int) -> Network:
    torch.manual_seed(seed)
    backbone = build_backbone(card["architecture"])
    return Network(backbone, backbone.dimension, None, PREPROCESSING)
