"""Tasks: where labelled images come from, each from a :class:`~ckptrank.tasks.source.Source`.

To add one: write the module and add its name to :data:`SOURCES`.
"""

import importlib
from typing import TYPE_CHECKING

from ckptrank.tasks.validation import hold_out_validation, limit_to_shots

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
    """Return the task that a definition describes, its training set cut to ``shots`` per class.

    Validation images of a set of their own stay beside the shots; those that are a fraction are among them.
    """
    task, seed = get_source(definition["source"]).load(definition), definition.get("seed", 0)
    if definition.get("shots") is not None:
        task = limit_to_shots(task, definition["shots"], seed)
    fraction = definition.get("validation")
    if isinstance(fraction, float):
        task = hold_out_validation(task, fraction, seed, definition.get("group_pattern"))
    return task
