"""What a run will cost before it starts: GPU hours, CPU hours, disk and jobs.

Arithmetic is counted from the config: images through a network, times its operations per image. What
turns it into hours is measured on earlier results below ``results/`` where there are any from the same
kind of device, else the defaults below. An estimate of a run that was never made is right to a factor of
two or so; what fine-tuning costs outweighs all else.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ckptrank.files.atomic import read_json
from ckptrank.networks.defaults import BATCH_SIZE
from ckptrank.workflow.sweep import list_sweep_jobs

# A training step takes the forward pass three times over: itself, and the gradients of inputs and weights.
PASSES_OF_A_STEP = 3
# Floating-point operations a second that PyTorch reaches in float32: a GPU of the A100's class, and one
# core of a server's processor.
GPU_SPEED = 10e12
CPU_SPEED = 30e9
MEASURE_SECONDS_PER_SAMPLE = 0.002
JOB_SECONDS = 5
# Forward GFLOP per image (two per multiply-add) at the usual image size; the longest name that fits.
GFLOPS = {
    "resnet18": 3.6, "resnet50": 8.2, "resnet101": 15.7, "resnetv2_101": 15.7, "googlenet": 3.0,
    "inception_v3": 11.4, "inception_v4": 24.6, "inception_resnet_v2": 26.4, "mobilenet_v2": 0.6,
    "mobilenetv1": 1.2, "mobilenetv2_050": 0.2, "mobilenetv3_large": 0.4, "mobilenetv3_small": 0.1,
    "vit_base": 35.1, "vit_small": 9.2, "vgg16": 31.0, "densenet121": 5.7, "convnext_tiny": 8.9,
    "resnet_v1_50": 7.0, "resnet_v1_101": 14.4, "inception_v1": 3.0, "inception_v2": 3.9,
    "mobilenet_v1": 1.1, "mobilenet_v2_035": 0.1, "mobilenet_v3_small": 0.1, "mobilenet_v3_large": 0.4,
}  # fmt: skip
USUAL_GFLOPS, USUAL_DIMENSION, USUAL_CLASSES, USUAL_MB = 8.2, 2048, 1000, 100
BUILTIN_GFLOPS, BUILTIN_DIMENSION = 0.01, 128
# Training and test images, and GB to fetch.
TASKS = {
    "Caltech101": (3060, 6084, 0.2), "CIFAR10": (50000, 10000, 0.2), "CIFAR100": (50000, 10000, 0.2),
    "DTD": (3760, 1880, 0.6), "EuroSAT": (21600, 5400, 0.1), "FGVCAircraft": (6667, 3333, 2.8),
    "Flowers102": (2040, 6149, 0.4), "Food101": (75750, 25250, 5.0), "OxfordIIITPet": (3680, 3669, 0.8),
    "PCAM": (262144, 32768, 7.5), "StanfordCars": (8144, 8041, 2.0), "SUN397": (76128, 10875, 39.0),
    "VOC2007": (5011, 4952, 0.9),
}  # fmt: skip
USUAL_TASK = (2000, 1000, 0.0)
FITTED_BYTES = 3 * 224 * 224
GIGABYTE, HOUR = 1e9, 3600


@dataclass
class Plan:
    """What the config asks for.

    ``measures``: (method, measures made of it, epochs of tuning or 0). ``fitted``: for how many pairs
    images are decoded.
    """

    tasks: dict[str, dict]
    checkpoints: dict[str, dict]
    ranked: list[str]
    sweep: dict
    measures: list[tuple[str, int, float]]
    pretraining: dict[str, dict]
    gpu: bool
    fitted: int = 0


@dataclass
class Estimate:
    """Seconds and GB per stage, jobs of a cluster, and on what they rest."""

    gpu_seconds: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    disk_gb: dict[str, float] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def estimate(plan: Plan, root: str | Path = ".") -> Estimate:
    """Return what a run of ``plan`` costs, with what earlier runs below ``root`` have measured."""
    root = Path(root)
    found = Estimate()
    tasks = {name: _look_up_task(root, name, given) for name, given in plan.tasks.items()}
    networks = {
        name: _look_up_network(root, name, given) for name, given in plan.checkpoints.items()
    }
    speed = _measure_speed(root, plan.gpu, networks, tasks, plan.sweep)
    kind = "GPU" if plan.gpu else "core"
    if speed is None:
        speed = GPU_SPEED if plan.gpu else CPU_SPEED
        found.notes.append(f"speed assumed, not measured: {speed / 1e9:,.0f} GFLOP/s per {kind}")
    else:
        found.notes.append(f"speed of earlier fine-tuning: {speed / 1e9:,.1f} GFLOP/s per {kind}")
    unknown = [name for name, (_, _, known) in tasks.items() if not known]
    if unknown:
        found.notes.append(
            f"sizes assumed ({USUAL_TASK[0]:,} + {USUAL_TASK[1]:,} images) until they are prepared: "
            + ", ".join(unknown)
        )
    seconds = found.gpu_seconds if plan.gpu else found.cpu_seconds
    jobs, repeats = list_sweep_jobs(plan.sweep).values(), plan.sweep["repeats"]
    steps = sum(job.trained_steps for job in jobs) + repeats * max(plan.sweep["steps"])
    tests = sum(job.tests for job in jobs) + repeats
    for name, network in networks.items():
        for train, test, _ in tasks.values():
            images = steps * plan.sweep["batch_size"] * PASSES_OF_A_STEP + tests * test
            _add(seconds, "fine-tuning", images * network.flops / speed)
            if name in plan.ranked:
                _add(seconds, "extraction", (train + test) * network.flops / speed)
                _add(found.disk_gb, "features", (train + test) * 4 * network.width / GIGABYTE)
                for _, _, epochs in plan.measures:
                    passes = epochs * train * PASSES_OF_A_STEP
                    _add(
                        seconds,
                        "measures that tune or differentiate",
                        passes * network.flops / speed,
                    )
    for run in plan.pretraining.values():
        images = run["steps"] * run.get("batch_size", BATCH_SIZE) * PASSES_OF_A_STEP
        _add(seconds, "pre-training", images * BUILTIN_GFLOPS * 1e9 / speed)
    per_sample, measured = _measure_scoring(root, tasks)
    found.notes.append(
        f"measures: {per_sample * 1e3:.2g} ms per sample and measure, "
        + ("of earlier scores" if measured else "assumed")
    )
    cheap = sum(count for _, count, epochs in plan.measures if not epochs)
    samples = sum(train for train, _, _ in tasks.values()) * len(plan.ranked)
    _add(found.cpu_seconds, "measures of features", samples * cheap * per_sample)
    _count_jobs(plan, found)
    _add(found.cpu_seconds, "starting jobs of a cluster", sum(found.jobs.values()) * JOB_SECONDS)
    _add(found.disk_gb, "weights", sum(network.megabytes for network in networks.values()) / 1e3)
    downloads = [
        TASKS[given["name"]][2] for given in plan.tasks.values() if given.get("name") in TASKS
    ]
    _add(found.disk_gb, "data sets", sum(downloads))
    if downloads:
        images = sum(train + test for train, test, _ in tasks.values())
        _add(found.disk_gb, "images, fitted", images * FITTED_BYTES / GIGABYTE)
    return found


def format_estimate(found: Estimate) -> str:
    """Return the estimate as text for a terminal."""
    lines = []
    for title, unit, values, scale in (
        ("GPU hours", "h", found.gpu_seconds, HOUR),
        ("CPU hours (one core)", "h", found.cpu_seconds, HOUR),
        ("Disk", "GB", found.disk_gb, 1),
        ("Slurm jobs", "", found.jobs, 1),
    ):
        if not values:
            continue
        digits = 0 if title == "Slurm jobs" else 1
        lines.append(f"{title:<48}{sum(values.values()) / scale:>12,.{digits}f} {unit}".rstrip())
        lines += [
            f"  {name:<46}{value / scale:>12,.{digits}f} {unit}".rstrip()
            for name, value in sorted(values.items(), key=lambda item: -item[1])
        ]
    return "\n".join([*lines, *(f"({note})" for note in found.notes)])


@dataclass(frozen=True)
class _Network:
    flops: float
    width: int
    megabytes: float


def _add(table: dict[str, float], name: str, value: float) -> None:
    table[name] = table.get(name, 0) + value


def _look_up_task(root: Path, name: str, given: dict) -> tuple[int, int, bool]:
    """Training and test samples, and whether they are known."""
    path = root / "resources" / "tasks" / name / "task.json"
    if path.exists() and read_json(path)["status"] == "ok":
        facts = read_json(path)
        return facts["train_samples"], facts["test_samples"], True
    if given["source"] == "torchvision":
        return *TASKS[given["name"]][:2], True
    if "train" in given and "test" in given:
        return given["train"], given["test"], True
    return *USUAL_TASK[:2], given["source"] == "builtin"


def _look_up_network(root: Path, name: str, given: dict) -> _Network:
    path = root / "resources" / "checkpoints" / name / "card.json"
    if path.exists() and read_json(path)["status"] == "ok":
        card = read_json(path)
        width = card["dimension"] + (card.get("head_classes") or 0)
        return _Network(card["forward_flops"], width, card["parameters"] * 4 / 1e6)
    if (
        given["source"] == "builtin"
        or given.get("library", "builtin") == given["source"] == "scratch"
    ):
        return _Network(BUILTIN_GFLOPS * 1e9, BUILTIN_DIMENSION, 1)
    model = str(given.get("model", given.get("architecture", "")))
    names = sorted((known for known in GFLOPS if model.startswith(known)), key=len)
    gflops = GFLOPS[names[-1]] if names else USUAL_GFLOPS
    return _Network(gflops * 1e9, USUAL_DIMENSION + USUAL_CLASSES, USUAL_MB)


def _read_ok(paths: Iterable[Path]) -> Iterable[dict]:
    for path in paths:
        found = read_json(path)
        if found.get("status", "ok") == "ok":
            yield found


def _measure_speed(
    root: Path, gpu: bool, networks: dict[str, _Network], tasks: dict, sweep: dict
) -> float | None:
    """Operations a second of the fine-tuning runs that are there, of the kind of device asked for."""
    operations = seconds = 0.0
    for found in _read_ok((root / "results" / "finetune").glob("*/*/*.json")):
        on_gpu = any(word in found["device"] for word in ("NVIDIA", "Tesla", "GeForce", "Instinct"))
        if on_gpu != gpu or found["checkpoint"] not in networks or found["task"] not in tasks:
            continue
        for run in found["runs"]:
            steps = max(map(int, run["accuracies"]))
            images = steps * sweep["batch_size"] * PASSES_OF_A_STEP
            images += len(run["accuracies"]) * tasks[found["task"]][1]
            operations += images * networks[found["checkpoint"]].flops
            seconds += run["seconds"]
    return operations / seconds if seconds else None


def _measure_scoring(root: Path, tasks: dict) -> tuple[float, bool]:
    """Seconds per training sample and measure of the scores that are there, or the default."""
    seconds = samples = 0.0
    for found in _read_ok((root / "results" / "scores").glob("*/*/*.json")):
        if found["task"] in tasks:
            for score in found["scores"].values():
                if score["status"] == "ok" and score["seconds"] is not None:
                    seconds += score["seconds"]
                    samples += tasks[found["task"]][0]
    return (seconds / samples, True) if samples else (MEASURE_SECONDS_PER_SAMPLE, False)


def _count_jobs(plan: Plan, found: Estimate) -> None:
    parts = len(list_sweep_jobs(plan.sweep))
    pairs = len(plan.ranked) * len(plan.tasks)
    tuned = len(plan.checkpoints) * len(plan.tasks)
    found.jobs["tasks and checkpoints"] = len(plan.tasks) + len(plan.checkpoints)
    if plan.fitted:
        found.jobs["decoding images"] = plan.fitted
    found.jobs["extraction and measures of features"] = pairs * (2 if plan.gpu else 1)
    found.jobs["measures that tune or differentiate"] = pairs * sum(
        1 for _, _, epochs in plan.measures if epochs
    )
    found.jobs["fine-tuning"] = tuned * (1 if parts == 1 else parts + 1)
    found.jobs["tables and report"] = 1
