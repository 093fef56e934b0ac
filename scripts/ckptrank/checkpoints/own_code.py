"""Networks of one's own: a function of a Python file or of an installed package that returns one.

``path/to/networks.py:build`` or ``package.module:function``. Making the network runs that code, with all
rights of the user; nothing but an entry with ``library: python`` in a config asks for it. Finding and
hashing the file runs nothing.
"""

import importlib
import logging
import sys
from hashlib import sha256
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ckptrank.errors import PairFault
from ckptrank.files.atomic import sha256_of

if TYPE_CHECKING:
    from torch import nn

logger = logging.getLogger("ckptrank")
LIBRARY = "python"


def find_code(architecture: str) -> Path | None:
    """Return the file that holds the function of an ``architecture``, None where there is no such file."""
    place, _, _ = architecture.rpartition(":")
    if place.endswith(".py"):
        path = Path(place).expanduser()
        return path if path.is_file() else None
    spec, places = None, None
    parts = place.split(".")
    for at in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: at + 1]), places)
        if spec is None:
            return None
        places = spec.submodule_search_locations
    return Path(spec.origin) if spec is not None and spec.origin else None


def hash_code(definition: dict) -> str:
    """Return the SHA-256 of the code that an entry of a config names; empty where it names none.

    Of a function's own file alone: what that imports is not followed.
    """
    if definition.get("library") != LIBRARY:
        return ""
    path = find_code(definition["architecture"])
    return sha256_of(path) if path else ""


def create(library: dict) -> "nn.Module":
    """Return the network of ``{"name": "python", "model": "networks.py:build", "arguments": {...}}``.

    ``code``: the SHA-256 that the file must have, where one is given. Raises :class:`PairFault` where
    there is no such function, it fails or returns something else.
    """
    from torch import nn

    architecture = library["model"]
    path = find_code(architecture)
    if path is None:
        raise PairFault(
            f"architecture {architecture!r}: no such file or module; expected "
            "path/to/networks.py:function or package.module:function"
        )
    if library.get("code") not in (None, sha256_of(path)):
        raise PairFault(f"{path}: has changed since the checkpoint was prepared; run again")
    name = architecture.rpartition(":")[2]
    try:
        function = getattr(_load(architecture, path), name, None)
        if not callable(function):
            raise PairFault(f"{path}: has no function {name!r}")
        model = function(**library["arguments"])
    except (PairFault, MemoryError):
        raise
    except Exception as error:
        logger.exception("the network's own code failed")
        raise PairFault(f"architecture {architecture}: {type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise PairFault(f"architecture {architecture}: returns a {type(model).__name__}, no module")
    return model.float()


def _load(architecture: str, path: Path) -> ModuleType:
    place = architecture.rpartition(":")[0]
    if not place.endswith(".py"):
        return importlib.import_module(place)
    # Named after place and content: neither two files of one name nor an edit meet an older module.
    name = f"own_code_{sha256(f'{path.resolve()} {sha256_of(path)}'.encode()).hexdigest()[:16]}"
    if name not in sys.modules:
        spec = spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        folder = str(path.resolve().parent)
        if folder not in sys.path:  # as where a script is run, but behind everything installed
            sys.path.append(folder)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]
