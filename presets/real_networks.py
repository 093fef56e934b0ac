"""The networks of `presets/real.yaml` that no library has."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Shortcut(nn.Module):
    """Every second pixel, with channels of zeros before and after: He et al.'s option A, without weights."""

    def __init__(self, added: int):
        super().__init__()
        self.added = added

    def forward(self, maps: Tensor) -> Tensor:
        return functional.pad(maps[:, :, ::2, ::2], (0, 0, 0, 0, self.added // 2, self.added // 2))


class Block(nn.Module):
    def __init__(self, channels: int, out: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.shortcut = nn.Identity() if stride == 1 else Shortcut(out - channels)

    def forward(self, maps: Tensor) -> Tensor:
        inner = torch.relu(self.bn1(self.conv1(maps)))
        return torch.relu(self.bn2(self.conv2(inner)) + self.shortcut(maps))


class CifarResNet(nn.Module):
    def __init__(self, blocks: int, classes: int):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, blocks, 1)
        self.layer2 = _stage(16, 32, blocks, 2)
        self.layer3 = _stage(32, 64, blocks, 2)
        self.linear = nn.Linear(64, classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = torch.relu(self.bn1(self.conv1(images)))
        maps = self.layer3(self.layer2(self.layer1(maps)))
        return self.linear(maps.mean((2, 3)))


def _stage(channels: int, out: int, blocks: int, stride: int) -> nn.Sequential:
    rest = [Block(out, out, 1) for _ in range(blocks - 1)]
    return nn.Sequential(Block(channels, out, stride), *rest)


def cifar_resnet(blocks: int, classes: int = 10) -> nn.Module:
    """Return the ResNet of He et al. (2016), section 4.2, of 6 x `blocks` + 2 layers, for 32 pixels.

    Random weights are He's, as the paper's.
    """
    network = CifarResNet(blocks, classes)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
    return network
