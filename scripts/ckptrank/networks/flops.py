"""The size of a network and the arithmetic of its forward pass."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


def count_parameters(module: nn.Module) -> int:
    """Return the number of weights and biases (running statistics are not parameters)."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_forward_flops(module: nn.Module, input_shape: Sequence[int]) -> int:
    """Return the floating-point operations of one image's forward pass.

    Two per multiply-add of convolutions, linear layers and matrix products, attention's included;
    biases, normalisation, activations and pooling are left out, as is the custom. ``input_shape``
    is that of one image, (3, H, W). The module is run once in evaluation mode and left in the mode
    it was in.

    Own code because ``torch.utils.flop_counter`` counts nothing for attention on a CPU and costs a
    second of imports at its first use (``torch._dynamo``).
    """
    modes = {part: part.training for part in module.modules()}
    module.eval()
    tensor = next(module.parameters(), torch.empty(0))  # a module of pooling alone has none
    image = torch.zeros(1, *input_shape, dtype=tensor.dtype, device=tensor.device)
    try:
        with torch.no_grad(), Counter() as counter:
            module(image)
    finally:
        for part, training in modes.items():
            part.training = training
    return counter.flops


class Counter(TorchFunctionMode):
    """Adds up in ``flops`` the operations of every call that :data:`_FORMULAS` knows."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        output = function(*args, **kwargs)
        if function in _FORMULAS:
            self.flops += _FORMULAS[function](output, *args, **kwargs)
        return output


def _convolution(output: Tensor, input: Tensor, weight: Tensor, *_args, **_kwargs) -> int:
    return 2 * output.numel() * math.prod(weight.shape[1:])


def _linear(output: Tensor, input: Tensor, weight: Tensor, *_args, **_kwargs) -> int:
    return 2 * output.numel() * weight.shape[-1]


def _product(output: Tensor, left: Tensor, right: Tensor, *_args, **_kwargs) -> int:
    return 2 * output.numel() * left.shape[-1]


def _product_and_sum(output: Tensor, _added: Tensor, left: Tensor, *_args, **_kwargs) -> int:
    return 2 * output.numel() * left.shape[-1]


def _attention(output: Tensor, query: Tensor, key: Tensor, *_args, **_kwargs) -> int:
    return 2 * (query.numel() + output.numel()) * key.shape[-2]


def _multi_head(_output, query: Tensor, key: Tensor, value: Tensor, *_args, **_kwargs) -> int:
    # Query (L, N, D), key and value (S, N, ...); the weights are (D, D) and (D, ...).
    projections = query.shape[-1] * (2 * query.numel() + key.numel() + value.numel())
    return 2 * projections + 4 * query.numel() * key.shape[0]


_FORMULAS: dict[Callable, Callable[..., int]] = {
    F.conv1d: _convolution,
    F.conv2d: _convolution,
    F.linear: _linear,
    F.multi_head_attention_forward: _multi_head,
    F.scaled_dot_product_attention: _attention,
    torch.matmul: _product,
    torch.Tensor.matmul: _product,
    torch.Tensor.__matmul__: _product,
    torch.mm: _product,
    torch.bmm: _product,
    torch.Tensor.bmm: _product,
    torch.addmm: _product_and_sum,
    torch.baddbmm: _product_and_sum,
}
