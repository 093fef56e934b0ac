from types import SimpleNamespace

import pytest

from ckptrank.workflow.accounting import use_what_answers


@pytest.fixture
def sacct(tmp_path, monkeypatch):
    """Put a `sacct` first on the path that exits with a status."""

    def put(status):
        path = tmp_path / "sacct"
        path.write_text(f"#!/bin/sh\nexit {status}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    return put


def test_squeue_is_asked_where_there_is_no_accounting(sacct):
    sacct(1)
    settings = SimpleNamespace(status_command="sacct")
    assert "slurm-status-command: squeue" in use_what_answers(settings)
    assert settings.status_command == "squeue"


def test_without_the_command_there_is_no_accounting(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = SimpleNamespace(status_command="sacct")
    assert use_what_answers(settings)


def test_nothing_changes_where_it_answers_or_is_not_asked(sacct):
    sacct(0)
    settings = SimpleNamespace(status_command="sacct")
    assert use_what_answers(settings) == ""
    assert settings.status_command == "sacct"
    sacct(1)
    for other in (SimpleNamespace(status_command="squeue"), SimpleNamespace(), None):
        before = vars(other).copy() if other else None
        assert use_what_answers(other) == ""
        assert (vars(other) if other else None) == before
