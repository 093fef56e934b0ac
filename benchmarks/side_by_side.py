"""Do the learning rates of a small network train faster side by side (`torch.func`) than one after the other?

    python benchmarks/side_by_side.py --models timm/resnet18 timm/mobilenetv2_050 --size 32

For each network: forward and backward passes of `rates` copies on a batch each, one copy after the other, and all by
one `vmap` over their stacked weights, whose convolutions are then grouped ones. Medians, in turn, in one process of
one thread; processor seconds, or on a GPU seconds on the clock. A ratio below 1: side by side is slower. The table
goes to benchmarks/results/side_by_side.csv.
"""

import argparse
import copy
import statistics
import time
from dataclasses import replace

import torch
from extraction import RESULTS as EXTRACTION_RESULTS
from extraction import make_network
from machine import append_row, describe_machine
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.nn import functional

from ckptrank.finetune.train import Classifier
from ckptrank.jobs.memory import keep_freed_memory

RESULTS = EXTRACTION_RESULTS.with_name("side_by_side.csv")
CLASSES = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", nargs="+", default=["timm/resnet18", "timm/mobilenetv2_050"])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rates", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15)
    given = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    for name in given.models:
        after, beside = compare(name, given)
        row = {
            "model": name,
            "device": given.device,
            "size": given.size,
            "batch_size": given.batch_size,
            "rates": given.rates,
            "after_seconds": round(after, 4),
            "beside_seconds": round(beside, 4),
            "ratio": round(after / beside, 3),
            "machine": describe_machine("torch"),
        }
        append_row(RESULTS, row)


def compare(name: str, given: argparse.Namespace) -> tuple[float, float]:
    """Return the seconds of a step of all rates: one after the other, and side by side."""
    device = torch.device(given.device)
    network = make_network(*name.split("/"))
    network.preprocessing = replace(network.preprocessing, size=given.size)
    model = Classifier(network, CLASSES).to(device, memory_format=torch.channels_last).train()
    models = [copy.deepcopy(model) for _ in range(given.rates)]
    shape = (given.rates, given.batch_size, given.size, given.size, 3)
    images = torch.randint(0, 255, shape, dtype=torch.uint8, device=device)
    labels = (torch.arange(given.batch_size, device=device) % CLASSES).expand(given.rates, -1)
    weights, buffers = stack_module_state(models)

    def loss(own, own_buffers, own_images, own_labels):
        logits = functional_call(model, (own, own_buffers), (own_images,))
        return functional.cross_entropy(logits, own_labels)

    together = vmap(grad_and_value(loss))

    def after() -> None:
        for each, own_images, own_labels in zip(models, images, labels, strict=True):
            functional.cross_entropy(each(own_images), own_labels).backward()
            each.zero_grad(set_to_none=True)

    def beside() -> None:
        together(weights, buffers, images, labels)

    seconds = {after: [], beside: []}
    for step in range(3 + given.repeats):
        for run, taken in seconds.items():
            spent = time_once(run, device)
            if step >= 3:
                taken.append(spent)
    return statistics.median(seconds[after]), statistics.median(seconds[beside])


def time_once(run, device: torch.device) -> float:
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    started = clock()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - started


if __name__ == "__main__":
    main()
