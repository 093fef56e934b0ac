"""Hugging Face repositories with networks of timm, or image networks of transformers."""

from pathlib import Path

from ckptrank.checkpoints import hub_transformers as transformers_source
from ckptrank.checkpoints import timm as timm_source
from ckptrank.checkpoints.network import Network
from ckptrank.errors import PairFault
from ckptrank.files.atomic import read_json
from ckptrank.files.hub import fetch_file

# Where the weights came from, and thousands of class names: no part of the network.
_NOT_STORED = ("source", "file", "url", "hf_hub_id", "label_names", "label_descriptions")


def prepare(definition: dict, folder: Path) -> dict:
    """Fetch ``{"source": "hub", "repository": "timm/resnet50.a1_in1k", "revision": ...}``.

    ``revision``: a commit, tag or branch; give a commit to be sure of what is compared. Which library
    the repository is for, its ``config.json`` says.
    """
    repository, revision = definition["repository"], definition.get("revision")
    config = read_json(fetch_file(repository, ("config.json",), revision))
    if "model_type" in config:
        return transformers_source.prepare(definition, folder)
    if "architecture" not in config:
        raise PairFault(
            f"hub repository {repository}: its config.json is not of timm or transformers"
        )
    return _prepare_timm(definition, folder)


def build(card: dict, folder: Path) -> Network:
    source = timm_source if card["library"]["name"] == "timm" else transformers_source
    return source.build(card, folder)


def _prepare_timm(definition: dict, folder: Path) -> dict:
    from timm.models import load_model_config_from_hf

    repository, revision = definition["repository"], definition.get("revision")
    path = fetch_file(repository, timm_source.NAMES, revision)
    place = f"{repository}@{revision}" if revision else repository
    pretrained, architecture, arguments = load_model_config_from_hf(place)
    pretrained = {key: value for key, value in pretrained.items() if key not in _NOT_STORED}
    model = timm_source.load(architecture, path, definition, {}, pretrained, arguments)
    return timm_source.store_loaded(
        model,
        folder,
        definition,
        library={"name": "timm", "model": architecture, "pretrained_cfg": pretrained},
        origin=f"https://huggingface.co/{place.replace('@', '/tree/')}",
        arguments=arguments,
    )
