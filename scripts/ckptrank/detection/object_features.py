"""Features of objects in place of images: a checkpoint's last map, pooled inside each box that the task knows.

Labels of crowded images say little, for most have most classes. An object has one class, so that every measure for
single labels applies, and the features come from the image at the size at which a detector sees it.
"""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import roi_align

from ckptrank.checkpoints import load_network, read_card
from ckptrank.detection.data import ObjectImages, load_split
from ckptrank.detection.maps import FeatureMaps
from ckptrank.errors import PairFault
from ckptrank.features.extract import describe_pass
from ckptrank.features.store import FeatureWriter, create_features, write_failed
from ckptrank.finetune.sweep import Pair
from ckptrank.jobs.gpu_memory import memory_is_a_fault
from ckptrank.jobs.log import progress
from ckptrank.jobs.precision import set_precision
from ckptrank.sampling import SPLITS
from ckptrank.tasks.store import open_task

logger = logging.getLogger("ckptrank")
GRID = 2  # samples of a box in each direction, averaged


def write_object_features(pair: Pair, output: str | Path, **settings: object) -> None:
    """Write a feature file with a sample for each object, or why there is none; see :func:`extract_objects`."""
    try:
        extract_objects(pair, Path(output), **settings)
    except PairFault as fault:
        logger.error("%s: %s", pair.task, fault)
        write_failed(output, pair.checkpoint, pair.task, str(fault))


@memory_is_a_fault("lower detection.extract_batch")
def extract_objects(
    pair: Pair,
    output: Path,
    *,
    strides: Sequence[int],
    min_size: int,
    max_size: int,
    batch_size: int,
    device: torch.device,
    precision: str,
) -> None:
    """Write the features of the objects of both splits: (M, D) float32, labels (M,) int64, and ``image`` (M, 1).

    The samples are the objects that are no crowd, in the task's order; a task with an image of one object each gives
    what a classification of the cut-out objects would. ``strides``, ``min_size``, ``max_size``: as the detector has
    them; ``batch_size``: in images. Raises :class:`PairFault` where the checkpoint or the task cannot be used.
    """
    task, card = open_task(pair.task_folder), read_card(pair.checkpoint_folder)
    network = load_network(pair.checkpoint_folder)
    chosen = set_precision(precision, device, auto="tf32")
    maps = FeatureMaps(network, strides).to(device).eval()
    transform = GeneralizedRCNNTransform(min_size, max_size, list(maps.mean), list(maps.std)).eval()
    splits = {split: load_split(task, split, "") for split in SPLITS}
    with create_features(output, pair.checkpoint, pair.task) as writer:
        started = time.perf_counter()
        for split, data in splits.items():
            counted = np.flatnonzero(~data.objects.crowd)
            writer.add_split(split, data.objects.labels[counted], counted)
            # By these scores keep the objects of an image on one side; numbers below 2^24 are exact in float32.
            if len(counted):
                writer.write(split, 0, image=data.objects.images[counted][:, None])
            with chosen.autocast():
                _extract_split(maps, transform, split, data, writer, batch_size, device)
        writer.set_attributes(
            **{key: card[key] for key in ("parameters", "forward_flops")},
            sha256=card["sha256"] or "",  # random weights have none
            feature_layer=f"{maps.stages[-1].name}, RoIAlign in the box of an object",
            preprocessing={
                **network.preprocessing.to_dict(),
                "min_size": min_size,
                "max_size": max_size,
            },
            **describe_pass(splits, started, device, chosen),
        )


@torch.inference_mode()
def _extract_split(
    maps: FeatureMaps,
    transform: GeneralizedRCNNTransform,
    split: str,
    data: ObjectImages,
    writer: FeatureWriter,
    batch_size: int,
    device: torch.device,
) -> None:
    rows = [
        np.arange(start, min(start + batch_size, len(data)))
        for start in range(0, len(data), batch_size)
    ]
    done = 0
    batches = zip(rows, data.batches(rows, device), strict=True)
    for _, (images, targets) in progress(batches, description=split, unit="batch", total=len(rows)):
        batch, fitted = transform(images, targets)
        boxes = [target["boxes"].float() for target in fitted]
        count = sum(map(len, boxes))
        if not count:
            continue
        last = list(maps(batch.tensors).values())[-1].float()
        scale = last.shape[3] / batch.tensors.shape[3]
        pooled = roi_align(last, boxes, (GRID, GRID), scale, sampling_ratio=2, aligned=True)
        features = pooled.mean((2, 3)).cpu().numpy()
        if not np.isfinite(features).all():
            raise PairFault(f"features of the {split} objects from {done} on hold NaN or infinity")
        writer.write(split, done, features=features)
        done += count
