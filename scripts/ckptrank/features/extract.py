"""One forward pass of a checkpoint over the images of a task, streamed to HDF5."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence, Sized
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch

from ckptrank.checkpoints import load_network, read_card
from ckptrank.checkpoints.network import Network
from ckptrank.errors import PairFault
from ckptrank.features.store import (
    Features,
    FeatureWriter,
    create_features,
    open_features,
    write_failed,
)
from ckptrank.finetune.sweep import Pair
from ckptrank.jobs.device import describe
from ckptrank.jobs.gpu_memory import forward_in_parts, memory_is_a_fault
from ckptrank.jobs.log import progress
from ckptrank.jobs.precision import Precision, set_precision
from ckptrank.jobs.threads import map_ahead
from ckptrank.sampling import SPLITS, cap_per_class
from ckptrank.seeds import seed_from
from ckptrank.tasks.images import LabelledImages, load_images
from ckptrank.tasks.store import open_task

logger = logging.getLogger("ckptrank")
READ_AHEAD = 3


def extract_pairs(
    pairs: Iterable[tuple[Pair, str | Path]],
    *,
    splits: Sequence[str] = SPLITS,
    known: str | Path | None = None,
    samples_per_class: int | None = None,
    batch_size: int,
    device: torch.device,
    precision: str,
) -> None:
    """Write the features of pairs, each given with the feature file to write.

    See :func:`extract_pair`; a pair that fails gets a feature file that says why.
    """
    for pair, file in pairs:
        try:
            extract_pair(
                pair,
                Path(file),
                splits=splits,
                known=known,
                samples_per_class=samples_per_class,
                batch_size=batch_size,
                device=device,
                precision=precision,
            )
        except PairFault as fault:
            logger.error("%s: %s", pair.task, fault)
            write_failed(file, pair.checkpoint, pair.task, str(fault))


def extract_pair(
    pair: Pair,
    output: Path,
    *,
    splits: Sequence[str] = SPLITS,
    known: str | Path | None = None,
    samples_per_class: int | None = None,
    batch_size: int,
    device: torch.device,
    precision: str,
) -> None:
    """Write the features of some splits; of so many training samples of each class, if that is given.

    ``known``: a feature file of the pair that has the training samples, made of the same task by the same network,
    from which they are taken over.
    Raises :class:`PairFault` where the checkpoint or the task cannot be used.
    """
    task = open_task(pair.task_folder)
    card = read_card(pair.checkpoint_folder)
    network = load_network(pair.checkpoint_folder)
    taken = None if known is None else open_features(known)
    images = {
        split: load_images(task, split, network.preprocessing, pair.images)
        for split in splits
        if taken is None or split != "train"
    }
    if samples_per_class is not None:  # a first look by `snakemake rank`
        train = images["train"]
        rows = cap_per_class(train.labels, samples_per_class, seed_from("cap", pair.task))
        images["train"] = train.limited_to(rows)
    extract_features(
        network,
        images,
        output,
        known=taken,
        checkpoint=pair.checkpoint,
        task=pair.task,
        attributes={
            key: card[key] for key in ("sha256", "feature_layer", "parameters", "forward_flops")
        },
        batch_size=batch_size,
        device=device,
        precision=precision,
    )


@memory_is_a_fault("lower compute.extract_batch")
def extract_features(
    network: Network,
    splits: Mapping[str, LabelledImages],
    path: Path,
    *,
    known: Features | None = None,
    checkpoint: str,
    task: str,
    attributes: Mapping[str, object],
    batch_size: int,
    device: torch.device,
    precision: str = "auto",
) -> None:
    """Write the feature file of a pair. Raises :class:`PairFault` when features are not finite or a GPU's
    memory does not suffice.

    ``known``: a feature file whose training samples are taken over, with the time that they took.
    ``precision``: as ``compute.precision`` has it; ``auto`` is tf32 on a GPU, whose 10 bits are a rounding error
    of the scores where those of bfloat16, 7, would be seen in ties.
    """
    chosen = set_precision(precision, device, auto="tf32")
    network = network.to(device, memory_format=torch.channels_last).eval()
    with create_features(path, checkpoint, task) as writer:
        started = time.perf_counter()
        if known is not None:
            writer.copy_split("train", known.path)
        for split, data in splits.items():
            rows = np.arange(len(data)) if data.rows is None else data.rows
            writer.add_split(split, data.labels, rows)
            _extract_split(network, split, data, writer, batch_size, device, chosen)
        writer.set_attributes(
            **attributes,
            preprocessing=network.preprocessing.to_dict(),
            **_add_known(describe_pass(splits, started, device, chosen), known),
        )


def _add_known(facts: dict, known: Features | None) -> dict:
    if known is None:
        return facts
    counts = {name: facts[name] + known.attributes[name] for name in ("samples", "seconds")}
    return {**facts, **counts}


def describe_pass(
    splits: Mapping[str, Sized], started: float, device: torch.device, precision: Precision
) -> dict:
    """Return what a feature file says of the pass that made it; ``started``: by ``time.perf_counter``."""
    return {
        "samples": sum(map(len, splits.values())),
        "seconds": time.perf_counter() - started,
        "device": describe(device),
        "precision": precision.name,
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
    }


@torch.inference_mode()
def _extract_split(
    network: Network,
    split: str,
    data: LabelledImages,
    writer: FeatureWriter,
    batch_size: int,
    device: torch.device,
    precision: Precision,
) -> None:
    """Read, compute and write at once: a thread reads ahead, and a GPU has the next batch before the
    results of this one are fetched."""
    on_gpu = device.type == "cuda"

    def read(start: int) -> torch.Tensor:
        rows = np.arange(start, min(start + batch_size, len(data)))
        with torch.cuda.device(device) if on_gpu else nullcontext():  # each thread has its own
            return data.read(rows, pinned=on_gpu)

    starts = range(0, len(data), batch_size)
    batches = map_ahead(read, starts, workers=1, ahead=READ_AHEAD)
    computed = None
    for start, images in zip(
        progress(starts, description=split, unit="batch"), batches, strict=True
    ):
        with precision.autocast():
            results = forward_in_parts(network, images.to(device, non_blocking=True))
        if computed is not None:
            _write(writer, split, *computed)
        computed = start, results
    _write(writer, split, *computed)


def _write(
    writer: FeatureWriter, split: str, start: int, results: tuple[torch.Tensor | None, ...]
) -> None:
    arrays = {
        name: None if values is None else values.float().cpu().numpy()
        for name, values in zip(("features", "logits"), results, strict=True)
    }
    for name, values in arrays.items():
        if values is not None and not np.isfinite(values).all():
            raise PairFault(
                f"{name} of the {split} images {start}..{start + len(values) - 1} hold NaN or infinity"
            )
    writer.write(split, start, **arrays)
