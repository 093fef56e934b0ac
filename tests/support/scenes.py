"""Prepared scenes and checkpoints of the smallest kind, for tests of detectors."""

from ckptrank.checkpoints.prepare import prepare_checkpoint
from ckptrank.detection.train import Head
from ckptrank.finetune.sweep import Pair
from ckptrank.tasks.prepare import prepare_task

HEAD = Head("fcos", (4, 8, 16), 32, 96, 96, False)


def prepare_scenes(folder, train=10, test=6, **fields):
    definition = {"source": "builtin", "name": "scenes", "train": train, "test": test}
    prepare_task({**definition, **fields}, folder)
    return folder


def prepare_scratch(folder, architecture="resnet_half"):
    definition = {"source": "scratch", "architecture": architecture, "preprocessing": {"size": 96}}
    prepare_checkpoint(folder.name, definition, folder)
    return folder


def make_pair(tmp_path, architecture="resnet_half", **fields):
    """Return the pair of a network of random weights and some scenes."""
    checkpoint = prepare_scratch(tmp_path / "net", architecture)
    return Pair("net", "scenes", checkpoint, prepare_scenes(tmp_path / "scenes", **fields))
