"""What the benchmarks share: what the machine is and how busy, and a table that grows by a row a run."""

import csv
import datetime
import os
import platform
import subprocess
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


def describe_commit() -> str:
    """Return the short hash of what is checked out, with a + where the code differs from it; empty without git."""
    try:
        commit = _ask_git("rev-parse", "--short", "HEAD")
        changed = _ask_git("status", "--porcelain", "--", "scripts", "benchmarks/*.py")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{commit}+" if changed else commit


def _ask_git(*arguments: str) -> str:
    root = Path(__file__).parents[1]
    return subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=True
    ).stdout.strip()


def append_row(path: Path, row: dict[str, object]) -> None:
    """Print a row and add it to the CSV file at ``path``; earlier rows have empty cells in the columns that are new."""
    path.parent.mkdir(exist_ok=True)
    rows: list[dict] = []
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    rows.append(row)
    columns = dict.fromkeys(column for each in rows for column in each)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for column, value in row.items():
        print(f"{column:30} {value}")
