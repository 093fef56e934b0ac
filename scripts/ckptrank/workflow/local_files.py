"""What a definition names on this machine, so that a change of it is noticed."""

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ckptrank.checkpoints.own_code import LIBRARY, find_code
from ckptrank.files.atomic import read_json

PLACES = ("path", "weights", "archive", "images", "test_path", "test_images")
# What `sha256` is of, where there are several the first.
_HASHED = ("archive", "path", "weights")


def find_files(definition: dict) -> list[str]:
    """Return the files that a definition names and that exist: inputs of the job that prepares it.

    Of a folder of weights its files; of a network of one's own also the file with its code. Those that do
    not exist are left to the job, which then fails that task or checkpoint alone.
    """
    found = [path for path in _find_paths(definition) if path.is_file()]
    if definition.get("source") == "file":
        folders = [path for path in _find_paths(definition) if path.is_dir()]
        found += sorted(path for folder in folders for path in folder.iterdir() if path.is_file())
    if definition.get("library") == LIBRARY:
        code = find_code(definition["architecture"])
        found += [] if code is None else [code]
    return list(map(str, found))


def find_known_by_hash(definition: dict, facts: Path) -> set[str]:
    """Return those of ``find_files`` whose contents a hash tells, so that their times say nothing.

    That is the file whose ``sha256`` the definition states, and the code of a network of one's own. ``facts``:
    where the preparation tells how it went. After one that failed times count: the file may have been mended.
    """
    if facts.is_file() and read_json(facts)["status"] != "ok":
        return set()
    known = set()
    if "sha256" in definition:
        key = next(key for key in _HASHED if key in definition)
        given, digests = definition[key], definition["sha256"]
        if isinstance(given, list):
            given = [place for place, digest in zip(given, digests, strict=True) if digest]
        known.update(find_files({"source": definition["source"], key: given}))
    if definition.get("library") == LIBRARY:
        code = find_code(definition["architecture"])
        known.update([] if code is None else [str(code)])
    return known


def stamp_folders(definition: dict) -> str:
    """Return a digest that changes when a file is added to, removed from or renamed in a folder.

    It is made of the change times of the folders; files are not looked at. Empty without folders.
    """
    times = sorted(
        f"{place} {os.stat(place).st_mtime_ns}"
        for path in _find_paths(definition)
        if path.is_dir()
        for place, _, _ in os.walk(path)
    )
    return sha256("\n".join(times).encode()).hexdigest()[:16] if times else ""


def list_places(definition: Mapping) -> list[str]:
    """Return the paths and addresses that a definition names."""
    given = [definition[key] for key in PLACES if key in definition]
    return [place for each in given for place in (each if isinstance(each, list) else [each])]


def _find_paths(definition: dict) -> list[Path]:
    given = list_places(definition)
    if definition["source"] == "tf_slim":  # the index holds checksums of all else
        given = [definition.get("archive") or f"{definition['weights']}.index"]
    return [
        Path(unquote(urlsplit(name).path) if name.startswith("file://") else name).expanduser()
        for name in given
        if name.startswith("file://") or "://" not in name
    ]
