"""One step of training, queued on the device without waiting for its outcome."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ckptrank.jobs.precision import Precision
from ckptrank.networks.optimisers import SGD


class TrainingStep:
    """Forward pass, backward pass and update of a model, one mini-batch at a time.

    A processor that reads each loss keeps the GPU waiting. So a loss is read after the next step is queued,
    and the device itself sees to it that from the first loss on that is not finite no weight
    moves: the model that :meth:`diverged_at` leaves is the one in which that loss arose. ``forward``: what computes
    ``model(images)`` in its place.
    """

    def __init__(
        self,
        model: nn.Module,
        optimiser: SGD,
        loss: Callable[[Tensor, Tensor], Tensor],
        precision: Precision,
        forward: Callable[[Tensor], Tensor] | None = None,
    ):
        self.model = model
        self._forward = model if forward is None else forward
        self.optimiser = optimiser
        self.loss = loss
        self.precision = precision
        device = precision.device
        self._broken = torch.zeros((), device=device)  # 1 since a loss was not finite
        self._scale = _LossScale(device) if precision.name == "float16" else None
        self._buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
        self.losses: list[float] = []  # of the steps whose loss is read, from the first on
        self._before: list[Tensor] = []  # the buffers before the last step
        self._pending: list[tuple[int, _Read]] = []  # losses not read yet, of at most two steps

    def take(self, step: int, images: Tensor, labels: Tensor, learning_rate: float) -> None:
        """Queue a step. ``images`` and ``labels`` are a mini-batch on the device."""
        self._keep_buffers()
        with self.precision.autocast():
            logits = self._forward(images)
        loss = self.loss(logits.float(), labels)
        torch.maximum(self._broken, (~torch.isfinite(loss.detach())).float(), out=self._broken)
        self._pending.append((step, _Read(loss.detach())))
        if self._scale is None:
            loss.backward()
            self.optimiser.step(learning_rate, skip=self._broken)
        else:
            self._scale.apply(loss).backward()
            skip = self._scale.take_off(self.optimiser.gradients())
            self.optimiser.step(learning_rate, skip=torch.maximum(skip, self._broken))

    def diverged_at(self, *, wait: bool) -> tuple[int, float] | None:
        """Return the first step whose loss is not finite, and that loss, as far as losses are read.

        With ``wait`` all are read, else all but the last step's. After divergence the model is as its
        forward pass of that step left it.
        """
        while len(self._pending) > (0 if wait else 1):
            step, read = self._pending.pop(0)
            value = read.value()
            if not math.isfinite(value):
                if self._pending:  # a further forward pass has moved the running statistics
                    _copy(self._buffers, self._before)
                return step, value
            self.losses.append(value)
        return None

    def state_dict(self) -> dict:
        """Return what a later process continues from, once all losses are read."""
        scale = None if self._scale is None else self._scale.state()
        return {
            "model": self.model.state_dict(),
            "velocities": self.optimiser.velocities,
            "scale": scale,
            "losses": self.losses,
        }

    def load_state_dict(self, state: dict) -> None:
        self.model.load_state_dict(state["model"])
        self.optimiser.velocities = [
            velocity if velocity is None else velocity.to(parameter.device)
            for velocity, parameter in zip(
                state["velocities"], self.optimiser.parameters, strict=True
            )
        ]
        self.losses = list(state["losses"])
        if self._scale is not None:
            self._scale.load(state["scale"])

    @torch.no_grad()
    def _keep_buffers(self) -> None:
        if not self._before:
            self._before = [buffer.clone() for buffer in self._buffers]
        else:
            _copy(self._before, self._buffers)


def _copy(targets: list[Tensor], sources: list[Tensor]) -> None:
    if targets:
        torch._foreach_copy_(targets, sources)


class _Read:
    """A number on its way from the device to the host."""

    def __init__(self, number: Tensor):
        self._event = None
        self._host = number
        if number.is_cuda:
            self._host = torch.empty((), pin_memory=True)
            self._host.copy_(number, non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()

    def value(self) -> float:
        if self._event is not None:
            self._event.synchronize()
        return self._host.item()


class _LossScale:
    """Dynamic loss scaling for float16, as ``torch.amp.GradScaler`` does it: doubled after 2,000 good steps, halved
    after a bad one, which moves no weight. That class only works with those of ``torch.optim``."""

    def __init__(self, device: torch.device):
        self._scale = torch.full((), 2.0**16, device=device)
        self._good_steps = torch.zeros((), dtype=torch.int32, device=device)

    def apply(self, loss: Tensor) -> Tensor:
        return loss * self._scale

    def take_off(self, gradients: list[Tensor]) -> Tensor:
        """Divide the gradients by the scale; return 1 where one of them is not finite, else 0."""
        found = torch.zeros((), device=self._scale.device)
        torch._amp_foreach_non_finite_check_and_unscale_(gradients, found, 1 / self._scale)
        torch._amp_update_scale_(self._scale, self._good_steps, found, 2.0, 0.5, 2000)
        return found

    def state(self) -> tuple[Tensor, Tensor]:
        return self._scale, self._good_steps

    def load(self, state: tuple[Tensor, Tensor]) -> None:
        self._scale, self._good_steps = (part.to(self._scale.device) for part in state)
