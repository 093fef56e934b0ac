"""Downloads that resume after a break, are verified, and are shared between runs and jobs.

They live in ``$CKPTRANK_CACHE`` (``~/.cache/ckptrank`` without it). A file appears under its name only
when it is complete and its hash is right; what a broken download left continues from where it broke.
"""

import errno
import http.client
import logging
import os
import re
import socket
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, url2pathname

from ckptrank.errors import PairFault, PassingFault
from ckptrank.files.atomic import locked, sha256_of
from ckptrank.files.caches import cache_folder, torch_cache
from ckptrank.files.connections import NoAnswer, limited_waits, open_url

Result = TypeVar("Result")

logger = logging.getLogger("ckptrank")
ATTEMPTS = 5
ATTEMPTS_OFFLINE = 2
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
CHUNK = 1 << 20
NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)
TRANSIENT_CODES = {408, 416, 425, 429, 500, 502, 503, 504}


def retry(action: Callable[[], Result], may_pass: Callable[[Exception], bool]) -> Result:
    """Call ``action`` up to five times while its error ``may_pass``, waiting 1, 2, 4 and 8 seconds.

    Where no server can be reached at all, twice; where a host is silent, once, for that took its time. A server's ``Retry-After`` lengthens the wait, up to a minute. The last error is raised.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except Exception as error:
            if attempt >= _count_attempts(error) or not may_pass(error):
                raise
            wait = min(LONGEST_WAIT, max(FIRST_WAIT * 2 ** (attempt - 1), _asked_wait(error)))
            logger.warning("%s; attempt %d in %g s", error, attempt + 1, wait)
            time.sleep(wait)
    raise AssertionError("unreachable")


def fetch_by(action: Callable[[], Result], name: str) -> Result:
    """Return ``action()``, by which a library of others fetches what has this ``name``, with the attempts of all downloads.

    Raises :class:`PassingFault` where an error of the network may be gone at another time; other errors are the library's.
    """

    def attempt() -> Result:
        with limited_waits():
            return action()

    try:
        return retry(attempt, is_transient)
    except Exception as error:
        if not is_transient(error):
            raise
        raise PassingFault(f"{name}: the download failed: {_reason(error)}") from error


def _asked_wait(error: Exception) -> float:
    asked = error.headers.get("Retry-After", "") if isinstance(error, HTTPError) else ""
    return float(asked) if asked.isdigit() else 0.0


def download(url: str, digest: str | None = None) -> Path:
    """Return the path of a local copy of ``url``, fetched unless the cache has it.

    ``url``: ``https://``, ``file://`` (used where it is, not copied), or ``http://``, for which a
    ``digest`` is demanded. ``digest``: the SHA-256 of the content or its first hex digits (eight or
    more, as PyTorch writes them into file names); cached files are checked against it again. A
    file of PyTorch's own cache (``$TORCH_HOME/hub/checkpoints``) is taken when its digest is right.
    Raises :class:`PairFault` with the reason when the file cannot be had or its digest differs.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return verify(Path(url2pathname(unquote(parts.path))), digest)
    if parts.scheme == "http" and not digest:
        raise PairFault(f"{url}: give its SHA-256; over plain http anybody could change the file")
    if parts.scheme not in ("http", "https"):
        raise PairFault(f"{url}: expected an https:// or file:// address")
    name = Path(unquote(parts.path)).name or "download"
    shared = torch_cache() / name
    if digest and shared.is_file() and sha256_of(shared).startswith(digest.lower()):
        return shared
    folder = cache_folder() / "downloads" / sha256(url.encode()).hexdigest()[:16]
    path = folder / name
    with locked(folder / ".lock"):
        if path.is_file():
            try:
                return verify(path, digest)
            except PairFault as fault:
                logger.warning("%s; downloading it again", fault)
                path.unlink()
        part = folder / f"{name}.part"
        continued = part.is_file()
        try:
            _fetch_verified(url, part, digest)
        except PairFault:
            if not continued or part.is_file():
                raise
            _fetch_verified(url, part, digest)  # the beginning was of another file
        os.replace(part, path)
    return path


def _fetch_verified(url: str, part: Path, digest: str | None) -> None:
    """Complete ``part``; it is gone after a wrong digest and stays after a broken download."""
    try:
        retry(lambda: _fetch(url, part, resumable=digest is not None), is_transient)
    except (OSError, http.client.HTTPException) as error:
        if not _is_of_network(error):  # no room: this machine's fault, not the file's
            raise
        kind = PassingFault if is_transient(error) else PairFault
        raise kind(f"{url}: the download failed: {_reason(error)}") from error
    try:
        verify(part, digest, name=url)
    except PairFault:
        part.unlink()
        raise


def verify(path: Path, digest: str | None, name: str = "") -> Path:
    """Return ``path``; raise :class:`PairFault` if it is no file or its SHA-256 is not ``digest``."""
    if not path.is_file():
        raise PairFault(f"{path}: no such file")
    if digest:
        actual = sha256_of(path)
        if not actual.startswith(digest.lower()):
            raise PairFault(f"{name or path}: SHA-256 is {actual}, expected {digest}")
    return path


def digest_in_name(url: str) -> str | None:
    """Return the hex digits before the suffix of names like ``resnet50-0676ba61.pth``, if any.

    Digits alone (``model-20240131.pth``) are taken for a date, unless a date stands before them, as in
    OpenMMLab's names.
    """
    found = re.search(r"(\d{8})?-([0-9a-f]{8,64})\.[^/]*$", urlsplit(url).path)
    return found[2] if found and (found[1] or not found[2].isdigit()) else None


def _fetch(url: str, part: Path, resumable: bool) -> None:
    """Add to ``part`` what it lacks of ``url``.

    It continues only when the server says by a validator, or ``resumable`` says by a digest that is
    checked afterwards, that both parts are of one file.
    """
    tag = part.with_name(f"{part.name}.etag")
    known = tag.read_text() if tag.is_file() else ""
    offset = part.stat().st_size if part.is_file() and (known or resumable) else 0
    headers = {"User-Agent": "ckptrank", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if known:
            headers["If-Range"] = known
    try:
        response = open_url(Request(url, headers=headers))
    except HTTPError as error:
        if error.code == 416:  # the part is longer than the file: begin again
            part.unlink(missing_ok=True)
        raise
    with response:
        if response.status != 206:
            offset = 0
        tag.write_text(_validator(response.headers))
        length = response.headers.get("Content-Length")
        expected = None if length is None else offset + int(length)
        logger.info("downloading %s: %s of %s bytes are here", url, offset, expected or "?")
        with open(part, "r+b" if offset else "wb") as file:
            file.seek(offset)
            while chunk := response.read(CHUNK):
                file.write(chunk)
            size = file.tell()
            file.truncate()
    if expected is not None and size != expected:
        raise ConnectionError(f"{url}: the connection broke after {size} of {expected} bytes")
    tag.unlink()


def _validator(headers: http.client.HTTPMessage) -> str:
    """Return what ``If-Range`` takes: a strong ETag, else the date of the last change."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")


def is_transient(error: Exception) -> bool:
    """Return whether an error of the network may be gone at the next attempt."""
    if isinstance(error, HTTPError):
        return error.code in TRANSIENT_CODES
    return isinstance(error, URLError | ConnectionError | TimeoutError | http.client.HTTPException)


def _is_of_network(error: Exception) -> bool:
    """Whether an error is of a connection, not of a disk."""
    kinds = URLError | ConnectionError | TimeoutError | http.client.HTTPException
    return isinstance(error, kinds) or getattr(error, "errno", None) in NO_ROUTE


def _count_attempts(error: Exception) -> int:
    if isinstance(error.reason if isinstance(error, URLError) else error, NoAnswer):
        return 1
    return ATTEMPTS_OFFLINE if _has_no_network(error) else ATTEMPTS


def _has_no_network(error: Exception) -> bool:
    """Whether an error says that names cannot be looked up, or that no way leads to any server."""
    reason = error.reason if isinstance(error, URLError) else error
    return isinstance(reason, socket.gaierror) or getattr(reason, "errno", None) in NO_ROUTE


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"HTTP {error.code} {error.reason}"
    return str(error.reason if isinstance(error, URLError) else error) or type(error).__name__
