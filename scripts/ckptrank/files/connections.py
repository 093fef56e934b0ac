"""Requests that give up soon where a host is silent, and a note of it, so that jobs do not wait for it one by one.

A firewall that drops what it is sent neither refuses a connection nor makes one: left alone, each attempt at each file
would wait for minutes.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, getproxies, proxy_bypass, urlopen

from ckptrank.files.caches import cache_folder

CONNECT, ANSWER = 4.0, 30.0
"""Seconds to connect to an address of a host, and for anything it is asked then."""
REMEMBERED = 60.0
"""Seconds for which a silent host is asked nothing more, by any job."""


class NoAnswer(TimeoutError):
    """A host is silent; there is no use in asking it again at once."""


def open_url(request: Request, timeout: float | None = None) -> HTTPResponse:
    """Return the open answer to a request, as :func:`urllib.request.urlopen`; of a silent host an error, soon.

    ``timeout``: seconds, :data:`ANSWER` unless given. Raises :class:`NoAnswer` also where the host was silent within the last minute.
    """
    parts = urlsplit(request.full_url)
    note = cache_folder() / "silent" / parts.netloc.rpartition("@")[2]
    _refuse_silent(note)
    try:
        _knock(parts.scheme, parts.hostname, parts.port)
        return urlopen(request, timeout=timeout or ANSWER)
    except (TimeoutError, URLError) as error:
        if not isinstance(getattr(error, "reason", error), TimeoutError):
            raise
        with suppress(OSError):  # a cache that cannot be written to: the next job waits too
            note.parent.mkdir(parents=True, exist_ok=True)
            note.touch()
        raise NoAnswer(f"{note.name} is silent: it neither answers nor refuses") from error


@contextmanager
def limited_waits() -> Iterator[None]:
    """Limit how long the sockets wait for an answer that a library of others opens without a limit of its own.

    Raises :class:`NoAnswer` in place of its :class:`TimeoutError`. A library that asks for no limit in so many words, as
    ``requests`` does, waits on.
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(ANSWER)
    try:
        yield
    except (TimeoutError, URLError) as error:
        if not isinstance(getattr(error, "reason", error), TimeoutError):
            raise
        raise NoAnswer(f"no answer for {ANSWER:g} s") from error
    finally:
        socket.setdefaulttimeout(before)


def is_online(address: str = "https://huggingface.co") -> bool:
    """Whether a server answers, whatever it says, within a few seconds; False where the user said offline."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    try:
        open_url(
            Request(os.environ.get("HF_ENDPOINT") or address, method="HEAD"), timeout=CONNECT
        ).close()
    except HTTPError:
        return True
    except OSError:
        return False
    return True


def _refuse_silent(note: Path) -> None:
    """Raise :class:`NoAnswer` where a host was found silent a moment ago."""
    try:
        age = abs(time.time() - note.stat().st_mtime)
    except OSError:
        return
    if age < REMEMBERED:
        raise NoAnswer(f"{note.name} was silent {age:.0f} s ago, and is left alone for a minute")


def _knock(scheme: str, host: str | None, port: int | None) -> None:
    """Connect to a host and leave, for `urlopen` has one limit for a connection and for an answer."""
    if not host or scheme not in ("http", "https"):
        return
    if scheme in getproxies() and not proxy_bypass(host):
        return  # the proxy is not silent, whatever the host is
    try:
        socket.create_connection(
            (host, port or {"http": 80, "https": 443}[scheme]), CONNECT
        ).close()
    except TimeoutError:
        raise
    except OSError:
        pass  # the request says it better
