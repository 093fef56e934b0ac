"""How fast fine-tuning is beside a plain PyTorch loop, and how near to what the device can do.

    python benchmarks/finetune.py --device cpu --library timm --model mobilenetv2_100 --size 160 --images 512

Three loops train the same network with the same recipe (SGD, momentum 0.9) on random images in a mapped file:

- *ours*: `ckptrank.finetune.train.finetune`, in the precision asked for;
- *plain*: a `DataLoader` (shuffled, worker processes and pinned memory on a GPU) whose data set reads, scales and
  normalises an image at a time in float32, and `torch.optim.SGD`, with PyTorch's own settings;
- *limit*: our step on one batch that already lies on the device, over and over.

With `--compile` a fourth is *compiled*: ours under `finetune.compile`; `compile_seconds` is what its first run took on the
wall before its first timed step, less such steps.

Each runs `repeats` times after a warm-up, the plain one first. A ratio is the median of those of runs: above 1, ours
is faster. `cpu_ratio`s compare processor seconds, which other work on the machine disturbs less; on a GPU
they say how much of the host ours takes. The table goes to benchmarks/results/finetune.csv; `machine` and
`commit` are empty in rows older than these columns.
"""

import argparse
import copy
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from extraction import RESULTS as EXTRACTION_RESULTS
from extraction import make_images, make_network
from machine import append_row, describe_commit, describe_machine
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from ckptrank.checkpoints.network import Network
from ckptrank.finetune import batches
from ckptrank.finetune.recipe import Recipe
from ckptrank.finetune.step import TrainingStep
from ckptrank.finetune.train import Classifier, finetune
from ckptrank.jobs.device import describe
from ckptrank.jobs.memory import keep_freed_memory
from ckptrank.jobs.precision import set_precision
from ckptrank.networks.optimisers import SGD
from ckptrank.tasks.images import LabelledImages

RESULTS = EXTRACTION_RESULTS.with_name("finetune.csv")
CLASSES = 10
RATE = 0.01


class Clock:
    """Seconds, and those of this process and its ended children, from one step of a loop to another."""

    def __init__(self, device: torch.device, first: int, last: int):
        self.device = device
        self.marks = {first: None, last: None}

    def __call__(self, step: int) -> None:
        if step in self.marks:
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            self.marks[step] = time.perf_counter(), time.process_time()

    def seconds(self) -> np.ndarray:
        first, last = self.marks.values()
        return np.subtract(last, first)


def time_ours(
    network, data, batch_size, steps, warm, device, precision, compiled=False
) -> tuple[np.ndarray, float]:
    """Return the seconds of the timed steps, and those on the wall before the first of them."""
    started = time.perf_counter()
    clock = Clock(device, warm, warm + steps)
    finetune(
        network,
        data,
        data.limited_to(np.arange(2)),
        classes=CLASSES,
        recipe=Recipe(RATE, batch_size, [warm + steps]),
        seed=0,
        device=device,
        precision=precision,
        compiled=compiled,
        watch=clock,
    )
    return clock.seconds(), clock.marks[warm][0] - started


class ImageByImage(Dataset):
    """What people write: an image at a time, as float32, normalised."""

    def __init__(self, data: LabelledImages, network: Network):
        self.data = data
        self.mean = torch.tensor(network.preprocessing.mean).view(3, 1, 1)
        self.std = torch.tensor(network.preprocessing.std).view(3, 1, 1)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, at: int) -> tuple[torch.Tensor, int]:
        pixels = torch.from_numpy(np.array(self.data.images[at])).permute(2, 0, 1).contiguous()
        return (pixels.float() / 255 - self.mean) / self.std, int(self.data.labels[at])


def time_plain(network, data, batch_size, steps, warm, device, workers) -> np.ndarray:
    backbone = network.backbone.to(device).train()
    output = torch.nn.Linear(network.dimension, CLASSES).to(device)
    optimiser = torch.optim.SGD(
        [*backbone.parameters(), *output.parameters()], lr=RATE, momentum=0.9
    )
    loader = DataLoader(
        ImageByImage(data, network),
        batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
    )
    clock = Clock(device, warm, warm + steps)
    step = 0
    while step < warm + steps:
        for images, labels in loader:
            images = images.to(device, non_blocking=True)
            labels = labels.to(device, non_blocking=True)
            loss = functional.cross_entropy(output(backbone(images)), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
            clock(step)
            if step == warm + steps:
                break
    return clock.seconds()


def time_limit(network, data, batch_size, steps, warm, device, precision) -> np.ndarray:
    chosen = set_precision(precision, device, auto="bfloat16")
    model = Classifier(network, CLASSES).to(device, memory_format=torch.channels_last).train()
    images, labels = data.batch(np.arange(batch_size), device)
    step = TrainingStep(model, SGD(model.parameters()), functional.cross_entropy, chosen)
    clock = Clock(device, warm, warm + steps)
    for at in range(1, warm + steps + 1):
        step.take(at, images, labels, RATE)
        step.diverged_at(wait=False)
        clock(at)
    return clock.seconds()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--library", default="torchvision", choices=["torchvision", "timm"])
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--size", type=int, help="side of the images; the network's own by default")
    parser.add_argument(
        "--precision", default="auto", choices=["auto", "float32", "tf32", "bfloat16"]
    )
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--warm", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--compile", action="store_true", help="time finetune.compile too")
    parser.add_argument("--stream", action="store_true", help="keep no images on the GPU")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    if given.stream:
        batches.RESIDENT_SHARE = 0.0
    network = make_network(given.library, given.model)
    if given.size:
        network.preprocessing = replace(network.preprocessing, size=given.size)
    workers = min(16, os.cpu_count()) if given.device == "cuda" else 0
    seconds = {"ours": [], "plain": [], "limit": []} | ({"compiled": []} if given.compile else {})
    before = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        data = make_images(Path(folder), given.images, network.preprocessing.size)
        data = LabelledImages(data.images, np.arange(given.images) % CLASSES)
        shared = data, given.batch_size, given.steps, given.warm, device
        for _ in range(given.repeats):
            # The plain loop goes first: what a job keeps of its memory it would find there.
            seconds["plain"].append(time_plain(copy.deepcopy(network), *shared, workers))
        keep_freed_memory()
        for _ in range(given.repeats):
            for loop, compiled in (("ours", False), ("compiled", True)):
                if loop in seconds:
                    spent, first = time_ours(
                        copy.deepcopy(network), *shared, given.precision, compiled
                    )
                    seconds[loop].append(spent)
                    before[compiled].append(first)
            seconds["limit"].append(time_limit(copy.deepcopy(network), *shared, given.precision))
    count = given.steps * given.batch_size

    def rate(loop: str) -> float:
        return round(count / statistics.median(wall for wall, _ in seconds[loop]), 2)

    def ratio(loop: str, at: int) -> float:
        pairs = zip(seconds[loop], seconds["ours"], strict=True)
        return round(statistics.median(other[at] / ours[at] for other, ours in pairs), 3)

    row = {
        "device": describe(device),
        "threads": given.threads,
        "model": f"{given.library}/{given.model}",
        "precision": set_precision(given.precision, device, auto="bfloat16").name,
        "images_on": "disk" if given.stream or given.device == "cpu" else "GPU",
        "size": network.preprocessing.size,
        "batch_size": given.batch_size,
        "steps": given.steps,
        "repeats": given.repeats,
        **{f"{loop}_images_per_second": rate(loop) for loop in ("ours", "plain", "limit")},
        "to_plain": ratio("plain", 0),
        "to_limit": ratio("limit", 0),
        "cpu_ratio_to_plain": ratio("plain", 1),
        "cpu_ratio_to_limit": ratio("limit", 1),
        "compiled_images_per_second": "",
        "compiled_to_ours": "",
        "compile_seconds": "",
        "machine": describe_machine("torch"),
        "commit": describe_commit(),
    }
    if given.compile:
        pairs = zip(seconds["ours"], seconds["compiled"], strict=True)
        row |= {
            "compiled_images_per_second": rate("compiled"),
            "compiled_to_ours": round(
                statistics.median(ours[0] / own[0] for ours, own in pairs), 3
            ),
            "compile_seconds": round(before[True][0] - statistics.median(before[False]), 1),
        }
    append_row(RESULTS, row)


if __name__ == "__main__":
    main()
