"""Image networks of the transformers library, which must be installed for them."""

import importlib.util
import logging
from pathlib import Path

from torch import Tensor, nn

from ckptrank.checkpoints.cards import adapt_preprocessing, assemble, store
from ckptrank.checkpoints.network import Network
from ckptrank.checkpoints.parts import last_linear
from ckptrank.checkpoints.torchvision import IMAGENET
from ckptrank.errors import PairFault
from ckptrank.files.atomic import read_json
from ckptrank.files.hub import fetch_file
from ckptrank.networks.preprocessing import Preprocessing
from ckptrank.networks.weights import reject_keys

logger = logging.getLogger("ckptrank")
PROCESSOR = "preprocessor_config.json"
_INTERPOLATIONS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}  # Pillow's numbers


class Classifier(nn.Module):
    """A network ``...ForImageClassification`` as one that gives its logits."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model(pixel_values=images).logits


class Encoder(nn.Module):
    """A network without a classifier: its last maps averaged, or its last tokens' first or mean."""

    def __init__(self, model: nn.Module, pooling: str):
        super().__init__()
        self.model, self.pooling = model, pooling

    def forward(self, images: Tensor) -> Tensor:
        output = self.model(pixel_values=images).last_hidden_state
        if output.ndim == 4:
            return output.mean((2, 3))
        return output.mean(1) if self.pooling == "mean" else output[:, 0]


def prepare(definition: dict, folder: Path) -> dict:
    """Fetch the files of a repository of transformers and return the card's fields."""
    repository, revision = definition["repository"], definition.get("revision")
    if importlib.util.find_spec("transformers") is None:
        raise PairFault(f"hub repository {repository}: is for transformers, which is not installed")
    path = fetch_file(repository, ("model.safetensors", "pytorch_model.bin"), revision)
    try:
        fetch_file(repository, (PROCESSOR,), revision)
    except PairFault as fault:
        logger.warning("%s", fault)
    return prepare_folder(
        definition,
        folder,
        path.parent,
        origin=f"https://huggingface.co/{repository}" + (f"/tree/{revision}" if revision else ""),
        place=f"hub repository {repository}",
    )


def prepare_folder(
    definition: dict, folder: Path, snapshot: Path, *, origin: str, place: str = ""
) -> dict:
    """Load what the ``config.json`` of a folder describes, and return its card's fields.

    ``snapshot``: a repository's files, or what ``save_pretrained`` or a Trainer left. Networks for
    classification give the input of their last linear layer; others their last
    tokens (``pooling``: the first by default, or ``mean``) or maps, never the pooler, which many
    files lack. No code of the repository is run. ``place``: what faults call it.
    """
    place = place or str(snapshot)
    if importlib.util.find_spec("transformers") is None:
        raise PairFault(f"{place}: is for transformers, which is not installed")
    if not (snapshot / "config.json").is_file():
        raise PairFault(f"{place}: has no config.json of transformers")
    config = read_json(snapshot / "config.json")
    classifies = any("ForImageClassification" in name for name in config.get("architectures") or ())
    library = {
        "name": "transformers",
        "model": config["model_type"],
        "config": config,
        "classifies": classifies,
        "pooling": definition.get("pooling", "cls"),
    }
    model = _wrap(_load(snapshot, place, classifies), library)
    card = store(
        model,
        folder,
        definition,
        architecture=config["model_type"],
        classifiers=last_linear(model) if classifies else [],
        preprocessing=adapt_preprocessing(_find_preprocessing(snapshot, config), definition),
        library=library,
        facts={
            "objective": "classification" if classifies else "",
            "kind": "supervised" if classifies else "self-supervised",
            "source_data": "",
            "origin": origin,
            "licence": "not stated",
        },
    )
    if not classifies and "feature_layer" not in definition:
        card["feature_layer"] = f"last hidden state, {library['pooling']} of tokens or mean of maps"
    return card


def build(card: dict, folder: Path) -> Network:
    import transformers

    library = card["library"]
    config = transformers.AutoConfig.for_model(**library["config"])
    return assemble(_wrap(_kind(library["classifies"]).from_config(config), library), card, folder)


def _kind(classifies: bool):
    import transformers

    return transformers.AutoModelForImageClassification if classifies else transformers.AutoModel


def _wrap(model: nn.Module, library: dict) -> nn.Module:
    return Classifier(model) if library["classifies"] else Encoder(model, library["pooling"])


def _load(snapshot: Path, place: str, classifies: bool) -> nn.Module:
    try:
        model, found = _kind(classifies).from_pretrained(
            snapshot, output_loading_info=True, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        raise PairFault(f"{place}: {' '.join(str(error).split())}") from error
    missing = [key for key in found["missing_keys"] if not key.startswith("pooler.")]
    reject_keys(place, missing, [])
    if found["unexpected_keys"]:
        logger.info("left out %d weights of other heads", len(found["unexpected_keys"]))
    return model.float()


def _find_preprocessing(snapshot: Path, config: dict) -> Preprocessing:
    """Translate ``preprocessor_config.json``; without one, ImageNet's at the network's input size."""
    try:
        given = read_json(snapshot / PROCESSOR)
    except FileNotFoundError:
        logger.warning("%s: has no %s; taking ImageNet's preprocessing", snapshot, PROCESSOR)
        size = config.get("image_size", IMAGENET.size)
        return Preprocessing.from_dict({**IMAGENET.to_dict(), "size": size})
    resized = given.get("size", IMAGENET.size)
    squash = isinstance(resized, dict) and "height" in resized
    if isinstance(resized, dict):
        resized = resized["height"] if squash else resized["shortest_edge"]
    elif "crop_pct" not in given:
        squash = not given.get("do_center_crop", False)
    size, crop = resized, 1.0
    if given.get("do_center_crop"):
        cropped = given.get("crop_size", resized)
        size = cropped["height"] if isinstance(cropped, dict) else cropped
        crop = size / resized
    elif given.get("crop_pct") and size < 384:  # as ConvNeXt's processor does it
        crop, squash = given["crop_pct"], False
    return Preprocessing(
        size,
        tuple(given.get("image_mean", IMAGENET.mean))
        if given.get("do_normalize", True)
        else (0,) * 3,
        tuple(given.get("image_std", IMAGENET.std))
        if given.get("do_normalize", True)
        else (1,) * 3,
        _INTERPOLATIONS.get(given.get("resample", 2), "bilinear"),
        crop,
        "squash" if squash else "center",
    )
