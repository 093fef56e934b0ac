"""The variables of VTAB's ResNet modules, whose names nobody has published: they are taken from the file.

What is known is the architecture's tag, resnet50-v2, and the public code of the project that the modules come from,
which names its layers in the order of their making (``conv2d``, ``conv2d_1``, ...). So the file's kernels in that
order must have the shapes of the network's, one by one, and so must the variables of batch normalisation. A
projection may be made before or after the convolutions beside it; blocks 2 to 4 tell which, for there the shapes
differ. Anything else in the file, or missing from it, is a fault: the network is then not the one assumed.
"""

import re
from collections.abc import Mapping, Sequence

from torch import nn

from ckptrank.checkpoints.slim.variables import NORMALISATION, Variable, make_kernel, make_vector
from ckptrank.errors import PairFault

_LEAVES = ("kernel", *NORMALISATION.values())
_OTHERS = ("bias",)  # no convolution here has one


def match_variables(
    model: nn.Module, shapes: Mapping[str, tuple[int, ...]], origin: str
) -> dict[str, Variable]:
    """Return the variable behind each entry of the network's state dict.

    ``shapes``: of the variables of the file ``origin``. Raises :class:`~ckptrank.errors.PairFault` unless all find their places.
    """
    names = sorted(shapes, key=_natural)
    by_leaf = {leaf: [n for n in names if _leaf(n) == leaf] for leaf in (*_LEAVES, *_OTHERS)}
    unknown = [name for leaf in _OTHERS for name in by_leaf[leaf]]
    if unknown:
        raise PairFault(
            f"{origin}: has {unknown[0]}, for which the network has no place; a head is left out by `ignore`"
        )
    layers = dict(model.named_modules())
    kernels = [path for path, layer in layers.items() if isinstance(layer, nn.Conv2d)]
    after = sorted(kernels, key=lambda path: (int(path.split(".")[1]), ".shortcut" in path))
    places = {
        leaf: [
            (f"{path}.{key}", make_vector("", layer.state_dict()[key]))
            for path, layer in layers.items()
            if isinstance(layer, nn.BatchNorm2d)
        ]
        for key, leaf in NORMALISATION.items()
    }
    orders = [
        [(f"{p}.weight", make_kernel("", layers[p])) for p in order] for order in (kernels, after)
    ]
    fits = [order for order in orders if not _find_fault(order, by_leaf["kernel"], shapes)]
    places["kernel"] = (fits or orders)[0]
    for leaf, wanted in places.items():
        fault = _find_fault(wanted, by_leaf[leaf], shapes)
        if fault:
            raise PairFault(f"{origin}: {fault}")
    return {
        key: place.named(name)
        for leaf, wanted in places.items()
        for (key, place), name in zip(wanted, by_leaf[leaf], strict=True)
    }


def _find_fault(
    places: Sequence[tuple[str, Variable]],
    names: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]],
) -> str:
    """Return why the variables are not those of the places, one by one; "" where they are."""
    for (key, place), name in zip(places, names, strict=False):
        if shapes[name] != place.shape:
            return f"{name} has shape {shapes[name]}, where {key} has {place.shape}"
    if len(names) < len(places):
        return f"has no variable for {places[len(names)][0]}"
    if len(names) > len(places):
        return f"has {names[len(places)]}, for which the network has no place; a head is left out by `ignore`"
    return ""


def _leaf(name: str) -> str:
    return name.rpartition("/")[2]


def _natural(name: str) -> list[tuple[int, str]]:
    """Order numbers by their value, and a name before the same with a number."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
