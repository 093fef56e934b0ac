"""Snakemake's logger plugin `progress`: how far a run is, in one line of the terminal.

Found by ``snakemake --logger progress`` where ckptrank is installed. In a terminal one line follows the
run; elsewhere (CI, a file) a line is written once a minute. Warnings and errors are printed in full, as
Snakemake words them; its whole log is below ``.snakemake/log`` as ever.
"""

import logging
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from ckptrank.jobs.costs import has_end, read_job_costs
from ckptrank.text import counted
from ckptrank.workflow.stages import name_stage
from snakemake_logger_plugin_progress.estimate import Progress

REDRAW_SECONDS = 1.0
"""How often the line in a terminal is drawn again, so that its clock runs during long jobs."""
LINE_SECONDS = 60.0
"""How often a line is written where there is no terminal."""
BAR = 20
LOGS = Path("logs")
"""Where a run leaves its jobs' logs, unless its config says otherwise: no more than an estimate rests on it."""
FULL = 1 << 20
"""A disk with fewer bytes left takes no log."""


def describe_error(text: str, logs: Sequence[str]) -> str:
    """Return what Snakemake says of a failed job and, where a log of this workflow has no end, why.

    Snakemake itself says ``message: None`` of every job that failed on this machine.
    """
    text = text.replace("    message: None\n", "")
    for log in map(Path, filter(name_stage, logs)):
        if log.is_file() and not has_end(log):
            room = shutil.disk_usage(log.parent).free
            why = (
                "the disk is full"
                if room < FULL
                else "it was killed, most often for want of memory"
            )
            text += f"\n    The log has no end: {why}."
    return text


class LogHandler(LogHandlerBase):
    writes_to_stream = True
    writes_to_file = False
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self.stream = sys.stderr
        self.terminal = self.stream.isatty()
        self.progress = Progress()
        self.written = time.monotonic()
        self.closing = threading.Event()
        if self.terminal:
            threading.Thread(target=self._keep_drawing, daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._follow(record)
            if getattr(record, "event", None) == LogEvent.JOB_ERROR:
                self._print(describe_error(self.format(record), record.log))
            elif record.levelno >= logging.WARNING:
                self._print(self.format(record))
            elif self.terminal:
                self._draw()
            elif self.progress.running and time.monotonic() - self.written > LINE_SECONDS:
                self._print(self.progress.describe())
        except Exception:
            self.handleError(record)

    def _follow(self, record: logging.LogRecord) -> None:
        event, progress = getattr(record, "event", None), self.progress
        if event == LogEvent.RUN_INFO:
            progress.plan(record.stats)
            progress.remember(read_job_costs(LOGS))
            self._print(f"{counted(progress.total, 'job')} to run")
        elif event == LogEvent.JOB_INFO:
            stage = next(filter(None, map(name_stage, record.log)), record.rule_name)
            progress.name(record.jobid, record.rule_name, stage)
        elif event == LogEvent.JOB_STARTED:
            progress.start(record.jobs)
        elif event == LogEvent.JOB_FINISHED:
            progress.finish(record.job_id)
        elif event == LogEvent.JOB_ERROR:
            progress.fail(record.jobid)
        elif event == LogEvent.PROGRESS:
            progress.total = record.total
        elif record.getMessage().startswith("Nothing to be done"):
            self._print("Everything is up to date.")

    def _keep_drawing(self) -> None:
        while not self.closing.wait(REDRAW_SECONDS):
            with self.lock:
                if not self.closing.is_set():
                    self._draw()

    def _draw(self) -> None:
        if not self.progress.running:
            return
        full = round(BAR * self.progress.share())
        line = f"{'█' * full}{'░' * (BAR - full)} {self.progress.describe()}"
        width = shutil.get_terminal_size().columns - 1
        self.stream.write(f"\r{line[:width]}\x1b[K")
        self.stream.flush()

    def _print(self, text: str) -> None:
        clear = "\r\x1b[K" if self.terminal else ""
        self.stream.write(f"{clear}{text}\n")
        self.stream.flush()
        self.written = time.monotonic()

    def close(self) -> None:
        with self.lock:
            if not self.closing.is_set():
                self.closing.set()
                if self.progress.started:
                    self._print(self.progress.conclude())
        super().close()
