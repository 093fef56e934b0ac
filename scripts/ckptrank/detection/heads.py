"""Detectors and segmentation networks on a checkpoint's feature maps: torchvision's, with a feature pyramid.

A *head* is a name that the config gives: ``fcos`` (one stage, light: the default), ``faster_rcnn`` and ``mask_rcnn``
(two stages), or ``fcn`` (a class for each pixel). Class 0 is the ground; class ``c`` of a task is ``c + 1`` here.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection import FCOS, FasterRCNN, MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.models.segmentation.fcn import FCNHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign

from ckptrank.checkpoints.network import Network
from ckptrank.detection.maps import FeatureMaps
from ckptrank.detection.masks import NOWHERE
from ckptrank.jobs.precision import Precision

HEADS = ("fcos", "faster_rcnn", "mask_rcnn", "fcn")
LEAST_SCORE = 0.05
MOST_DETECTIONS = 100


class Pyramid(nn.Module):
    """Feature maps of one number of channels, each joined with the coarser ones (Lin et al. 2017).

    It computes in ``precision`` whatever is around it: boxes and losses want float32.
    """

    def __init__(self, maps: FeatureMaps, channels: int, precision: Precision):
        super().__init__()
        self.maps = maps
        self.precision = precision
        self.pyramid = FeaturePyramidNetwork([stage.channels for stage in maps.stages], channels)
        self.out_channels = channels

    def forward(self, images: Tensor) -> "OrderedDict[str, Tensor]":
        with self.precision.autocast():
            found = self.pyramid(self.maps(images))
        return OrderedDict((name, maps.float()) for name, maps in found.items())


class Segmenter(nn.Module):
    """A class for each pixel: torchvision's FCN head on the finest map of the pyramid.

    Called as its detectors are: with images and targets it gives losses, of images alone the classes
    (H, W) int64 of each image's own size, 0 being the ground.
    """

    def __init__(self, backbone: Pyramid, classes: int, transform: GeneralizedRCNNTransform):
        super().__init__()
        self.transform = transform
        self.backbone = backbone
        self.head = FCNHead(backbone.out_channels, classes + 1)

    def forward(
        self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None
    ) -> dict[str, Tensor] | list[dict[str, Tensor]]:
        sizes = [tuple(image.shape[1:]) for image in images]
        batch, _ = self.transform(images)
        logits = self.head(self.backbone(batch.tensors)["0"]).float()
        logits = _resize(logits, batch.tensors.shape[2:])
        parts = [
            part[:, :height, :width]
            for part, (height, width) in zip(logits, batch.image_sizes, strict=True)
        ]
        if targets is None:
            return [
                {"pixels": _resize(part[None], size)[0].argmax(0)}
                for part, size in zip(parts, sizes, strict=True)
            ]
        losses = []
        for part, target in zip(parts, targets, strict=True):
            pixels = target["pixels"][None, None].float()
            wanted = functional.interpolate(pixels, part.shape[1:], mode="nearest")[0].long()
            losses.append(functional.cross_entropy(part[None], wanted, ignore_index=NOWHERE))
        return {"pixels": torch.stack(losses).nanmean()}


def _resize(logits: Tensor, size: Sequence[int]) -> Tensor:
    return functional.interpolate(logits, tuple(size), mode="bilinear", align_corners=False)


def build(
    head: str,
    network: Network,
    classes: int,
    *,
    strides: Sequence[int],
    channels: int,
    min_size: int,
    max_size: int,
    freeze_norms: bool,
    precision: Precision,
) -> nn.Module:
    """Return a detector of ``classes`` kinds of objects on a checkpoint's maps, its other weights random.

    ``strides``: of the maps that it would have. ``channels``: of the pyramid, a multiple of 32. Images are scaled to a
    shorter side of ``min_size`` pixels unless the longer one would exceed ``max_size``. Raises :class:`PairFault`
    where the network has no maps for it.
    """
    maps = FeatureMaps(network, strides, freeze_norms=freeze_norms)
    pyramid = Pyramid(maps, channels, precision)
    sides = {"min_size": min_size, "max_size": max_size}
    colours = {"image_mean": list(maps.mean), "image_std": list(maps.std)}
    found = [stage.stride for stage in maps.stages]
    if head == "fcn":
        return Segmenter(pyramid, classes, GeneralizedRCNNTransform(**sides, **colours))
    if head == "fcos":
        anchors = AnchorGenerator(tuple((stride,) for stride in found), ((1.0,),) * len(found))
        depth = 2 if channels < 256 else 4
        return FCOS(
            pyramid,
            classes + 1,
            anchor_generator=anchors,
            head=FCOSHead(channels, 1, classes + 1, depth),
            score_thresh=LEAST_SCORE,
            detections_per_img=MOST_DETECTIONS,
            **sides,
            **colours,
        )
    anchors = AnchorGenerator(
        tuple((4 * stride,) for stride in found), ((0.5, 1.0, 2.0),) * len(found)
    )
    names = [str(place) for place in range(len(found))]
    shared = {
        "num_classes": classes + 1,
        "rpn_anchor_generator": anchors,
        "box_roi_pool": MultiScaleRoIAlign(names, 7, 2),
        "box_score_thresh": LEAST_SCORE,
        "box_detections_per_img": MOST_DETECTIONS,
        **sides,
        **colours,
    }
    if head == "mask_rcnn":
        return MaskRCNN(pyramid, mask_roi_pool=MultiScaleRoIAlign(names, 14, 2), **shared)
    return FasterRCNN(pyramid, **shared)
