"""What jobs ask a cluster for."""

import pytest

from ckptrank.workflow.resources import JobResources, disk, memory, runtime


@pytest.fixture
def files(tmp_path):
    (tmp_path / "features.h5").write_bytes(bytes(2_000_000))
    return [str(tmp_path / "features.h5")]


def test_memory_grows_with_inputs_and_attempts(files):
    asked = memory(1000, 3)
    assert asked(None, input=files, attempt=1) == 1006
    assert asked(None, input=files, attempt=3) == 2012


def test_disk_grows_with_inputs(files):
    assert disk(100, 4)(None, input=files) == 108
    assert disk(100)(None, input=files) == 100


def test_time_grows_with_attempts():
    assert [runtime(60)(None, attempt=attempt) for attempt in (1, 2, 3)] == [60, 90, 120]


def make(device="auto", model=None):
    compute = {"device": device, "gpu_model": model, "worker_memory_mb": 1500}
    return JobResources(compute, {"batch_size": 32})


@pytest.mark.parametrize(
    ("device", "model", "gpus"),
    [
        ("cpu", None, 0),
        ("cuda", None, 1),
        ("auto", None, 0),
        ("auto", "a100", 1),
        ("cpu", "a100", 0),
    ],
)
def test_a_gpu_is_asked_for_where_the_config_does(device, model, gpus):
    resources = make(device, model)
    assert resources.gpus() == gpus
    assert resources.gpu_model()(None) == (model if gpus else None)
    assert resources.gpus(wanted=False) == 0
    assert resources.gpu_model(wanted=False)(None) is None


def test_jobs_that_start_pytorch_have_its_memory(files):
    resources = make()
    assert resources.torch_memory()(None, input=files, attempt=1) == 1502
    assert resources.score_memory("torch", 600)(None, input=files, attempt=1) == 1512
    assert resources.score_memory("measures", 600)(None, input=files, attempt=1) == 608


@pytest.mark.parametrize(
    ("steps", "minutes"),
    [(300, 61), (80_000, 202), (320_000, 629), (720_000, 720)],
)  # fmt: skip
def test_a_sweep_has_the_time_of_its_images_and_not_too_much(steps, minutes):
    assert make().sweep_runtime(steps)(None, attempt=1) == minutes
