"""``python -m ckptrank.checkpoints.slim.input_range CHECKPOINT IMAGES``: which range of pixels a network was trained on.

A checkpoint does not say it, but its first batch normalisation does: the mean and the variance of what it took in
training are stored. Only for the right range do natural images give the same. No labels are needed.
``CHECKPOINT``: a prepared folder (``resources/checkpoints/NAME``); ``IMAGES``: a folder of photographs, a hundred say.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from ckptrank.checkpoints import load_network
from ckptrank.checkpoints.network import Network

MOST = 256  # images, which go through the network together
# Mean and standard deviation of each channel, on the 0..1 scale.
RANGES = {
    "0 to 1": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "-1 to 1 (inception)": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "0 to 255 less the means (VGG)": ((123.68 / 255, 116.78 / 255, 103.94 / 255), (1 / 255,) * 3),
    "standardised": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def compare_ranges(network: Network, images: np.ndarray) -> dict[str, float]:
    """Return the distance of each range from what training saw, the smallest first.

    ``images``: uint8 (N, S, S, 3). The distance is the mean over channels of the divergence (in nats, both ways)
    of two normal distributions, one with the stored mean and variance and one with the images'.
    """
    layer = next(part for part in network.modules() if isinstance(part, nn.BatchNorm2d))
    taken: list[torch.Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _layer, inputs: taken.append(inputs[0]))
    distances = {}
    try:
        for name, (mean, std) in RANGES.items():
            taken.clear()
            values = (torch.from_numpy(images) / 255 - torch.tensor(mean)) / torch.tensor(std)
            with torch.inference_mode():
                network.eval().backbone(values.permute(0, 3, 1, 2))
            means, variances = taken[0].mean((0, 2, 3)), taken[0].var((0, 2, 3))
            gap = (means - layer.running_mean) ** 2
            ratio = (variances + layer.eps) / (layer.running_var + layer.eps)
            spread = 1 / (variances + layer.eps) + 1 / (layer.running_var + layer.eps)
            distances[name] = float(((ratio + 1 / ratio - 2 + gap * spread) / 2).mean())
    finally:
        handle.remove()
    return dict(sorted(distances.items(), key=lambda item: item[1]))


def main(folder: str, photographs: str) -> None:
    """Print the distance of each range. Exits with a message where there is no photograph."""
    files = sorted(Path(photographs).rglob("*"))
    paths = [path for path in files if path.suffix.lower() in (".jpg", ".jpeg", ".png")][:MOST]
    if not paths:
        sys.exit(f"{photographs}: no .jpg, .jpeg or .png below it")
    network = load_network(folder)
    images = [network.preprocessing.fit_one(Image.open(path).convert("RGB")) for path in paths]
    for name, distance in compare_ranges(network, np.stack(images)).items():
        print(f"{distance:10.3g}  {name}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m ckptrank.checkpoints.slim.input_range CHECKPOINT IMAGES")
    main(*sys.argv[1:])
