import multiprocessing
import os
import time
from types import SimpleNamespace

import pytest
import torch

from ckptrank.jobs import device as module
from ckptrank.jobs.device import acquire_device, describe


@pytest.mark.parametrize("requested", ["auto", "cpu"])
def test_without_a_gpu_jobs_run_on_the_processor(requested, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with acquire_device(requested, threads=1) as device:
        assert device.type == "cpu"
        assert torch.get_num_threads() == 1
        assert describe(device)


def test_asking_for_a_gpu_that_is_not_there_says_what_to_do(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match=r"compute\.device is cuda .* set it to auto or cpu"):  # noqa: SIM117
        with acquire_device("cuda", threads=1):
            pass


@pytest.fixture
def two_gpus(monkeypatch, tmp_path):
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=f"gpu-{index}")
    )
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(tmp_path))


def test_each_job_gets_a_gpu_of_its_own(two_gpus):
    first, lock = module._lock_a_gpu(2)
    second, other = module._lock_a_gpu(2)
    assert {first, second} == {0, 1}
    lock.close()
    assert module._lock_a_gpu(2)[0] == first
    other.close()


def _hold(ready):
    held = module._lock_a_gpu(1)
    ready.set()
    time.sleep(60)
    held[1].close()


def _compute(begun, end):
    with acquire_device("cuda", threads=1) as device:
        assert device == torch.device("cuda", 0)
        begun.set()
        assert end.wait(60)


def test_a_second_job_waits_until_the_first_has_left_the_only_gpu(two_gpus, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "a GPU")
    monkeypatch.setattr(torch.cuda, "set_device", lambda index: None)
    monkeypatch.setattr(module, "_make_repeatable", lambda: None)
    context = multiprocessing.get_context("fork")
    begun, end = ([context.Event() for _ in range(2)] for _ in range(2))
    jobs = [context.Process(target=_compute, args=pair) for pair in zip(begun, end, strict=True)]
    try:
        jobs[0].start()
        assert begun[0].wait(20)
        jobs[1].start()
        assert not begun[1].wait(1.5), "it has asked twice by now"
        end[0].set()
        assert begun[1].wait(20)
        end[1].set()
        for job in jobs:
            job.join(20)
        assert [job.exitcode for job in jobs] == [0, 0]
    finally:
        for job in jobs:
            if job.is_alive():
                job.kill()


def test_a_killed_job_releases_its_gpu(two_gpus):
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=_hold, args=(ready,))
    process.start()
    assert ready.wait(20)
    os.kill(process.pid, 9)
    process.join()
    index, lock = module._lock_a_gpu(1)
    assert index == 0
    lock.close()
