"""What all sources of public checkpoints share: the card, the stored weights, and building from them."""

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ckptrank.checkpoints import WEIGHTS
from ckptrank.checkpoints.network import Network
from ckptrank.checkpoints.parts import (
    check_parts,
    drop_layers,
    prune,
    run_model,
    take_apart,
    trial_image,
)
from ckptrank.errors import PairFault
from ckptrank.files.atomic import sha256_of
from ckptrank.networks.flops import count_forward_flops, count_parameters
from ckptrank.networks.preprocessing import Preprocessing
from ckptrank.networks.weights import load_into, load_weights, save_weights

logger = logging.getLogger("ckptrank")
# What a definition may say of a checkpoint better than its library does.
FACTS = ("objective", "kind", "source_data", "source_accuracy", "origin", "licence")


def adapt_preprocessing(preprocessing: Preprocessing, definition: dict) -> Preprocessing:
    """Return the library's preprocessing with the fields that the definition overrides."""
    return Preprocessing.from_dict(
        {**preprocessing.to_dict(), **definition.get("preprocessing", {})}
    )


def store(
    model: nn.Module,
    folder: Path,
    definition: dict,
    *,
    architecture: str,
    classifiers: Sequence[str],
    preprocessing: Preprocessing,
    library: dict,
    facts: dict,
    labelled: bool = True,
) -> dict:
    """Store a loaded model's weights in ``folder`` and return its card's fields.

    ``classifiers``: the layers that give its logits; ``labelled``: whether these are labels.
    ``library``: what the source needs to make the model again; ``facts``: the fields of
    :data:`FACTS`, over which the definition's go. ``parameters`` and ``forward_flops`` are those of
    the backbone, without the head.
    """
    _check_finite(model)
    image = trial_image(preprocessing)
    expected = None if definition.get("feature_layer") else run_model(model, image)
    parts = check_parts(
        take_apart(model, classifiers, definition, labelled=labelled), expected, image
    )
    if parts.headless:
        logger.info("no head: %s", parts.headless)
    pruned = prune(parts.backbone, image)
    if "gradient_layer" in definition:
        _check_gradient_layer(parts.backbone, definition["gradient_layer"])
    head = parts.head
    save_weights(
        folder / WEIGHTS, parts.backbone.state_dict(), None if head is None else head.state_dict()
    )
    kept = {key: definition[key] for key in ("feature_layer", "pooling") if key in definition}
    return {
        "architecture": architecture,
        "steps": None,
        "stage": None,
        "seed": None,
        **{field: facts.get(field) for field in FACTS},
        **{field: definition[field] for field in FACTS if field in definition},
        "head_classes": None if head is None else head.out_features,
        "headless": parts.headless,
        "dimension": _count_features(parts.backbone, image),
        "parameters": count_parameters(parts.backbone),
        "forward_flops": count_forward_flops(parts.backbone, image.shape[1:]),
        "feature_layer": parts.layer,
        "gradient_layer": definition.get("gradient_layer"),
        "preprocessing": preprocessing.to_dict(),
        "sha256": sha256_of(folder / WEIGHTS),
        "library": library,
        "parts": {**kept, "classifiers": list(classifiers), "pruned": pruned},
    }


def assemble(model: nn.Module, card: dict, folder: Path) -> Network:
    """Return the network of a card from its library's model (of any weights) and the stored weights."""
    made = card["parts"]
    headless = {} if card["head_classes"] else {"head": "none"}
    parts = take_apart(model, made["classifiers"], made | headless)
    drop_layers(parts.backbone, made["pruned"])
    backbone_state, head_state = load_weights(folder / WEIGHTS)
    load_into(parts.backbone, backbone_state, folder / WEIGHTS, "backbone.")
    head = None
    if card["head_classes"]:
        head = nn.Linear(card["dimension"], card["head_classes"])
        if head_state is None:
            raise PairFault(f"{folder / WEIGHTS}: has no head, the card says it has")
        load_into(head, head_state, folder / WEIGHTS, "head.")
    preprocessing = Preprocessing.from_dict(card["preprocessing"])
    return Network(parts.backbone, card["dimension"], head, preprocessing)


def _check_finite(model: nn.Module) -> None:
    broken = [
        name
        for name, tensor in model.state_dict().items()
        if tensor.is_floating_point() and not tensor.isfinite().all()
    ]
    if broken:
        rest = f" and {len(broken) - 3} more" if len(broken) > 3 else ""
        raise PairFault(f"its weights are NaN or infinite in {', '.join(broken[:3])}{rest}")


def _check_gradient_layer(backbone: nn.Module, name: str) -> None:
    known = [n for n, m in backbone.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    if name not in known:
        raise PairFault(
            f"gradient_layer: the network has no convolution or linear layer {name!r}; the last are "
            f"{', '.join(known[-3:])}"
        )


@torch.inference_mode()
def _count_features(backbone: nn.Module, image: Tensor) -> int:
    return backbone.eval()(image).shape[1]
