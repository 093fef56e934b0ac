"""Files that are either complete or absent: written under a temporary name, then renamed."""

import fcntl
import glob
import hashlib
import json
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PART, LOCK = ".part", ".lock"


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield an empty file to write to; put it in the place of ``path`` on success, remove it on failure.

    It has the name of ``path`` and lies in a hidden folder beside it. What killed writers of the same path left
    is removed first.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)
    folder = Path(tempfile.mkdtemp(PART, f".{path.name}.", path.parent))
    try:
        with _mark_as_alive(folder):
            temporary = folder / path.name
            temporary.touch()
            yield temporary
            os.replace(temporary, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def discard(path: str | Path) -> None:
    """Remove a file that may not be there, and what killed writers of it left."""
    path = Path(path)
    path.unlink(missing_ok=True)
    remove_leftovers(path)


def remove_leftovers(path: Path) -> None:
    """Remove what writers of ``path`` left that were killed without time to tidy up; those at work keep theirs."""
    for folder in path.parent.glob(f".{glob.escape(path.name)}.*{PART}"):
        if _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _mark_as_alive(folder: Path) -> Iterator[None]:
    """Hold a lock in a folder, which the system drops when the process dies. It gets its name once it is held."""
    unnamed = folder / f"{LOCK}.new"
    with open(unnamed, "w") as file:
        with suppress(OSError):  # a file system without locks, on which leftovers stay
            fcntl.flock(file, fcntl.LOCK_EX)
            unnamed.rename(folder / LOCK)
        yield


def _is_abandoned(folder: Path) -> bool:
    try:
        with open(folder / LOCK, "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held, or not there
        return False
    return True


@contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Hold the lock file ``path``, waiting for it; a process that dies gives it back."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_text(path: str | Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: object) -> None:
    """Write strict JSON (no NaN or infinity), keys in the order given."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_json(path: str | Path) -> dict:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_table(path: str | Path, table: "pd.DataFrame") -> None:
    """Write a table as CSV, its columns without the index."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False)


def sha256_of(path: str | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def release_pages(array: "np.ndarray") -> None:
    """Take a mapped file's pages out of this process's memory; does nothing for other arrays.

    They stay in the system's cache. Without it a process seems to need as much memory as the file.
    """
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    if array is not None:
        array.madvise(mmap.MADV_DONTNEED)
