"""Checkpoints that this project pre-trains itself (``ckptrank.builtin``), and their networks."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ckptrank.checkpoints import WEIGHTS
from ckptrank.errors import PairFault
from ckptrank.files.atomic import read_json, sha256_of

if TYPE_CHECKING:
    from ckptrank.checkpoints.network import Network


def prepare(definition: dict, folder: Path) -> dict:
    """Copy the weights of ``{"source": "builtin", "run": folder, "stage": ...}`` and return the card's fields.

    ``run``: where the pre-training run lies. ``domain``: which of its domains, where it has several. ``size``: of the
    images that it is given, where that is not what it was pre-trained on.
    """
    run_folder = Path(definition["run"])
    run = read_json(run_folder / "run.json")
    if run["status"] != "ok":
        raise PairFault(run["reason"])
    wanted = (definition["stage"], definition.get("domain"))
    stage = next(s for s in run["stages"] if (s["stage"], s.get("domain")) == wanted)
    source = run_folder / stage["file"]
    if sha256_of(source) != stage["sha256"]:
        raise PairFault(f"{source}: its SHA-256 is not {stage['sha256']}; delete {run_folder}")
    shutil.copyfile(source, folder / WEIGHTS)
    shared = {key: value for key, value in run.items() if key not in ("stages", "status", "reason")}
    facts = {key: value for key, value in stage.items() if key != "file"}
    card = {**shared, **facts, "origin": "pre-trained by this workflow", "licence": "Apache-2.0"}
    return _enlarge(card, definition["size"]) if "size" in definition else card


def _enlarge(card: dict, size: int) -> dict:
    """Return the card of a network that is given images of another size."""
    from ckptrank.builtin.networks.architectures import build as build_encoder
    from ckptrank.networks.flops import count_forward_flops

    flops = count_forward_flops(build_encoder(card["architecture"]), (3, size, size))
    return {
        **card,
        "preprocessing": {**card["preprocessing"], "size": size},
        "forward_flops": flops,
    }


def make_untrained(architecture: str) -> "Network":
    """Return a built-in network with random weights, drawn by PyTorch's generator, and no head."""
    from ckptrank.builtin.networks.architectures import build
    from ckptrank.builtin.networks.pretrain import IMAGE_SIZE, MEAN, STD
    from ckptrank.checkpoints.network import Network
    from ckptrank.networks.preprocessing import Preprocessing

    backbone = build(architecture)
    return Network(backbone, backbone.dimension, None, Preprocessing(IMAGE_SIZE, MEAN, STD))


def build(card: dict, folder: Path) -> "Network":
    from ckptrank.builtin.networks.weights import load_network
    from ckptrank.checkpoints.network import Network
    from ckptrank.networks.preprocessing import Preprocessing

    backbone, head = load_network(folder / WEIGHTS, card["architecture"])
    preprocessing = Preprocessing.from_dict(card["preprocessing"])
    return Network(backbone, backbone.dimension, head, preprocessing)
