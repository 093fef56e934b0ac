"""One log per job: what a script says, warns or dies of, and at its end what the job has cost."""

import errno
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TypeVar

from ckptrank.jobs.attempts import note_failure, refuse_repetition
from ckptrank.jobs.costs import job_costs
from ckptrank.jobs.forked_job import report_imports
from ckptrank.jobs.memory import keep_freed_memory

Item = TypeVar("Item")
_OF_WRITER = (
    "miniz error",
    "PytorchStreamWriter failed",
    "inline_container.cc",
    "file write failed",
)


@contextmanager
def run_job(snakemake: object) -> Iterator[logging.Logger]:
    """Run a script's work with its output in the rule's log, closed by a line of what the job has cost.

    Call it after the imports, which count as the job's start-up. An uncaught exception lands on the terminal
    and in the log, where the disk has room for that, and fails the job; a cluster's next attempt at it then ends
    at once (``attempts.py``). Where the disk is full, that is said first.
    """
    path = Path(snakemake.log[0])
    terminal = sys.stderr
    keep_freed_memory()
    try:
        with job_log(path), job_costs(snakemake.rule):
            try:
                refuse_repetition(path, getattr(snakemake.resources, "attempt", 1))
                yield logging.getLogger("ckptrank")
            except BaseException as error:
                told = tell_full_disk(error)
                print(told + traceback.format_exc(), end="", file=terminal)
                note_failure(path, error)
                print(told + traceback.format_exc(), end="", file=sys.stderr)
                raise SystemExit(1) from None
    except OSError as error:  # of the log itself
        print(tell_full_disk(error) or f"{path}: {error}\n", end="", file=terminal)
        raise SystemExit(1) from None
    if type(snakemake).__module__.startswith("snakemake"):
        report_imports()
        # The work is on disk. Taking PyTorch down in good order takes the smoke preset 210 CPU seconds, not 177.
        os._exit(0)


def tell_full_disk(error: BaseException) -> str:
    """Return a line that says so where an error comes of a disk without room, else nothing.

    PyTorch's writer of files says "miniz error" or how far it came, and not why.
    """
    causes: list[BaseException] = []
    while error is not None and error not in causes:
        causes.append(error)
        error = error.__cause__ or error.__context__
    for cause in causes:
        number = getattr(cause, "errno", None)
        of_torch = isinstance(cause, RuntimeError) and any(
            word in str(cause) for word in _OF_WRITER
        )
        if number in (errno.ENOSPC, errno.EDQUOT) or of_torch:
            place = getattr(cause, "filename", None)
            at = f" ({place})" if place else ""
            return f"The disk is full{at}, or a quota is reached: make room and run this again.\n"
    return ""


@contextmanager
def job_log(path: Path) -> Iterator[None]:
    """Send what is printed, logged or warned in the block to the file ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        open(path, "w", buffering=1, encoding="utf-8") as stream,
        redirect_stdout(stream),
        redirect_stderr(stream),
    ):
        logging.basicConfig(
            stream=stream,
            level=logging.INFO,
            format="%(asctime)s %(levelname)s %(message)s",
            force=True,
        )
        logging.captureWarnings(True)
        warnings.simplefilter("default")
        try:
            yield
        finally:
            logging.captureWarnings(False)
            logging.getLogger().handlers.clear()


def progress(
    items: Iterable[Item] | None, *, description: str, unit: str, **options: object
) -> Iterator[Item]:
    """Iterate with a tqdm bar (rate and ETA) in the log, a line every five seconds.

    Without ``items`` the bar is moved by its ``update``; it then needs ``total`` among the options.
    """
    from tqdm import tqdm

    return tqdm(
        items,
        desc=description,
        unit=unit,
        file=sys.stderr,
        ascii=True,
        ncols=90,
        mininterval=5,
        **options,
    )


@contextmanager
def training_progress(description: str, steps: int) -> Iterator[Callable[[int, float], None]]:
    """Yield a function to call with the number of steps done and the loss; it moves a bar of them."""
    with progress(None, description=description, unit="step", total=steps) as bar:

        def report(step: int, loss: float) -> None:
            bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
            bar.update(step - bar.n)

        yield report
