"""TensorFlow's checkpoints of slim's networks, and VTAB's ResNet modules, read without TensorFlow."""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from torch import nn

from ckptrank.checkpoints.cards import adapt_preprocessing, assemble, store
from ckptrank.checkpoints.network import Network
from ckptrank.checkpoints.slim.architectures import ARCHITECTURES, Architecture
from ckptrank.checkpoints.slim.resnet import ResNet50V2
from ckptrank.checkpoints.slim.variables import (
    AVERAGE,
    check_variables,
    list_head,
    list_variables,
    read_state,
)
from ckptrank.checkpoints.slim.vtab import match_variables
from ckptrank.errors import PairFault
from ckptrank.files.archives import locate
from ckptrank.files.bundles import Bundle
from ckptrank.files.downloads import download
from ckptrank.networks.preprocessing import Preprocessing
from ckptrank.networks.weights import load_into

VTAB = "vtab_resnet50_v2"
# What its modules take: 0 to 1, without regard to the aspect ratio.
_VTAB_IMAGES = Preprocessing(224, (0.0,) * 3, (1.0,) * 3, "tensorflow", 1.0, "squash")
# Sizes of heads with a class more than the data set has: slim's "background", which comes first.
_WITH_BACKGROUND = {1001: "ImageNet", 5090: "iNaturalist 2017", 366: "Places365"}


def prepare(definition: dict, folder: Path) -> dict:
    """Load ``{"source": "tf_slim", "architecture": "resnet_v1_50", "weights": "run/model.ckpt-300000"}``.

    ``weights``: the prefix before ``.index``: a path, an address, or within ``archive`` (a folder, a zip or tar file
    or the address of one, unpacked once and shared; ``sha256`` is its hash, or without an archive that of the
    index). ``averages``: take the moving averages of the variables. ``background``: ``drop`` leaves the first
    class of the head out. ``ignore``: patterns of variables that are none of the network's.

    The card's ``preprocessing`` is slim's own for the network's name unless the definition says otherwise.
    """
    bundle = _open(definition)
    ignored = definition.get("ignore", ())
    shapes = {
        name: entry.shape
        for name, entry in bundle.entries.items()
        if not any(fnmatchcase(name, pattern) for pattern in ignored)
    }
    name = definition["architecture"]
    if name == VTAB:
        model, preprocessing = _load_vtab(bundle, shapes, definition), _VTAB_IMAGES
        classes, classifiers = 0, []
    else:
        architecture = ARCHITECTURES[name]
        model, classes = _load_slim(architecture, bundle, shapes, definition)
        classifiers = [architecture.classifier] if classes else []
        preprocessing = architecture.preprocessing
    card = store(
        model,
        folder,
        definition,
        architecture=name,
        classifiers=classifiers,
        preprocessing=adapt_preprocessing(preprocessing, definition),
        library={"name": "tf_slim", "model": name, "classes": classes},
        facts={
            "objective": "classification",
            "kind": "supervised",
            "source_data": "",
            "origin": definition.get("archive") or definition["weights"],
            "licence": "not stated",
        },
    )
    card["variables"] = "moving averages" if definition.get("averages") else "as trained"
    if not classes:
        card["headless"] = card["headless"] or "the checkpoint has none"
    drops = definition.get("background") == "drop"
    data = _WITH_BACKGROUND.get(classes + drops)
    if data is not None:
        card["background"] = (
            f"class 0 of {classes + drops} is slim's background, of which {data} has no image: "
            f"{'left out' if drops else 'kept, so that class k of the data is class k + 1'}"
        )
    return card


def build(card: dict, folder: Path) -> Network:
    library = card["library"]
    if library["model"] == VTAB:
        return assemble(ResNet50V2(), card, folder)
    return assemble(ARCHITECTURES[library["model"]].build(library["classes"]), card, folder)


def _open(definition: dict) -> Bundle:
    weights, archive = definition["weights"], definition.get("archive")
    digest = definition.get("sha256")
    if archive is not None:
        folder = locate(archive, digest)
        if not folder.is_dir():
            raise PairFault(f"{archive}: expected a folder, a zip or a tar file")
        if Path(weights).is_absolute() or ".." in Path(weights).parts:
            raise PairFault(f"weights: {weights!r} leads out of {archive}")
        return Bundle(folder / weights)
    if "://" not in weights:
        return Bundle(Path(weights).expanduser())

    def fetch(address: str) -> Path:
        return download(address, digest if address.endswith(".index") else None)

    return Bundle(weights, fetch)


def _load_slim(
    architecture: Architecture,
    bundle: Bundle,
    shapes: Mapping[str, tuple[int, ...]],
    definition: dict,
) -> tuple[nn.Module, int]:
    """Return the network with its weights, and how many classes its head has."""
    head_shape = shapes.get(f"{architecture.scope}/{architecture.head}/weights")
    if head_shape is not None and len(head_shape) < 2:
        raise PairFault(f"{bundle.prefix}.index: its head has the shape {head_shape}")
    head = {} if head_shape is None else list_head(architecture, head_shape)
    stored = head_shape[-1] if head_shape else 0
    dropped = 1 if stored and definition.get("background") == "drop" else 0
    model = architecture.build(stored - dropped)
    wanted = list_variables(model, architecture) | head
    check_variables(wanted, shapes, architecture, f"{bundle.prefix}.index")
    state = read_state(wanted, _reader(bundle, definition))
    for key in head:
        state[key] = state[key][dropped:]
    load_into(model, state, bundle.prefix)
    return model, stored - dropped


def _load_vtab(
    bundle: Bundle, shapes: Mapping[str, tuple[int, ...]], definition: dict
) -> nn.Module:
    model = ResNet50V2()
    wanted = match_variables(model, shapes, f"{bundle.prefix}.index")
    load_into(model, read_state(wanted, _reader(bundle, definition)), bundle.prefix)
    return model


def _reader(bundle: Bundle, definition: dict) -> Callable[[str], np.ndarray]:
    """Return what gives a variable by its name, or its moving average where the definition asks for it."""
    suffix = AVERAGE if definition.get("averages") else ""

    def read(name: str) -> np.ndarray:
        stored = f"{name}{suffix}"
        values, expected = bundle.read(stored), bundle.entries[name].shape
        if values.shape != expected:
            raise PairFault(
                f"{bundle.prefix}.index: {stored} has shape {values.shape}, expected {expected}"
            )
        if not np.issubdtype(values.dtype, np.floating) or not np.isfinite(values).all():
            raise PairFault(f"{bundle.prefix}: {stored} is not of finite floats")
        return values

    return read
