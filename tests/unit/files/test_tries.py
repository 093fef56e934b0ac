"""A fault that may pass is tried again by the next run, and once only."""

import pytest

from ckptrank.checkpoints.prepare import prepare_checkpoint
from ckptrank.errors import PairFault, PassingFault
from ckptrank.files.atomic import read_json
from ckptrank.files.tries import find_try, mark_try


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_each_passing_fault_asks_for_a_run_of_its_own():
    assert find_try("tasks", "a") is None
    mark_try("tasks", "a", PassingFault("no network"))
    first = find_try("tasks", "a")
    assert first == find_try("tasks", "a")
    mark_try("tasks", "a", PassingFault("no network"))
    assert find_try("tasks", "a") != first
    assert find_try("checkpoints", "a") is None


def test_a_fault_that_stays_is_not_tried_again():
    mark_try("tasks", "a", PairFault("no such file"))
    assert find_try("tasks", "a") is None


def test_a_checkpoint_that_cannot_be_fetched_now_is_a_row_and_is_tried_again(monkeypatch):
    def fail(definition, folder):
        raise PassingFault("no network")

    monkeypatch.setattr("ckptrank.checkpoints.file.prepare", fail)
    prepare_checkpoint("c", {"source": "file"}, "prepared")
    card = read_json("prepared/card.json")
    assert (card["status"], card["reason"]) == ("failed", "checkpoint: no network")
    assert find_try("checkpoints", "c")
