"""Which entry of a file the weights are taken from, that it is said, and files that are joined."""

import logging

import pytest
import torch
from safetensors.torch import save_file

from ckptrank.checkpoints.state import read_state
from ckptrank.errors import PairFault


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
        state, entry = read_state(averaged)
    assert (state["w"].item(), entry) == (1.0, "model")
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{averaged}: took the entry 'model', and the file has other weights: model_ema; "
        "say `state_key: model_ema` to take those"
    )


def test_what_is_stated_or_alone_is_taken_without_a_word(averaged, tmp_path, caplog):
    alone = save(tmp_path / "a.pth", state_dict={"w": torch.zeros(1)}, epoch=1)
    nested = save(tmp_path / "b.pth", teacher={"model": {"w": torch.full((1,), 3.0)}})
    plain = save(tmp_path / "c.pth", w=torch.ones(1))
    with caplog.at_level(logging.WARNING, "ckptrank"):
        for path, stated, value, taken in (
            (averaged, "model_ema", 2.0, "model_ema"),
            (nested, "teacher.model", 3.0, "teacher.model"),
            (alone, None, 0.0, "state_dict"),
            (plain, None, 1.0, ""),
        ):
            state, entry = read_state(path, state_key=stated)
            assert (state["w"].item(), entry) == (value, taken)
    assert not caplog.records


def test_files_are_joined_and_may_share_no_key(averaged, tmp_path):
    head = save(tmp_path / "head.pth", head=torch.ones(2))
    state, entry = read_state(averaged, head)
    assert ({key: len(tensor) for key, tensor in state.items()}, entry) == (
        {"w": 1, "head": 2},
        "model",
    )
    again = save(tmp_path / "again.pth", w=torch.ones(1), b=torch.ones(1))
    with pytest.raises(PairFault) as fault:
        read_state(averaged, head, again)
    assert str(fault.value).startswith(f"{averaged} and {again}: both have the key 'w'; ")
    (tmp_path / "two").mkdir()
    for name in ("a", "b"):
        save_file({"w": torch.ones(1)}, tmp_path / "two" / f"{name}.safetensors")
    with pytest.raises(PairFault, match=r"a\.safetensors and .*b\.safetensors: both have the key"):
        read_state(tmp_path / "two")
