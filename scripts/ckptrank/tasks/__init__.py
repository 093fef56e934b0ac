"""Tasks: where labelled images come from. A source is a module here with ``load(definition)``.

To add one: write the module and add its name to :data:`SOURCES`.
"""

import importlib

SOURCES = ("builtin",)


def load_task(definition: dict):
    """Return the :class:`~ckptrank.tasks.task.TaskData` that a task definition describes."""
    return importlib.import_module(f"ckptrank.tasks.{definition['source']}").load(definition)
