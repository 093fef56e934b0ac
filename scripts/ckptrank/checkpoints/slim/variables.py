"""From slim's variables to a network's weights: names, layouts, and what a checkpoint holds beside them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from ckptrank.checkpoints.slim.architectures import Architecture
from ckptrank.errors import PairFault
from ckptrank.networks.weights import State

AVERAGE = "/ExponentialMovingAverage"
# How a variable of a network's own ends; what a checkpoint has beside them belongs to its training.
_OWN = re.compile("(depthwise_|pointwise_)?weights|biases|gamma|beta|moving_(mean|variance)")
NORMALISATION = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


@dataclass(frozen=True)
class Variable:
    """A variable of TensorFlow and how it becomes a tensor: its axes in this order, then the tensor's shape."""

    name: str
    shape: tuple[int, ...]
    order: tuple[int, ...]
    target: torch.Size

    def lay_out(self, values: np.ndarray) -> Tensor:
        moved = np.ascontiguousarray(values.transpose(self.order), np.float32)
        return torch.from_numpy(moved).reshape(self.target)

    def named(self, name: str) -> "Variable":
        return replace(self, name=name)


def list_variables(model: nn.Module, architecture: Architecture) -> dict[str, Variable]:
    """Return the variable behind each entry of the network's state dict, the classifier's left out."""
    scopes = iter(architecture.layers)
    scope, found = "", {}
    for path, layer in model.named_modules():
        if path == architecture.classifier:
            continue
        if isinstance(layer, nn.Conv2d):
            before, scope = scope, f"{architecture.scope}/{next(scopes)}"
            kind = "weights"
            if layer.groups > 1:
                kind = "depthwise_weights"
            elif scope == before:  # the second layer of a separable convolution
                kind = "pointwise_weights"
            found[f"{path}.weight"] = make_kernel(f"{scope}/{kind}", layer)
            if layer.bias is not None:
                found[f"{path}.bias"] = make_vector(f"{scope}/biases", layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            for key, tensor in layer.state_dict().items():
                if key in NORMALISATION:
                    name = f"{scope}/BatchNorm/{NORMALISATION[key]}"
                    found[f"{path}.{key}"] = make_vector(name, tensor)
    return found


def list_head(architecture: Architecture, shape: tuple[int, ...]) -> dict[str, Variable]:
    """Return the variables behind the classifier's entries; ``shape``: of the stored weights."""
    scope, (width, classes) = f"{architecture.scope}/{architecture.head}", shape[-2:]
    order = tuple(range(len(shape)))[::-1]
    weights = Variable(f"{scope}/weights", shape, order, torch.Size((classes, width)))
    biases = Variable(f"{scope}/biases", (classes,), (0,), torch.Size((classes,)))
    return {f"{architecture.classifier}.weight": weights, f"{architecture.classifier}.bias": biases}


def make_kernel(name: str, layer: nn.Conv2d) -> Variable:
    """Return the variable of a convolution's kernel: (height, width, in, out), or of a depthwise one (..., in, each)."""
    outputs, inputs, *kernel = layer.weight.shape
    if layer.groups > 1:
        shape = (*kernel, layer.in_channels, outputs // layer.in_channels)
        return Variable(name, shape, (2, 3, 0, 1), layer.weight.shape)
    return Variable(name, (*kernel, inputs, outputs), (3, 2, 0, 1), layer.weight.shape)


def make_vector(name: str, tensor: Tensor) -> Variable:
    """Return the variable of a bias, or of a part of batch normalisation."""
    return Variable(name, tuple(tensor.shape), (0,), tensor.shape)


def check_variables(
    wanted: Mapping[str, Variable],
    shapes: Mapping[str, tuple[int, ...]],
    architecture: Architecture,
    origin: str,
) -> None:
    """Raise :class:`~ckptrank.errors.PairFault` unless each variable is there in its shape, and no other is.

    ``shapes``: of all variables of the checkpoint ``origin``. What its training added is passed over.
    """
    scope = f"{architecture.scope}/"
    if not any(name.startswith(scope) for name in shapes):
        others = sorted({name.partition("/")[0] for name in shapes if "/" in name})
        raise PairFault(
            f"{origin}: has no variable of {scope[:-1]}, only of {', '.join(others[:5]) or 'nothing'}"
        )
    names = {variable.name for variable in wanted.values()}
    missing = sorted(names - shapes.keys())
    if missing:
        raise PairFault(f"{origin}: has no variable {_listing(missing)}")
    for variable in wanted.values():
        if shapes[variable.name] != variable.shape:
            raise PairFault(
                f"{origin}: {variable.name} has shape {shapes[variable.name]}, expected {variable.shape}"
            )
    unknown = sorted(name for name in shapes.keys() - names if _is_own(name, architecture))
    if unknown:
        raise PairFault(f"{origin}: has what the network has not: {_listing(unknown)}")


def read_state(wanted: Mapping[str, Variable], read: Callable[[str], np.ndarray]) -> State:
    """Return the network's state dict; ``read``: gives a variable by its name."""
    return {key: variable.lay_out(read(variable.name)) for key, variable in wanted.items()}


def _is_own(name: str, architecture: Architecture) -> bool:
    if not name.startswith(f"{architecture.scope}/") or "/AuxLogits/" in name:
        return False
    head = f"{architecture.scope}/{architecture.head}/"
    return not name.startswith(head) and _OWN.fullmatch(name.rpartition("/")[2]) is not None


def _listing(names: list[str], most: int = 3) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{rest}"
