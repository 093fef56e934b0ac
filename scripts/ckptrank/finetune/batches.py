"""The images of a fine-tuning run where the device finds them at once: in its own memory, or read ahead."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch

from ckptrank.jobs.threads import map_ahead
from ckptrank.networks.resizing import Resizer
from ckptrank.seeds import seed_from
from ckptrank.tasks.images import LabelledImages

logger = logging.getLogger("ckptrank")
READ_AHEAD = 3
RESIDENT_SHARE = 0.3  # of a GPU's free memory, for the images of both splits


class SampleOrder:
    """Which samples each step takes: windows of ``batch_size`` on an endless chain of shuffled epochs.

    A pure function of its arguments, so that a resumed run sees what an undisturbed one does.
    """

    def __init__(self, samples: int, batch_size: int, seed: int):
        self.samples = samples
        self.batch_size = batch_size
        self.seed = seed
        self._epochs: dict[int, np.ndarray] = {}

    def rows(self, step: int) -> np.ndarray:
        """Return the rows (batch_size,) of the mini-batch of a step, counted from 0."""
        first, last = step * self.batch_size, (step + 1) * self.batch_size
        epochs = range(first // self.samples, (last - 1) // self.samples + 1)
        self._epochs = {epoch: self._shuffle(epoch) for epoch in epochs}
        return np.concatenate(
            [
                order[max(0, first - epoch * self.samples) : last - epoch * self.samples]
                for epoch, order in self._epochs.items()
            ]
        )

    def _shuffle(self, epoch: int) -> np.ndarray:
        if epoch in self._epochs:
            return self._epochs[epoch]
        return np.random.default_rng(seed_from(self.seed, "epoch", epoch)).permutation(self.samples)


@dataclass(frozen=True)
class Streamed:
    """A split whose images stay in their file; a thread reads the next batches into the host's memory."""

    data: LabelledImages
    device: torch.device

    @property
    def labels(self) -> np.ndarray:
        return self.data.labels

    def batches(self, rows: Iterable[np.ndarray]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the images and labels of each of ``rows`` on the device."""
        on_gpu = self.device.type == "cuda"

        def read(chosen: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
            with torch.cuda.device(self.device) if on_gpu else nullcontext():
                labels = torch.from_numpy(self.labels[chosen])
                images = self.data.read(chosen, pinned=on_gpu)
                return images, labels.pin_memory() if on_gpu else labels

        for batch in map_ahead(read, rows, workers=1, ahead=READ_AHEAD):
            images, labels = (part.to(self.device, non_blocking=True) for part in batch)
            yield images, labels


@dataclass(frozen=True)
class Resident:
    """A split whose images lie in the memory of the device; of another size, ``resize`` makes those of a batch."""

    images: torch.Tensor
    labels: np.ndarray
    resize: Resizer | None = None

    @classmethod
    def load(
        cls,
        data: LabelledImages,
        device: torch.device,
        resize: Resizer | None = None,
        part: int = 4096,
    ) -> "Resident":
        """Copy a split to the device, a part at a time."""
        images = torch.empty((len(data), *data.images.shape[1:]), dtype=torch.uint8, device=device)
        for start in range(0, len(data), part):
            rows = np.arange(start, min(start + part, len(data)))
            images[start : start + part] = data.read(rows).to(device)
        return cls(images, data.labels, resize)

    def batches(self, rows: Iterable[np.ndarray]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the images and labels of each of ``rows``, which the device itself collects."""
        device = self.images.device
        labels = torch.from_numpy(self.labels).to(device)
        for chosen in rows:
            index = torch.from_numpy(chosen)
            if device.type == "cuda":
                index = index.pin_memory().to(device, non_blocking=True)
            images = self.images.index_select(0, index)
            yield (
                images if self.resize is None else self.resize(images),
                labels.index_select(0, index),
            )


Placed = Resident | Streamed


def place(splits: Iterable[LabelledImages], device: torch.device) -> list[Placed]:
    """Return the splits as fine-tuning reads them: on the GPU where all of them take little of its memory.

    Those that would take too much at the network's size lie there at the task's own, if that is smaller.
    """
    splits = list(splits)
    placed = _load_all(splits, device) if device.type == "cuda" else None
    return placed or [Streamed(split, device) for split in splits]


def _load_all(splits: list[LabelledImages], device: torch.device) -> list[Placed] | None:
    """Return the splits in the GPU's memory; None where they would take too much of it."""
    needed = _count_bytes(splits)
    try:
        free = torch.cuda.mem_get_info(device)[0]
        resize, room = None, RESIDENT_SHARE * free
        if needed > room:
            resize = _find_resizer(splits, device)
            stored = splits if resize is None else [split.as_stored() for split in splits]
            if _count_bytes(stored) > room:
                logger.info(
                    "%.1f GB of images are streamed: the GPU has %.1f GB", needed / 1e9, free / 1e9
                )
                return None
            splits, needed = stored, _count_bytes(stored)
        placed = [Resident.load(split, device, resize) for split in splits]
    except torch.OutOfMemoryError:  # what was free a moment ago is another process's now
        logger.warning(
            "%.1f GB of images are streamed: the GPU's memory does not suffice", needed / 1e9
        )
    else:
        resized = "" if resize is None else ", at the task's own size: it resizes them"
        logger.info("%.1f GB of images stay on the GPU%s", needed / 1e9, resized)
        return placed
    # After the handler, whose traceback holds the images that were placed.
    torch.cuda.empty_cache()
    return None


def _count_bytes(splits: list[LabelledImages]) -> int:
    return sum(len(split) * split.images[0].nbytes for split in splits)


def _find_resizer(splits: list[LabelledImages], device: torch.device) -> Resizer | None:
    """Return what resizes the task's own images, None where the device cannot or these are files."""
    first = splits[0]
    if first.stored is None:
        return None
    height, width = first.stored.shape[1:3]
    try:
        return Resizer(first.preprocessing, height, width, device)
    except ValueError as reason:
        logger.info("images are not resized on the device: %s", reason)
        return None
