"""The state of a fine-tuning run that survives a kill."""

import copy
import logging
import time
import zipfile
from pathlib import Path

import torch

from ckptrank.files.atomic import atomic_path, discard
from ckptrank.finetune.step import TrainingStep

logger = logging.getLogger("ckptrank")
SAVE_EVERY_SECONDS = 20.0


class RunState:
    """A run's weights, optimiser, random state, accuracies and step, left in a file now and then.

    ``path``: that file, or None to leave nothing. A state is taken up by the run of its ``fingerprint`` alone.
    """

    def __init__(self, training: TrainingStep, path: Path | None, fingerprint: str):
        self.training = training
        self.path = path
        self.fingerprint = fingerprint
        self.step = 0
        self.accuracies: dict[int, float] = {}
        self._saved = time.monotonic()

    def restore(self) -> None:
        """Load what an earlier process left, if it was the same run. A damaged file leaves everything as it was."""
        if self.path is None or not self.path.exists():
            return
        before = None
        try:
            _check(self.path)
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            if state["fingerprint"] != self.fingerprint:
                return
            before = copy.deepcopy(self._describe())
            self._take_up(state)
        # A damaged pickle makes its reader raise about anything, from UnicodeDecodeError to AttributeError.
        except Exception as error:
            if before is not None:
                self._take_up(before)
            logger.warning("%s is unreadable (%s): starting again", self.path, error)
            return
        logger.info("resumed at step %d from %s", self.step, self.path)

    def is_due(self) -> bool:
        """Whether the last state is old enough for another one."""
        return self.path is not None and time.monotonic() - self._saved > SAVE_EVERY_SECONDS

    def save(self) -> None:
        """Leave the state in the file. Where that is impossible (a full disk) the run goes on without."""
        try:
            with atomic_path(self.path) as temporary:
                torch.save({"fingerprint": self.fingerprint, **self._describe()}, temporary)
        except (OSError, RuntimeError) as error:
            logger.warning("cannot save the state of this run (%s); going on without", error)
        self._saved = time.monotonic()

    def forget(self) -> None:
        """Remove the file: the run is finished."""
        if self.path is not None:
            discard(self.path)

    def _describe(self) -> dict:
        device = self.training.precision.device
        random = {"cpu": torch.get_rng_state()}
        if device.type == "cuda":  # dropout there draws from a generator of its own
            random["cuda"] = torch.cuda.get_rng_state(device)
        return {
            "training": self.training.state_dict(),
            "step": self.step,
            "random": random,
            "accuracies": self.accuracies,
        }

    def _take_up(self, state: dict) -> None:
        device = self.training.precision.device
        self.training.load_state_dict(state["training"])
        self.step, self.accuracies = state["step"], state["accuracies"]
        torch.set_rng_state(state["random"]["cpu"])
        if device.type == "cuda":
            torch.cuda.set_rng_state(state["random"]["cuda"], device)


def _check(path: Path) -> None:
    """Raise ``BadZipFile`` where a file of ``torch.save`` is not as it was written.

    Its parts have checksums, which ``torch.load`` does not look at: it reads weights with a flipped bit as they are.
    """
    with zipfile.ZipFile(path) as file:
        if broken := file.testzip():
            raise zipfile.BadZipFile(f"the checksum of {broken} differs")
