"""Checkpoints: where they come from, and the one :class:`Network` that each source hands over.

A source is a module here, see :class:`~ckptrank.checkpoints.source.Source`. To add one: write it and add
its name to :data:`SOURCES`.
"""

import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ckptrank.errors import PairFault
from ckptrank.files.atomic import read_json, sha256_of

if TYPE_CHECKING:
    from ckptrank.checkpoints.network import Network
    from ckptrank.checkpoints.source import Source

SOURCES = ("builtin", "scratch", "torchvision", "timm", "hub", "file", "tf_slim")
CARD = "card.json"
WEIGHTS = "weights.safetensors"


def get_source(name: str) -> "Source":
    """Return the module of a checkpoint source, imported on first use (most of them need torch)."""
    return importlib.import_module(f"ckptrank.checkpoints.{name}")


def read_card(folder: str | Path) -> dict:
    """Return a prepared checkpoint's card; raise :class:`PairFault` when its preparation failed."""
    card = read_json(Path(folder) / CARD)
    if card["status"] != "ok":
        raise PairFault(card["reason"])
    return card


def load_network(folder: str | Path, seed: int = 0) -> "Network":
    """Build the network of a prepared checkpoint and load its weights, after checking their hash.

    ``seed`` only matters where there are no weights to load (From-Scratch). Raises
    :class:`PairFault` when the card says ``failed``, the hash differs or the weights do not fit.
    """
    folder = Path(folder)
    card = read_card(folder)
    if card["sha256"]:
        _check_weights(folder, card["sha256"])
    else:
        import torch

        torch.manual_seed(seed)
    return get_source(card["source"]).build(card, folder).eval()


def _check_weights(folder: Path, expected: str) -> None:
    path = folder / WEIGHTS
    if not path.is_file():
        raise PairFault(f"{path}: the weights are gone; delete {folder} to prepare them again")
    facts = path.stat()
    actual = _hash_once(path, facts.st_size, facts.st_mtime_ns)
    if actual != expected:
        raise PairFault(f"{path}: SHA-256 is {actual}, the card says {expected}")


@cache
def _hash_once(path: Path, size: int, changed: int) -> str:
    """Hash a file once a process, as long as it stays what it is: a job loads a network many times."""
    return sha256_of(path)
