"""Files of Hugging Face repositories, through the hub's own client and cache.

The client resumes downloads and shares its cache (``HF_HOME``, ``HF_HUB_CACHE``) with every other
program; with ``HF_HUB_OFFLINE=1`` it takes what the cache has. It does not check contents, so that is
done here: large files lie in the cache under their SHA-256.
"""

import errno
import logging
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ckptrank.errors import PairFault, PassingFault
from ckptrank.files.atomic import sha256_of
from ckptrank.files.connections import is_online
from ckptrank.files.downloads import retry

Result = TypeVar("Result")

logger = logging.getLogger("ckptrank")
_NO_NETWORK = "no network, and the cache has "


def fetch_file(repository: str, names: Sequence[str], revision: str | None = None) -> Path:
    """Return the local path of the first of ``names`` that a model repository has, verified.

    Raises :class:`PairFault` with the reason when there is none or it cannot be had.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    offline = _is_offline()
    for name in names:

        def fetch(name: str = name) -> str:
            return hf_hub_download(repository, name, revision=revision, local_files_only=offline)

        try:
            path = _ask(fetch, offline)
        except EntryNotFoundError as error:
            missing = error
        except Exception as error:
            raise _fault(repository, revision, error) from error
        else:
            return verify_blob(path)
    words = f"{_NO_NETWORK if offline else ''}none of {', '.join(names)}: "
    raise _fault(repository, revision, missing, words) from missing


def fetch_snapshot(repository: str, patterns: Sequence[str], revision: str | None = None) -> Path:
    """Return the local folder of a data set repository with all its files that match ``patterns``."""
    from huggingface_hub import snapshot_download

    offline = _is_offline()
    try:
        folder = _ask(
            lambda: snapshot_download(
                repository,
                repo_type="dataset",
                revision=revision,
                allow_patterns=list(patterns),
                local_files_only=offline,
            ),
            offline,
        )
    except Exception as error:
        raise _fault(repository, revision, error) from error
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            verify_blob(path)
    return Path(folder)


def verify_blob(path: str | Path) -> Path:
    """Return ``path``; raise :class:`PairFault` if a cached file is not what its name in the cache says.

    A file of the cache is a link to a blob named after the SHA-256 of its content (of small files:
    after their git hash, which is not checked).
    """
    path = Path(path)
    blob = os.readlink(path) if path.is_symlink() else ""
    name = Path(blob).name
    if re.fullmatch(r"[0-9a-f]{64}", name):
        actual = sha256_of(path)
        if actual != name:
            raise PairFault(
                f"{path}: SHA-256 is {actual}, expected {name}; delete {path.parent / blob}"
            )
    return path


def _is_offline() -> bool:
    """Whether to take what the cache has: as the user said, or since no server answers.

    One quick look in place of the client's own many tries, which take minutes.
    """
    from huggingface_hub import constants

    return constants.HF_HUB_OFFLINE or not is_online(constants.ENDPOINT)


def _ask(action: Callable[[], Result], offline: bool) -> Result:
    """Call the hub's client under the one retry policy of all downloads; ``offline``: once."""
    return retry(action, lambda error: not offline and _may_pass(error))


def _may_pass(error: Exception) -> bool:
    """Whether an error of the hub's client may be gone at another time."""
    from huggingface_hub import errors

    permanent = (
        errors.RepositoryNotFoundError,  # gated ones included
        errors.RevisionNotFoundError,
        errors.RemoteEntryNotFoundError,
    )
    if isinstance(error, permanent):
        return False
    if isinstance(error, errors.HfHubHTTPError):
        return error.response.status_code in (408, 429) or error.response.status_code >= 500
    kinds = (errors.LocalEntryNotFoundError, errors.XetDownloadError)  # not in the cache: fetch it
    return isinstance(error, (*kinds, ConnectionError, TimeoutError))


def _fault(repository: str, revision: str | None, error: Exception, words: str = "") -> Exception:
    """Return the fault to raise for an error of the hub's client; other errors as they are."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return error
    library = type(error).__module__.partition(".")[0]
    if not isinstance(error, OSError | ValueError) and library != "huggingface_hub":
        return error
    place = f"{repository}@{revision}" if revision else repository
    lines = str(error).strip().splitlines() or [type(error).__name__]
    kind = PassingFault if _may_pass(error) else PairFault
    return kind(f"hub repository {place}: {words}{lines[0]}")
