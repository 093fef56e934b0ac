"""Small networks and labelled images for tests of what works on them."""

import numpy as np
import pytest
import torch
from torch import nn

from ckptrank.checkpoints.network import Network
from ckptrank.networks.preprocessing import Preprocessing
from ckptrank.tasks.images import LabelledImages

PREPROCESSING = Preprocessing(size=8, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def make_network(seed=0, head_classes=None, dimension=6):
    torch.manual_seed(seed)
    backbone = nn.Sequential(
        nn.Conv2d(3, dimension, 3, padding=1, bias=False),
        nn.BatchNorm2d(dimension),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    head = nn.Linear(dimension, head_classes) if head_classes else None
    return Network(backbone, dimension, head, PREPROCESSING)


def make_images(samples=24, classes=3, seed=0):
    """Images whose mean colour tells the class."""
    generator = np.random.default_rng(seed)
    labels = np.arange(samples) % classes
    images = generator.integers(0, 120, size=(samples, 8, 8, 3), dtype=np.uint8)
    images[np.arange(samples), :, :, labels % 3] += 100
    return LabelledImages(images, labels)


def allow_at_once(monkeypatch: pytest.MonkeyPatch, network: Network, images: int) -> None:
    """Let a network's forward pass of more images fail as on a GPU whose memory does not suffice."""
    forward = network.backbone.forward

    def limited(batch: torch.Tensor) -> torch.Tensor:
        if len(batch) > images:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")
        return forward(batch)

    monkeypatch.setattr(network.backbone, "forward", limited)
