"""From-Scratch: an architecture with random weights, the reference of the accuracy plots."""

from pathlib import Path

from ckptrank.checkpoints.builtin import make_untrained
from ckptrank.checkpoints.cards import adapt_preprocessing
from ckptrank.checkpoints.libraries import create, describe, find_classifiers, find_preprocessing
from ckptrank.checkpoints.network import Network
from ckptrank.checkpoints.parts import run_model, take_apart, trial_image
from ckptrank.errors import PairFault
from ckptrank.networks.flops import count_forward_flops, count_parameters

LICENCES = {
    "builtin": "Apache-2.0",
    "timm": "Apache-2.0",
    "torchvision": "BSD-3-Clause",
    "python": "not stated",
}


def prepare(definition: dict, folder: Path) -> dict:
    """Return the card's fields; there are no weights, each run draws its own from its seed.

    ``library``: ``builtin`` (this project's small networks, the default), ``torchvision``, ``timm`` or
    ``python`` (:mod:`ckptrank.checkpoints.own_code`).
    """
    library = describe({"library": "builtin", **definition})
    network = _make(library, definition)
    size = network.preprocessing.size
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
        "forward_flops": count_forward_flops(network.backbone, (3, size, size)),
        "feature_layer": "global average pooling"
        if library["name"] == "builtin"
        else "penultimate",
        "preprocessing": network.preprocessing.to_dict(),
        "library": library,
        "seed": None,
        "sha256": None,
        "origin": "random weights",
        "licence": LICENCES[library["name"]],
    }


def build(card: dict, folder: Path) -> Network:
    return _make(card["library"], {"preprocessing": card["preprocessing"]})


def _make(library: dict, definition: dict) -> Network:
    if library["name"] == "builtin":
        network = make_untrained(library["model"])
        network.preprocessing = adapt_preprocessing(network.preprocessing, definition)
        return network
    model = create(library)
    preprocessing = adapt_preprocessing(find_preprocessing(library, model), definition)
    classifiers = find_classifiers(library, model, preprocessing)
    backbone = take_apart(model, classifiers, {"head": "none"}).backbone
    features = run_model(backbone, trial_image(preprocessing))
    if features is None:
        raise PairFault(f"{library['model']}: its features are not (1, D)")
    return Network(backbone, features.shape[1], None, preprocessing)
