"""What share of a run goes into starting its jobs: `python benchmarks/startup.py FOLDER`.

FOLDER is where a run of one thread a job has finished on a workstation. Its logs say what each job worked and what its start
took after the fork. To that are added what no log sees: the interpreter that hands each script to the fork server, and the
server's own imports. Beside it stands the same run without forks, each job importing what its log says that it imported. Both
are timed here, medians of some fresh processes, in processor seconds. Writes a row to `results/startup.csv`.
"""

import resource
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

from machine import append_row, describe_machine

from ckptrank.jobs.costs import LIBRARIES, read_job_costs

RESULTS = Path(__file__).parent / "results" / "startup.csv"
REPEATS = 5


def time_process(*options: str) -> float:
    """Return the median processor seconds of a Python process with these options."""
    seconds = []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *options], check=True, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(seconds)


def time_imports(names: tuple[str, ...]) -> float:
    return time_process("-c", f"import {', '.join(('sys', *names))}")


def main(folder: Path) -> None:
    jobs = list(read_job_costs(folder / "logs"))
    imported = Counter(tuple(name for name in LIBRARIES if name in job["versions"]) for job in jobs)
    everything = tuple(name for name in LIBRARIES if any(name in names for names in imported))
    work = sum(job["cpu_seconds"] for job in jobs)
    forked = sum(job["startup_cpu_seconds"] for job in jobs)
    forked += len(jobs) * time_process("-I", "-S", "-c", "import os, signal, socket")
    forked += time_imports(everything)
    alone = sum(count * time_imports(names) for names, count in imported.items())
    row = {
        "machine": describe_machine("torch"),
        "jobs": len(jobs),
        "work_cpu_seconds": round(work, 1),
        "start_cpu_seconds": round(forked, 1),
        "start_share": round(forked / (work + forked), 3),
        "start_cpu_seconds_without_forks": round(alone, 1),
        "start_share_without_forks": round(alone / (work + alone), 3),
    }
    append_row(RESULTS, row)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
