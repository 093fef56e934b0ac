"""Hand a Python script to the fork server and wait for its end: `fork_client.py SOCKET PYTHON COMMAND...`.

Run by itself, without the library and without site-packages, so that it starts in a hundredth of a second. Any
other command than a script of one thread for the server's own Python runs here, and so does every one when the
server does not answer.
"""

import os
import signal
import socket
import sys

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def run(address, python, command):
    """Return the exit status of ``command``, run by the server at ``address``, or become that command."""
    if command[0] != python or os.environ.get("OMP_NUM_THREADS") != "1":
        os.execvp(command[0], command)
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(address)
        for name in FORWARDED:
            if signal.getsignal(name) != signal.SIG_IGN:
                signal.signal(name, lambda number, frame: server.send(bytes([number])))
        _send(server, command[1:])
    except OSError:
        os.execvp(command[0], command)
    try:
        return server.recv(1)[0]
    except (IndexError, OSError):
        sys.exit("the process that kept this job has ended")


def _send(server, arguments):
    umask = os.umask(0)
    os.umask(umask)
    words = [os.getcwd(), str(umask), str(len(arguments)), *arguments]
    for name, value in os.environ.items():
        words += [name, value]
    text = "\0".join(words).encode("utf-8", "surrogateescape")
    socket.send_fds(server, [len(text).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(text)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2], sys.argv[3:]))
