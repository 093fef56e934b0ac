"""Tasks: where labelled images come from, each from a :class:`~ckptrank.tasks.source.Source`.

To add one: write the module and add its name to :data:`SOURCES`.
"""

import importlib
from typing import TYPE_CHECKING

from ckptrank.tasks.shots import choose_shots

if TYPE_CHECKING:
    from ckptrank.tasks.source import Source
    from ckptrank.tasks.task import TaskData

SOURCES = (
    "builtin",
    "folder",
    "manifest",
    "torchvision",
    "huggingface",
    "npz",
    "voc",
    "coco",
    "cityscapes",
)


def get_source(name: str) -> "Source":
    """Return the module of a task source, imported on first use."""
    return importlib.import_module(f"ckptrank.tasks.{name}")


def load_task(definition: dict) -> "TaskData":
    """Return the task that a definition describes, its training set cut to ``shots`` per class."""
    task = get_source(definition["source"]).load(definition)
    if definition.get("shots") is None:
        return task
    rows = choose_shots(task.train_labels, definition["shots"], definition.get("seed", 0))
    return task.limited_to("train", rows)
