"""Which entry of a file the weights are taken from, and that it is said."""

import logging

import pytest
import torch

from ckptrank.checkpoints.state import read_state


def save(path, **entries):
    torch.save(entries, path)
    return path


@pytest.fixture
def averaged(tmp_path):
    """What a training program leaves that averages its weights."""
    model, average = ({"w": torch.full((1,), value)} for value in (1.0, 2.0))
    optimiser = {"state": {0: {"step": 3}}, "param_groups": []}
    return save(tmp_path / "last.pth", model_ema=average, model=model, optimizer=optimiser, epoch=3)


def test_of_two_entries_with_weights_it_is_said_which_was_taken(averaged, caplog):
    with caplog.at_level(logging.WARNING, "ckptrank"):
        assert read_state(averaged)["w"].item() == 1.0
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{averaged}: took the entry 'model', and the file has other weights: model_ema; "
        "say `state_key: model_ema` to take those"
    )


def test_what_is_stated_or_alone_is_taken_without_a_word(averaged, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "ckptrank"):
        assert read_state(averaged, "model_ema")["w"].item() == 2.0
        alone = save(tmp_path / "a.pth", state_dict={"w": torch.zeros(1)}, epoch=1)
        assert read_state(alone)["w"].item() == 0.0
        assert read_state(save(tmp_path / "b.pth", w=torch.ones(1)))["w"].item() == 1.0
    assert not caplog.records
