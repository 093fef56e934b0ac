"""The finished runs of a job that is not finished."""

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from ckptrank.files.atomic import discard, read_json, write_json

logger = logging.getLogger("ckptrank")


@dataclass(frozen=True)
class Run:
    """Budget of steps -> test accuracy (0..1) of one fine-tuning run, and its seconds, loading included.

    ``first_epoch_loss``: the mean training loss of its first steps, as many as take each image once; None where it
    diverged at the first. ``details``: what else a detector's tests found, by budget. ``validation``: budget ->
    accuracy on the task's validation images, where it has some; ``tested``: images of which the test accuracy is
    then a share, None where it is a mean precision.
    """

    accuracies: dict[int, float]
    seconds: float
    first_epoch_loss: float | None
    details: dict[int, dict] | None = None
    validation: dict[int, float] | None = None
    tested: int | None = None


class FinishedRuns:
    """Runs in a file beside the output of their job, so that its next attempt need not repeat them."""

    def __init__(self, path: Path):
        self.path = path
        self._runs = self._read()

    def find(self, key: object) -> Run | None:
        """Return the run that was kept under ``key``, which is all that its outcome depends on."""
        found = self._runs.get(_as_text(key))
        if found is None:
            return None
        return Run(
            _by_number(found["accuracies"]),
            found["seconds"],
            found["first_epoch_loss"],
            _by_number(found["details"]) if found["details"] else None,
            _by_number(found["validation"]) if found["validation"] else None,
            found["tested"],
        )

    def keep(self, key: object, run: Run) -> None:
        self._runs[_as_text(key)] = asdict(run)
        try:
            write_json(self.path, self._runs)
        except OSError as error:
            logger.warning("cannot keep a finished run (%s); going on without", error)

    def forget(self) -> None:
        """Remove the file: the job has written its output."""
        discard(self.path)

    def _read(self) -> dict[str, dict]:
        try:
            return read_json(self.path)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            logger.warning("%s is unreadable (%s): starting again", self.path, error)
            return {}


def _by_number(values: dict[str, object]) -> dict:
    return {int(steps): value for steps, value in values.items()}


def _as_text(key: object) -> str:
    return json.dumps(key, sort_keys=True)
