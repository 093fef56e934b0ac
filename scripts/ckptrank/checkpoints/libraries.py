"""Networks by name, for sources that bring the weights themselves or none.

A library is ``{"name": "torchvision" | "timm" | "python", "model": ..., "arguments": {...}}``; ``classes`` is
added where the weights have other than the usual number, ``code`` (the SHA-256 of the user's own file) for
``python``.
"""

from torch import nn

from ckptrank.checkpoints import own_code
from ckptrank.checkpoints import timm as timm_source
from ckptrank.checkpoints import torchvision as torchvision_source
from ckptrank.checkpoints.parts import find_last_linear, trial_image
from ckptrank.networks.preprocessing import Preprocessing


def describe(definition: dict) -> dict:
    """Return the library of an entry of a config."""
    library = {
        "name": definition["library"],
        "model": definition["architecture"],
        "arguments": definition.get("arguments", {}),
    }
    if library["name"] == own_code.LIBRARY:
        library["code"] = own_code.hash_code(definition) or None
    return library


def create(library: dict) -> nn.Module:
    """Return the network with random weights, with as many classes as ``library`` says."""
    if library["name"] == own_code.LIBRARY:
        return own_code.create(library)
    if library["name"] == "timm":
        classes = {"num_classes": library["classes"]} if "classes" in library else {}
        return timm_source.create(library["model"], {**library["arguments"], **classes})
    torchvision_source.check_architecture(library["model"])
    return torchvision_source.create(
        library["model"], classes=library.get("classes", 1000), arguments=library["arguments"]
    )


def find_preprocessing(library: dict, model: nn.Module) -> Preprocessing:
    """Return the architecture's preprocessing where it is timm's, else ImageNet's."""
    if _is_timms(library, model):
        return timm_source.find_preprocessing(model.pretrained_cfg)
    return torchvision_source.IMAGENET


def find_classifiers(library: dict, model: nn.Module, preprocessing: Preprocessing) -> list[str]:
    """Return the layers that give the logits.

    Of a network of one's own the linear layer whose output is the network's, if there is one.
    """
    if _is_timms(library, model):
        return timm_source.find_classifiers(model)
    if library["name"] == own_code.LIBRARY:
        return find_last_linear(model, trial_image(preprocessing))
    return torchvision_source.find_classifiers(model)


def _is_timms(library: dict, model: nn.Module) -> bool:
    """Whether timm describes the network; a function of one's own may return one of timm's."""
    return library["name"] == "timm" or isinstance(getattr(model, "pretrained_cfg", None), dict)
