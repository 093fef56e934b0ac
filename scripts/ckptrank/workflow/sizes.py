"""How large a job's inputs are, for what it asks a cluster for."""

import os
from collections.abc import Iterable


def measure_mb(paths: Iterable[str]) -> float:
    """Return the size of files and whole folders in MB; what is not made yet counts as nothing.

    Snakemake's own ``input.size_mb`` takes a folder for its 4 KB entry, and leaves a job whose input is
    made by the same group without any memory of its own.
    """
    return sum(map(_measure, map(str, paths))) / 1e6


def _measure(path: str) -> int:
    if not os.path.isdir(path):
        return os.path.getsize(path) if os.path.exists(path) else 0
    files = (os.path.join(place, name) for place, _, names in os.walk(path) for name in names)
    return sum(os.path.getsize(file) for file in files if os.path.exists(file))
