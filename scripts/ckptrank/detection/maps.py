"""The feature maps of any checkpoint whose backbone makes some: the ends of its stages, found by a trial.

A detector wants maps at several strides. Libraries name them (timm's ``features_only``, torchvision's
``create_feature_extractor``), but a checkpoint may come from neither; so an image is sent through, and for each
stride the last layer counts whose output has that size, of the outermost layers: a stage, not a part of its blocks. A
chain of stages (timm's ``stages`` and ``blocks``, torchvision's ``features``) counts as if its layers were outermost.
For ResNets, MobileNets, EfficientNets, DenseNets, ConvNeXts, VGG and the built-in networks these are the ends of the stages.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ckptrank.checkpoints.network import Network
from ckptrank.errors import PairFault

TRIAL_SIDE = 128
TRUNK_STRIDES = 3  # a chain of stages has at least so many, a block at most two
LEAST_SHARE = 0.5  # of the layers with weights must come before the last map


@dataclass(frozen=True)
class Stage:
    """The layer ``name`` gives maps of ``channels`` at about ``stride`` pixels each."""

    name: str
    stride: int
    channels: int


@dataclass
class _Output:
    """What a layer gave: its number in the order of the layers' ends, and the shape where it is maps."""

    name: str
    number: int
    shape: tuple[int, ...] | None
    weighted: bool


class _Reached(Exception):
    """Ends a forward pass at the last map that is wanted."""


class FeatureMaps(nn.Module):
    """The maps of a network at some strides, {"0": finest, "1": ...}, of normalised images (N, 3, H, W).

    ``strides``: those that are wanted, of which the network gives two or more. ``freeze_norms``: batch norms keep
    their statistics while training, as is usual where batches are small. ``normalise``: for images in 0..1, by the
    checkpoint's mean and deviation; the detectors of torchvision do that themselves. Raises :class:`PairFault` where
    there are no such maps, or where what follows the last of them is most of the network, as after the patches of a
    transformer.
    """

    def __init__(self, network: Network, strides: Sequence[int], *, freeze_norms: bool = False):
        super().__init__()
        self.body = network.backbone
        self.stages = find_stages(self.body, strides)
        self.freeze_norms = freeze_norms
        self.mean, self.std = network.preprocessing.mean, network.preprocessing.std
        self._maps: dict[str, Tensor] = {}
        for stage in self.stages:
            self.body.get_submodule(stage.name).register_forward_hook(self._keep(stage))

    def train(self, mode: bool = True) -> "FeatureMaps":
        super().train(mode)
        if self.freeze_norms:
            for layer in self.modules():
                if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                    layer.eval()
        return self

    def forward(self, images: Tensor) -> "OrderedDict[str, Tensor]":
        self._maps.clear()
        try:
            self.body(images)
        except _Reached:
            found = OrderedDict(
                (str(place), self._maps[stage.name]) for place, stage in enumerate(self.stages)
            )
            self._maps.clear()
            return found
        raise PairFault("its forward pass does not reach its last feature map")

    def _keep(self, stage: Stage):
        last = stage == self.stages[-1]

        def hook(_layer: nn.Module, _inputs: tuple, output: Tensor) -> None:
            self._maps[stage.name] = output
            if last:
                raise _Reached

        return hook


def find_stages(body: nn.Module, strides: Sequence[int]) -> list[Stage]:
    """Return the stages of a network at those of the strides that it has, from the finest on; see the module."""
    outputs = _list_outputs(body)
    trunks = _find_trunks(body, outputs)
    best: dict[int, _Output] = {}
    smallest = TRIAL_SIDE
    for output in outputs:
        if output.shape is None or output.shape[2] > smallest:  # enlarged again, to be pooled
            continue
        smallest = output.shape[2]
        stride = _find_stride(output)
        known = best.get(stride)
        if known is None or _depth(output.name, trunks) <= _depth(known.name, trunks):
            best[stride] = output
    found = [
        Stage(best[stride].name, stride, best[stride].shape[1])
        for stride in sorted(strides)
        if stride in best
    ]
    if len(found) < 2:
        have = ", ".join(map(str, sorted(best))) or "none"
        raise PairFault(
            f"gives no feature maps at two of the strides {', '.join(map(str, strides))} (it has maps at: {have})"
        )
    last = best[found[-1].stride].number
    weighted = [output for output in outputs if output.weighted]
    before = sum(output.number <= last for output in weighted)
    if before < LEAST_SHARE * len(weighted):
        raise PairFault(
            f"its last feature map, of {found[-1].name!r}, comes after {before} of its {len(weighted)} layers: "
            "what follows gives no maps"
        )
    return found


@torch.no_grad()
def _list_outputs(body: nn.Module) -> list[_Output]:
    """Return what each layer gives for an image of 128 pixels, in the order in which they end."""
    outputs: list[_Output] = []

    def keep(name: str):
        def hook(layer: nn.Module, _inputs: tuple, output: object) -> None:
            square = isinstance(output, Tensor) and output.ndim == 4
            square = square and 1 < output.shape[2] == output.shape[3] <= TRIAL_SIDE
            weighted = bool(layer._parameters) and not isinstance(layer, _NORMS)
            shape = tuple(output.shape) if square else None
            outputs.append(_Output(name, len(outputs), shape, weighted))

        return hook

    hooks = [
        layer.register_forward_hook(keep(name)) for name, layer in body.named_modules() if name
    ]
    image = torch.zeros(1, 3, TRIAL_SIDE, TRIAL_SIDE)
    try:
        body.eval()(image)
    except (RuntimeError, ValueError, AssertionError) as error:
        raise PairFault(
            f"cannot compute an image of {TRIAL_SIDE} pixels, as a detector asks for: {error}"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    return outputs


_NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


def _find_stride(output: _Output) -> int:
    return 2 ** round(math.log2(TRIAL_SIDE / output.shape[2]))


def _find_trunks(body: nn.Module, outputs: Sequence[_Output]) -> set[str]:
    """Return the names of the chains of layers whose maps have several strides: stages stand in them side by side."""
    strides: dict[str, set[int]] = {}
    for output in outputs:
        if output.shape is not None:
            strides.setdefault(output.name.rpartition(".")[0], set()).add(_find_stride(output))
    return {
        name
        for name, found in strides.items()
        if name
        and len(found) >= TRUNK_STRIDES
        and isinstance(body.get_submodule(name), nn.Sequential | nn.ModuleList)
    }


def _depth(name: str, trunks: set[str]) -> int:
    """Return how many layers hold a layer, chains of stages not counted."""
    parts = name.split(".")
    holders = (".".join(parts[:end]) for end in range(1, len(parts)))
    return sum(holder not in trunks for holder in holders)
