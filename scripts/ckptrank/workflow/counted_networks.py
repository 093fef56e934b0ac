"""The sizes of networks that no table of the estimate has: counted once on this machine, and kept with the downloads."""

import json
from collections.abc import Mapping
from pathlib import Path

from ckptrank.errors import PairFault
from ckptrank.files.atomic import read_json, write_json
from ckptrank.files.caches import cache_folder
from ckptrank.workflow.known_sizes import is_known

LIBRARIES = ("timm", "torchvision")
_FIELDS = ("library", "source", "model", "architecture", "arguments", "preprocessing")


def count_networks(root: Path, checkpoints: Mapping[str, dict]) -> dict[str, tuple[float, float]]:
    """Return the operations of a forward pass and the MB of the weights of those that nothing else knows.

    ``checkpoints``: name -> definition; ``root``: an earlier run's folder, whose cards know more. Those of other libraries
    than timm and torchvision are left out, as are those that their library cannot make. PyTorch is imported only
    where one is to be counted.
    """
    path = cache_folder() / "networks.json"
    try:
        known = read_json(path)
    except (OSError, ValueError):
        known = {}
    before, found = len(known), {}
    for name, given in checkpoints.items():
        if given.get("library", given["source"]) not in LIBRARIES or is_known(root, name, given):
            continue
        key = json.dumps({field: given[field] for field in _FIELDS if field in given})
        if key not in known:
            known[key] = _count(given)
        if known[key] is not None:
            flops, megabytes = known[key]
            found[name] = (flops, megabytes)
    if len(known) > before:
        write_json(path, known)
    return found


def _count(given: dict) -> tuple[float, float] | None:
    from ckptrank.checkpoints.counting import count_network

    try:
        return count_network(given)
    except PairFault:
        return None
