"""The images of a task as a checkpoint wants them; needs no PyTorch, for the card says what that is."""

import logging
from collections.abc import Sequence
from pathlib import Path

from ckptrank.checkpoints import read_card
from ckptrank.errors import PairFault
from ckptrank.networks.preprocessing import Preprocessing
from ckptrank.sampling import SPLITS
from ckptrank.tasks.fitted import write_failed, write_fitted
from ckptrank.tasks.store import open_task

logger = logging.getLogger("ckptrank")


def fit_images(
    checkpoint_folder: str | Path,
    task_folder: str | Path,
    output: str | Path,
    *,
    splits: Sequence[str] = SPLITS,
    workers: int,
) -> None:
    """Decode a prepared task's images to the size of a prepared checkpoint, into the folder ``output``.

    ``splits``: those that are wanted. ``workers``: threads that decode. A fault of either becomes the reason of a folder without images.
    """
    try:
        task = open_task(task_folder)
        preprocessing = Preprocessing.from_dict(read_card(checkpoint_folder)["preprocessing"])
        write_fitted(task, preprocessing, output, workers, splits)
    except PairFault as fault:
        logger.error("%s", fault)
        write_failed(output, str(fault))
