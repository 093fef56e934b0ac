"""What jobs ask a cluster for: memory, disk, time and GPUs, by the config and the size of their inputs."""

from collections.abc import Callable
from dataclasses import dataclass

from ckptrank.workflow.sizes import measure_mb


def memory(base: float, per_input: float = 1.0) -> Callable[..., int]:
    """Return a function of a job for its memory in MB: ``base``, and a multiple of the size of its inputs.

    Half as much again on each further attempt.
    """

    def memory_of_job(wildcards: object, input: list[str], attempt: int) -> int:
        return round((base + per_input * measure_mb(input)) * (1 + 0.5 * (attempt - 1)))

    return memory_of_job


def disk(base: float, per_input: float = 0.0) -> Callable[..., int]:
    """Return a function of a job for the MB that it writes: ``base``, and a multiple of its inputs' size."""

    def disk_of_job(wildcards: object, input: list[str]) -> int:
        return round(base + per_input * measure_mb(input))

    return disk_of_job


def runtime(minutes: float) -> Callable[..., int]:
    """Return a function of a job for its time limit in minutes, half as much again on each attempt."""

    def runtime_of_job(wildcards: object, attempt: int) -> int:
        return round(minutes * (1 + 0.5 * (attempt - 1)))

    return runtime_of_job


def share_cores(wanted: int, cores: int | None) -> int:
    """Return the threads of a job that can use ``wanted``: of a machine's ``cores`` at most a quarter, and at least one.

    A job that takes all cores starts when all are free: while it waits, one long job keeps the others idle. A cluster,
    where ``cores`` is None, gives all that is wanted.
    """
    return wanted if cores is None else min(wanted, max(1, cores // 4))


@dataclass(frozen=True)
class JobResources:
    """What depends on the config: ``compute`` and ``finetune`` are its entries of these names."""

    compute: dict
    finetune: dict

    def gpus(self, wanted: bool = True) -> int:
        """Return how many GPUs a job that can use one asks for: 1 or, where the config asks for none, 0.

        `auto` takes a GPU that it finds, but asks a cluster for one only when it names the model.
        """
        device, model = self.compute["device"], self.compute["gpu_model"]
        return int(bool(wanted and (device == "cuda" or (device == "auto" and model))))

    def gpu_model(self, wanted: bool = True) -> Callable[..., str | None]:
        """Return a function of a job for its GPU's model on a cluster; None is no resource at all."""
        model = self.compute["gpu_model"] if self.gpus(wanted) else None
        return lambda wildcards: model

    def torch_memory(self, per_input: float = 1.0) -> Callable[..., int]:
        """As :func:`memory`, with the base of jobs that start PyTorch."""
        return memory(self.compute["worker_memory_mb"], per_input)

    def score_memory(self, stack: str, base: float) -> Callable[..., int]:
        """Return the memory of a job that scores a pair: ``base`` and four times its inputs, or PyTorch's and six.

        A measure holds the features once and at most three times as much beside them.
        """
        return self.torch_memory(6) if stack == "torch" else memory(base, 4)

    def sweep_runtime(self, steps: int) -> Callable[..., int]:
        """Return the time limit of fine-tuning runs that train ``steps`` steps together.

        An hour, and what their images take at 300 a second; at most twelve hours, so that a further attempt,
        which goes on where the first stopped, stays within a day.
        """
        images = steps * self.finetune["batch_size"]
        return runtime(min(720, 60 + round(images / 300 / 60)))
