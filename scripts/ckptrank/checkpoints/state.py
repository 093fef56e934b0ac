"""State dicts in files of any origin: read without executing anything, chosen, renamed.

TorchScript and exported programs are the exception: reading them runs what is in them, so the caller
must say that it may.
"""

import argparse
import logging
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ckptrank.checkpoints.matching import rename as rename_key
from ckptrank.errors import PairFault
from ckptrank.files.atomic import read_json
from ckptrank.networks.weights import State

logger = logging.getLogger("ckptrank")
# Where training programs put the weights of the network among other things.
_PLACES = ("state_dict", "model", "model_state", "model_state_dict", "network", "net")
# What libraries call the weights in a folder, by preference; an index names the files that share them.
_NAMES = (
    "model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
)


def find_weights(path: Path) -> list[Path]:
    """Return the files that hold the weights: ``path`` itself, or those of a folder as its library names them.

    Raises :class:`PairFault` where a folder has none, or lacks one that its index names.
    """
    if not path.is_dir():
        return [path]
    name = next((name for name in _NAMES if (path / name).is_file()), None)
    if name is None:
        files = sorted(path.glob("*.safetensors"))
        if not files:
            raise PairFault(f"{path}: has none of {', '.join(_NAMES)}, and no other .safetensors")
        return files
    if not name.endswith(".index.json"):
        return [path / name]
    parts = sorted(set(read_json(path / name)["weight_map"].values()))
    missing = [part for part in parts if not (path / part).is_file()]
    if missing:
        raise PairFault(f"{path}: lacks {', '.join(missing)}, which {name} names")
    return [path / part for part in parts]


def read_state(
    *paths: Path, state_key: str | None = None, runs_code: bool = False
) -> tuple[State, str]:
    """Return the tensors of files or folders, and the entry that held them, empty where they lay in none.

    A file is a ``.safetensors`` or what ``torch.save`` wrote; a folder stands for its files. ``runs_code``: whether
    TorchScript and exported programs are read too, which runs what is in them. ``state_key``: the entry that holds
    the tensors (``teacher``, dots for nesting); without it one of the customary names is taken, and logged where the
    file holds other weights beside them, say averaged ones. Pickled files are read by
    ``torch.load(weights_only=True)``, which makes tensors and plain values only; ``argparse.Namespace``, which many
    training programs save beside the weights, is let through as a bare container. Raises :class:`PairFault` for
    anything else, and for a key that two files have.
    """
    files = [file for path in paths for file in find_weights(path)]
    read = [_read_file(file, state_key, runs_code) for file in files]
    if len(files) == 1:
        return read[0]
    state: State = OrderedDict()
    holders: dict[str, Path] = {}
    for file, (part, _) in zip(files, read, strict=True):
        for key in part:
            if key in state:
                raise PairFault(
                    f"{holders[key]} and {file}: both have the key {key!r}; name files that share none"
                )
            holders[key] = file
        state |= part
    return state, ", ".join(dict.fromkeys(entry for _, entry in read if entry))


def choose_keys(
    state: State,
    origin: str | Path,
    strip_prefix: str = "",
    rename: Sequence[Sequence[str]] = (),
    ignore: Sequence[str] = (),
) -> State:
    """Return the part of ``state`` that belongs to the network.

    ``strip_prefix``: only keys that begin with it are taken, and it is cut off. ``rename``: (pattern,
    replacement) of :func:`re.sub`, one after the other, for each key after that. ``ignore``: patterns
    (``fc.*``) of keys to leave out, by their names after both. Raises :class:`PairFault` when
    nothing is left, a pattern is none, or two keys get one name.
    """
    chosen = OrderedDict()
    for key, tensor in state.items():
        if not key.startswith(strip_prefix):
            continue
        try:
            name = rename_key(key.removeprefix(strip_prefix), rename)
        except (re.error, IndexError) as error:
            raise PairFault(f"rename: {error}") from error
        if name in chosen:
            raise PairFault(f"{origin}: `rename` gives two keys the name {name!r}")
        chosen[name] = tensor
    if not chosen:
        raise PairFault(
            f"{origin}: no key begins with {strip_prefix!r}; the first are {_listing(state)}"
        )
    for key in [key for key in chosen if any(fnmatchcase(key, pattern) for pattern in ignore)]:
        del chosen[key]
    if not chosen:
        raise PairFault(f"{origin}: `ignore` leaves no key")
    if hasattr(state, "_metadata"):
        chosen._metadata = OrderedDict(
            (key.removeprefix(strip_prefix), versions) for key, versions in state._metadata.items()
        )
    return chosen


def _read_file(path: Path, state_key: str | None, runs_code: bool) -> tuple[State, str]:
    if path.suffix == ".safetensors":
        try:
            content = load_file(path)
        except SafetensorError as error:
            raise PairFault(f"{path}: not a readable safetensors file ({error})") from error
    elif program := _find_program(path):
        content = _run_program(path, program, runs_code)
    else:
        content = _unpickle(path)
    entry = _find_customary(content, path) if state_key is None else state_key
    for key in entry.split(".") if entry else ():
        if not isinstance(content, dict) or key not in content:
            raise PairFault(f"{path}: has no entry {entry!r}; it has {_listing(content)}")
        content = content[key]
    if not _is_state(content):
        raise PairFault(
            f"{path}: holds no state dict; give `state_key`, one of {_listing(content)}"
        )
    tensors = OrderedDict((key, value) for key, value in content.items() if _is_tensor(value))
    if hasattr(content, "_metadata"):
        tensors._metadata = content._metadata
    return tensors, entry


def _find_program(path: Path) -> str:
    """Return what kind of program a file holds, empty where it is none."""
    if not zipfile.is_zipfile(path):
        return ""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("/constants.pkl") for name in names):
        return "TorchScript"
    if any(
        name.endswith("archive_format") or "serialized_exported_program" in name for name in names
    ):
        return "torch.export"
    return ""


def _run_program(path: Path, program: str, runs_code: bool) -> State:
    if not runs_code:
        raise PairFault(
            f"{path}: is a {program} file, and reading it runs what is in it; say `runs_code: true` if you "
            "trust it, or save its state dict as .safetensors"
        )
    try:
        if program == "TorchScript":
            return torch.jit.load(path, map_location="cpu").state_dict()
        return torch.export.load(path).state_dict
    except (RuntimeError, ValueError, KeyError, OSError) as error:
        raise PairFault(f"{path}: not a readable {program} file ({error})") from error


def _unpickle(path: Path) -> object:
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = "; ".join(_unsafe_names(path)) or "code"
        raise PairFault(
            f"{path}: not loaded, for it would execute more than plain tensors need ({found}); "
            "save its state dict as .safetensors"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise PairFault(f"{path}: not a readable checkpoint ({error})") from error


def _unsafe_names(path: Path) -> list[str]:
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (RuntimeError, ValueError, OSError):  # only newer files can be asked
        return []


def _find_customary(content: object, path: Path) -> str:
    """Return the entry of a customary name that holds weights, empty where none does; log the others that do."""
    taken = next((key for key in _PLACES if _is_state(_get(content, key))), "")
    if not taken or not isinstance(content, dict):
        return ""
    others = [str(key) for key, value in content.items() if key != taken and _is_state(value)]
    if others:
        logger.warning(
            "%s: took the entry %r, and the file has other weights: %s; say `state_key: %s` to take those",
            path,
            taken,
            ", ".join(others),
            others[0],
        )
    return taken


def _get(content: object, key: str) -> object:
    return content.get(key) if isinstance(content, dict) else None


def _is_state(value: object) -> bool:
    return isinstance(value, dict) and any(_is_tensor(v) for v in value.values())


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


def _listing(content: object, most: int = 5) -> str:
    names = list(map(str, content)) if isinstance(content, dict) else [type(content).__name__]
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{rest}"
