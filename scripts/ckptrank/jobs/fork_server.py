"""A process that has imported what jobs import, and forks one for each script.

PyTorch takes longer to import than most scores take to compute. On a workstation, Snakemake's shell commands
get a prefix (:func:`start`) that runs :mod:`ckptrank.jobs.fork_client` in their place: it hands the script to
the server, which forks, and waits for its end. The job is still a process of its own, with its own log, memory
and exit status, and is killed with its client. What a job has imported the server imports after it
(`forked_job.py`), so the first job of each kind is as slow as ever and nothing is imported that no job
wants.

Linux only: elsewhere libraries do not outlive a fork. Jobs of another Python (a conda environment), of several
threads or of another machine never come here.
"""

import atexit
import gc
import importlib
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from ckptrank.jobs.forked_job import receive, run

CLIENT = Path(__file__).with_name("fork_client.py")
SERVE = "from ckptrank.jobs.fork_server import serve; serve()"
GRAPHICS = ("/dev/nvidia0", "/dev/kfd", "/dev/dxg")
# What a job runs on; a server is for jobs of one thread, since libraries read it when they are loaded.
THREADS = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GOTO_NUM_THREADS"), "1"
)


def start() -> str:
    """Start a server that ends with this process; return the prefix of shell commands that use it.

    Empty where this is not Linux, the kernel has no ``pidfd_open`` (before 5.3), there is a GPU, whose driver
    does not outlive a fork, or the folder for temporary files has too long a name for a socket.
    """
    if any(map(os.path.exists, GRAPHICS)):
        return ""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return ""
    folder = tempfile.mkdtemp(prefix="ckptrank-forks-")
    address = f"{folder}/socket"
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(address)
    except OSError:
        shutil.rmtree(folder)
        return ""
    listener.listen(128)
    # No interrupt reaches it: it ends when its standard input does, which this process holds.
    server = subprocess.Popen(
        [sys.executable, "-P", "-c", SERVE, str(listener.fileno())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=[listener.fileno()],
        start_new_session=True,
        env=os.environ | THREADS,
    )
    listener.close()

    def end() -> None:
        server.stdin.close()
        server.wait()

    atexit.register(end)
    client = [sys.executable, "-I", "-S", str(CLIENT), address, sys.executable]
    return f"set -euo pipefail; {shlex.join(client)} "


def serve() -> None:
    """Fork a job for each connection to the socket that the command line names, until standard input ends."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    reports, report = os.pipe()
    rest = b""
    while True:
        ready, _, _ = select.select([reports, listener, 0], [], [])
        if reports in ready:
            rest = _import_lines(rest + os.read(reports, 1 << 20))
        elif listener in ready:
            connection, _ = listener.accept()
            if not os.fork():
                os.close(reports)
                listener.close()
                _keep(connection, report)
            connection.close()
        else:
            # Whoever made the folder may have been killed.
            shutil.rmtree(Path(listener.getsockname()).parent, ignore_errors=True)
            return


def _import_lines(lines: bytes) -> bytes:
    *names, rest = lines.split(b"\n")
    for name in names:
        if name.decode() not in sys.modules:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    importlib.import_module(name.decode())
                except Exception:
                    continue
    gc.freeze()  # what all jobs share is not copied for the collector's marks
    return rest


def _keep(connection: socket.socket, report: int) -> None:
    """Fork the job, pass the client's signals on, send its exit status; with the client the job ends."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        request = receive(connection)
        job = os.fork()
        if not job:
            connection.close()
            run(request, report)
        request.close()
        ended = os.pidfd_open(job)
        while ended not in select.select([ended, connection], [], [])[0]:
            try:
                asked = connection.recv(1)
            except ConnectionResetError:
                asked = b""
            signal.pidfd_send_signal(ended, asked[0] if asked else signal.SIGKILL)
            if not asked:
                break
        code = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
        connection.send(bytes([code if code >= 0 else 128 - code]))
    except OSError:  # the client is gone
        pass
    finally:
        os._exit(0)
