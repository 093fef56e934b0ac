import numpy as np
import pytest
import torch
from tests.support.networks import make_images

from ckptrank.finetune import batches as module
from ckptrank.finetune.batches import Resident, SampleOrder, Streamed, place
from ckptrank.networks.preprocessing import Preprocessing
from ckptrank.networks.resizing import Resizer
from ckptrank.seeds import seed_from
from ckptrank.tasks.images import LabelledImages

CPU = torch.device("cpu")
DATA = make_images(24)
ENLARGED = Preprocessing(20, (0.5,) * 3, (0.5,) * 3, "bicubic", 0.9)
STORED = LabelledImages(
    ENLARGED.fit(DATA.images), DATA.labels, stored=DATA.images, preprocessing=ENLARGED
)


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
    "make",
    [
        lambda d: Streamed(d, CPU),
        lambda d: Resident.load(d, CPU, part=5),
        lambda d: Resident.load(d.as_stored(), CPU, Resizer(ENLARGED, 8, 8, CPU), part=5),
    ],
)
def test_batches_hold_the_images_and_labels_of_their_rows(make):
    some = STORED.limited_to(np.array([3, 1, 8, 20, 11, 5, 6]))
    rows = [np.array([0, 6]), np.array([2, 2, 5]), np.array([1])]
    found = list(make(some).batches(rows))
    assert len(found) == 3
    for chosen, (images, labels) in zip(rows, found, strict=True):
        assert torch.equal(images, some.read(chosen))
        assert labels.tolist() == some.labels[chosen].tolist()


def test_images_stay_on_a_gpu_with_room_for_them_and_stream_to_a_small_one(monkeypatch):
    device = torch.device("cuda", 0)
    monkeypatch.setattr(Resident, "load", classmethod(lambda cls, data, device, resize: "resident"))
    for gigabytes, expected in ((1.0, ["resident", "resident"]), (1e-6, None)):
        monkeypatch.setattr(
            torch.cuda, "mem_get_info", lambda device, g=gigabytes: (int(g * 1e9), 0)
        )
        placed = place([DATA, DATA], device)
        if expected:
            assert placed == expected
        else:
            assert [type(split) for split in placed] == [Streamed, Streamed]


def place_on(megabytes, splits, monkeypatch):
    """Place splits on a processor that passes for a GPU of so much memory."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(megabytes * 1e6), 0))
    return module._load_all(splits, CPU)


def test_images_too_large_for_a_gpu_lie_there_as_the_task_has_them(monkeypatch, caplog):
    """The batches are those of a split that is streamed, to the bit."""
    caplog.set_level("INFO")
    some = STORED.limited_to(np.array([3, 1, 8, 20, 11, 5, 6]))
    rows = [np.array([0, 6]), np.array([2, 2, 5]), np.array([1])]
    fitted, stored = (STORED.images[0].nbytes, DATA.images[0].nbytes)
    room = (len(STORED) + len(some)) * (fitted + stored) / 2 / module.RESIDENT_SHARE / 1e6
    placed = place_on(room, [STORED, some], monkeypatch)
    assert [split.images.shape[1:] for split in placed] == [(8, 8, 3)] * 2
    assert "at the task's own size" in caplog.text
    expected = Streamed(some, CPU).batches(rows)
    for (images, labels), (those, their) in zip(placed[1].batches(rows), expected, strict=True):
        assert images.shape[1:] == (20, 20, 3)
        assert torch.equal(images, those)
        assert torch.equal(labels, their)

    roomy = place_on(10 * room, [STORED, some], monkeypatch)
    assert [split.resize for split in roomy] == [None, None]
    assert torch.equal(roomy[1].images, torch.from_numpy(STORED.images[some.rows]))
    assert place_on(room / 10, [STORED, some], monkeypatch) is None


def test_images_that_a_device_cannot_resize_are_streamed(monkeypatch, caplog):
    caplog.set_level("INFO")
    other = Preprocessing(20, (0.5,) * 3, (0.5,) * 3, "lanczos")
    split = LabelledImages(
        other.fit(DATA.images), DATA.labels, stored=DATA.images, preprocessing=other
    )
    room = len(split) * split.images[0].nbytes / 2 / module.RESIDENT_SHARE / 1e6
    assert place_on(room, [split], monkeypatch) is None
    assert "lanczos" in caplog.text
    files = LabelledImages(split.images, split.labels)
    assert place_on(room, [files], monkeypatch) is None


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
