"""Weights of the built-in zoo as safetensors: ``backbone.*``, ``head.weight`` and ``head.bias``."""

from collections.abc import Collection
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ckptrank.errors import PairFault
from ckptrank.files import atomic_path
from ckptrank.zoo.architectures import Encoder, build

State = dict[str, Tensor]
_HEAD_KEYS = {"weight", "bias"}


def save_weights(path: str | Path, network_state: State, head_state: State | None) -> None:
    """Write both state dicts to one file; ``head_state`` is None for a checkpoint without a head.

    The same tensors give the same bytes, so that the file's SHA-256 identifies the weights.
    """
    tensors = {f"backbone.{key}": tensor for key, tensor in network_state.items()}
    tensors |= {f"head.{key}": tensor for key, tensor in (head_state or {}).items()}
    with atomic_path(path) as temporary:
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, temporary)


def load_weights(path: str | Path) -> tuple[State, State | None]:
    """Return the state dicts of the network and of the head (None without one).

    Raises ``PairFault``, naming the file, if it is not safetensors or holds other keys than
    :func:`save_weights` writes.
    """
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise PairFault(f"{path}: not a readable safetensors file ({error})") from error
    states: dict[str, State] = {"backbone": {}, "head": {}}
    unexpected = []
    for key, tensor in tensors.items():
        part, _, name = key.partition(".")
        if part == "backbone" or (part == "head" and name in _HEAD_KEYS):
            states[part][name] = tensor
        else:
            unexpected.append(key)
    missing = [] if states["backbone"] else ["backbone.*"]
    if states["head"]:
        missing += [f"head.{name}" for name in _HEAD_KEYS - states["head"].keys()]
    _reject(path, missing, unexpected)
    return states["backbone"], states["head"] or None


def load_network(path: str | Path, architecture: str) -> tuple[Encoder, nn.Linear | None]:
    """Return the encoder with the file's weights, and its head, both in evaluation mode.

    Raises ``PairFault``, naming the file and the first few keys, where the weights do not fit.
    """
    network_state, head_state = load_weights(path)
    network = build(architecture)
    expected = network.state_dict()
    _reject(
        path,
        [f"backbone.{key}" for key in expected.keys() - network_state.keys()],
        [f"backbone.{key}" for key in network_state.keys() - expected.keys()],
    )
    for key, tensor in network_state.items():
        _check_shape(path, f"backbone.{key}", tensor, tuple(expected[key].shape))
    network.load_state_dict(network_state)
    head = None
    if head_state is not None:
        classes = len(head_state["bias"]) if head_state["bias"].ndim else 0
        _check_shape(path, "head.weight", head_state["weight"], (classes, network.dimension))
        head = nn.Linear(network.dimension, classes).eval()
        head.load_state_dict(head_state)
    return network.eval(), head


def _reject(path: str | Path, missing: Collection[str], unexpected: Collection[str]) -> None:
    faults = []
    for fault, keys in (("missing", missing), ("unexpected", unexpected)):
        if keys:
            rest = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            faults.append(f"{fault} {', '.join(sorted(keys)[:3])}{rest}")
    if faults:
        raise PairFault(f"{path}: the keys do not fit: {'; '.join(faults)}")


def _check_shape(path: str | Path, key: str, tensor: Tensor, expected: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != expected:
        raise PairFault(f"{path}: {key} has shape {tuple(tensor.shape)}, expected {expected}")
