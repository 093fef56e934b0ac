"""Fine-tuning runs of one (checkpoint, task) pair: a single one, and all of a sweep that a job makes."""

import logging
import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from ckptrank.checkpoints import load_network, read_card
from ckptrank.checkpoints.network import Network
from ckptrank.errors import PairFault
from ckptrank.files.atomic import write_json
from ckptrank.finetune.batches import Placed, place
from ckptrank.finetune.finished import FinishedRuns, Run
from ckptrank.finetune.kept import BestWeights
from ckptrank.finetune.recipe import Recipe, make_recipe
from ckptrank.finetune.train import TRAINING_PRECISION, Classifier, finetune
from ckptrank.jobs.device import describe
from ckptrank.jobs.precision import set_precision
from ckptrank.sampling import SPLITS
from ckptrank.seeds import seed_from
from ckptrank.tasks.images import LabelledImages, load_images
from ckptrank.tasks.store import open_task

logger = logging.getLogger("ckptrank")
# What of a checkpoint's card its fine-tuning depends on.
OF_CARD = ("architecture", "library", "parts", "feature_layer", "preprocessing", "sha256")


@dataclass(frozen=True)
class Pair:
    """A prepared checkpoint and a prepared task, by their names and their folders.

    ``images``: the folder of the task's images at the network's size, where it has them at another.
    """

    checkpoint: str
    task: str
    checkpoint_folder: str | Path
    task_folder: str | Path
    images: str | Path | None = None

    @property
    def seed(self) -> int:
        """Of the runs of its sweep; it depends on the pair's names alone."""
        return seed_from("finetune", self.task, self.checkpoint, 0)

    def identify(self) -> dict:
        """Return what tells the pair from one of the same names with other weights or other images.

        Raises :class:`PairFault` where the checkpoint or the task cannot be used.
        """
        card, task = read_card(self.checkpoint_folder), open_task(self.task_folder)
        return {**{key: card.get(key) for key in OF_CARD}, "task_digest": task.facts["digest"]}


def list_pairs(
    names: Iterable[tuple[str, str]],
    folders: Iterable[tuple[str, str]],
    images: Sequence[str],
    fitted: Sequence[bool],
) -> list[Pair]:
    """Return the pairs of a job from the lists that its rule has of them.

    ``names`` and ``folders``: (checkpoint, task) of each. ``images``: the folders of decoded images of
    those pairs for which ``fitted`` says that they need some.
    """
    remaining = iter(images)
    return [
        Pair(*pair, *places, next(remaining) if needed else None)
        for pair, places, needed in zip(names, folders, fitted, strict=True)
    ]


@dataclass(frozen=True)
class Loaded:
    """What fine-tuning a pair needs. ``scratch``: the network has no weights but random ones.

    ``held_out``: (N,) which training images are validation images; None: there are none.
    """

    network: Network
    train: LabelledImages
    test: LabelledImages
    classes: int
    scratch: bool
    held_out: np.ndarray | None = None

    def split(self) -> list[LabelledImages]:
        """Return the images to train on, those to test on and, where there are some, those to choose settings by."""
        if self.held_out is None:
            return [self.train, self.test]
        rest, held = (
            self.train.limited_to(np.flatnonzero(rows)) for rows in (~self.held_out, self.held_out)
        )
        return [rest, self.test, held]

    def make_recipe(self, settings: dict, learning_rate: float) -> Recipe:
        """Return the recipe of a run, see :func:`~ckptrank.finetune.recipe.make_recipe`."""
        samples = len(self.train) if self.held_out is None else int((~self.held_out).sum())
        return make_recipe(settings, learning_rate, scratch=self.scratch, samples=samples)


def load_pair(pair: Pair, seed: int) -> Loaded:
    """Load the network afresh, random weights by ``seed``, and the images of its size.

    Raises :class:`PairFault` where the checkpoint or the task cannot be used.
    """
    task = open_task(pair.task_folder)
    scratch = not read_card(pair.checkpoint_folder)["sha256"]
    network = load_network(pair.checkpoint_folder, seed)
    train, test = (load_images(task, split, network.preprocessing, pair.images) for split in SPLITS)
    return Loaded(network, train, test, task.classes, scratch, task.validation())


class Runner:
    """Fine-tuning runs of one pair for one job, on one device, which gets the images once.

    ``settings``: as :func:`~ckptrank.finetune.recipe.make_recipe` takes them, and whether to ``compile``. ``precision``: as
    :func:`~ckptrank.finetune.train.finetune` does. ``output``: the job's file, beside which lie the states of
    its runs until :meth:`finish`; a job that was killed goes on there. ``weights``: where :meth:`keep` puts the
    weights of the best setting; None: they are not kept.
    """

    def __init__(
        self,
        pair: Pair,
        settings: dict,
        *,
        output: str | Path,
        device: torch.device,
        precision: str,
        weights: str | Path | None = None,
    ):
        self.pair = pair
        self.settings = settings
        self.device = device
        self.precision = set_precision(precision, device, auto=TRAINING_PRECISION).name
        self.output = Path(output)
        self._finished = FinishedRuns(self.output.with_name(f".{self.output.stem}.finished"))
        self._splits: list[Placed] | None = None
        self._unkept: OSError | None = None
        self.weights = None if weights is None else BestWeights(Path(weights))

    @cached_property
    def identity(self) -> dict:
        """What the states and the finished runs of this pair are known by, see :meth:`Pair.identify`."""
        return self.pair.identify()

    def run(
        self,
        learning_rate: float,
        *,
        seed: int,
        budgets: Sequence[int] | None = None,
        description: str,
    ) -> Run:
        """Fine-tune the checkpoint on the task, and test it at each step budget.

        ``budgets``: those of the settings unless given. Raises :class:`PairFault` where the checkpoint or
        the task cannot be used.
        """
        started = time.perf_counter()
        pair = [self.pair.task, self.pair.checkpoint, self.identity]
        key = [pair, self.settings, learning_rate, seed, budgets, self.precision]
        if known := self._finished.find(key):
            logger.info("%s: finished by an earlier attempt", description)
            return known
        run = self.tune(learning_rate, seed, budgets, description)
        run = replace(run, seconds=time.perf_counter() - started)
        self._finished.keep(key, run)
        return run

    def tune(
        self, learning_rate: float, seed: int, budgets: Sequence[int] | None, description: str
    ) -> Run:
        """Make a run that no earlier attempt finished; its seconds are left to :meth:`run`."""
        loaded = load_pair(self.pair, seed)
        if self._splits is None:
            self._splits = place(loaded.split(), self.device)
        train, test, *further = self._splits
        recipe = loaded.make_recipe(self.settings, learning_rate)
        losses: list[float] = []
        validated: dict[int, float] = {}
        accuracies = finetune(
            loaded.network,
            train,
            test,
            classes=loaded.classes,
            recipe=replace(recipe, budgets=budgets or recipe.budgets),
            seed=seed,
            device=self.device,
            precision=self.precision,
            compiled=self.settings.get("compile", False),
            resume_path=name_state(self.output, learning_rate, seed),
            description=description,
            losses=losses,
            validation=further[0] if further else None,
            validated=validated,
            keep=self._offer(learning_rate) if seed == self.pair.seed else None,
            identity=self.identity,
        )
        return Run(
            accuracies,
            0.0,
            average_first_epoch(losses, len(train.labels), recipe),
            validation=validated or None,
            tested=len(test.labels) if further and test.labels.ndim == 1 else None,
        )

    def keep(self, best: dict) -> None:
        """Put the weights of the sweep's best setting in their place; train it again where no run of this job left them.

        Raises ``OSError`` where they cannot be written, as on a full disk.
        """
        if self.weights is None or self.weights.give(self._facts, best):
            return
        self.weights.forget()
        self.tune(best["learning_rate"], self.pair.seed, [best["steps"]], "the best setting again")
        if not self.weights.give(self._facts, best):
            raise OSError(f"{self.weights.path} cannot be written") from self._unkept

    def _offer(self, learning_rate: float) -> Callable[[Classifier, int, list[float]], None] | None:
        """Return what takes the weights of a run at each of its budgets."""
        if self.weights is None:
            return None
        weights, facts = self.weights, self._facts

        def offer(model: Classifier, steps: int, accuracies: list[float]) -> None:
            found = zip(("accuracy", "validation_accuracy"), accuracies, strict=False)
            setting = {"learning_rate": learning_rate, "steps": steps, **dict(found)}
            try:
                weights.offer(model, facts, setting)
            # The accuracies are worth more, and the best setting can be trained again.
            except OSError as error:
                logger.warning("cannot keep the weights of a setting (%s); going on without", error)
                self._unkept = error

        return offer

    @cached_property
    def _facts(self) -> dict:
        """What a file of weights says beside its setting."""
        task = open_task(self.pair.task_folder)
        return {
            "checkpoint": self.pair.checkpoint,
            "task": self.pair.task,
            "classes": task.facts["classes"],
            "multi_label": task.facts["multi_label"],
            **self.identity,
            "settings": self.settings,
            "precision": self.precision,
        }

    def finish(self) -> None:
        """Forget the runs: the job has written its output."""
        self._finished.forget()
        if self.weights is not None:
            self.weights.forget()


def run_sweep(runner: Runner, learning_rates: Sequence[float]) -> dict:
    """Fine-tune a pair at each learning rate; return the record of these ``runs``.

    A run has the learning rate, the seed, the accuracy at each step budget, the mean training loss of its first
    epoch and the seconds that it took, its loading included; where the task has validation images also the accuracies
    on them, and how many images it was ``tested`` on; the record says on which device and in which precision. The seed depends on the
    pair's names alone. Where the checkpoint or the task cannot be used, the record is ``failed`` with the
    reason.
    """
    pair = runner.pair
    record = {
        "checkpoint": pair.checkpoint,
        "task": pair.task,
        "status": "ok",
        "reason": "",
        "device": describe(runner.device),
        "precision": runner.precision,
    }
    seed = pair.seed
    runs = []
    for learning_rate in learning_rates:
        try:
            run = runner.run(learning_rate, seed=seed, description=f"learning rate {learning_rate}")
        except PairFault as fault:
            logger.error("%s: %s", pair.task, fault)
            return {**record, "status": "failed", "reason": str(fault)}
        runs.append(
            {
                "learning_rate": learning_rate,
                "seed": seed,
                "accuracies": _by_text(run.accuracies),
                "first_epoch_loss": run.first_epoch_loss,
                "seconds": run.seconds,
                **({"details": run.details} if run.details else {}),
                **(
                    {"validation": _by_text(run.validation), "tested": run.tested}
                    if run.validation
                    else {}
                ),
            }
        )
    return {**record, "runs": runs}


def _by_text(accuracies: dict[int, float]) -> dict[str, float]:
    return {str(steps): value for steps, value in accuracies.items()}


def average_first_epoch(losses: Sequence[float], samples: int, recipe: Recipe) -> float | None:
    """Return the mean loss of the first steps, as many as take each sample once; None without a step."""
    first = losses[: math.ceil(samples / recipe.batch_size)]
    return statistics.fmean(first) if first else None


def name_state(output: Path, learning_rate: float, seed: int) -> Path:
    """Return where the state of a run lies, beside the ``output`` of its job."""
    return output.with_name(f".{output.stem}.{learning_rate}.{seed}.resume.pt")


def write_sweep(runner: Runner, learning_rates: Sequence[float]) -> None:
    """Write the record of a sweep's runs at some learning rates to the runner's output."""
    write_json(runner.output, run_sweep(runner, learning_rates))
    runner.finish()
