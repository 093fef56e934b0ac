"""Workflows on the throwaway Slurm: started, frozen at a job, disturbed, thawed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.throwaway import Cluster, wait_until
from tests.support.workspaces import drop_times

PARTITIONS = """\
partitions:
  cpu: {max_runtime: 1440, max_mem_mb: 60000, max_threads: 8, max_gpu: 0}
  gpu: {max_runtime: 1440, max_mem_mb: 60000, max_threads: 8, max_gpu: 4, available_gpu_models: {a100: 2, t4: 2}}
"""


@dataclass
class Flow:
    """A working copy of the workflow, to be run through ``--profile slurm``."""

    cluster: Cluster
    folder: Path
    preset: str
    changes: dict = field(default_factory=dict)
    jobs: int = 3
    log: str = "said.log"
    status_command: str | None = "squeue"  # None: unsaid, as on a first run

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake on the targets or options given; its words go to ``log``."""
        changes = self.folder / "presets" / "changes.yaml"
        changes.write_text(json.dumps(self.changes))
        command = [
            *(sys.executable, str(Path(__file__).with_name("impatient.py"))),
            *("--profile", "slurm"),
            *("--configfile", f"presets/{self.preset}", str(changes)),
            # A cluster without accounting, and tests that wait for no one.
            *(("--slurm-status-command", self.status_command) if self.status_command else ()),
            *("--slurm-init-seconds-before-status-checks", "1"),
            *("--latency-wait", "5", "--jobs", str(self.jobs)),
            *arguments,
        ]
        partitions = self.cluster.folder / "partitions.yaml"
        partitions.write_text(PARTITIONS)
        environment = {
            **self.cluster.environment,
            "PYTHONPATH": str(self.folder / "scripts"),  # the copy's own library
            "SNAKEMAKE_SLURM_PARTITIONS": str(partitions),
            "SBATCH_CONSTRAINT": "here",
        }
        with open(self.folder / self.log, "w") as output:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A child of a shell's `&` ignores Ctrl-C, and so would this one.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )

    def submitted(self) -> list[dict[str, str]]:
        """What Slurm knows of this workflow's jobs."""
        return self.cluster.jobs(self.folder)

    def running(self, job: str) -> list[dict[str, str]]:
        return [
            each
            for each in self.submitted()
            if each["JobState"] == "RUNNING" and job in each["Comment"]
        ]

    @property
    def said(self) -> str:
        return (self.folder / self.log).read_text(errors="replace")

    def run(self, *arguments: str, check: bool = True) -> str:
        """Run to the end; return what was said."""
        self.finish(self.start(*arguments), check=check)
        return self.said

    def finish(
        self, process: subprocess.Popen, *, check: bool = True, seconds: float = 1500
    ) -> int:
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"no end after {seconds} s: {self.said[-8000:]}") from None
        assert not check or code == 0, self.said[-8000:]
        return code

    @contextmanager
    def frozen(self, job: str, *arguments: str) -> Iterator[tuple[subprocess.Popen, dict]]:
        """Start, and freeze the script of the first job of that name; yield the workflow and the job.

        The other jobs go on, and the script stays where it is until it is thawed or killed.
        """
        process = self.start(*arguments)
        try:
            wait_until(lambda: self.running(job), 90, f"a job {job} to run")
            found = self.running(job)[0]
            wait_until(lambda: find_scripts(found["JobId"]), 60, f"the script of {job}")
            for script in find_scripts(found["JobId"]):
                os.kill(script, signal.SIGSTOP)
            yield process, found
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def results(self) -> dict[str, object]:
        """Every score, accuracy and table so far, without what the clock says."""
        found = {}
        for pattern in ("results/scores/**/*.json", "results/ground_truth/**/*.json"):
            for path in self.folder.glob(pattern):
                name = str(path.relative_to(self.folder))
                found[name] = drop_times(json.loads(path.read_text()))
        for path in self.folder.glob("results/evaluation/metrics.csv"):
            found[path.name] = path.read_text()
        return found

    def finished_at(self) -> dict[str, int]:
        """When each result was written that Snakemake counts as complete."""
        return {
            str(path.relative_to(self.folder)): path.stat().st_mtime_ns
            for folder in ("results", "resources")
            for path in (self.folder / folder).rglob("*")
            if path.is_file() and "benchmarks" not in path.parts
        }


def thaw(job: dict) -> None:
    for script in find_scripts(job["JobId"]):
        with suppress(ProcessLookupError):
            os.kill(script, signal.SIGCONT)


def find_scripts(job: str) -> list[int]:
    """The processes of a Slurm job that run one of the workflow's scripts."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            variables = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        is_script = any(b".snakemake/scripts/" in word for word in command[:3])
        if is_script and f"SLURM_JOB_ID={job}".encode() in variables:
            found.append(int(process.name))
    return found


def count_at_once(jobs: list[dict]) -> int:
    """The most of these jobs that ever ran at the same second."""
    moments = sorted(
        moment
        for job in jobs
        if job["StartTime"] != job["EndTime"]
        for moment in ((to_seconds(job["StartTime"]), 1), (to_seconds(job["EndTime"]), -1))
    )
    running = most = 0
    for _, change in moments:
        running += change
        most = max(most, running)
    return most


def to_seconds(text: str) -> float:
    return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))
