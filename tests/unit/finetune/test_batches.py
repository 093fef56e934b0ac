import numpy as np
import pytest
import torch
from tests.support.networks import make_images

from ckptrank.finetune import batches as module
from ckptrank.finetune.batches import Resident, SampleOrder, Streamed, place
from ckptrank.seeds import seed_from

CPU = torch.device("cpu")
DATA = make_images(24)


def slow_rows(step, samples, batch_size, seed):
    """One sample at a time, each epoch shuffled anew for it."""
    rows = []
    for position in range(step * batch_size, (step + 1) * batch_size):
        epoch, place_in_epoch = divmod(position, samples)
        order = np.random.default_rng(seed_from(seed, "epoch", epoch)).permutation(samples)
        rows.append(order[place_in_epoch])
    return rows


@pytest.mark.parametrize(("samples", "batch_size"), [(10, 4), (3, 8), (6, 6), (7, 21), (5, 1)])
def test_rows_in_order_and_out_of_it(samples, batch_size):
    order = SampleOrder(samples, batch_size, 7)
    for step in (0, 1, 2, 5, 4, 0, 11):
        assert list(order.rows(step)) == slow_rows(step, samples, batch_size, 7)


def test_an_epoch_is_shuffled_once(monkeypatch):
    shuffled = []
    real = np.random.default_rng
    monkeypatch.setattr(
        module.np.random, "default_rng", lambda seed: shuffled.append(seed) or real(seed)
    )
    order = SampleOrder(10, 4, 7)
    for step in range(10):
        order.rows(step)
    assert len(shuffled) == 4


@pytest.mark.parametrize(
    "make", [lambda d: Streamed(d, CPU), lambda d: Resident.load(d, CPU, part=5)]
)
def test_batches_hold_the_images_and_labels_of_their_rows(make):
    some = DATA.limited_to(np.array([3, 1, 8, 20, 11, 5, 6]))
    rows = [np.array([0, 6]), np.array([2, 2, 5]), np.array([1])]
    found = list(make(some).batches(rows))
    assert len(found) == 3
    for chosen, (images, labels) in zip(rows, found, strict=True):
        assert torch.equal(images, some.read(chosen))
        assert labels.tolist() == some.labels[chosen].tolist()


def test_images_stay_on_a_gpu_with_room_for_them_and_stream_to_a_small_one(monkeypatch):
    device = torch.device("cuda", 0)
    monkeypatch.setattr(Resident, "load", classmethod(lambda cls, data, device: "resident"))
    for gigabytes, expected in ((1.0, ["resident", "resident"]), (1e-6, None)):
        monkeypatch.setattr(
            torch.cuda, "mem_get_info", lambda device, g=gigabytes: (int(g * 1e9), 0)
        )
        placed = place([DATA, DATA], device)
        if expected:
            assert placed == expected
        else:
            assert [type(split) for split in placed] == [Streamed, Streamed]


@pytest.mark.parametrize("asked", [False, True])
def test_images_stream_where_the_gpus_memory_is_gone(monkeypatch, caplog, asked):
    """The question how much is free may itself be too much for a full GPU."""

    def full(*_arguments):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")

    device, emptied = torch.device("cuda", 0), []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda d: full() if asked else (10**9, 10**9))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(1))
    monkeypatch.setattr(Resident, "load", full)
    placed = place([DATA, DATA], device)
    assert placed == [Streamed(DATA, device)] * 2
    assert emptied, "what was placed before is given back"
    assert "the GPU's memory does not suffice" in caplog.text


def test_a_processor_reads_from_the_file():
    assert [type(split) for split in place([DATA, DATA], CPU)] == [Streamed, Streamed]
