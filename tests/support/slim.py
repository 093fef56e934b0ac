"""Variables of slim's networks that NumPy makes from their names, and images for them."""

import zlib

import numpy as np
import torch
from torch import nn

from ckptrank.checkpoints.slim.architectures import ARCHITECTURES
from ckptrank.checkpoints.slim.variables import list_head, list_variables, read_state


def make_variable(name, shape, gain=2.0):
    """Return seeded values that neither die nor explode on the way through the network."""
    values = np.random.default_rng(zlib.crc32(name.encode("ascii"))).standard_normal(shape)
    kind = name.rpartition("/")[2]
    if kind in ("weights", "pointwise_weights", "kernel"):
        values *= np.sqrt(gain / np.prod(shape[:-1]))
    elif kind == "depthwise_weights":
        values *= np.sqrt(gain / np.prod(shape[:2]))
    elif kind == "gamma":
        values = 1 + 0.1 * values
    elif kind == "moving_variance":
        values = 1 + 0.2 * abs(values)
    else:
        values *= 0.1
    return values.astype(np.float32)


def list_shapes(name, classes=0):
    """Return the shapes of a network's variables by name; ``classes``: of its head, none for 0."""
    architecture = ARCHITECTURES[name]
    model = architecture.build(0)
    wanted = list_variables(model, architecture)
    if classes:
        with torch.inference_mode():
            width = model.eval()(torch.zeros(1, 3, 96, 96)).shape[1]
        plain = architecture.head == "Logits/Logits"
        shape = (width, classes) if plain else (1, 1, width, classes)
        wanted |= list_head(architecture, shape)
    return {variable.name: variable.shape for variable in wanted.values()}


def make_variables(name, classes=0, gain=2.0):
    return {n: make_variable(n, shape, gain) for n, shape in list_shapes(name, classes).items()}


def make_network(name, gain):
    model, wanted = _build(name)
    shapes = {variable.name: variable.shape for variable in wanted.values()}
    _load(model, wanted, lambda variable: make_variable(variable, shapes[variable], gain))
    return model.eval()


def settle(name, variables):
    """Return the variables with the moving averages of what smooth images of 32 pixels give, as training leaves them."""
    model, wanted = _build(name)
    _load(model, wanted, variables.get)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # the mean over all batches
            layer.reset_running_stats()
    coarse = torch.rand(32, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        model.train()(nn.functional.interpolate(coarse, size=32, mode="bilinear"))
    moved = {key: value.numpy() for key, value in model.state_dict().items() if "running_" in key}
    return variables | {wanted[key].name: values for key, values in moved.items()}


def _build(name):
    architecture = ARCHITECTURES[name]
    model = architecture.build(0)
    return model, list_variables(model, architecture)


def _load(model, wanted, read):
    missing, unexpected = model.load_state_dict(read_state(wanted, read), strict=False)
    assert not unexpected
    assert all(key.endswith("num_batches_tracked") for key in missing)


def make_noise(size):
    images = np.random.default_rng(0).uniform(-1, 1, (2, size, size, 3)).astype(np.float32)
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def list_kernels(model, projection_first=True):
    """Return the convolutions of a module of VTAB in the order of their making."""
    kernels = [path for path, layer in model.named_modules() if isinstance(layer, nn.Conv2d)]
    if projection_first:
        return kernels
    return sorted(kernels, key=lambda path: (int(path.split(".")[1]), "shortcut" in path))


def name_module(model, projection_first=True):
    """Return the shapes of a module's variables under the names that tf.layers gives in the order of making."""

    def number(kind, count):
        return f"module/{kind}{f'_{count}' if count else ''}"

    layers = dict(model.named_modules())
    variables = {}
    for count, path in enumerate(list_kernels(model, projection_first)):
        outputs, inputs, height, width = layers[path].weight.shape
        variables[f"{number('conv2d', count)}/kernel"] = (height, width, inputs, outputs)
    norms = [layer for layer in layers.values() if isinstance(layer, nn.BatchNorm2d)]
    for count, layer in enumerate(norms):
        for leaf in ("gamma", "beta", "moving_mean", "moving_variance"):
            variables[f"{number('batch_normalization', count)}/{leaf}"] = (layer.num_features,)
    return variables
