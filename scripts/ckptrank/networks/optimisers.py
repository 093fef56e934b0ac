"""SGD and AdamW by torch's functional forms.

The classes of ``torch.optim`` import ``torch._dynamo`` when they are made: 0.9 CPU seconds a
process, a tenth to a third of what pre-training one of these networks takes. The functions behind
them do not.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd


class SGD:
    """Stochastic gradient descent with momentum, as ``torch.optim.SGD(fused=True)``.

    ``weight_decay``: times the weights, added to the gradients. ``decoupled``: times the learning rate and
    the weights, taken off the weights beside the step that the gradients make, past the momentum
    (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", algorithm 1).
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        decoupled: bool = False,
        nesterov: bool = False,
    ):
        self.parameters = list(parameters)
        self.velocities: list[Tensor | None] = [None] * len(self.parameters)
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.decoupled = decoupled
        self.nesterov = nesterov

    def gradients(self) -> list[Tensor]:
        """Return the gradients that there are."""
        return [p.grad for p in self.parameters if p.grad is not None]

    @torch.no_grad()
    def step(self, learning_rate: float, *, skip: Tensor | None = None) -> None:
        """Move the parameters against their gradients, then clear these; pass over those without one.

        ``skip``: a number on the device; where it is 1 nothing moves, and the host need not know.
        """
        used = [i for i, parameter in enumerate(self.parameters) if parameter.grad is not None]
        parameters = [self.parameters[i] for i in used]
        for i in used:
            if self.velocities[i] is None:
                self.velocities[i] = torch.zeros_like(self.parameters[i])
        velocities = [self.velocities[i] for i in used]
        gradients = _take_gradients(parameters)
        if self.decoupled:
            kept = 1 - learning_rate * self.weight_decay
            if skip is not None:
                kept = torch.where(skip == 1, 1.0, kept)
            torch._foreach_mul_(parameters, kept)
        sgd(
            *(_view_as_stored(each, parameters) for each in (parameters, gradients, velocities)),
            fused=True,
            weight_decay=0.0 if self.decoupled else self.weight_decay,
            momentum=self.momentum,
            lr=learning_rate,
            dampening=0.0,
            nesterov=self.nesterov,
            maximize=False,
            found_inf=skip,
        )


class AdamW:
    """Adam with decoupled weight decay, as ``torch.optim.AdamW(fused=True)`` with its defaults."""

    def __init__(self, parameters: Iterable[nn.Parameter], *, weight_decay: float = 1e-2):
        self.parameters = list(parameters)
        self.means = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.squares = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.steps = [torch.zeros((), device=parameter.device) for parameter in self.parameters]
        self.weight_decay = weight_decay

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move the parameters against their gradients, then clear these."""
        gradients = _take_gradients(self.parameters)
        tensors = (self.parameters, gradients, self.means, self.squares)
        adamw(
            *(_view_as_stored(each, self.parameters) for each in tensors),
            [],
            self.steps,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=learning_rate,
            weight_decay=self.weight_decay,
            eps=1e-8,
            maximize=False,
        )


def _take_gradients(parameters: list[nn.Parameter]) -> list[Tensor]:
    """Return the gradients, stored as their parameters are: else PyTorch's fused kernels mix up their entries."""
    gradients = []
    for parameter in parameters:
        gradient, parameter.grad = parameter.grad, None
        alike = parameter.is_contiguous() and gradient.is_contiguous()
        if not alike and gradient.stride() != parameter.stride():
            gradient = torch.empty_like(parameter).copy_(gradient)
        gradients.append(gradient)
    return gradients


def _view_as_stored(tensors: list[Tensor], parameters: list[nn.Parameter]) -> list[Tensor]:
    """Return the tensors of channels-last parameters with their dimensions in the order of memory.

    On a processor the fused kernels make contiguous copies of other gradients, and do not use them.
    """
    return [
        tensor.permute(0, 2, 3, 1)
        if parameter.ndim == 4
        and not parameter.is_contiguous()
        and parameter.is_contiguous(memory_format=torch.channels_last)
        else tensor
        for tensor, parameter in zip(tensors, parameters, strict=True)
    ]
