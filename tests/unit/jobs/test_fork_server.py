"""A script runs in a fork as it would run by itself, and ends with whoever asked for it."""

import os
import shlex
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from ckptrank.jobs import fork_server

FORKED = "import sys; print('ckptrank.jobs.forked_job' in sys.modules)"


@pytest.fixture(scope="module")
def prefix():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fork_server, "GRAPHICS", ())  # no job here uses one
        return fork_server.start()


def begin(prefix: str, script: Path, *arguments: str, threads: int = 1, **options: object):
    command = f"{prefix} {sys.executable} '{script}' {' '.join(arguments)}"
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "SAID": "yes"}
    return subprocess.Popen(
        ["bash", "-c", command], env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def write(folder: Path, text: str) -> Path:
    script = folder / "a script.py"
    script.write_text(text)
    return script


def wait_for(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def outcome(*given: object, **options: object) -> tuple[int, str, str]:
    process = begin(*given, **options)
    output, errors = process.communicate("a line")
    return process.returncode, output, errors


@pytest.mark.parametrize(
    "text",
    [
        "import os, sys; print(sys.argv, os.getcwd(), os.environ['SAID'], sys.stdin.read(), __name__)",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('a message')",
        "import atexit; atexit.register(print, 'at the end'); print('first')",
        "import os; os._exit(5)",
        "import threading; threading.Timer(0.1, print, ['a thread']).start()",
    ],
)
def test_outcome_is_that_of_a_process_of_its_own(prefix, tmp_path, text):
    script = write(tmp_path, text)
    own = outcome("", script, "one", "two", cwd=tmp_path)
    assert outcome(prefix, script, "one", "two", cwd=tmp_path) == own
    assert own[1] or own[0]


def test_exception_is_reported_and_fails_the_job(prefix, tmp_path):
    status, _, errors = outcome(prefix, write(tmp_path, "raise KeyError('the reason')"))
    assert status == 1
    assert "a script.py" in errors
    assert errors.endswith("KeyError: 'the reason'\n")


def test_a_job_that_is_killed_fails_as_in_a_shell(prefix, tmp_path):
    script = write(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert outcome(prefix, script)[0] == 128 + signal.SIGKILL


def test_scripts_of_one_thread_are_forked_and_nothing_else_is(prefix, tmp_path):
    script = write(tmp_path, FORKED)
    assert outcome(prefix, script)[:2] == (0, "True\n")
    assert outcome(prefix, script, threads=2)[:2] == (0, "False\n")
    assert outcome(prefix + "env", script)[:2] == (0, "False\n")


def test_what_a_job_imports_the_next_one_has(prefix, tmp_path):
    first = write(
        tmp_path,
        "import colorsys\nfrom ckptrank.jobs.forked_job import report_imports\nreport_imports()",
    )
    assert outcome(prefix, first) == (0, "", "")
    second = write(tmp_path, "import sys; print('colorsys' in sys.modules)")
    wait_for(lambda: outcome(prefix, second)[1] == "True\n")


def test_an_interrupt_reaches_the_job(prefix, tmp_path):
    script = write(
        tmp_path,
        "import time\ntry:\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('interrupted')",
    )
    # Where the tests run in the background, their processes ignore interrupts.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = begin(prefix, script, start_new_session=True, preexec_fn=heed)
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate()[0] == "interrupted\n"


def test_the_job_dies_with_its_client(prefix, tmp_path):
    script = write(tmp_path, "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)")
    process = begin(prefix, script, start_new_session=True)
    job = int(process.stdout.readline())
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    wait_for(lambda: not Path(f"/proc/{job}").exists())


def test_without_a_server_the_script_runs_by_itself(prefix, tmp_path):
    gone = prefix.replace("/socket", "/gone")
    assert gone != prefix
    assert outcome(gone, write(tmp_path, FORKED))[:2] == (0, "False\n")


def test_no_server_where_there_is_a_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr(fork_server, "GRAPHICS", (str(tmp_path),))
    assert fork_server.start() == ""


def test_no_server_where_temporary_files_lie_too_deep_for_a_socket(monkeypatch, tmp_path):
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(fork_server, "GRAPHICS", ())
    monkeypatch.setattr(fork_server.tempfile, "tempdir", str(deep))
    assert fork_server.start() == ""
    assert not list(deep.iterdir())


def test_the_server_ends_with_the_process_that_started_it(tmp_path):
    starter = "from ckptrank.jobs.fork_server import start; import os; print(start(), flush=True); os._exit(0)"
    prefix = subprocess.run(
        [sys.executable, "-c", starter], capture_output=True, text=True, check=True
    ).stdout.strip()
    wait_for(lambda: outcome(prefix, write(tmp_path, FORKED))[1] == "False\n")
    address = Path(shlex.split(prefix)[-2])
    assert address.name == "socket"
    wait_for(lambda: not address.parent.exists())
