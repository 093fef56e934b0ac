"""Clusters without accounting: Slurm's `sacct` is installed there and cannot answer, so nothing would ever end."""

import subprocess
from typing import Protocol

SECONDS = 30


class SlurmSettings(Protocol):
    """What Snakemake's plugin for Slurm is told; of other executors, anything."""

    status_command: str | None


def use_what_answers(settings: SlurmSettings | None) -> str:
    """Ask `squeue` after jobs where `sacct`, which is asked by default, has no accounting; return what to say then.

    The plugin reads ``settings`` anew whenever it asks. Nothing is changed, nor said, where `sacct` answers or is not
    what is asked.
    """
    if getattr(settings, "status_command", None) != "sacct" or keeps_accounting():
        return ""
    assert settings is not None
    settings.status_command = "squeue"
    return (
        "This cluster keeps no accounting (sacct does not answer): asking squeue after the jobs. To say so once and for "
        "all, put `slurm-status-command: squeue` into a profile of your own (docs/cluster.md)."
    )


def keeps_accounting() -> bool:
    """Whether `sacct` answers a question about no job."""
    try:
        done = subprocess.run(
            ["sacct", "-X", "-n", "-S", "now"], capture_output=True, timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
