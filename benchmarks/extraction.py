"""How much of a network's bare forward pass feature extraction reaches, data loading included.

    python benchmarks/extraction.py --device cpu --model resnet18 --images 128

The images lie on disk as every job reads them (decoded, resized, mapped) and the features go to HDF5.
Both are timed in turn, on the same network, batch size and precision; the forward pass gets one random
batch that is already normalised and on the device. Each ratio is of two neighbouring runs; `cpu_ratio`
compares processor time, reading included, and is the steadier one on a busy machine. Random weights.
The table goes to benchmarks/results/extraction.csv; `machine` and `commit` are empty in rows older than these columns.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from machine import append_row, describe_commit, describe_machine

from ckptrank.checkpoints import timm as timm_source
from ckptrank.checkpoints import torchvision as torchvision_source
from ckptrank.checkpoints.network import Network
from ckptrank.checkpoints.parts import take_apart
from ckptrank.features.extract import extract_features
from ckptrank.files.atomic import release_pages
from ckptrank.jobs.device import describe
from ckptrank.jobs.memory import keep_freed_memory
from ckptrank.jobs.precision import set_precision
from ckptrank.tasks.images import LabelledImages

RESULTS = Path(__file__).parent / "results" / "extraction.csv"


def make_network(library: str, name: str) -> Network:
    if library == "timm":
        model = timm_source.create(name, {})
        preprocessing = timm_source.find_preprocessing(model.pretrained_cfg)
        parts = take_apart(model, timm_source.find_classifiers(model), {})
    else:
        model = torchvision_source.create(name)
        preprocessing = torchvision_source.IMAGENET
        parts = take_apart(model, torchvision_source.find_classifiers(model), {})
    return Network(parts.backbone, parts.head.in_features, parts.head, preprocessing).eval()


def make_images(folder: Path, count: int, size: int) -> LabelledImages:
    """Write random images to a file and map it."""
    path, generator = folder / "images.npy", np.random.default_rng(0)
    images = np.lib.format.open_memmap(path, "w+", np.uint8, (count, size, size, 3))
    for start in range(0, count, 256):
        part = images[start : start + 256]
        part[:] = generator.integers(0, 256, part.shape, dtype=np.uint8)
        release_pages(images)
    return LabelledImages(np.load(path, mmap_mode="r"), np.zeros(count, np.int64))


def time_forward(
    network: Network, images: int, batch_size: int, device, precision: str
) -> tuple[float, float]:
    """Return the seconds, and those of the processor, of forward passes over as many images, tensors on the device."""
    size, chosen = network.preprocessing.size, set_precision(precision, device, auto="tf32")
    batch = torch.rand(batch_size, 3, size, size, device=device)
    batch = batch.to(memory_format=torch.channels_last)
    starts = range(0, images, batch_size)
    _wait(device)
    started = _now()
    with torch.inference_mode(), chosen.autocast():
        for start in starts:
            network.head(network.backbone(batch[: images - start]))
    _wait(device)
    return _since(started)


def time_extraction(
    network: Network, data: LabelledImages, folder: Path, batch_size: int, device, precision: str
) -> tuple[float, float]:
    started = _now()
    extract_features(
        network,
        {"train": data},
        folder / "features.h5",
        checkpoint="random",
        task="random",
        attributes={},
        batch_size=batch_size,
        device=device,
        precision=precision,
    )
    return _since(started)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(started: tuple[float, float]) -> tuple[float, float]:
    wall, processor = _now()
    return wall - started[0], processor - started[1]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--library", default="torchvision", choices=["torchvision", "timm"])
    parser.add_argument("--model", default="resnet50")
    parser.add_argument(
        "--precision", default="auto", choices=["auto", "float32", "tf32", "bfloat16"]
    )
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    keep_freed_memory()  # as every job does
    torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    network = make_network(given.library, given.model).to(device, memory_format=torch.channels_last)
    forward, extraction = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = make_images(folder, given.images, network.preprocessing.size)
        warm = min(given.images, 2 * given.batch_size)
        time_forward(network, warm, given.batch_size, device, given.precision)
        rest = (given.batch_size, device, given.precision)
        time_extraction(network, data.limited_to(np.arange(warm)), folder, *rest)
        for _ in range(given.repeats):
            forward.append(time_forward(network, given.images, *rest))
            extraction.append(time_extraction(network, data, folder, *rest))
    ratios, cpu_ratios = (
        [bare[at] / whole[at] for bare, whole in zip(forward, extraction, strict=True)]
        for at in (0, 1)
    )
    bare, whole = (statistics.median(wall for wall, _ in times) for times in (forward, extraction))
    row = {
        "device": describe(device),
        "threads": given.threads,
        "model": f"{given.library}/{given.model}",
        "precision": set_precision(given.precision, device, auto="tf32").name,
        "size": network.preprocessing.size,
        "batch_size": given.batch_size,
        "images": given.images,
        "repeats": given.repeats,
        "forward_images_per_second": round(given.images / bare, 2),
        "extraction_images_per_second": round(given.images / whole, 2),
        "ratio": round(statistics.median(ratios), 3),
        "least_ratio": round(min(ratios), 3),
        "cpu_ratio": round(statistics.median(cpu_ratios), 3),
        "machine": describe_machine("torch"),
        "commit": describe_commit(),
    }
    append_row(RESULTS, row)


if __name__ == "__main__":
    main()
