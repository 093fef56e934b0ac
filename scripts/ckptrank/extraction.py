"""One forward pass of a checkpoint over the train and test images of a task, streamed to HDF5."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from ckptrank.checkpoints.network import Network
from ckptrank.device import describe
from ckptrank.errors import PairFault
from ckptrank.features import FeatureWriter, create_features
from ckptrank.images import LabelledImages
from ckptrank.log import progress

logger = logging.getLogger("ckptrank")


def extract_features(
    network: Network,
    splits: Mapping[str, LabelledImages],
    path: Path,
    *,
    checkpoint: str,
    task: str,
    attributes: Mapping[str, object],
    batch_size: int,
    device: torch.device,
) -> None:
    """Write the feature file of a pair. Raises :class:`PairFault` when features are not finite."""
    network = network.to(device, memory_format=torch.channels_last).eval()
    with create_features(path, checkpoint, task) as writer:
        started = time.perf_counter()
        for split, data in splits.items():
            writer.add_split(split, data.labels, np.arange(len(data)))
            _extract_split(network, split, data, writer, batch_size, device)
        writer.set_attributes(
            **attributes,
            preprocessing=network.preprocessing.to_dict(),
            seconds=time.perf_counter() - started,
            device=describe(device),
            versions={"torch": torch.__version__, "numpy": np.__version__},
        )


@torch.inference_mode()
def _extract_split(
    network: Network,
    split: str,
    data: LabelledImages,
    writer: FeatureWriter,
    batch_size: int,
    device: torch.device,
) -> None:
    for start in progress(range(0, len(data), batch_size), description=split, unit="batch"):
        rows = np.arange(start, min(start + batch_size, len(data)))
        features, logits = network(data.batch(rows, device)[0])
        for name, values in (("features", features), ("logits", logits)):
            if values is not None and not torch.isfinite(values).all():
                raise PairFault(
                    f"{name} of the {split} images {rows[0]}..{rows[-1]} hold NaN or infinity"
                )
        writer.write(
            split,
            start,
            features=features.float().cpu().numpy(),
            logits=None if logits is None else logits.float().cpu().numpy(),
        )
