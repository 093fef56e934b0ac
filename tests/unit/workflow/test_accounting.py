from types import SimpleNamespace

import pytest

from ckptrank.workflow.accounting import use_what_answers
from ckptrank.workflow.config import ConfigError


def settings(status_command="sacct"):
    return SimpleNamespace(status_command=status_command, init_seconds_before_status_checks=40)


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Put a `sacct` that exits with a status and a `scontrol` first on the path."""

    def put(status, job_age=300):
        words = f"echo 'MinJobAge               = {job_age} sec'"
        for name, body in (("sacct", f"exit {status}"), ("scontrol", words)):
            path = tmp_path / name
            path.write_text(f"#!/bin/sh\n{body}\n")
            path.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    return put


def test_squeue_is_asked_where_there_is_no_accounting(slurm):
    slurm(1)
    given = settings()
    assert "slurm-status-command: squeue" in use_what_answers(given)
    assert given.status_command == "squeue"


def test_without_the_command_there_is_no_accounting(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert use_what_answers(settings())


def test_nothing_changes_where_it_answers_or_is_not_asked(slurm):
    slurm(0)
    given = settings()
    assert use_what_answers(given) == ""
    assert given.status_command == "sacct"
    slurm(1)
    for other in (settings("squeue"), SimpleNamespace(), None):
        before = vars(other).copy() if other else None
        assert use_what_answers(other) == ""
        assert (vars(other) if other else None) == before


@pytest.mark.parametrize("status_command", ["sacct", "squeue"])
def test_a_slurm_that_forgets_too_soon_is_refused_without_accounting(slurm, status_command):
    slurm(1, job_age=60)
    with pytest.raises(ConfigError, match=r"forgets a job 60 s after .* MinJobAge set to 180"):
        use_what_answers(settings(status_command))
    slurm(0, job_age=60)
    assert use_what_answers(settings(status_command)) == ""
