"""Successive halving: a stage of few samples drops checkpoints."""

import logging
from collections.abc import Iterable
from pathlib import Path

from ckptrank.files.atomic import write_json
from ckptrank.rank.costs import read_detectors, say_barred
from ckptrank.rank.order import choose_kept, order_checkpoints, read_parts

logger = logging.getLogger("ckptrank")


def drop_checkpoints(
    scores: Iterable[str], keep: float, output: str | Path, detectors: Iterable[str] = ()
) -> None:
    """Write the names of the checkpoints that a stage keeps, by the score files of that stage.

    ``keep``: how many, or that fraction when below one, see :func:`~ckptrank.rank.order.choose_kept`. ``detectors``:
    what a detector takes on each, where the task asks for one; without one a checkpoint is dropped.
    """
    order, _ = order_checkpoints(read_parts(scores, say_barred(read_detectors(detectors))))
    kept = choose_kept(order, keep)
    logger.info("kept %d of %d: %s", len(kept), len(order), ", ".join(kept))
    write_json(output, kept)
