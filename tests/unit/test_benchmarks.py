"""What the scripts under benchmarks/ share: a table that grows, and what is left out because it would take too long."""

import csv
import subprocess

import pytest
from tests.support.workspaces import ROOT


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


def test_a_table_gets_the_columns_of_its_newest_row(tmp_path):
    from machine import append_row

    path = tmp_path / "results" / "speed.csv"
    append_row(path, {"device": "a", "seconds": 1})
    append_row(path, {"device": "b", "seconds": 2, "machine": "one, quiet"})
    append_row(path, {"device": "c"})
    assert path.read_text() == 'device,seconds,machine\na,1,\nb,2,"one, quiet"\nc,,\n'


def test_the_tables_of_speed_say_where_and_of_what_their_rows_are():
    for name in ("extraction", "finetune"):
        with (ROOT / f"benchmarks/results/{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0])[-2:] == ["machine", "commit"]
        assert all(None not in row and None not in row.values() for row in rows), name


def test_a_row_names_its_commit_and_whether_the_code_is_another(monkeypatch):
    import machine

    said = {"rev-parse": "abc1234", "status": ""}
    monkeypatch.setattr(machine, "_ask_git", lambda name, *_: said[name])
    assert machine.describe_commit() == "abc1234"
    said["status"] = " M scripts/ckptrank/seeds.py"
    assert machine.describe_commit() == "abc1234+"

    def fail(*_):
        raise subprocess.CalledProcessError(128, "git")

    monkeypatch.setattr(machine, "_ask_git", fail)
    assert machine.describe_commit() == ""


def test_what_a_shape_may_take_is_told_from_the_largest_that_was_measured():
    from measures import expect

    # Of a thousand samples most of the time does not grow: a hundred times as much would be 5,000 s.
    rows = [
        {"samples": "1000", "seconds": "0.5", "note": ""},
        {"samples": "10000", "seconds": "5", "note": ""},
        {"samples": "20000", "seconds": "", "note": "left out: expected to take more than 600 s"},
    ]
    assert expect("seconds", 100_000, 2, rows) == 500
    stopped = {"samples": "50000", "seconds": "", "note": "stopped after 600 s"}
    assert expect("seconds", 100_000, 2, [stopped, *rows]) == 2400
    assert expect("seconds", 100_000, 2, []) == 0
