"""What the machine is and how busy, for the tables of the benchmarks."""

import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path


def describe_machine(*packages: str) -> str:
    """Return the processor, load, date and versions, in one line."""
    cpu = platform.processor() or "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
    versions = "".join(f", {package} {version(package)}" for package in packages)
    return (
        f"{cpu}, {os.cpu_count()} shared cores, load {os.getloadavg()[0]:.1f}, "
        f"{datetime.date.today()}, Python {platform.python_version()}{versions}"
    )
