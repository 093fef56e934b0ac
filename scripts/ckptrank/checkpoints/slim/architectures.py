"""Slim's networks by name: how each is made here, what slim calls its parts, how it takes its images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from timm.models._efficientnet_blocks import SqueezeExcite
from timm.models.efficientnet import _gen_mobilenet_v1
from torch import Tensor, nn

from ckptrank.checkpoints.slim import scopes
from ckptrank.checkpoints.slim.inception import V1, V2, V3, Inception
from ckptrank.checkpoints.slim.resnet import ResNetV1
from ckptrank.checkpoints.timm import create
from ckptrank.networks.preprocessing import Preprocessing

_TENSORFLOW = {"pad_type": "same", "bn_eps": 1e-3}


@dataclass(frozen=True)
class Architecture:
    """``make``: gives the network with a classifier of so many classes, none for 0.

    ``scope``: of all its variables. ``layers``: the scopes of its convolutions, in the order of the network's
    modules. ``classifier``: the module that gives the logits; ``head``: its scope. ``size``: of the images, in pixels.
    ``epsilon``, ``decay``, ``gamma``: of batch normalisation. ``vgg``: whether slim prepares its images as VGG's.
    """

    make: Callable[[int], nn.Module]
    scope: str
    layers: Sequence[str]
    classifier: str
    head: str
    size: int = 224
    epsilon: float = 1e-3
    decay: float = 0.9997
    gamma: bool = True
    vgg: bool = False

    def build(self, classes: int = 0) -> nn.Module:
        """Return the network with random weights and slim's batch normalisation.

        Where slim has no gamma it is one, and no parameter.
        """
        model = self.make(classes)
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps, layer.momentum = self.epsilon, 1 - self.decay
                if not self.gamma:
                    ones = torch.ones_like(layer.weight.detach())
                    del layer.weight
                    layer.register_buffer("weight", ones, persistent=False)
            elif isinstance(layer, SqueezeExcite):
                layer.gate = Gate()
        return model

    @property
    def preprocessing(self) -> Preprocessing:
        """What slim's evaluation does for a network of this name."""
        if self.vgg:
            mean = (123.68 / 255, 116.78 / 255, 103.94 / 255)
            return Preprocessing(
                self.size, mean, (1 / 255,) * 3, "tensorflow", self.size / 256, "center"
            )
        half = (0.5, 0.5, 0.5)
        return Preprocessing(self.size, half, half, "tensorflow", 0.875, "inner")


class Gate(nn.Module):
    """The hard sigmoid of slim's squeeze and excitation: not quite a sixth, so that it reaches 1.00002."""

    def forward(self, values: Tensor) -> Tensor:
        return F.relu6(values + 3) * 0.16667


def _port(model: str, arguments: dict, classes: int) -> nn.Module:
    return create(model, {**arguments, "num_classes": classes})


def _mobilenet_v1(width: float, classes: int) -> nn.Module:
    return _gen_mobilenet_v1("mobilenetv1_100", width, num_classes=classes, **_TENSORFLOW)


def _resnet_v1(name: str, units: Sequence[int], layers: Sequence[str]) -> Architecture:
    return Architecture(
        partial(ResNetV1, units), name, layers, "classifier", "logits", epsilon=1e-5, decay=0.997, vgg=True
    )  # fmt: skip


_convolutional_head = partial(Architecture, classifier="classifier", head="Logits/Conv2d_1c_1x1")
ARCHITECTURES = {
    "resnet_v1_50": _resnet_v1("resnet_v1_50", (3, 4, 6, 3), scopes.RESNET_V1_50),
    "resnet_v1_101": _resnet_v1("resnet_v1_101", (3, 4, 23, 3), scopes.RESNET_V1_101),
    "inception_v1": Architecture(
        partial(Inception, V1), "InceptionV1", tuple(scopes.list_scopes(V1)), "classifier", "Logits/Conv2d_0c_1x1", gamma=False
    ),
    "inception_v2": _convolutional_head(
        partial(Inception, V2), "InceptionV2", tuple(scopes.list_scopes(V2)), gamma=False
    ),
    "inception_v3": _convolutional_head(
        partial(Inception, V3), "InceptionV3", tuple(scopes.list_scopes(V3)), gamma=False, size=299
    ),
    "inception_v4": Architecture(
        partial(_port, "inception_v4", {}), "InceptionV4", scopes.INCEPTION_V4, "last_linear", "Logits/Logits", gamma=False, size=299
    ),
    "inception_resnet_v2": Architecture(
        partial(_port, "inception_resnet_v2", {}), "InceptionResnetV2", scopes.INCEPTION_RESNET_V2, "classif", "Logits/Logits", gamma=False, size=299
    ),
    "mobilenet_v1": _convolutional_head(
        partial(_mobilenet_v1, 1.0), "MobilenetV1", scopes.MOBILENET_V1
    ),
    "mobilenet_v1_025": _convolutional_head(
        partial(_mobilenet_v1, 0.25), "MobilenetV1", scopes.MOBILENET_V1
    ),
    "mobilenet_v2": _convolutional_head(
        partial(_port, "mobilenetv2_100", _TENSORFLOW), "MobilenetV2", scopes.MOBILENET_V2, decay=0.997
    ),
    "mobilenet_v2_035": _convolutional_head(
        partial(_port, "mobilenetv2_035", _TENSORFLOW), "MobilenetV2", scopes.MOBILENET_V2, decay=0.997
    ),
    "mobilenet_v3_small": _convolutional_head(
        partial(_port, "tf_mobilenetv3_small_100", {}), "MobilenetV3", scopes.MOBILENET_V3_SMALL, decay=0.997
    ),
    "mobilenet_v3_large": _convolutional_head(
        partial(_port, "tf_mobilenetv3_large_100", {}), "MobilenetV3", scopes.MOBILENET_V3_LARGE, decay=0.997
    ),
}  # fmt: skip
