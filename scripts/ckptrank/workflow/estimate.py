"""What a run will cost before it starts: GPU hours, CPU hours, disk and jobs.

Arithmetic is counted from the config: images through a network, times its operations per image. What
turns it into hours is measured on earlier results below ``results/`` where there are any from the same
kind of device, else the defaults below, those of processors at the pace of the core that is asked
(:func:`find_pace`). What fine-tuning costs outweighs all else. docs/cluster.md compares estimates with runs.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from ckptrank.files.atomic import read_json
from ckptrank.networks.defaults import BATCH_SIZE
from ckptrank.text import counted, roughly, significant
from ckptrank.workflow.detector_costs import Work, count_work, fit
from ckptrank.workflow.known_sizes import (
    BUILTIN_GFLOPS,
    USUAL_BUILTIN_GFLOPS,
    USUAL_TASK,
    Network,
    Task,
    look_up,
    look_up_network,
    look_up_task,
)
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
FITTED_BYTES = 3 * 224 * 224
GIGABYTE = 1e9


@dataclass
class Plan:
    """What one of the benchmarks does.

    ``tasks``, ``checkpoints``: definitions by name, all of which are tuned; ``ranked``: names of those that are scored.
    ``sweep``: how they are tuned, for ``steps`` or for ``epochs``. ``measures``: (method, measures made of it, epochs of
    tuning that it comes to or 0). ``pretraining``: the runs that make built-in checkpoints. ``gpu``: whether networks
    run on one; ``local``: whether jobs run on this machine. ``groups``: of how many pages are drawn. ``detectors``: task ->
    what is tuned on it in place of a classifier, as ``ckptrank.detection.train.Head`` has it. ``views``: what is scored
    then. ``jobs``, ``processes``: as :class:`ckptrank.workflow.job_counts.JobCounts` has them.
    """

    tasks: dict[str, dict]
    checkpoints: dict[str, dict]
    ranked: list[str]
    sweep: dict
    measures: list[tuple[str, int, float]]
    pretraining: dict[str, dict]
    gpu: bool
    local: bool = False
    groups: int = 1
    detectors: dict[str, dict] = field(default_factory=dict)
    views: list[str] = field(default_factory=lambda: ["images"])
    jobs: dict[str, int] = field(default_factory=dict)
    processes: int = 0


@dataclass
class Estimate:
    """Seconds and GB per stage, jobs of a cluster, and on what they rest."""

    gpu_seconds: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    disk_gb: dict[str, float] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def find_pace() -> float:
    """Return how many times as fast this machine's core is as the one on which the defaults were measured, by a trial.

    It is that of :mod:`ckptrank.finetune.trial`, which needs PyTorch and takes half a second.
    """
    from ckptrank.finetune.trial import BATCH, time_step

    flops = PASSES_OF_A_STEP * BATCH * USUAL_BUILTIN_GFLOPS * 1e9
    return (flops / CPU_SPEED + STEP_SECONDS) / time_step()


def estimate(plan: Plan, root: str | Path = ".", pace: float | None = None) -> Estimate:
    """Return what a run of ``plan`` costs, with what earlier runs below ``root`` have measured.

    ``pace``: that of a core, as :func:`find_pace` gives it; without it that of the defaults.
    """
    root = Path(root)
    found = Estimate()
    tried, pace = pace is not None, pace or 1.0
    tasks = {name: look_up_task(root, name, given) for name, given in plan.tasks.items()}
    networks = {
        name: look_up_network(root, name, given, plan.pretraining)
        for name, given in plan.checkpoints.items()
    }
    work = {
        (checkpoint, task): _describe(plan.detectors.get(task), network, tasks[task])
        for checkpoint, network in networks.items()
        for task in tasks
    }
    results = root / "results"
    tuned = results / "detection" if plan.detectors else results
    usual = _assume_machine(pace, gpu=plan.gpu)
    measured = _measure_speed(tuned / "finetune", plan, work, tasks)
    tuner = usual if measured is None else _Machine(measured)
    origin = "by a trial of half a second" if tried and not plan.gpu else "assumed, not measured"
    found.notes.append(
        f"speed {origin if measured is None else 'of earlier fine-tuning'}: "
        f"{significant(tuner.speed / 1e9)} GFLOP/s per {'GPU' if plan.gpu else 'core'}"
    )
    machine = usual if plan.detectors else tuner
    unknown = [name for name, task in tasks.items() if not task.known]
    if unknown:
        found.notes.append(
            f"sizes assumed ({USUAL_TASK[0]:,} + {USUAL_TASK[1]:,} images) until they are prepared: "
            + ", ".join(unknown)
        )
    _note_detectors(plan, networks, tasks, work, usual, found.notes)
    seconds = found.gpu_seconds if plan.gpu else found.cpu_seconds
    for run in plan.pretraining.values():
        flops = look_up(BUILTIN_GFLOPS, run.get("architecture", ""), USUAL_BUILTIN_GFLOPS) * 1e9
        batch = run.get("batch_size", BATCH_SIZE)
        _add(seconds, "pre-training", machine.train(run["steps"], batch, Work(flops, flops)))
    per_sample = _measure_scoring(results, plan, tasks)
    assumed = MEASURE_SECONDS_PER_SAMPLE / pace
    found.notes.append(
        "measures: "
        + (
            f"{per_sample * 1e3:.2g} ms per sample and measure, of earlier scores"
            if per_sample
            else f"{assumed * 1e3:.2g} ms per sample, measure and 1,024 dimensions, assumed"
        )
    )
    _count_networks(plan, networks, tasks, work, tuner, machine, found)
    _count_measures(plan, networks, tasks, per_sample, assumed, found)
    found.jobs |= plan.jobs
    _add(found.cpu_seconds, "tables and report", plan.groups * PAGES_SECONDS / pace)
    start = FORK_SECONDS if plan.local and not plan.gpu else START_SECONDS
    starting = (
        plan.processes * start / pace if plan.local else sum(found.jobs.values()) * JOB_SECONDS
    )
    _add(found.cpu_seconds, "starting jobs", starting)
    _add(found.disk_gb, "weights", sum(network.megabytes for network in networks.values()) / 1e3)
    downloads = [task.gigabytes for task in tasks.values() if task.gigabytes]
    _add(found.disk_gb, "data sets", sum(downloads))
    if downloads:
        images = sum(task.train + task.test for task in tasks.values())
        _add(found.disk_gb, "images, fitted", images * FITTED_BYTES / GIGABYTE)
    return found


def _describe(detector: dict | None, network: Network, task: Task) -> Work:
    """Return what tuning takes for an image: of the network itself, or of a detector on it."""
    if detector is None:
        return Work(network.flops, network.flops)
    size = fit(detector, task.shape)
    return count_work(
        detector,
        size,
        backbone=network.flops_of(*size),
        dimension=network.dimension,
        classes=task.classes,
    )


def _note_detectors(
    plan: Plan,
    networks: dict[str, Network],
    tasks: dict[str, Task],
    work: dict[tuple[str, str], Work],
    machine: "_Machine",
    notes: list[str],
) -> None:
    """Say of what the hours of fine-tuning are made, so that they can be done by hand."""
    for name, detector in plan.detectors.items():
        task, (height, width) = tasks[name], fit(detector, tasks[name].shape)
        steps, tests = _count_steps(plan.sweep, task.train)
        notes.append(
            f"{name}: {counted(len(networks), 'detector')}, each {steps:,} steps of {plan.sweep['batch_size']} images at "
            f"{PASSES_OF_A_STEP} passes and {tests} x {task.test:,} test images"
        )
        found = [work[checkpoint, name] for checkpoint in networks]
        for words, flops, seconds in (
            ("trained", [each.train_flops for each in found], found[0].train_seconds),
            ("tested", [each.test_flops for each in found], found[0].test_seconds),
        ):
            seconds *= machine.beside
            beside = f" and {seconds * 1e3:.1f} ms beside" if seconds else ""
            notes.append(
                f"{detector['head']}, an image of {height} x {width} pixels {words}: {min(flops) / 1e9:.3g} to "
                f"{max(flops) / 1e9:.3g} GFLOP a pass{beside}"
            )


def _count_networks(
    plan: Plan,
    networks: dict[str, Network],
    tasks: dict[str, Task],
    work: dict[tuple[str, str], Work],
    tuner: "_Machine",
    machine: "_Machine",
    found: Estimate,
) -> None:
    """Add what runs networks: fine-tuning, extraction, and the measures that tune or differentiate."""
    seconds, batch = found.gpu_seconds if plan.gpu else found.cpu_seconds, plan.sweep["batch_size"]
    for name, network in networks.items():
        for key, task in tasks.items():
            tuned = work[name, key]
            steps, tests = _count_steps(plan.sweep, task.train)
            tuning = tuner.train(steps, batch, tuned) + tuner.test(tests * task.test, tuned)
            _add(seconds, "fine-tuning", tuning)
            if name not in plan.ranked:
                continue
            images = task.train + task.test
            if "images" in plan.views:
                _add(seconds, "extraction", machine.pass_over(images, network.flops))
                _add(found.disk_gb, "features", images * 4 * network.width / GIGABYTE)
            if "objects" in plan.views:
                flops = network.flops_of(*fit(plan.detectors[key], task.shape))
                _add(seconds, "extraction of objects", machine.pass_over(images, flops))
                objects = task.train_objects + task.test_objects
                _add(found.disk_gb, "features", objects * 4 * network.dimension / GIGABYTE)
            for _, _, epochs in plan.measures:
                steps = epochs * math.ceil(task.train / batch)
                tuning = tuner.train(steps, batch, tuned)
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
    networks: dict[str, Network],
    tasks: dict[str, Task],
    per_sample: float | None,
    assumed: float,
    found: Estimate,
) -> None:
    cheap = sum(count for _, count, epochs in plan.measures if not epochs)
    samples = sum(_count_samples(task, view) for task in tasks.values() for view in plan.views)
    for name in plan.ranked:
        usual = assumed * (1 + networks[name].dimension / 1024)
        _add(found.cpu_seconds, "measures of features", samples * cheap * (per_sample or usual))


def _count_samples(task: Task, view: str) -> float:
    """Return the training samples of a view of a task."""
    return task.train if view == "images" else task.train_objects


def estimate_ranking(
    root: str | Path,
    checkpoints: Mapping[str, dict],
    images: int,
    *,
    sizes: Mapping[str, tuple[float, float]] = MappingProxyType({}),
    gpu: bool,
    cores: int,
    pace: float = 1.0,
) -> tuple[float, dict[str, float]]:
    """Return the seconds that a forward pass of all checkpoints over the images takes, and MB of each's weights.

    ``checkpoints``: name -> definition. ``sizes``: operations and MB of those that no table has. ``pace``: that of a
    core, as :func:`find_pace` gives it.
    """
    root = Path(root)
    networks = {name: look_up_network(root, name, given, {}) for name, given in checkpoints.items()}
    for name, (flops, megabytes) in sizes.items():
        networks[name] = replace(networks[name], flops=flops, megabytes=megabytes)
    speed = GPU_SPEED if gpu else CPU_SPEED * pace * cores
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
class _Machine:
    """Operations a second; seconds that a step of training takes beside them; and by what to multiply those of
    a detector's images.

    A measured speed has all of these in it; how long a GPU takes for an image beside its arithmetic is not known.
    """

    speed: float
    step: float = 0.0
    beside: float = 0.0

    def train(self, steps: float, batch: int, work: Work) -> float:
        image = PASSES_OF_A_STEP * work.train_flops / self.speed + self.beside * work.train_seconds
        return steps * (batch * image + self.step)

    def test(self, images: float, work: Work) -> float:
        return images * (work.test_flops / self.speed + self.beside * work.test_seconds)

    def pass_over(self, images: float, flops: float) -> float:
        return images * flops / self.speed


def _assume_machine(pace: float, *, gpu: bool) -> _Machine:
    if gpu:
        return _Machine(GPU_SPEED, STEP_SECONDS)
    return _Machine(CPU_SPEED * pace, STEP_SECONDS / pace, 1 / pace)


def _add(table: dict[str, float], name: str, value: float) -> None:
    table[name] = table.get(name, 0) + value


def _read_ok(paths: Iterable[Path]) -> Iterable[dict]:
    for path in paths:
        found = read_json(path)
        if found.get("status", "ok") == "ok":
            yield found


def _measure_speed(
    folder: Path, plan: Plan, work: dict[tuple[str, str], Work], tasks: dict[str, Task]
) -> float | None:
    """Operations a second of the fine-tuning runs in a folder, of the kind of device asked for."""
    operations = seconds = 0.0
    for found in _read_ok(folder.glob("*/*/*.json")):
        on_gpu = any(word in found["device"] for word in ("NVIDIA", "Tesla", "GeForce", "Instinct"))
        pair = found["checkpoint"], found["task"]
        if on_gpu != plan.gpu or pair not in work:
            continue
        for run in found["runs"]:
            images = max(map(int, run["accuracies"])) * plan.sweep["batch_size"]
            tested = len(run["accuracies"]) * tasks[found["task"]].test
            operations += PASSES_OF_A_STEP * images * work[pair].train_flops
            operations += tested * work[pair].test_flops
            seconds += run["seconds"]
    return operations / seconds if seconds else None


def _measure_scoring(results: Path, plan: Plan, tasks: dict[str, Task]) -> float | None:
    """Seconds per training sample and measure of the scores that are there, None without any."""
    seconds = samples = 0.0
    for count, found in _list_scores(results, plan, tasks):
        for score in found.values():
            if score["status"] == "ok" and score["seconds"] is not None:
                seconds += score["seconds"]
                samples += count
    return seconds / samples if samples else None


def _list_scores(
    results: Path, plan: Plan, tasks: dict[str, Task]
) -> Iterable[tuple[float, dict[str, dict]]]:
    """Yield the training samples that a pair's scores are of, and its record of each measure."""
    for view in plan.views:
        folder = results / "detection/scores" / view if plan.detectors else results / "scores"
        for found in _read_ok(folder.glob("*/*.json" if plan.detectors else "*/*/*.json")):
            if found["task"] in tasks:
                count = _count_samples(tasks[found["task"]], view)
                yield from ((count, each["scores"]) for each in found.get("pairs", [found]))
