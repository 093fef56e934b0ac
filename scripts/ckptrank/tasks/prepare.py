"""Preparing a task: its data checked once and left as arrays that every job reads by mapping."""

import logging
from pathlib import Path

from ckptrank.errors import PairFault
from ckptrank.files.tries import mark_try
from ckptrank.tasks import load_task
from ckptrank.tasks.inspection import inspect_task
from ckptrank.tasks.store import save_failed, save_task

logger = logging.getLogger("ckptrank")


def prepare_task(definition: dict, folder: str | Path) -> None:
    """Write the task that a definition describes to ``folder``, or why it cannot be used."""
    try:
        task, findings = inspect_task(
            load_task(definition), definition.get("on_bad_image", "error")
        )
    except PairFault as fault:
        logger.error("%s", fault)
        save_failed(folder, f"task: {fault}")
        mark_try("tasks", Path(folder).name, fault)
    else:
        save_task(task, folder, findings)
        counts = len(task.train_labels), len(task.test_labels)
        logger.info("%d training and %d test samples", *counts)
