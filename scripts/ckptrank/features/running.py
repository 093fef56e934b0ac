"""What it takes to run and to fine-tune a network, measured on the device of the run."""

import logging
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ckptrank.checkpoints import load_network
from ckptrank.errors import PairFault
from ckptrank.files.atomic import write_json
from ckptrank.jobs.device import describe
from ckptrank.jobs.precision import set_precision

logger = logging.getLogger("ckptrank")
WARM_UP, TIMED = 3, 9
_BATCH = 2  # of the pass whose memory is counted: normalisation over a batch of one fails


def measure_running(
    folder: str | Path, output: str | Path, *, device: torch.device, precision: str
) -> None:
    """Write what a prepared checkpoint takes: see :func:`measure_network`; the reason where it cannot be used."""
    try:
        network = load_network(folder)
        found: Mapping[str, object] = measure_network(network, device, precision)
    except PairFault as fault:
        logger.error("%s", fault)
        found = {"status": "failed", "reason": str(fault)}
    write_json(output, found)


def measure_network(network: nn.Module, device: torch.device, precision: str) -> dict[str, object]:
    """Return what a network takes on a device.

    ``latency_seconds``: of the forward pass of one image, the median of nine after three to warm up.
    ``activation_bytes``: what one image's forward pass keeps for the backward pass, parameters not counted;
    ``passing_bytes``: the most that one layer takes in and gives out for one image.
    """
    chosen = set_precision(precision, device, auto="tf32")
    network = network.to(device, memory_format=torch.channels_last)
    size = network.preprocessing.size
    images = torch.zeros((_BATCH, size, size, 3), dtype=torch.uint8, device=device)
    passing = _count_passing(network.eval(), images[:1])
    times = []
    with torch.inference_mode(), chosen.autocast():
        for _ in range(WARM_UP + TIMED):
            started = time.perf_counter()
            network(images[:1])
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - started)
    with chosen.autocast():
        kept = count_kept(network.train(), images) // _BATCH
    logger.info("%.2g s an image, %d bytes kept of one", statistics.median(times[WARM_UP:]), kept)
    return {
        "status": "ok",
        "reason": "",
        "latency_seconds": statistics.median(times[WARM_UP:]),
        "activation_bytes": kept,
        "passing_bytes": passing,
        "device": describe(device),
    }


def count_kept(network: nn.Module, inputs: object) -> int:
    """Return the bytes that ``network(inputs)`` keeps for the backward pass, each storage once, without parameters."""
    own = {
        each.untyped_storage().data_ptr() for each in [*network.parameters(), *network.buffers()]
    }
    kept: dict[int, int] = {}
    held = []  # else a storage may be given to the next tensor

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
            held.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        network(inputs)
    return sum(kept.values())


@torch.inference_mode()
def _count_passing(network: nn.Module, image: Tensor) -> int:
    most = 0

    def look(_layer: nn.Module, given: tuple, result: object) -> None:
        nonlocal most
        tensors = [each for each in (*given, result) if isinstance(each, Tensor)]
        most = max(most, sum(each.numel() * each.element_size() for each in tensors))

    leaves = [module for module in network.modules() if not list(module.children())]
    handles = [leaf.register_forward_hook(look) for leaf in leaves]
    network(image)
    for handle in handles:
        handle.remove()
    return most
