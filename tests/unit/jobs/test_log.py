import errno
import io
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from ckptrank.jobs import log as module
from ckptrank.jobs.costs import find_logs, read_job_costs
from ckptrank.jobs.log import progress, run_job, tell_full_disk


@pytest.fixture
def job(tmp_path):
    log = [str(tmp_path / "logs" / "rule" / "a.log")]
    return SimpleNamespace(log=log, rule="rule", resources=SimpleNamespace(attempt=1))


def test_everything_said_lands_in_the_log(job, capsys):
    output = sys.stdout
    with run_job(job) as log:
        print("printed")
        log.info("logged")
        warnings.warn("warned", UserWarning, stacklevel=1)
        for _ in progress(range(2), description="training", unit="step"):
            pass
    text = Path(job.log[0]).read_text(encoding="utf-8")
    assert all(word in text for word in ("printed", "logged", "warned", "training: 100%"))
    assert capsys.readouterr() == ("", "")
    assert sys.stdout is output


def test_an_uncaught_error_is_in_the_log_and_on_the_terminal_and_fails_the_job(job, capsys):
    with pytest.raises(SystemExit) as stop, run_job(job):
        raise KeyError("the culprit")
    assert stop.value.code == 1
    assert "the culprit" in Path(job.log[0]).read_text(encoding="utf-8")
    assert "the culprit" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "weights.pt"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"),
        RuntimeError("PytorchStreamWriter failed writing file data/0: internal miniz error"),
    ],
)
def test_a_full_disk_is_said_first(job, capsys, error):
    with pytest.raises(SystemExit), run_job(job):
        try:
            raise error
        except Exception as cause:
            raise ValueError("cannot save") from cause
    for text in (capsys.readouterr().err, Path(job.log[0]).read_text(encoding="utf-8")):
        assert text.startswith("The disk is full")
        assert "or a quota is reached: make room and run this again.\n" in text
        assert "cannot save" in text


def test_other_errors_are_not_blamed_on_the_disk():
    assert tell_full_disk(RuntimeError("shapes differ")) == ""
    assert tell_full_disk(FileNotFoundError(errno.ENOENT, "No such file")) == ""


def test_a_log_on_a_full_disk_leaves_the_reason_on_the_terminal(job, capsys, monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "open", lambda *_args, **_options: Full(), raising=False)
    with pytest.raises(SystemExit), run_job(job):
        raise KeyError("the culprit")
    told = capsys.readouterr().err
    assert "the culprit" in told
    assert "The disk is full" in told


def test_the_costs_of_finished_jobs_can_be_read_back(job, tmp_path):
    with run_job(job):
        sum(range(100_000))
    (tmp_path / "logs" / "other.log").write_text("killed before its last line\n")
    (cost,) = read_job_costs(tmp_path / "logs")
    assert cost["rule"] == "rule"
    assert cost["startup_cpu_seconds"] > 0
    assert cost["seconds"] >= 0
    assert cost["peak_mb"] > 5


def test_a_log_that_is_taken_away_meanwhile_is_left_out(tmp_path):
    (tmp_path / "a.log").symlink_to(tmp_path / "gone")
    assert read_job_costs(tmp_path) == []


def test_the_logs_of_all_jobs_lie_beside_those_of_the_pages():
    assert find_logs("logs/report/benchmark/charts.log") == Path("logs")
    assert find_logs("report/logs/report/rank/page/pets.log") == Path("report/logs")
