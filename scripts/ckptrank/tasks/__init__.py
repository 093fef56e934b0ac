"""Tasks: where labelled images come from. A source is a module here with ``load(definition)``.

To add one: write the module and add its name to :data:`SOURCES`.
"""

import importlib
from typing import TYPE_CHECKING

from ckptrank.tasks.shots import choose_shots

if TYPE_CHECKING:
    from ckptrank.tasks.task import TaskData

SOURCES = ("builtin", "folder", "manifest", "torchvision", "huggingface", "npz")


def load_task(definition: dict) -> "TaskData":
    """Return the task that a definition describes, its training set cut to ``shots`` per class."""
    task = importlib.import_module(f"ckptrank.tasks.{definition['source']}").load(definition)
    if definition.get("shots") is None:
        return task
    rows = choose_shots(task.train_labels, definition["shots"], definition.get("seed", 0))
    return task.limited_to("train", rows)
