"""Networks of timm with any of its pre-trained weights."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from inspect import signature
from pathlib import Path
from types import FunctionType

from torch import nn

from ckptrank.checkpoints.cards import adapt_preprocessing, assemble, store
from ckptrank.checkpoints.network import Network
from ckptrank.checkpoints.timm_tags import describe_tag
from ckptrank.errors import PairFault
from ckptrank.files.downloads import digest_in_name, download
from ckptrank.files.hub import fetch_file
from ckptrank.networks.preprocessing import Preprocessing

NAMES = ("model.safetensors", "pytorch_model.bin")


def prepare(definition: dict, folder: Path) -> dict:
    """Fetch ``{"source": "timm", "model": "resnet50.a1_in1k"}``.

    Without a tag timm's first one is taken, and the card names it. ``arguments`` go to
    ``timm.create_model``. Kind of supervision and pre-training data are read off the tag.
    """
    import timm

    model_name = definition["model"]
    try:
        config = timm.get_pretrained_cfg(model_name, allow_unregistered=False)
    except RuntimeError as error:
        close = get_close_matches(model_name, timm.list_pretrained(), n=3)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise PairFault(f"timm: {error}{hint}") from error
    if not config.has_weights:
        raise PairFault(f"timm has no pre-trained weights for {model_name}")
    full_name = f"{model_name.split('.')[0]}.{config.tag}" if config.tag else model_name
    path, origin = _fetch(config)
    return store_loaded(
        load(full_name, path, definition, {"custom_load": path.suffix == ".npz"}),
        folder,
        definition,
        library={"name": "timm", "model": full_name},
        origin=config.origin_url or origin,
    )


def build(card: dict, folder: Path) -> Network:
    library = card["library"]
    model = create(library["model"], library["arguments"], library.get("pretrained_cfg"))
    return assemble(model, card, folder)


def create(model: str, arguments: dict, pretrained_cfg: dict | None = None) -> nn.Module:
    """Return the network with random weights; raise :class:`PairFault` when timm cannot make it.

    ``arguments`` may name what timm's own function of that name states itself, say the
    ``channel_multiplier`` of ``mobilenetv1_100``: the given ones count.
    """
    import timm

    try:
        try:
            return timm.create_model(
                model, pretrained=False, pretrained_cfg=pretrained_cfg, **arguments
            )
        except TypeError as error:
            if "multiple values" not in str(error):
                raise
            return _generate(model, arguments)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise PairFault(f"timm cannot make {model}: {error}") from error


def _generate(model: str, arguments: dict) -> nn.Module:
    """Call timm's function for a network with ``arguments`` in place of those that it hands on itself."""
    from timm.models import model_entrypoint

    entry = model_entrypoint(model.split(".")[0])

    def opened(generator: Callable) -> Callable:
        names = list(signature(generator).parameters)

        def call(*given: object, **keywords: object) -> nn.Module:
            return generator(**{**dict(zip(names, given, strict=False)), **keywords, **arguments})

        return call

    # A copy of the function that sees such generators under the names of timm's; timm itself stays as it is.
    scope = {
        name: opened(value) if name.startswith(("_gen", "_create")) and callable(value) else value
        for name, value in entry.__globals__.items()
    }
    copy = FunctionType(entry.__code__, scope, entry.__name__, entry.__defaults__)
    return copy(pretrained=False)


def load(
    model: str,
    path: Path,
    definition: dict,
    overlay: dict,
    pretrained_cfg: dict | None = None,
    model_args: dict | None = None,
) -> nn.Module:
    """Return the network with the weights of a file, converted as timm converts them.

    timm unpickles with ``weights_only=True``. Raises :class:`PairFault` when they do not fit.
    """
    import timm

    arguments = {**(model_args or {}), **definition.get("arguments", {})}
    try:
        return timm.create_model(
            model,
            pretrained=True,
            pretrained_cfg=pretrained_cfg,
            pretrained_cfg_overlay={"source": None, "file": str(path), **overlay},
            **arguments,
        )
    except (RuntimeError, TypeError, ValueError, AssertionError, KeyError, OSError) as error:
        raise PairFault(f"timm {model}, {path}: {shorten(error)}") from error


def store_loaded(
    model: nn.Module,
    folder: Path,
    definition: dict,
    *,
    library: dict,
    origin: str,
    arguments: dict | None = None,
) -> dict:
    """Store a network of timm; return its card's fields."""
    config = model.pretrained_cfg
    facts = describe_tag(config.get("tag") or "", config.get("num_classes") or 0)
    return store(
        model,
        folder,
        definition,
        architecture=config.get("architecture") or library["model"].split(".")[0],
        classifiers=find_classifiers(model),
        preprocessing=adapt_preprocessing(find_preprocessing(config), definition),
        library={**library, "arguments": {**(arguments or {}), **definition.get("arguments", {})}},
        facts={
            "objective": facts["objective"],
            "kind": facts["kind"],
            "source_data": facts["source_data"],
            "source_accuracy": None,
            "origin": origin,
            "licence": config.get("license") or "not stated",
        },
        labelled=facts["labelled"] or definition.get("kind") in ("supervised", "semi-supervised"),
    )


def find_classifiers(model: nn.Module) -> list[str]:
    """Return the layers that give the logits; none for a model without a classifier."""
    named = model.pretrained_cfg.get("classifier")
    names = [named] if isinstance(named, str) else list(named or ())
    layers = dict(model.named_modules())
    return [name for name in names if name in layers and not isinstance(layers[name], nn.Identity)]


def find_preprocessing(config: dict) -> Preprocessing:
    from timm.data import resolve_data_config

    found = resolve_data_config(pretrained_cfg=config)
    channels, height, width = found["input_size"]
    if channels != 3 or height != width:
        raise PairFault(f"its input is {channels} x {height} x {width}, expected 3 x S x S")
    if found["crop_mode"] not in ("center", "squash"):
        raise PairFault(f"its images are fitted by {found['crop_mode']!r}, which is not supported")
    return Preprocessing(
        height,
        tuple(found["mean"]),
        tuple(found["std"]),
        found["interpolation"],
        found["crop_pct"],
        found["crop_mode"],
    )


def shorten(error: Exception) -> str:
    """Return an error's message, of torch's lists of keys the first few."""
    text = " ".join(str(error).split())
    faults = []
    for words, pattern in (
        ("missing", r"Missing key\(s\)"),
        ("unexpected", r"Unexpected key\(s\)"),
    ):
        found = re.search(pattern + r' in state_dict: ((?:"[^"]*"(?:, )?)+)', text)
        if found:
            keys = re.findall(r'"([^"]*)"', found[1])
            rest = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            faults.append(f"{words} {', '.join(keys[:3])}{rest}")
    return f"the keys do not fit: {'; '.join(faults)}" if faults else text[:500]


def _fetch(config) -> tuple[Path, str]:
    """Return the weights' local path and where they come from."""
    if config.hf_hub_id:
        names = (config.hf_hub_filename,) if config.hf_hub_filename else NAMES
        repository, _, revision = config.hf_hub_id.partition("@")
        path = fetch_file(repository, names, revision or None)
        return path, f"https://huggingface.co/{repository}"
    url = config.url if isinstance(config.url, str) else config.url[0]
    return download(url, digest_in_name(url)), url
