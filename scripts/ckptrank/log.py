"""One log per job: everything that a script says, warns or dies of goes to the rule's log file."""

import logging
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")


def start_log(path: str | Path) -> logging.Logger:
    """Send this process's standard output, standard error, warnings and log records to ``path``."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    stream = open(path, "w", buffering=1, encoding="utf-8")  # noqa: SIM115 (lives as long as the job)
    sys.stdout = sys.stderr = stream
    logging.basicConfig(
        stream=stream, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", force=True
    )
    logging.captureWarnings(True)
    warnings.simplefilter("default")
    return logging.getLogger("ckptrank")


def progress(items: Iterable[Item], *, description: str, unit: str, **options: object) -> Iterator[Item]:
    """Iterate with a tqdm bar (rate and ETA) written to the log, a line every five seconds."""
    from tqdm import tqdm

    return tqdm(
        items, desc=description, unit=unit, file=sys.stderr, ascii=True, ncols=90, mininterval=5, **options
    )
