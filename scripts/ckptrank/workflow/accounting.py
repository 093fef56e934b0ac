"""Clusters without accounting: Slurm's `sacct` is installed there and cannot answer, so nothing would ever end."""

import re
import subprocess
from typing import Protocol

from ckptrank.workflow.config import ConfigError

SECONDS = 30
LONGEST_WAIT = 180
"""Seconds between two questions of Snakemake's plugin for Slurm at most."""


class SlurmSettings(Protocol):
    """What Snakemake's plugin for Slurm is told; of other executors, anything."""

    status_command: str | None
    init_seconds_before_status_checks: int


def use_what_answers(settings: SlurmSettings | None) -> str:
    """Ask `squeue` after jobs where `sacct`, which is asked by default, has no accounting; return what to say then.

    The plugin reads ``settings`` anew whenever it asks. Nothing is changed, nor said, where `sacct` answers or is not
    what is asked. Raises :class:`ConfigError` where `squeue` could not tell either: Slurm forgets what ended too soon.
    """
    if not getattr(settings, "status_command", None) or keeps_accounting():
        return ""
    assert settings is not None
    # Below three times its first wait the plugin would turn back to `sacct`.
    needed = max(LONGEST_WAIT, 3 * settings.init_seconds_before_status_checks)
    kept = find_job_age()
    if kept is not None and kept < needed:
        raise ConfigError(
            f"This cluster keeps no accounting (sacct does not answer), and forgets a job {kept} s after its end "
            f"(MinJobAge): an end could go unnoticed, and the run would wait for ever. Have MinJobAge set to {needed} or "
            "more in slurm.conf (300 is usual) or the accounting mended; or run inside one job, without --profile slurm."
        )
    if settings.status_command == "squeue":
        return ""
    settings.status_command = "squeue"
    return (
        "This cluster keeps no accounting (sacct does not answer): asking squeue after the jobs. To say so once and for "
        "all, put `slurm-status-command: squeue` into a profile of your own (docs/cluster.md)."
    )


def keeps_accounting() -> bool:
    """Whether `sacct` answers a question about no job."""
    return _ask("sacct", "-X", "-n", "-S", "now") is not None


def find_job_age() -> int | None:
    """Return the seconds for which Slurm knows a job after its end; None where it does not say."""
    found = re.search(r"^MinJobAge\s*=\s*(\d+)", _ask("scontrol", "show", "config") or "", re.M)
    return int(found[1]) if found else None


def _ask(*command: str) -> str | None:
    """Return what a command of Slurm prints, None where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
