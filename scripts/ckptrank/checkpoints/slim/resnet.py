"""ResNets of TensorFlow that no library has: slim's v1, and v2 as VTAB's modules are said to be.

In slim's v1 the last unit of a block has the stride, in its 3 x 3 convolution, and its shortcut takes every second
pixel; torchvision's has it in the first. Strided convolutions are padded alike on both sides.
"""

from collections.abc import Sequence

from timm.layers import create_pool2d
from torch import Tensor, nn


def _make_convolutions(inputs: int, width: int, stride: int) -> list[nn.Module]:
    """Return the three convolutions of a unit, the first two normalised and rectified."""
    return [
        nn.Conv2d(inputs, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, width, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, 4 * width, 1, bias=False),
    ]


class Bottleneck(nn.Module):
    """A unit of v1: (N, ``inputs``, H, W) to (N, 4 ``width``, H / stride, W / stride)."""

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        outputs = 4 * width
        self.shortcut: nn.Module = nn.MaxPool2d(1, stride) if stride > 1 else nn.Identity()
        if inputs != outputs:
            convolution = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(outputs))
        convolutions = _make_convolutions(inputs, width, stride)
        self.residual = nn.Sequential(*convolutions, nn.BatchNorm2d(outputs))
        self.act = nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        return self.act(self.shortcut(images) + self.residual(images))


class ResNetV1(nn.Module):
    """``units``: of each of the four blocks; ``classes``: of the classifier, the identity for 0."""

    def __init__(self, units: Sequence[int], classes: int = 0):
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, 64, 7, 2, padding=3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            create_pool2d("max", 3, 2, padding="same"),
        ]
        channels = 64
        for block, count in enumerate(units):
            width = 64 << block
            for unit in range(1, count + 1):
                stride = 2 if unit == count and block < 3 else 1
                layers.append(Bottleneck(channels, width, stride))
                channels = 4 * width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, classes) if classes else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images).mean((2, 3)))


class PreActivation(nn.Module):
    """A unit of v2: normalised before each convolution; the projection takes what was normalised."""

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        outputs = 4 * width
        self.normalised = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(inplace=True))
        self.shortcut = (
            None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        )
        self.residual = nn.Sequential(*_make_convolutions(inputs, width, stride))

    def forward(self, images: Tensor) -> Tensor:
        normalised = self.normalised(images)
        shortcut = images if self.shortcut is None else self.shortcut(normalised)
        return shortcut + self.residual(normalised)


class ResNet50V2(nn.Module):
    """ResNet-50 v2 of google/revisiting-self-supervised, which VTAB's modules are taken for: images to 2,048 features.

    The root is not normalised, its pooling is padded with zeros, the stride is in a block's first unit. Batch
    normalisation has what tf.layers takes by itself.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, 64, 7, 2, padding=3, bias=False),
            nn.ZeroPad2d(1),
            nn.MaxPool2d(3, 2),
        ]
        channels = 64
        for block, count in enumerate((3, 4, 6, 3)):
            for unit in range(count):
                layers.append(PreActivation(channels, 64 << block, 2 if block and not unit else 1))
                channels = 256 << block
        layers += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        self.features = nn.Sequential(*layers)
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps, layer.momentum = 1e-3, 0.01

    def forward(self, images: Tensor) -> Tensor:
        return self.features(images).mean((2, 3))
