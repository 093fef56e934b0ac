"""Inception v1, v2 and v3 as slim has them, built from their tables (:mod:`ckptrank.checkpoints.slim.scopes`).

No library's are equal: torchvision's GoogLeNet pads symmetrically, nobody has v2 with its separable first
convolution, and both libraries' v3 count the padding in their average poolings.
"""

import re

import torch
from timm.layers import create_conv2d, create_pool2d
from torch import Tensor, nn

from ckptrank.checkpoints.slim.scopes import Table, is_pooling, split_line

V1 = (
    "Conv2d_1a_7x7:64/2",
    "max/2",
    "Conv2d_2b_1x1:64",
    "Conv2d_2c_3x3:192",
    "max/2",
    "Mixed_3b = 0a_1x1:64 | 0a_1x1:96 0b_3x3:128 | 0a_1x1:16 0b_3x3:32 | max 0b_1x1:32",
    "Mixed_3c = 0a_1x1:128 | 0a_1x1:128 0b_3x3:192 | 0a_1x1:32 0b_3x3:96 | max 0b_1x1:64",
    "max/2",
    "Mixed_4b = 0a_1x1:192 | 0a_1x1:96 0b_3x3:208 | 0a_1x1:16 0b_3x3:48 | max 0b_1x1:64",
    "Mixed_4c = 0a_1x1:160 | 0a_1x1:112 0b_3x3:224 | 0a_1x1:24 0b_3x3:64 | max 0b_1x1:64",
    "Mixed_4d = 0a_1x1:128 | 0a_1x1:128 0b_3x3:256 | 0a_1x1:24 0b_3x3:64 | max 0b_1x1:64",
    "Mixed_4e = 0a_1x1:112 | 0a_1x1:144 0b_3x3:288 | 0a_1x1:32 0b_3x3:64 | max 0b_1x1:64",
    "Mixed_4f = 0a_1x1:256 | 0a_1x1:160 0b_3x3:320 | 0a_1x1:32 0b_3x3:128 | max 0b_1x1:128",
    "max@2x2/2",
    "Mixed_5b = 0a_1x1:256 | 0a_1x1:160 0b_3x3:320 | 0a_1x1:32 0a_3x3:128 | max 0b_1x1:128",
    "Mixed_5c = 0a_1x1:384 | 0a_1x1:192 0b_3x3:384 | 0a_1x1:48 0b_3x3:128 | max 0b_1x1:128",
)
# The first convolution is separable, in two layers of one scope.
V2 = (
    "Conv2d_1a_7x7:24/2d",
    "Conv2d_1a_7x7@1x1:64b",
    "max/2",
    "Conv2d_2b_1x1:64",
    "Conv2d_2c_3x3:192",
    "max/2",
    "Mixed_3b = 0a_1x1:64 | 0a_1x1:64 0b_3x3:64 | 0a_1x1:64 0b_3x3:96 0c_3x3:96 | avg 0b_1x1:32",
    "Mixed_3c = 0a_1x1:64 | 0a_1x1:64 0b_3x3:96 | 0a_1x1:64 0b_3x3:96 0c_3x3:96 | avg 0b_1x1:64",
    "Mixed_4a = 0a_1x1:128 1a_3x3:160/2 | 0a_1x1:64 0b_3x3:96 1a_3x3:96/2 | max/2",
    "Mixed_4b = 0a_1x1:224 | 0a_1x1:64 0b_3x3:96 | 0a_1x1:96 0b_3x3:128 0c_3x3:128 | avg 0b_1x1:128",
    "Mixed_4c = 0a_1x1:192 | 0a_1x1:96 0b_3x3:128 | 0a_1x1:96 0b_3x3:128 0c_3x3:128 | avg 0b_1x1:128",
    "Mixed_4d = 0a_1x1:160 | 0a_1x1:128 0b_3x3:160 | 0a_1x1:128 0b_3x3:160 0c_3x3:160 | avg 0b_1x1:96",
    "Mixed_4e = 0a_1x1:96 | 0a_1x1:128 0b_3x3:192 | 0a_1x1:160 0b_3x3:192 0c_3x3:192 | avg 0b_1x1:96",
    "Mixed_5a = 0a_1x1:128 1a_3x3:192/2 | 0a_1x1:192 0b_3x3:256 1a_3x3:256/2 | max/2",
    "Mixed_5b = 0a_1x1:352 | 0a_1x1:192 0b_3x3:320 | 0a_1x1:160 0b_3x3:224 0c_3x3:224 | avg 0b_1x1:128",
    "Mixed_5c = 0a_1x1:352 | 0a_1x1:192 0b_3x3:320 | 0a_1x1:192 0b_3x3:224 0c_3x3:224 | max 0b_1x1:128",
)


def _v3_b(letter: str, width: int) -> str:
    double = f"0b_7x1:{width} 0c_1x7:{width} 0d_7x1:{width} 0e_1x7:192"
    return (
        f"Mixed_6{letter} = 0a_1x1:192 | 0a_1x1:{width} 0b_1x7:{width} 0c_7x1:192 | "
        f"0a_1x1:{width} {double} | avg 0b_1x1:192"
    )


def _v3_c(letter: str, second: str) -> str:
    double = "0a_1x1:448 0b_3x3:384 0c_1x3:384+0d_3x1:384"
    return (
        f"Mixed_7{letter} = 0a_1x1:320 | 0a_1x1:384 0b_1x3:384+{second}_3x1:384 | "
        f"{double} | avg 0b_1x1:192"
    )


# Its names are not regular, in slim as here.
V3 = (
    "Conv2d_1a_3x3:32/2v",
    "Conv2d_2a_3x3:32v",
    "Conv2d_2b_3x3:64",
    "max/2v",
    "Conv2d_3b_1x1:80",
    "Conv2d_4a_3x3:192v",
    "max/2v",
    "Mixed_5b = 0a_1x1:64 | 0a_1x1:48 0b_5x5:64 | 0a_1x1:64 0b_3x3:96 0c_3x3:96 | avg 0b_1x1:32",
    "Mixed_5c = 0a_1x1:64 | 0b_1x1:48 Conv_1_0c_5x5:64 | 0a_1x1:64 0b_3x3:96 0c_3x3:96 | avg 0b_1x1:64",
    "Mixed_5d = 0a_1x1:64 | 0a_1x1:48 0b_5x5:64 | 0a_1x1:64 0b_3x3:96 0c_3x3:96 | avg 0b_1x1:64",
    "Mixed_6a = 1a_1x1@3x3:384/2v | 0a_1x1:64 0b_3x3:96 1a_1x1@3x3:96/2v | max/2v",
    *(_v3_b(letter, width) for letter, width in zip("bcde", (128, 160, 160, 192), strict=True)),
    "Mixed_7a = 0a_1x1:192 1a_3x3:320/2v | 0a_1x1:192 0b_1x7:192 0c_7x1:192 1a_3x3:192/2v | max/2v",
    _v3_c("b", "0b"),
    _v3_c("c", "0c"),
)

_CONVOLUTION = re.compile(
    r".*_(\d)x(\d)(?:@(?P<h>\d)x(?P<w>\d))?:(?P<width>\d+)(?P<stride>/2)?(?P<kind>[vdb]?)"
)
_POOLING = re.compile(r"(?P<kind>max|avg)(?:@(?P<side>\d)x\d)?(?P<stride>/2)?(?P<valid>v?)")


class Inception(nn.Module):
    """A network of a table; ``classes``: of its classifier, which is the identity for 0.

    Images (N, 3, H, W) give the mean over the last map: equal to slim's pooling at the size that the network is for.
    """

    def __init__(self, table: Table, classes: int = 0):
        super().__init__()
        layers, width = [], 3
        for line in table:
            layer, width = _make_line(line, width)
            layers.append(layer)
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(width, classes) if classes else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images).mean((2, 3)))


class Joined(nn.ModuleList):
    """Branches of one input, joined by channels."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([branch(images) for branch in self], dim=1)


def _make_line(line: str, width: int) -> tuple[nn.Module, int]:
    """Return the layer or block of a line for inputs of so many channels, and how many it gives."""
    _, branches = split_line(line)
    made = [_make_branch(branch, width) for branch in branches]
    if len(made) == 1:
        return made[0]
    return Joined(branch for branch, _ in made), sum(given for _, given in made)


def _make_branch(branch: list[list[str]], width: int) -> tuple[nn.Module, int]:
    layers: list[nn.Module] = []
    for tokens in branch:
        made = [_make_layer(token, width) for token in tokens]
        layers.append(made[0][0] if len(made) == 1 else Joined(layer for layer, _ in made))
        width = sum(given for _, given in made)
    return (layers[0] if len(layers) == 1 else nn.Sequential(*layers)), width


def _make_layer(token: str, width: int) -> tuple[nn.Module, int]:
    if is_pooling(token):
        return _make_pooling(token), width
    found = _CONVOLUTION.fullmatch(token)
    kernel = int(found["h"] or found[1]), int(found["w"] or found[2])
    outputs, stride = int(found["width"]), 2 if found["stride"] else 1
    options: dict = {"stride": stride, "bias": found["kind"] == "b"}
    if found["kind"] == "d":
        options["groups"] = width
    if stride == 2 and found["kind"] != "v":
        convolution = create_conv2d(width, outputs, kernel[0], padding="same", **options)
    else:
        padding = (0, 0) if found["kind"] == "v" else (kernel[0] // 2, kernel[1] // 2)
        convolution = nn.Conv2d(width, outputs, kernel, padding=padding, **options)
    if found["kind"] == "d":
        return convolution, outputs
    rest = [] if found["kind"] == "b" else [nn.BatchNorm2d(outputs)]
    return nn.Sequential(convolution, *rest, nn.ReLU(inplace=True)), outputs


def _make_pooling(token: str) -> nn.Module:
    found = _POOLING.fullmatch(token)
    side, stride = int(found["side"] or 3), 2 if found["stride"] else 1
    if found["kind"] == "avg":
        return nn.AvgPool2d(side, stride, side // 2, count_include_pad=False)
    return create_pool2d("max", side, stride, padding="valid" if found["valid"] else "same")
