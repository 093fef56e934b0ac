"""The runs of a sweep that fine-tune a detector: the machinery of classification with another run in it."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ckptrank.checkpoints import load_network, read_card
from ckptrank.detection.data import ObjectImages, load_split
from ckptrank.detection.train import Head, train_detector
from ckptrank.errors import PairFault
from ckptrank.finetune.finished import Run
from ckptrank.finetune.recipe import make_recipe
from ckptrank.finetune.sweep import Runner, average_first_epoch, name_state
from ckptrank.sampling import SPLITS
from ckptrank.tasks.store import StoredTask, open_task

logger = logging.getLogger("ckptrank")


class DetectorRunner(Runner):
    """As :class:`~ckptrank.finetune.sweep.Runner`; its accuracies are the first metric of the head.

    ``settings`` has, beside the recipe's, the fields of :class:`Head` as ``detector`` and the number of ``examples``.
    All metrics and the examples go to the ``details`` of its runs, those on validation images included.
    """

    def split(
        self, task: StoredTask, head: Head
    ) -> tuple[ObjectImages, ObjectImages, ObjectImages | None]:
        """Return the images to train on, those to test on and, where there are some, those to choose settings by.

        Raises :class:`PairFault` where a head has nothing to learn from some of them.
        """
        train, test = (load_objects(task, split, head) for split in SPLITS)
        held_out = task.validation()
        if held_out is None:
            return train, test, None
        validation = select_images(train, np.flatnonzero(held_out), "validation")
        rest = select_images(train, np.flatnonzero(~held_out), "remaining training")
        return rest, test, validation

    def tune(
        self, learning_rate: float, seed: int, budgets: Sequence[int] | None, description: str
    ) -> Run:
        task = open_task(self.pair.task_folder)
        head = Head.from_dict(self.settings["detector"])
        train, test, validation = self.split(task, head)
        scratch = not read_card(self.pair.checkpoint_folder)["sha256"]
        recipe = make_recipe(self.settings, learning_rate, scratch=scratch, samples=len(train))
        losses: list[float] = []
        tested = train_detector(
            load_network(self.pair.checkpoint_folder, seed),
            train,
            test,
            classes=task.classes,
            head=head,
            recipe=replace(recipe, budgets=budgets or recipe.budgets),
            seed=seed,
            device=self.device,
            precision=self.precision,
            resume_path=name_state(self.output, learning_rate, seed),
            description=description,
            examples=self.settings["examples"],
            losses=losses,
            validation=validation,
            identity=self.identity,
        )
        first = head.metrics[0]
        chosen_by = {
            steps: found["validation"][first] for steps, found in tested.items() if validation
        }
        return Run(
            {steps: found["metrics"][first] for steps, found in tested.items()},
            0.0,
            average_first_epoch(losses, len(train), recipe),
            tested,
            validation=chosen_by or None,
        )


def load_objects(task: StoredTask, split: str, head: Head) -> ObjectImages:
    """Return a split of a prepared task; raise :class:`PairFault` where a head has nothing to learn from it."""
    loaded = load_split(task, split, head.shapes)
    _check_objects(loaded, split)
    if head.shapes and loaded.objects.masks is None:
        raise PairFault(f"its objects have no masks, which {head.head} learns")
    return loaded


def select_images(images: ObjectImages, rows: np.ndarray, name: str) -> ObjectImages:
    """Return some images (sorted rows), called ``name``; raise :class:`PairFault` where they have no object."""
    selected = images.limited_to(rows)
    _check_objects(selected, name)
    return selected


def _check_objects(images: ObjectImages, name: str) -> None:
    if images.objects.crowd.all():
        raise PairFault(f"its {name} images have no object to find")
