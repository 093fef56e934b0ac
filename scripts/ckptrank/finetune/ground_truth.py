"""From the runs of a fine-tuning sweep to the ground truth of a (checkpoint, task) pair."""

import logging
import statistics
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from scipy.stats import binomtest

from ckptrank.errors import PairFault
from ckptrank.files.atomic import read_json, write_json
from ckptrank.finetune.kept import BestWeights, by_merit
from ckptrank.finetune.sweep import Runner, run_sweep
from ckptrank.seeds import seed_from

logger = logging.getLogger("ckptrank")


def select_best(parts: list[dict]) -> dict:
    """Return the setting with the highest accuracy over all runs and step budgets of a sweep.

    ``parts``: what the ``finetune`` jobs of one pair wrote. Among equal accuracies the fewest steps
    win, then the lowest learning rate. A failed part makes the pair ``failed`` with its reason. Where the task has
    validation images the highest ``validation_accuracy`` counts; ``accuracy``, on the test images, then has
    Wilson's interval for so many images (95 %), ``accuracy_low`` and ``accuracy_high``.
    """
    pair = {key: parts[0][key] for key in ("checkpoint", "task")}
    for part in parts:
        if part["status"] != "ok":
            return fail(pair, part["reason"])
    runs = [run for part in parts for run in part["runs"]]
    settings = [
        {
            "learning_rate": run["learning_rate"],
            "steps": int(steps),
            "accuracy": accuracy,
            "first_epoch_loss": run["first_epoch_loss"],
            **({"validation_accuracy": run["validation"][steps]} if "validation" in run else {}),
        }
        for run in runs
        for steps, accuracy in run["accuracies"].items()
    ]
    best = min(settings, key=by_merit)
    steps, learning_rate = best["steps"], best["learning_rate"]
    details = {
        (run["learning_rate"], int(steps)): found
        for run in runs
        for steps, found in run.get("details", {}).items()
    }
    return {
        **pair,
        "status": "ok",
        "reason": "",
        "accuracy": best["accuracy"],
        **_describe_choice(best, runs[0].get("tested")),
        "learning_rate": learning_rate,
        "steps": steps,
        **{key: parts[0][key] for key in ("device", "precision")},
        "sweep": sorted(settings, key=lambda setting: (setting["learning_rate"], setting["steps"])),
        "seconds": sum(run["seconds"] for run in runs),
        **({"details": details[learning_rate, steps]} if details else {}),
    }


def _describe_choice(best: dict, tested: int | None) -> dict[str, float]:
    """What is known beside the accuracy of a setting that was not chosen by test images."""
    if "validation_accuracy" not in best:
        return {}
    found = {"validation_accuracy": best["validation_accuracy"]}
    if tested is None:
        return found
    interval = binomtest(round(best["accuracy"] * tested), tested).proportion_ci(method="wilson")
    return {**found, "accuracy_low": float(interval.low), "accuracy_high": float(interval.high)}


def fail(pair: dict, reason: str) -> dict:
    """Return the ground truth of a pair that has none, and why."""
    return {
        **{key: pair[key] for key in ("checkpoint", "task")},
        "status": "failed",
        "reason": reason,
    }


def add_repeats(best: dict, accuracies: list[float], seconds: float) -> dict:
    """Add the accuracies of repeats under other seeds, and the noise that they show.

    ``noise_sd``: the sample standard deviation over the repeats and the best run. The best run was
    picked for being high, so this is a slight overestimate of one setting's spread (not where validation images picked
    it); the accuracy of the ground truth stays that of the best run, as in the papers.
    """
    if best["status"] != "ok":
        return best
    values = [best["accuracy"], *accuracies]
    return {
        **best,
        "repeat_accuracies": accuracies,
        "noise_sd": statistics.stdev(values) if accuracies else None,
        "seconds": best["seconds"] + seconds,
    }


def write_ground_truth(
    sweep_files: Sequence[str],
    output: str | Path,
    *,
    repeats: int,
    start: Callable[[], AbstractContextManager[Runner]],
    weights: str | Path | None = None,
) -> None:
    """Write the best setting of a sweep, with what ``repeats`` runs of it under other seeds reach.

    ``start``: gives what runs them, and is only called when there is something to train. A pair
    that failed, then or before, is written with its reason. ``weights``: where that runner puts the weights of the best
    setting, which it trains again for them; None: they are not wanted.
    """
    best = select_best([read_json(path) for path in sweep_files])
    if best["status"] == "ok" and (repeats or weights is not None):
        with start() as runner:
            write_json(output, _complete(runner, best, repeats))
            runner.finish()
        return
    if weights is not None:
        BestWeights(Path(weights)).give_none(best["reason"])
    write_json(output, add_repeats(best, [], 0.0))


def write_whole_sweep(
    runner: Runner, learning_rates: Sequence[float], output: str | Path, *, repeats: int
) -> None:
    """Write the record of a whole sweep to the runner's output, its best setting with repeats to ``output``.

    The weights of that setting, where the runner keeps them, are those of the sweep's own run.
    """
    record = run_sweep(runner, learning_rates)
    best = select_best([record])
    write_json(runner.output, record)
    write_json(output, _complete(runner, best, repeats))
    runner.finish()


def _complete(runner: Runner, best: dict, repeats: int) -> dict:
    """Return the ground truth, its weights in their place if they are wanted."""
    truth = best
    try:
        if best["status"] == "ok":
            truth = _repeat(runner, best, repeats)
            runner.keep(best)
    except PairFault as fault:
        logger.error("%s", fault)
        truth = fail(best, str(fault))
    if truth["status"] != "ok" and runner.weights is not None:
        runner.weights.give_none(truth["reason"])
    return truth


def _repeat(runner: Runner, best: dict, repeats: int) -> dict:
    """Return the ground truth: the best setting with the accuracies that it has under other seeds.

    Raises :class:`PairFault` where one of them cannot be trained.
    """
    pair, steps = runner.pair, best["steps"]
    accuracies, seconds = [], 0.0
    for repeat in range(1, repeats + 1):
        run = runner.run(
            best["learning_rate"],
            seed=seed_from("finetune", pair.task, pair.checkpoint, repeat),
            budgets=[steps],
            description=f"repeat {repeat}",
        )
        accuracies.append(run.accuracies[steps])
        seconds += run.seconds
    return add_repeats(best, accuracies, seconds)
