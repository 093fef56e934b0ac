"""A job that the fork server forked: how it becomes one, and what it tells the server at its end."""

import atexit
import os
import runpy
import select
import signal
import socket
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

# In a job that was forked: where it tells the server what it has imported, and what it had from the start.
_reports: int | None = None
_inherited: set[str] = set()


@dataclass
class Request:
    """What a client asks for: a script with its arguments, and the folder, umask, environment and streams
    (three file descriptors) that it would have had."""

    folder: str
    umask: int
    arguments: list[str]
    environment: dict[str, str]
    streams: list[int]

    def close(self) -> None:
        for stream in self.streams:
            os.close(stream)


def receive(connection: socket.socket) -> Request:
    """Return what `fork_client.py` sends. Raises ``OSError`` when it goes away before all of it has come."""
    size, streams, _, _ = socket.recv_fds(connection, 8, 3)
    size, text = int.from_bytes(size, "big"), b""
    while len(text) < size:
        part = connection.recv(size - len(text))
        if not part:
            raise ConnectionResetError("the client has gone")
        text += part
    folder, umask, count, *words = text.decode("utf-8", "surrogateescape").split("\0")
    arguments, environment = words[: int(count)], words[int(count) :]
    pairs = dict(zip(environment[::2], environment[1::2], strict=True))
    return Request(folder, int(umask), arguments, pairs, list(streams))


def run(request: Request, reports: int) -> NoReturn:
    """Run the script in this process and leave it as Python would; ``reports`` is the pipe to the server."""
    global _reports, _inherited
    status = 1
    try:
        _become(request)
        _reports, _inherited = reports, set(sys.modules)
        runpy.run_path(sys.argv[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = _status_of(end.code)
    except BaseException:
        traceback.print_exc()
    finally:
        for step in (
            threading._shutdown,
            atexit._run_exitfuncs,
            sys.stdout.flush,
            sys.stderr.flush,
        ):
            try:
                step()
            except Exception:
                traceback.print_exc()
        os._exit(status)


def _become(request: Request) -> None:
    # As in a Python of its own, whatever the server was started with; the client forwards what it does not ignore.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(name, signal.SIG_DFL)
    for stream, descriptor in enumerate(request.streams):
        os.dup2(descriptor, stream)
    request.close()
    os.chdir(request.folder)
    os.umask(request.umask)
    os.environ.clear()
    os.environ.update(request.environment)
    tempfile.tempdir = None  # the environment has another
    sys.argv = request.arguments
    sys.path.insert(0, str(Path(sys.argv[0]).parent))


def _status_of(code: object) -> int:
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    print(code, file=sys.stderr)
    return 1


def report_imports() -> None:
    """Tell the server which modules this job has imported; nothing where no server forked it."""
    if _reports is None:
        return
    lines = [b""]
    for name in _list_importable():
        line = name.encode() + b"\n"
        # Longer writes would mix with those of other jobs.
        if len(lines[-1]) + len(line) > select.PIPE_BUF:
            lines.append(b"")
        lines[-1] += line
    with suppress(OSError):  # the server has gone; the work is done
        for part in filter(None, lines):
            os.write(_reports, part)


def _list_importable() -> list[str]:
    """Modules that an import of their name finds again: those of Python, its packages and this library."""
    roots = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[2]))
    new = ((name, module) for name, module in sys.modules.items() if name not in _inherited)
    specs = ((name, getattr(module, "__spec__", None)) for name, module in new)
    return [
        name
        for name, spec in specs
        if spec is not None and spec.name == name and (spec.origin or "").startswith(roots)
    ]
