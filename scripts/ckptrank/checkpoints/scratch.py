"""From-Scratch: an architecture of the zoo with random weights, the reference of the accuracy plots."""

from pathlib import Path

import torch

from ckptrank.checkpoints.network import Network
from ckptrank.checkpoints.zoo import make_network
from ckptrank.zoo.flops import count_forward_flops, count_parameters
from ckptrank.zoo.pretrain import IMAGE_SIZE, MEAN, STD

PREPROCESSING = {"size": IMAGE_SIZE, "mean": [MEAN] * 3, "std": [STD] * 3}


def prepare(name: str, definition: dict, folder: Path, run_folder: object) -> dict:
    """Return the card's fields; there are no weights, each run draws its own from its seed."""
    network = make_network(definition["architecture"], PREPROCESSING, None)
    return {
        "architecture": definition["architecture"],
        "objective": "none",
        "kind": "scratch",
        "source_data": "",
        "steps": 0,
        "stage": None,
        "source_accuracy": None,
        "head_classes": None,
        "dimension": network.dimension,
        "parameters": count_parameters(network.backbone),
        "forward_flops": count_forward_flops(network.backbone, (3, IMAGE_SIZE, IMAGE_SIZE)),
        "feature_layer": "global average pooling",
        "preprocessing": network.preprocessing.to_dict(),
        "seed": None,
        "sha256": None,
        "origin": "random weights",
        "licence": "Apache-2.0",
    }


def build(card: dict, folder: Path, seed: int) -> Network:
    torch.manual_seed(seed)
    return make_network(card["architecture"], card["preprocessing"], None)
