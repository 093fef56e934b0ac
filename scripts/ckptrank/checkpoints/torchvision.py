"""Classification networks of torchvision with its pre-trained weights."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from torch import nn

from ckptrank.checkpoints.cards import adapt_preprocessing, assemble, store
from ckptrank.checkpoints.network import Network
from ckptrank.checkpoints.parts import last_linear
from ckptrank.checkpoints.state import read_state
from ckptrank.errors import PairFault
from ckptrank.files.downloads import digest_in_name, download
from ckptrank.networks.preprocessing import Preprocessing
from ckptrank.networks.weights import State, load_into

IMAGENET = Preprocessing(224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "bilinear", 0.875)
LICENCE = "BSD-3-Clause"  # the library's; torchvision states none for most weights
# Made with the layers that only serve training, as the files have them.
_TRAINING_LAYERS = {"googlenet": ("aux1", "aux2"), "inception_v3": ("AuxLogits",)}


def prepare(definition: dict, folder: Path) -> dict:
    """Fetch ``{"source": "torchvision", "model": "resnet50", "weights": "IMAGENET1K_V2"}``.

    The file is checked against the hash in its name. The accuracy that torchvision states on
    ImageNet becomes ``source_accuracy``.
    """
    from torchvision import models

    architecture = definition["model"]
    check_architecture(architecture)
    members = models.get_model_weights(architecture)
    weights = members.__members__.get(definition["weights"])
    if weights is None:
        known = ", ".join(members.__members__)
        raise PairFault(
            f"torchvision {architecture}: no weights {definition['weights']!r}; it has {known}"
        )
    path = download(weights.url, digest_in_name(weights.url))
    model = create(architecture, complete=True)
    state, _ = read_state(path)
    load_into(model, _rename(architecture, state), weights.url)
    drop_training_layers(model, architecture)
    transforms = weights.transforms()
    size, resized = transforms.crop_size[0], transforms.resize_size[0]
    preprocessing = Preprocessing(
        size,
        tuple(transforms.mean),
        tuple(transforms.std),
        transforms.interpolation.value,
        size / resized,
    )
    accuracy = weights.meta["_metrics"].get("ImageNet-1K", {}).get("acc@1")
    return store(
        model,
        folder,
        definition,
        architecture=architecture,
        classifiers=find_classifiers(model),
        preprocessing=adapt_preprocessing(preprocessing, definition),
        library={"name": "torchvision", "model": architecture},
        facts={
            "objective": "classification",
            "kind": "supervised",
            "source_data": "ImageNet-1k",
            "source_accuracy": None if accuracy is None else accuracy / 100,
            "origin": weights.url,
            "licence": weights.meta.get("license", LICENCE),
        },
    )


def build(card: dict, folder: Path) -> Network:
    return assemble(create(card["library"]["model"]), card, folder)


def check_architecture(name: str) -> None:
    """Raise :class:`PairFault` unless torchvision has a classification network of this name."""
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        close = get_close_matches(name, known, n=3)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise PairFault(f"torchvision has no classification network {name!r}{hint}")


def create(
    architecture: str,
    *,
    complete: bool = False,
    classes: int = 1000,
    arguments: Mapping[str, object] = MappingProxyType({}),
) -> nn.Module:
    """Return the network with random weights; ``complete``: with the layers that only serve training.

    ``arguments``: further ones of torchvision's function. Raises :class:`PairFault` where it refuses them.
    """
    from torchvision import models

    options = {"num_classes": classes, **arguments}
    if architecture in _TRAINING_LAYERS:
        options |= {"aux_logits": True, "transform_input": True, "init_weights": False}
    try:
        model = models.get_model(architecture, weights=None, **options)
    except (TypeError, ValueError, AssertionError) as error:
        raise PairFault(f"torchvision cannot make {architecture}: {error}") from error
    if not complete:
        drop_training_layers(model, architecture)
    return model


def drop_training_layers(model: nn.Module, architecture: str) -> None:
    for layer in _TRAINING_LAYERS.get(architecture, ()):
        setattr(model, layer, None)
        model.aux_logits = False


def find_classifiers(model: nn.Module) -> list[str]:
    """Return the layer that gives the logits; SqueezeNet's is a convolution before the pooling."""
    return last_linear(model) or ["classifier.1"]


def _rename(architecture: str, state: State) -> State:
    """DenseNet's files have the names of an old version of the library."""
    if not architecture.startswith("densenet"):
        return state
    pattern = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)$")
    return OrderedDict((pattern.sub(r"\1\2", key), tensor) for key, tensor in state.items())
