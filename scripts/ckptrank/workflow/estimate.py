"""What a run will cost before it starts: GPU hours, CPU hours, disk and jobs.

Arithmetic is counted from the config: images through a network, times its operations per image. What
turns it into hours is measured on earlier results below ``results/`` where there are any from the same
kind of device, else the defaults below. What fine-tuning costs outweighs all else. docs/cluster.md compares estimates
with runs.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ckptrank.files.atomic import read_json
from ckptrank.networks.defaults import BATCH_SIZE
from ckptrank.text import roughly
from ckptrank.workflow.sweep import list_sweep_jobs

# A training step takes the forward pass three times over: itself, and the gradients of inputs and weights.
PASSES_OF_A_STEP = 3
# Floating-point operations a second: of a GPU of the A100's class in mixed precision (never measured here), and of one
# core of an AMD EPYC in float32 (measured: 63e9 for the built-in ResNet, 41e9 for EfficientNet-Lite0, 96e9 for ResNet-50).
GPU_SPEED = 30e12
CPU_SPEED = 60e9
# What a training step takes beside its arithmetic, however small the network.
STEP_SECONDS = 0.004
# Per training sample, of a measure: so much, and as much again for every 1,024 dimensions (benchmarks/results/measures.csv).
MEASURE_SECONDS_PER_SAMPLE = 1e-4
# To start a job of a cluster, a job that is forked here, and one that imports its libraries; to draw the pages of a group.
JOB_SECONDS, FORK_SECONDS, START_SECONDS = 5, 0.15, 2
PAGES_SECONDS = 15
# Forward GFLOP per image (two per multiply-add) at the usual image size; the longest name that fits.
GFLOPS = {
    "resnet18": 3.6,
    "resnet50": 8.2,
    "resnet101": 15.7,
    "resnetv2_101": 15.7,
    "googlenet": 3.0,
    "inception_v3": 11.4,
    "inception_v4": 24.6,
    "inception_resnet_v2": 26.4,
    "mobilenet_v2": 0.6,
    "mobilenetv1": 1.2,
    "mobilenetv2_050": 0.2,
    "mobilenetv3_large": 0.4,
    "mobilenetv3_small": 0.1,
    "vit_base": 35.1,
    "vit_small": 9.2,
    "vgg16": 31.0,
    "densenet121": 5.7,
    "convnext_tiny": 8.9,
    "mobilenetv4_conv_small": 0.4,
    "efficientnet_b0": 0.8,
    "resnet50_clip": 10.8,
    "tiny_vit_11m": 3.8,
    "vit_small_patch14_reg4_dinov2": 12.2,
    "resnet_v1_50": 7.0,
    "resnet_v1_101": 14.4,
    "inception_v1": 3.0,
    "inception_v2": 3.9,
    "mobilenet_v1": 1.1,
    "mobilenet_v2_035": 0.1,
    "mobilenet_v3_small": 0.1,
    "mobilenet_v3_large": 0.4,
}
# MB of files of weights, by the beginning of the architecture's name.
MEGABYTES = {
    "mobilenetv4_conv_small": 15, "efficientnet_b0": 21, "resnet18": 47, "resnet50": 102, "convnext_tiny": 114,
    "resnet50_clip": 94, "tiny_vit_11m": 80, "vit_small_patch16_224.augreg_in21k": 120, "vit_small": 88,
}  # fmt: skip
USUAL_GFLOPS, USUAL_DIMENSION, USUAL_CLASSES, USUAL_MB = 8.2, 2048, 1000, 100
# Of the built-in networks; those of other architectures are about as small as the plain ResNet or smaller.
BUILTIN_GFLOPS = {
    "resnet_deep": 0.0128,
    "resnet_half": 0.0015,
    "vgg_half": 0.0008,
    "mobilenet": 0.0009,
}
USUAL_BUILTIN_GFLOPS, BUILTIN_DIMENSION = 0.0057, 128
# Training and test images, and GB to fetch.
TASKS = {
    "Caltech101": (3060, 6084, 0.2), "CIFAR10": (50000, 10000, 0.2), "CIFAR100": (50000, 10000, 0.2),
    "DTD": (3760, 1880, 0.6), "EuroSAT": (21600, 5400, 0.1), "FGVCAircraft": (6667, 3333, 2.8),
    "Flowers102": (2040, 6149, 0.4), "Food101": (75750, 25250, 5.0), "OxfordIIITPet": (3680, 3669, 0.8),
    "PCAM": (262144, 32768, 7.5), "StanfordCars": (8144, 8041, 2.0), "SUN397": (76128, 10875, 39.0),
    "VOC2007": (5011, 4952, 0.9),
}  # fmt: skip
# Those of the built-in tasks, and their classes. Looked up there they would take packages that no estimate needs.
BUILTIN_TASKS = {
    "objects": (1000, 1600, 20), "digits": (600, 1197, 10), "materials": (1008, 1600, 16),
    "tissue": (1000, 1600, 2), "distort": (1008, 1600, 12), "greek": (1000, 1600, 20),
    "alphabets": (1440, 2400, 48), "flowers": (1200, 2400, 24), "defects": (1000, 2000, 2),
    "counting": (1000, 2000, 8), "poses": (1200, 2400, 8), "scenes": (600, 300, 8),
    "shapes": (2000, 1000, 24), "letters": (2000, 1000, 37), "textures": (2000, 1000, 24),
    "scribbles": (2000, 1000, 24), "mixture": (2000, 1000, 85),
}  # fmt: skip
USUAL_TASK = (2000, 1000, 0.0)
USUAL_CLASSES_OF_A_TASK = 20
FITTED_BYTES = 3 * 224 * 224
GIGABYTE = 1e9


@dataclass
class Plan:
    """What one of the two benchmarks does.

    ``tasks``, ``checkpoints``: definitions by name, all of which are tuned; ``ranked``: names of those that are scored.
    ``sweep``: how they are tuned, for ``steps`` or for ``epochs``. ``measures``: (method, measures made of it, epochs of
    tuning that it comes to or 0). ``pretraining``: the runs that make built-in checkpoints. ``gpu``: whether networks
    run on one; ``local``: whether jobs run on this machine. ``fitted``: for how many pairs images are decoded.
    ``groups``: of how many pages are drawn. ``tasks_per_job``: of a checkpoint.
    """

    tasks: dict[str, dict]
    checkpoints: dict[str, dict]
    ranked: list[str]
    sweep: dict
    measures: list[tuple[str, int, float]]
    pretraining: dict[str, dict]
    gpu: bool
    local: bool = False
    fitted: int = 0
    groups: int = 1
    tasks_per_job: int = 1


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
        name: _look_up_network(root, name, given, plan.pretraining)
        for name, given in plan.checkpoints.items()
    }
    machine = _find_machine(root, plan, networks, tasks, found.notes)
    unknown = [name for name, (_, _, known) in tasks.items() if not known]
    if unknown:
        found.notes.append(
            f"sizes assumed ({USUAL_TASK[0]:,} + {USUAL_TASK[1]:,} images) until they are prepared: "
            + ", ".join(unknown)
        )
    seconds = found.gpu_seconds if plan.gpu else found.cpu_seconds
    for run in plan.pretraining.values():
        flops = _look_up(BUILTIN_GFLOPS, run.get("architecture", ""), USUAL_BUILTIN_GFLOPS) * 1e9
        batch = run.get("batch_size", BATCH_SIZE)
        _add(seconds, "pre-training", machine.train(run["steps"], batch, flops))
    per_sample = _measure_scoring(root, tasks)
    found.notes.append(
        "measures: "
        + (
            f"{per_sample * 1e3:.2g} ms per sample and measure, of earlier scores"
            if per_sample
            else f"{MEASURE_SECONDS_PER_SAMPLE * 1e3:.2g} ms per sample, measure and 1,024 dimensions, assumed"
        )
    )
    _count_networks(plan, networks, tasks, machine, found)
    _count_measures(plan, networks, tasks, per_sample, found)
    _count_jobs(plan, found)
    _add(found.cpu_seconds, "tables and report", plan.groups * PAGES_SECONDS)
    start = FORK_SECONDS if plan.local and not plan.gpu else START_SECONDS
    starting = (
        _count_processes(plan) * start if plan.local else sum(found.jobs.values()) * JOB_SECONDS
    )
    _add(found.cpu_seconds, "starting jobs", starting)
    _add(found.disk_gb, "weights", sum(network.megabytes for network in networks.values()) / 1e3)
    downloads = [
        TASKS[given["name"]][2] for given in plan.tasks.values() if given.get("name") in TASKS
    ]
    _add(found.disk_gb, "data sets", sum(downloads))
    if downloads:
        images = sum(train + test for train, test, _ in tasks.values())
        _add(found.disk_gb, "images, fitted", images * FITTED_BYTES / GIGABYTE)
    return found


def _count_networks(
    plan: Plan, networks: dict[str, "_Network"], tasks: dict, machine: "_Machine", found: Estimate
) -> None:
    """Add what runs networks: fine-tuning, extraction, and the measures that tune or differentiate."""
    seconds, batch = found.gpu_seconds if plan.gpu else found.cpu_seconds, plan.sweep["batch_size"]
    for name, network in networks.items():
        for train, test, _ in tasks.values():
            steps, tests = _count_steps(plan.sweep, train)
            tuning = machine.train(steps, batch, network.flops)
            _add(seconds, "fine-tuning", tuning + machine.pass_over(tests * test, network.flops))
            if name not in plan.ranked:
                continue
            _add(seconds, "extraction", machine.pass_over(train + test, network.flops))
            _add(found.disk_gb, "features", (train + test) * 4 * network.width / GIGABYTE)
            for _, _, epochs in plan.measures:
                tuning = machine.train(epochs * math.ceil(train / batch), batch, network.flops)
                _add(seconds, "measures that tune or differentiate", tuning)


def _count_steps(sweep: dict, train: int) -> tuple[int, int]:
    """Return the steps of a pair's sweep with its repeats, and how often the test set is gone through."""
    if "epochs" in sweep:
        runs = len(sweep["learning_rates"])
        return runs * sweep["epochs"] * math.ceil(train / sweep["batch_size"]), runs
    jobs, repeats = list_sweep_jobs(sweep).values(), sweep["repeats"]
    steps = sum(job.trained_steps for job in jobs) + repeats * max(sweep["steps"])
    return steps, sum(job.tests for job in jobs) + repeats


def _count_measures(
    plan: Plan,
    networks: dict[str, "_Network"],
    tasks: dict,
    per_sample: float | None,
    found: Estimate,
) -> None:
    cheap = sum(count for _, count, epochs in plan.measures if not epochs)
    samples = sum(train for train, _, _ in tasks.values())
    for name in plan.ranked:
        usual = MEASURE_SECONDS_PER_SAMPLE * (1 + networks[name].dimension / 1024)
        _add(found.cpu_seconds, "measures of features", samples * cheap * (per_sample or usual))


def _count_jobs(plan: Plan, found: Estimate) -> None:
    """Add the jobs of a cluster."""
    ranked, tuned = _count_pairs(plan)
    parts = 1 if "epochs" in plan.sweep else len(list_sweep_jobs(plan.sweep))
    found.jobs["tasks and checkpoints"] = len(plan.tasks) + len(plan.checkpoints)
    if plan.fitted:
        found.jobs["decoding images"] = plan.fitted
    found.jobs["extraction and measures of features"] = ranked * (2 if plan.gpu else 1)
    found.jobs["measures that tune or differentiate"] = ranked * sum(
        1 for _, _, epochs in plan.measures if epochs
    )
    found.jobs["fine-tuning"] = tuned * (1 if parts == 1 else parts + 1)
    found.jobs["tables and report"] = 1


def _count_processes(plan: Plan) -> int:
    """Return how many jobs this machine starts: one for each method of a pair, where a cluster groups them."""
    ranked, tuned = _count_pairs(plan)
    prepared = len(plan.tasks) + len(plan.checkpoints) + len(plan.pretraining) + plan.fitted
    return prepared + tuned + ranked * (len(plan.measures) + 1)


def _count_pairs(plan: Plan) -> tuple[int, int]:
    """Return the jobs that take all ranked checkpoints over the tasks, and all that are tuned."""
    batches = math.ceil(len(plan.tasks) / plan.tasks_per_job)
    return len(plan.ranked) * batches, len(plan.checkpoints) * batches


def estimate_ranking(
    root: str | Path, checkpoints: Mapping[str, dict], images: int, *, gpu: bool, cores: int
) -> tuple[float, dict[str, float]]:
    """Return the seconds that a forward pass of all checkpoints over the images takes, and MB of each's weights.

    ``checkpoints``: name -> definition. Without an earlier run below ``root`` to go by, speeds are the defaults.
    """
    networks = {
        name: _look_up_network(Path(root), name, given, {}) for name, given in checkpoints.items()
    }
    speed = GPU_SPEED if gpu else CPU_SPEED * cores
    seconds = images * sum(network.flops for network in networks.values()) / speed
    return seconds, {name: network.megabytes for name, network in networks.items()}


def format_estimate(found: Estimate) -> str:
    """Return the estimate as text for a terminal."""
    lines = []
    for title, values, show in (
        ("GPU time (one GPU)", found.gpu_seconds, roughly),
        ("CPU time (one core)", found.cpu_seconds, roughly),
        ("Disk", found.disk_gb, lambda value: f"{value:,.1f} GB"),
        ("Slurm jobs", found.jobs, lambda value: f"{value:,}"),
    ):
        if not values:
            continue
        lines.append(f"{title:<48}{show(sum(values.values())):>12}")
        lines += [
            f"  {name:<46}{show(value):>12}"
            for name, value in sorted(values.items(), key=lambda item: -item[1])
            if value
        ]
    return "\n".join([*lines, *(f"({note})" for note in found.notes)])


@dataclass(frozen=True)
class _Network:
    """Operations of an image's forward pass, features, features with the head's outputs, and size of the weights."""

    flops: float
    dimension: int
    width: int
    megabytes: float


@dataclass(frozen=True)
class _Machine:
    """Operations a second, and seconds that a training step takes beside them."""

    speed: float
    step: float

    def train(self, steps: float, batch: int, flops: float) -> float:
        return steps * (batch * PASSES_OF_A_STEP * flops / self.speed + self.step)

    def pass_over(self, images: float, flops: float) -> float:
        return images * flops / self.speed


def _find_machine(
    root: Path, plan: Plan, networks: dict[str, _Network], tasks: dict, notes: list[str]
) -> _Machine:
    """Return the speed that earlier fine-tuning showed, with all that a step takes in it, or the usual one."""
    gpu, kind = plan.gpu, "GPU" if plan.gpu else "core"
    speed = _measure_speed(root, gpu, networks, tasks, plan.sweep)
    if speed is None:
        speed = GPU_SPEED if gpu else CPU_SPEED
        notes.append(f"speed assumed, not measured: {speed / 1e9:,.0f} GFLOP/s per {kind}")
        return _Machine(speed, STEP_SECONDS)
    notes.append(f"speed of earlier fine-tuning: {speed / 1e9:,.1f} GFLOP/s per {kind}")
    return _Machine(speed, 0.0)


def _add(table: dict[str, float], name: str, value: float) -> None:
    table[name] = table.get(name, 0) + value


def _look_up_task(root: Path, name: str, given: dict) -> tuple[int, int, bool]:
    """Training and test samples, and whether they are known."""
    path = root / "resources" / "tasks" / name / "task.json"
    if path.exists() and read_json(path)["status"] == "ok":
        facts = read_json(path)
        return facts["train_samples"], facts["test_samples"], True
    train, test, known, classes = *USUAL_TASK[:2], False, USUAL_CLASSES_OF_A_TASK
    if given["source"] == "torchvision":
        train, test, known = *TASKS[given["name"]][:2], True
    elif given["source"] == "builtin":
        train, test, classes = BUILTIN_TASKS[given["name"]]
        train, test, known = given.get("train", train), given.get("test", test), True
    if given.get("shots"):
        train = given["shots"] * classes
    return train, test, known


def _look_up_network(root: Path, name: str, given: dict, pretraining: dict) -> _Network:
    path = root / "resources" / "checkpoints" / name / "card.json"
    if path.exists() and read_json(path)["status"] == "ok":
        card = read_json(path)
        width = card["dimension"] + (card.get("head_classes") or 0)
        megabytes = card["parameters"] * 4 / 1e6
        return _Network(card["forward_flops"], card["dimension"], width, megabytes)
    model = str(given.get("model", given.get("architecture", "")))
    scratch = given["source"] == "scratch" and given.get("library", "builtin") == "builtin"
    if given["source"] == "builtin" or scratch:
        model = pretraining.get(given.get("run"), given).get("architecture", "")
        gflops = _look_up(BUILTIN_GFLOPS, model, USUAL_BUILTIN_GFLOPS)
        return _Network(gflops * 1e9, BUILTIN_DIMENSION, BUILTIN_DIMENSION, 1)
    gflops = _look_up(GFLOPS, model, USUAL_GFLOPS)
    width = USUAL_DIMENSION + USUAL_CLASSES
    return _Network(gflops * 1e9, USUAL_DIMENSION, width, _look_up(MEGABYTES, model, USUAL_MB))


def _look_up(table: dict[str, float], model: str, usual: float) -> float:
    """The entry of the longest beginning of a model's name that a table has."""
    names = [known for known in table if model.startswith(known)]
    return table[max(names, key=len)] if names else usual


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


def _measure_scoring(root: Path, tasks: dict) -> float | None:
    """Seconds per training sample and measure of the scores that are there, None without any."""
    seconds = samples = 0.0
    for found in _read_ok((root / "results" / "scores").glob("*/*/*.json")):
        if found["task"] in tasks:
            for score in found["scores"].values():
                if score["status"] == "ok" and score["seconds"] is not None:
                    seconds += score["seconds"]
                    samples += tasks[found["task"]][0]
    return seconds / samples if samples else None
