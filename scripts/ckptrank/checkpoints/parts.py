"""From a library's model to a :class:`~ckptrank.checkpoints.network.Network`: features and head apart.

By default the classifier is replaced by the identity, so that the model gives what its classifier took:
the pooled penultimate features. Any other layer is read by its name, and pooled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ckptrank.errors import PairFault
from ckptrank.networks.preprocessing import Preprocessing

POOLINGS = {
    "mean": "mean over positions",
    "mean_channels_last": "mean over positions, channels last",
    "cls": "first token",
}


@dataclass(frozen=True)
class Parts:
    """``layer``: what the features are, in words. ``headless``: why there is no head, if so."""

    backbone: nn.Module
    head: nn.Linear | None
    layer: str
    headless: str = ""


class _Reached(Exception):
    """Ends a forward pass at the layer whose output is wanted."""


class PooledLayer(nn.Module):
    """The pooled output of the layer ``name`` of ``model``; what comes after it is not computed.

    Maps (N, C, H, W) and tokens (N, L, C) are averaged over positions; ``mean_channels_last`` is for
    maps (N, H, W, C), as Swin has them, ``cls`` takes the first token. Layers that are not reached
    still count as parameters; :func:`prune` removes them.
    """

    def __init__(self, model: nn.Module, name: str, pooling: str = "mean"):
        super().__init__()
        self.model, self.pooling = model, pooling
        self._output: Tensor | None = None
        try:
            layer = model.get_submodule(name)
        except AttributeError as error:
            children = ", ".join(child for child, _ in model.named_children())
            raise PairFault(
                f"feature_layer: the model has no layer {name!r}; its parts are {children}"
            ) from error
        layer.register_forward_hook(self._keep)

    def _keep(self, _layer: nn.Module, _inputs: tuple, output: Tensor) -> None:
        self._output = output
        raise _Reached

    def forward(self, images: Tensor) -> Tensor:
        try:
            self.model(images)
        except _Reached:
            output, self._output = self._output, None
            return self._pool(output)
        raise PairFault("feature_layer: the model's forward pass does not reach it")

    def _pool(self, output: Tensor) -> Tensor:
        if not isinstance(output, Tensor):
            raise PairFault("feature_layer: gives no tensor; choose a layer inside or after it")
        if output.ndim == 2:
            return output
        if output.ndim == 3:
            return output[:, 0] if self.pooling == "cls" else output.mean(1)
        if output.ndim == 4 and self.pooling != "cls":
            return output.mean((1, 2) if self.pooling == "mean_channels_last" else (2, 3))
        raise PairFault(
            f"feature_layer: cannot pool its output of shape {tuple(output.shape)} by {self.pooling!r}"
        )


def take_apart(
    model: nn.Module, classifiers: Sequence[str], definition: dict, *, labelled: bool = True
) -> Parts:
    """Return the backbone of ``model`` and its head.

    ``classifiers``: names of the layers that give the logits. Of ``definition`` the fields
    ``feature_layer``, ``pooling`` and ``head`` (``none`` to drop it) count. ``labelled``: whether the
    classifier's outputs are labels; if not, it is dropped. A pure function of these, so that a
    checkpoint is built as it was prepared.
    """
    if definition.get("feature_layer"):
        name, pooling = definition["feature_layer"], definition.get("pooling", "mean")
        backbone = PooledLayer(model, name, pooling)
        return Parts(backbone, None, f"{name}, {POOLINGS[pooling]}", "another layer is read")
    layers = [_replace(model, name) for name in classifiers]
    linear = _as_linear(layers[0]) if len(layers) == 1 else None
    words = f"input of {' and '.join(classifiers)}" if classifiers else "output"
    if definition.get("head") == "none":
        return Parts(model, None, words, "dropped by the definition")
    if not labelled:
        return Parts(model, None, words, "its outputs are not labels")
    if linear is None:
        return Parts(model, None, words, "the model has no linear classifier")
    return Parts(model, linear, words)


def check_parts(parts: Parts, expected: Tensor | None, image: Tensor) -> Parts:
    """Try a forward pass; return the parts, without the head if it does not give the model's logits.

    ``expected``: what the whole model gave for ``image`` (1, 3, H, W), None if these were no logits: a
    head that cannot be checked is dropped. Raises :class:`PairFault` when the features are not (1, D).
    """
    features = _run(parts.backbone, image)
    if not isinstance(features, Tensor) or features.ndim != 2:
        shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise PairFault(f"its features are {shape}, expected (1, D); give `feature_layer`")
    if parts.head is None:
        return parts
    logits = _run(parts.head, features)
    same_shape = expected is not None and logits.shape == expected.shape
    if same_shape and torch.allclose(logits, expected, rtol=1e-3, atol=1e-4):
        return parts
    return Parts(parts.backbone, None, parts.layer, "its logits are not linear in the features")


def trial_image(preprocessing: Preprocessing) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, 3, preprocessing.size, preprocessing.size, generator=generator)


def run_model(model: nn.Module, image: Tensor) -> Tensor | None:
    """Return the whole model's logits for an image, or None when it gives something else."""
    output = _run(model, image)
    return output if isinstance(output, Tensor) and output.ndim == 2 else None


@torch.inference_mode()
def _run(module: nn.Module, inputs: Tensor):
    try:
        return module.eval()(inputs)
    except (RuntimeError, ValueError, AssertionError) as error:
        raise PairFault(f"cannot compute an image of {tuple(inputs.shape[2:])}: {error}") from error


def prune(backbone: nn.Module, image: Tensor) -> list[str]:
    """Replace layers that have no part in the features by the identity; return their names.

    Such are layers after the one that is read, and poolers beside it. They would count as
    parameters and never get a gradient.
    """
    with torch.enable_grad():
        features = backbone.eval()(image)
    used = _find_variables(features)
    idle = {
        name
        for name, parameter in backbone.named_parameters()
        if parameter.requires_grad and id(parameter) not in used
    }
    pruned: list[str] = []
    for name, layer in list(backbone.named_modules()):
        inside = {f"{name}.{key}" for key, _ in layer.named_parameters()}
        if not name or not inside or not inside <= idle:
            continue
        if any(name.startswith(f"{outer}.") for outer in pruned):
            continue
        _replace(backbone, name)
        if _gives(backbone, image, features):
            pruned.append(name)
        else:
            _replace(backbone, name, layer)
    return pruned


def _find_variables(output: Tensor) -> set[int]:
    """Return the ids of the parameters that ``output`` was computed from."""
    waiting, seen, variables = [output.grad_fn], set(), set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            variables.add(id(node.variable))
        waiting += [following for following, _ in node.next_functions]
    return variables


def _gives(backbone: nn.Module, image: Tensor, features: Tensor) -> bool:
    try:
        with torch.no_grad():
            return torch.equal(backbone(image), features)
    except (TypeError, AttributeError, RuntimeError):  # the layer is called as no identity can be
        return False


def drop_layers(backbone: nn.Module, names: Sequence[str]) -> None:
    for name in names:
        _replace(backbone, name)


def last_linear(model: nn.Module) -> list[str]:
    """Return the name of the last linear layer, by which torchvision and transformers classify."""
    return [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1:]


def find_last_linear(model: nn.Module, image: Tensor) -> list[str]:
    """Return the name of the linear layer whose output is the model's own for an image, in a list; else none."""
    outputs = {}

    def keep(name: str):
        def hook(_layer: nn.Module, _inputs: tuple, output: Tensor) -> None:
            outputs[name] = output

        return hook

    linear = [
        (name, layer) for name, layer in model.named_modules() if isinstance(layer, nn.Linear)
    ]
    hooks = [layer.register_forward_hook(keep(name)) for name, layer in linear]
    result = _run(model, image)
    for hook in hooks:
        hook.remove()
    if not isinstance(result, Tensor):
        return []
    return [
        name
        for name, output in outputs.items()
        if output.shape == result.shape and torch.equal(output, result)
    ][-1:]


def _replace(model: nn.Module, name: str, layer: nn.Module | None = None) -> nn.Module:
    """Put ``layer``, by default the identity, in place of a layer; return that."""
    old = model.get_submodule(name)
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, nn.Identity() if layer is None else layer)
    return old


def _as_linear(layer: nn.Module) -> nn.Linear | None:
    """Return a linear classifier with a bias; a 1 x 1 convolution of pooled features is one."""
    if isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) and layer.groups == 1:
        weight = layer.weight.flatten(1)
    elif isinstance(layer, nn.Linear):
        weight = layer.weight
    else:
        return None
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        linear.weight.copy_(weight)
        if layer.bias is None:
            linear.bias.zero_()
        else:
            linear.bias.copy_(layer.bias)
    return linear
