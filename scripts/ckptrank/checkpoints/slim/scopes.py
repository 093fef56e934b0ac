"""The variable scopes of slim's networks, in the order in which the networks' layers are made.

An Inception network is a table of lines. A line is a layer of the trunk, or a block of parallel branches::

    Conv2d_2c_3x3:192
    max/2
    Mixed_5b = 0a_1x1:64 | 0a_1x1:48 0b_5x5:64 | avg 0b_1x1:32

A convolution is its name in slim (``Conv2d_`` is left out within a block), then, where the network itself is built
from the table, its width after a colon, ``/2`` for a stride, ``v`` where no padding is added, ``d`` where it is
depthwise and ``b`` where it has a bias and no normalisation; ``@3x3`` gives the kernel where the name does not. ``+``
joins convolutions that take the same input. ``max`` and ``avg`` are poolings.
"""

import re
from collections.abc import Iterator, Sequence

Table = Sequence[str]


def list_scopes(table: Table) -> Iterator[str]:
    """Yield the scope of each convolution of a table, below the network's own.

    Example:
        >>> list(list_scopes(["Conv2d_1a_3x3", "max/2", "Mixed_5b = 0a_1x1 | avg 0b_1x1"]))
        ['Conv2d_1a_3x3', 'Mixed_5b/Branch_0/Conv2d_0a_1x1', 'Mixed_5b/Branch_1/Conv2d_0b_1x1']
    """
    for line in table:
        block, branches = split_line(line)
        for number, tokens in enumerate(branches):
            for name in (token.partition(":")[0] for part in tokens for token in part):
                if is_pooling(name):
                    continue
                name = name.partition("@")[0]
                if not block:
                    yield name
                else:
                    prefix = "" if name.startswith("Conv") else "Conv2d_"
                    yield f"{block}/Branch_{number}/{prefix}{name}"


def split_line(line: str) -> tuple[str, list[list[list[str]]]]:
    """Return a line's block ("" for a layer of the trunk) and its branches: layers, and of each what is joined."""
    block, _, branches = line.rpartition(" = ")
    return block, [[layer.split("+") for layer in branch.split()] for branch in branches.split("|")]


def is_pooling(token: str) -> bool:
    return re.match("max|avg", token) is not None


def _resnet_v1(units: Sequence[int]) -> Iterator[str]:
    yield "conv1"
    for block, count in enumerate(units, start=1):
        for unit in range(1, count + 1):
            for name in ("shortcut",) * (unit == 1) + ("conv1", "conv2", "conv3"):
                yield f"block{block}/unit_{unit}/bottleneck_v1/{name}"


def _mobilenet_v1() -> Iterator[str]:
    yield "Conv2d_0"
    for number in range(1, 14):
        yield f"Conv2d_{number}_depthwise"
        yield f"Conv2d_{number}_pointwise"


def _mobilenet(blocks: int, last: Sequence[str], gated: Sequence[int] = ()) -> Iterator[str]:
    """MobileNet v2 and v3; ``gated``: the blocks with squeeze and excitation."""
    yield "Conv"
    for number in range(blocks):
        yield from (
            f"expanded_conv{f'_{number}' if number else ''}/{name}"
            for name in (
                *(("expand",) if number else ()),
                "depthwise",
                *(("squeeze_excite/Conv", "squeeze_excite/Conv_1") if number in gated else ()),
                "project",
            )
        )
    yield from last


_V4_A = "0a_1x1 | 0a_1x1 0b_3x3 | 0a_1x1 0b_3x3 0c_3x3 | avg 0b_1x1"
_V4_B = "0a_1x1 | 0a_1x1 0b_1x7 0c_7x1 | 0a_1x1 0b_7x1 0c_1x7 0d_7x1 0e_1x7 | avg 0b_1x1"
_V4_C = "0a_1x1 | 0a_1x1 0b_1x3+0c_3x1 | 0a_1x1 0b_3x1 0c_1x3 0d_1x3+0e_3x1 | avg 0b_1x1"
_INCEPTION_V4 = (
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3"),
    "Mixed_3a = max/2v | 0a_3x3",
    "Mixed_4a = 0a_1x1 1a_3x3 | 0a_1x1 0b_1x7 0c_7x1 1a_3x3",
    "Mixed_5a = 1a_3x3 | max/2v",
    *(f"Mixed_5{letter} = {_V4_A}" for letter in "bcde"),
    "Mixed_6a = 1a_3x3 | 0a_1x1 0b_3x3 1a_3x3 | max/2v",
    *(f"Mixed_6{letter} = {_V4_B}" for letter in "bcdefgh"),
    "Mixed_7a = 0a_1x1 1a_3x3 | 0a_1x1 0b_1x7 0c_7x1 1a_3x3 | max/2v",
    *(f"Mixed_7{letter} = {_V4_C}" for letter in "bcd"),
)


def _residual(block: str, branches: str) -> tuple[str, str]:
    return f"{block} = {branches}", f"{block}/Conv2d_1x1"


def _repeat(block: str, times: int, branches: str) -> Iterator[str]:
    for number in range(1, times + 1):
        yield from _residual(f"{block}_{number}", branches)


_INCEPTION_RESNET_V2 = (
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"),
    "Mixed_5b = 1x1 | 0a_1x1 0b_5x5 | 0a_1x1 0b_3x3 0c_3x3 | avg 0b_1x1",
    *_repeat("Repeat/block35", 10, "1x1 | 0a_1x1 0b_3x3 | 0a_1x1 0b_3x3 0c_3x3"),
    "Mixed_6a = 1a_3x3 | 0a_1x1 0b_3x3 1a_3x3 | max/2v",
    *_repeat("Repeat_1/block17", 20, "1x1 | 0a_1x1 0b_1x7 0c_7x1"),
    "Mixed_7a = 0a_1x1 1a_3x3 | 0a_1x1 1a_3x3 | 0a_1x1 0b_3x3 1a_3x3 | max/2v",
    *_repeat("Repeat_2/block8", 9, "1x1 | 0a_1x1 0b_1x3 0c_3x1"),
    *_residual("Block8", "1x1 | 0a_1x1 0b_1x3 0c_3x1"),
    "Conv2d_7b_1x1",
)

RESNET_V1_50 = tuple(_resnet_v1((3, 4, 6, 3)))
RESNET_V1_101 = tuple(_resnet_v1((3, 4, 23, 3)))
INCEPTION_V4 = tuple(list_scopes(_INCEPTION_V4))
INCEPTION_RESNET_V2 = tuple(list_scopes(_INCEPTION_RESNET_V2))
MOBILENET_V1 = tuple(_mobilenet_v1())
MOBILENET_V2 = tuple(_mobilenet(17, ["Conv_1"]))
MOBILENET_V3_SMALL = tuple(_mobilenet(11, ["Conv_1", "Conv_2"], (0, *range(3, 11))))
MOBILENET_V3_LARGE = tuple(_mobilenet(15, ["Conv_1", "Conv_2"], (3, 4, 5, *range(10, 15))))
