"""What ``ckptrank new --checkpoints`` finds in a folder of weights: entries of a config, by the names of the files."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ckptrank.errors import PairFault
from ckptrank.files.atomic import read_json

SUFFIXES = (".safetensors", ".pth", ".pt", ".th", ".bin", ".ckpt", ".tar")
ASKED = "which"
"""Stands for what no name tells, to be filled in."""
HEAD = ".head.safetensors"
"""How the file ends that holds the classifier of the one beside it."""
_SHOWN = 10  # names of what was passed over in the terminal
_HASH = re.compile(r"-[0-9a-f]{8}$")  # as torchvision names its files

Libraries = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Found:
    """What a folder of weights holds.

    ``checkpoints``: name -> definition. ``passed_over``: the name of each other file or folder -> why.
    """

    checkpoints: dict[str, dict]
    passed_over: dict[str, str]


def find_checkpoints(folder: Path, libraries: Libraries | None = None) -> Found:
    """Return what weights a folder holds: files, and folders of a library with a config.json; print what else lies there.

    ``libraries``: ``timm`` and ``torchvision`` -> the names of their networks, those that are installed unless given. A
    network is told by the beginning of the file's name; where nothing tells it, its architecture is :data:`ASKED`. A
    classifier in a file of its own (``NAME.head.safetensors``) goes with the network beside it (``NAME.safetensors``).
    Raises :class:`PairFault` where there are no weights, or none whose network is told.
    """
    if not folder.is_dir():
        raise PairFault(f"{folder}: no such folder")
    places = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    passed_over = {path.name: why for path in places if (why := _pass_over(path))}
    places = [path for path in places if path.name not in passed_over]
    heads = {_network_of(path): path for path in places if _is_head(path)}
    if not places:
        raise PairFault(
            f"{folder}: holds no weights ({', '.join(SUFFIXES)}, or folders with a config.json)"
        )
    known = _list_networks() if libraries is None else libraries
    found: dict[str, dict] = {}
    for path in places:
        if _is_head(path):
            continue
        stem = path.name if path.is_dir() else path.stem.removesuffix(".pth")
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-._")[:60] or "weights"
        name = name if name not in found else f"{name}-{path.suffix[1:]}"
        network = _read_config(path) if path.is_dir() else _tell(stem, known)
        weights = str(path.resolve())
        found[name] = {
            "source": "file",
            **network,
            "weights": [weights, str(heads[path].resolve())] if path in heads else weights,
            "kind": "supervised",
        }
    if not any(map(is_told, found.values())):
        raise PairFault(
            f"{folder}: no name begins with a network of timm or torchvision, say resnet50-mine.pth; name the files so, "
            "or write their entries by hand (docs/own_data.md)"
        )
    for name, why in [*passed_over.items()][:_SHOWN]:
        print(f"Mind: passed over {name}: {why}.")
    if len(passed_over) > _SHOWN:
        print(f"Mind: passed over {len(passed_over) - _SHOWN} more.")
    return Found(found, passed_over)


def is_told(definition: Mapping) -> bool:
    """Whether a definition says which network the weights are of."""
    return definition.get("architecture") != ASKED


def fill_in_checkpoints(text: str, found: Found) -> str:
    """Return a starter config with these checkpoints in place of its own; those that are not told, and what was
    passed over, as comments."""
    told = [name for name, given in found.checkpoints.items() if is_told(given)]
    members = "".join(f"      - {json.dumps(name)}\n" for name in told)
    entries = "".join(
        f"  {'' if name in told else '# '}{json.dumps(name)}: {json.dumps(given)}\n"
        for name, given in found.checkpoints.items()
    )
    entries += "".join(
        f"  # passed over {json.dumps(name)}: {why}\n" for name, why in found.passed_over.items()
    )
    words = "  # By the names of the files: look them over, the kind of supervision and the preprocessing too.\n"
    edits = [
        (r"(?m)^    checkpoints:\n(?:      [^\n]*\n)+", f"    checkpoints:\n{members}"),
        (r"(?ms)^checkpoints:\n.*?(?=^\w)", f"checkpoints:\n{words}{entries}\n"),
    ]
    for pattern, new in edits:
        text = re.sub(pattern, lambda _match, new=new: new, text, count=1)
    return text


def _pass_over(path: Path) -> str:
    """Say why a file or folder is no checkpoint; empty where it may be one."""
    if path.is_dir():
        return "" if _is_saved(path) else "a folder without a config.json"
    if _is_head(path):
        return "" if _network_of(path).is_file() else "a head without its network"
    if path.name.lower().endswith(SUFFIXES):
        return ""
    return f"ends in none of {', '.join(SUFFIXES)}"


def _is_head(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(HEAD)


def _network_of(head: Path) -> Path:
    """Return the file of the network whose classifier lies in a file of its own."""
    return head.with_name(head.name[: -len(HEAD)] + head.suffix)


def _is_saved(path: Path) -> bool:
    return path.is_dir() and (path / "config.json").is_file()


def _read_config(folder: Path) -> dict[str, str]:
    """The library of a folder that timm or transformers wrote."""
    config = read_json(folder / "config.json")
    if "architecture" in config:
        return {"library": "timm", "architecture": config["architecture"]}
    return {"library": "transformers"}


def _tell(stem: str, libraries: Libraries) -> dict[str, str]:
    """The library and the network whose name a file's begins with; of both libraries timm, but for a hash at the end."""
    spelt = re.sub(r"[-.]", "_", stem.lower())
    fits = {
        library: max(
            (name for name in names if re.match(rf"{re.escape(name)}(_|$)", spelt)),
            key=len,
            default="",
        )
        for library, names in libraries.items()
    }
    first = "torchvision" if _HASH.search(stem) else "timm"
    chosen = max(libraries, key=lambda library: (len(fits[library]), library == first))
    if not fits[chosen]:
        return {"library": "timm", "architecture": ASKED}
    return {"library": chosen, "architecture": fits[chosen]}


def _list_networks() -> Libraries:
    import timm
    from torchvision import models

    return {"timm": timm.list_models(), "torchvision": models.list_models(module=models)}
