"""How large a network is by its definition alone: built without weights, on PyTorch's meta device."""

from collections.abc import Mapping

import torch

from ckptrank.checkpoints import libraries
from ckptrank.checkpoints.cards import adapt_preprocessing
from ckptrank.errors import PairFault
from ckptrank.networks.flops import count_forward_flops, count_parameters

BYTES = 4


def count_network(definition: Mapping) -> tuple[float, float]:
    """Return the operations of one image's forward pass, two per multiply-add, and the MB of the weights.

    ``definition``: an entry of a config whose network is timm's or torchvision's. Raises :class:`PairFault` where
    the library has no such network, or it cannot be run without memory.
    """
    library = {
        "name": definition.get("library", definition["source"]),
        "model": definition.get("architecture", definition.get("model")),
        "arguments": definition.get("arguments", {}),
    }
    with torch.device("meta"):
        model = libraries.create(library)
    found = libraries.find_preprocessing(library, model)
    size = adapt_preprocessing(found, dict(definition)).size
    try:
        flops = count_forward_flops(model, (3, size, size))
    except (RuntimeError, TypeError, ValueError) as error:
        raise PairFault(f"{library['model']}: {error}") from error
    return float(flops), BYTES * count_parameters(model) / 1e6
