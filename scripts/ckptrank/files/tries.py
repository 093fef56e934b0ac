"""What failed by a passing fault is tried again by the next run, and by that alone.

A job that meets a :class:`~ckptrank.errors.PassingFault` leaves a new word below :data:`TRIES`. The next run hands it
to the job as a param, which then differs from the one that it was made with, so that it is made anew. The word
stays: what succeeds with it is made again no more.
"""

import secrets
from pathlib import Path

from ckptrank.errors import PairFault, PassingFault
from ckptrank.files.atomic import read_json, write_json

TRIES = Path("resources/tries")


def mark_try(kind: str, name: str, fault: PairFault) -> None:
    """Have the next run try ``checkpoints`` or ``tasks`` of this name again, if the fault may pass."""
    if isinstance(fault, PassingFault):
        write_json(_place(kind, name), {"word": secrets.token_hex(4), "fault": str(fault)})


def find_try(kind: str, name: str) -> str | None:
    """Return the word of the last try that met a passing fault, None where none did."""
    try:
        return read_json(_place(kind, name))["word"]
    except FileNotFoundError:
        return None


def _place(kind: str, name: str) -> Path:
    return TRIES / kind / f"{name}.json"
