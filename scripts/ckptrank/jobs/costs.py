"""What a job has cost: the line that closes its log, and reading it back."""

import json
import platform
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

JOB_LINE = "job: "
LIBRARIES = (
    "numpy", "scipy", "sklearn", "pandas", "h5py", "torch", "torchvision", "timm", "safetensors",
    "PIL", "matplotlib", "altair", "tqdm",
)  # fmt: skip


@contextmanager
def job_costs(rule: str) -> Iterator[None]:
    """Print ``job: {...}`` when the block ends, well or not, to where stdout goes by then.

    Enter it after the imports: the processor time that the process has used by then is the job's
    start-up. The fields are the rule, the start (Unix time), wall-clock and CPU seconds of the block, CPU
    seconds of the start-up, peak memory in MiB, host, GPU if one was used, and versions of what was
    imported.
    """
    startup, started = time.process_time(), time.time()
    try:
        yield
    finally:
        cost = {
            "rule": rule,
            "started": round(started, 2),
            "seconds": round(time.time() - started, 3),
            "cpu_seconds": round(time.process_time() - startup, 3),
            "startup_cpu_seconds": round(startup, 3),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "host": platform.node(),
            "device": _name_gpu(),
            "versions": _find_versions(),
        }
        print(JOB_LINE + json.dumps(cost))


def _name_gpu() -> str:
    torch = sys.modules.get("torch")
    used = torch is not None and torch.cuda.is_initialized()
    return torch.cuda.get_device_name() if used else ""


def _find_versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        version = getattr(sys.modules.get(name), "__version__", None)
        if version:
            versions[name] = str(version)
    return versions


def find_logs(log: str | Path) -> Path:
    """Return the folder of all logs, given that of a job of a page: ``<logs>/report/<chapter>/x.log``."""
    return next(place.parent for place in Path(log).parents if place.name == "report")


def has_end(log: Path) -> bool:
    """Whether a job's log is closed by the line of its costs, which a job that is killed does not write."""
    return _read_end(log) is not None


def _read_end(log: Path) -> dict | None:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:  # of a job that begins anew, since the folder was listed
        return None
    if not lines or not lines[-1].startswith(JOB_LINE):
        return None
    return json.loads(lines[-1].removeprefix(JOB_LINE))


def read_job_costs(folder: str | Path) -> list[dict]:
    """Return the closing cost line of every log below ``folder``; logs without one are left out.

    To each its ``log`` is added, the path below ``folder``, which tells the stage of the job.
    """
    costs = []
    for path in sorted(Path(folder).rglob("*.log")):
        cost = _read_end(path)
        if cost is not None:
            costs.append({**cost, "log": str(path.relative_to(folder))})
    return costs
