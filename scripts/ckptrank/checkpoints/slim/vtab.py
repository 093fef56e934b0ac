"""The variables of VTAB's ResNet modules, whose names nobody has published: they are taken from the file.

What is known is the architecture's tag, resnet50-v2, and the public code of the project that the modules come from,
which names its layers in the order of their making (``conv2d``, ``conv2d_1``, ...). So the file's kernels in that
order must have the shapes of the network's, one by one, and so must the variables of batch normalisation. A
projection may be made before or after the convolutions beside it; blocks 2 to 4 tell which, for there the shapes
differ. A kernel, a bias or a part of batch normalisation too many or too few is a fault: the network is then not
the one assumed.
"""

import re
from collections.abc import Mapping, Sequence

from torch import nn

from ckptrank.checkpoints.slim.variables import NORMALISATION, Variable, make_kernel, make_vector
from ckptrank.errors import PairFault

_NO_PLACE = "for which the network has no place; a head is left out by `ignore`"


def match_variables(
    model: nn.Module, shapes: Mapping[str, tuple[int, ...]], origin: str
) -> dict[str, Variable]:
    """Return the variable behind each entry of the network's state dict.

    ``shapes``: of the variables of the file ``origin``. Raises :class:`~ckptrank.errors.PairFault` unless all find their places.
    """
    by_leaf: dict[str, list[str]] = {}
    for name in sorted(shapes, key=_natural):
        by_leaf.setdefault(name.rpartition("/")[2], []).append(name)
    if "bias" in by_leaf:  # no convolution here has one
        raise PairFault(f"{origin}: has {by_leaf['bias'][0]}, {_NO_PLACE}")
    layers = dict(model.named_modules())
    places = {
        leaf: [
            (f"{path}.{key}", make_vector("", layer.state_dict()[key]))
            for path, layer in layers.items()
            if isinstance(layer, nn.BatchNorm2d)
        ]
        for key, leaf in NORMALISATION.items()
    }
    kernels = [path for path, layer in layers.items() if isinstance(layer, nn.Conv2d)]
    projection_last = sorted(
        kernels, key=lambda path: (int(path.split(".")[1]), ".shortcut" in path)
    )
    orders = [
        [(f"{path}.weight", make_kernel("", layers[path])) for path in order]
        for order in (kernels, projection_last)
    ]
    stored = by_leaf.get("kernel", [])
    fitting = [order for order in orders if not _find_fault(order, stored, shapes)]
    places["kernel"] = (fitting or orders)[0]
    for leaf, wanted in places.items():
        fault = _find_fault(wanted, by_leaf.get(leaf, []), shapes)
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
        return f"has {names[len(places)]}, {_NO_PLACE}"
    return ""


def _natural(name: str) -> list[tuple[int, str]]:
    """Order numbers by their value, and a name before the same with a number."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
