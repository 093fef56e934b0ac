"""A network of torchvision, timm, transformers or one's own, with weights from files or a folder."""

import logging
from pathlib import Path

from torch import nn

from ckptrank.checkpoints import hub_transformers as transformers_source
from ckptrank.checkpoints.cards import adapt_preprocessing, assemble, store
from ckptrank.checkpoints.libraries import create, describe, find_classifiers, find_preprocessing
from ckptrank.checkpoints.matching import describe_misfit, find_common_prefix
from ckptrank.checkpoints.network import Network
from ckptrank.checkpoints.state import choose_keys, read_state
from ckptrank.errors import PairFault
from ckptrank.files.atomic import sha256_of
from ckptrank.files.downloads import digest_in_name, download, verify
from ckptrank.networks.weights import State, load_into

logger = logging.getLogger("ckptrank")


def prepare(definition: dict, folder: Path) -> dict:
    """Load ``{"source": "file", "library": "torchvision", "architecture": "resnet50", "weights": ...}``.

    ``library``: ``torchvision``, ``timm``, ``python`` (``architecture`` is then a function of one's own, see
    :mod:`ckptrank.checkpoints.own_code`), or ``transformers``, whose folder says the architecture itself.
    ``weights``: a path, or an address with ``file://`` or ``https://``; a .safetensors file, one of
    ``torch.save``, or a folder of such; or a list of these, no two of which have a key in common: a network and its
    classifier apart. ``sha256``: what a file must be, of a list a list as long, None where nothing is known; an address without one is trusted
    with a warning that states the hash, unless its name ends in it. ``state_key``, ``strip_prefix``,
    ``rename``, ``ignore``, ``runs_code``: see :mod:`ckptrank.checkpoints.state`; a prefix that all keys have
    is taken off where the network's keys are then there. The keys that remain must be those of the
    network; only the classifier may be missing, and then the checkpoint has no head. Its number of
    classes is that of the file; a network of one's own must be made with it. The preprocessing is the
    architecture's in timm, else ImageNet's.
    """
    places, digests = definition["weights"], definition.get("sha256")
    if isinstance(places, str):
        places, digests = [places], [digests]
    paths = [
        _fetch(place, digest)
        for place, digest in zip(places, digests or [None] * len(places), strict=True)
    ]
    origin = " + ".join(places)
    if definition["library"] == "transformers":
        return transformers_source.prepare_folder(definition, folder, paths[0], origin=origin)
    state, entry = read_state(
        *paths,
        state_key=definition.get("state_key"),
        runs_code=definition.get("runs_code", False),
    )
    library = describe(definition)
    model = create(library)
    preprocessing = adapt_preprocessing(find_preprocessing(library, model), definition)
    classifiers = find_classifiers(library, model, preprocessing)
    optional = _find_optional(model, classifiers)
    prefix = definition.get("strip_prefix")
    if prefix is None:
        prefix = find_common_prefix(state, model.state_dict().keys() - optional)
        if prefix:
            logger.info("took %r off all keys", prefix)
    chosen = choose_keys(
        state,
        origin,
        prefix,
        definition.get("rename", ()),
        definition.get("ignore", ()),
    )
    held = [name for name in classifiers if f"{name}.weight" in chosen]
    if held:
        classes = chosen[f"{held[0]}.weight"].shape[0]
        own = library["name"] == "python"
        if classes != model.get_submodule(held[0]).weight.shape[0] and not own:
            library["classes"] = classes
            model = create(library)
    else:  # the network's own classifier, random as it is, will be dropped
        prefixes = tuple(f"{name}." for name in classifiers)
        state_of_model = model.state_dict()
        chosen |= {key: state_of_model[key] for key in state_of_model if key.startswith(prefixes)}
        definition = {**definition, "head": "none"}
    _load(model, chosen, origin, optional)
    card = store(
        model,
        folder,
        definition,
        architecture=definition["architecture"],
        classifiers=classifiers,
        preprocessing=preprocessing,
        library=library,
        facts={
            "objective": "",
            "kind": definition["kind"],
            "source_data": "",
            "origin": origin,
            "licence": "not stated",
        },
    )
    card |= {"state_key": entry, "stripped_prefix": prefix}
    if not held and "feature_layer" not in definition:
        card["headless"] = "the file has none"
    return card


def build(card: dict, folder: Path) -> Network:
    if card["library"]["name"] == "transformers":
        return transformers_source.build(card, folder)
    return assemble(create(card["library"]), card, folder)


def _find_optional(model: nn.Module, classifiers: list[str]) -> set[str]:
    """Return the keys that a file may lack: the classifier's and the counters of batch normalisation."""
    prefixes = tuple(f"{name}." for name in classifiers)
    return {
        key
        for key in model.state_dict()
        if key.startswith(prefixes) or key.endswith("num_batches_tracked")
    }


def _load(model: nn.Module, state: State, origin: str, optional: set[str]) -> None:
    """Load the weights; a fault of their keys also says how they may be meant."""
    try:
        load_into(model, state, origin)
    except PairFault as fault:
        help_ = describe_misfit(state, model.state_dict(), optional)
        raise PairFault(f"{fault}; {help_}" if help_ else str(fault)) from fault


def _fetch(weights: str, digest: str | None) -> Path:
    if "://" not in weights:
        path = Path(weights).expanduser()
        if not path.is_dir():
            return verify(path, digest)
        if digest:
            raise PairFault(f"{path}: is a folder; `sha256` is of one file")
        return path
    digest = digest or digest_in_name(weights)
    path = download(weights, digest)
    if digest is None and not weights.startswith("file://"):
        logger.warning(
            "%s: no sha256 is given, so nothing says that these are the right weights; "
            "this file has %s",
            weights,
            sha256_of(path),
        )
    return path
