"""What ``snakemake rank`` says of one task: the order of its checkpoints, and what else decides."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ckptrank.checkpoints import CARD
from ckptrank.errors import PairFault
from ckptrank.evaluation.collect import describe_protocol
from ckptrank.evaluation.columns import RANK
from ckptrank.evaluation.tables import write_frames
from ckptrank.files.atomic import read_json, write_json
from ckptrank.rank.advice import advise, warn_of_differences
from ckptrank.rank.cautions import warn_of_images, warn_of_objects, warn_of_twins
from ckptrank.rank.costs import (
    TUNING_COSTS,
    describe_checkpoint,
    describe_detector,
    describe_running,
    describe_speed,
    read_detectors,
    say_barred,
)
from ckptrank.rank.expected import PROBE, MeasureError, expect_gaps, learn_error, read_benchmark
from ckptrank.rank.order import join_stages, order_checkpoints, read_parts
from ckptrank.scores.protocol import Protocol, choose_rows
from ckptrank.tasks.store import StoredTask, open_task

logger = logging.getLogger("ckptrank")
LAST = "all"  # the stage of all samples


@dataclass(frozen=True)
class TaskFiles:
    """The files that the order of one task is made from.

    ``task``: its prepared folder. ``cards``: checkpoint -> its prepared folder. ``scores``: stage of
    halving -> score files. ``features``: stage -> checkpoint -> feature file. Stages come in their order.
    ``running``: checkpoint -> what it takes to run. ``twins``: near-duplicates between the splits. ``detectors``: what a
    detector takes on each checkpoint, where the task asks for one.
    """

    task: str
    cards: Mapping[str, str]
    scores: Mapping[str, Sequence[str]]
    features: Mapping[str, Mapping[str, str]]
    running: Mapping[str, str]
    twins: str
    detectors: Sequence[str] = ()

    @classmethod
    def from_lists(
        cls,
        task: str,
        cards: Mapping[str, str],
        candidates: Mapping[str, Sequence[str]],
        scores: Sequence[str],
        features: Sequence[str],
        running: Mapping[str, str],
        twins: str,
        detectors: Sequence[str] = (),
    ) -> "TaskFiles":
        """Sort flat lists of files by stage.

        ``candidates``: stage -> the checkpoints that it scores. The files are listed stage by stage, as
        many score files of each candidate as there are methods, one feature file of each.
        """
        by_stage = _split(features, candidates)
        return cls(
            task,
            cards,
            _split(scores, candidates),
            {s: dict(zip(candidates[s], by_stage[s], strict=True)) for s in candidates},
            running,
            twins,
            detectors,
        )


def _split(files: Sequence[str], candidates: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    each = len(files) // sum(map(len, candidates.values()))
    remaining = iter(files)
    return {
        stage: list(islice(remaining, each * len(names))) for stage, names in candidates.items()
    }


def write_order(
    files: TaskFiles,
    outputs: Mapping[str, str],
    *,
    task: str,
    title: str,
    titles: Mapping[str, str],
    measures: Mapping[str, str],
    protocols: Mapping[str, Protocol],
    resamples: int,
    finetune_images: int,
    batch_size: int,
    detector: Mapping | None = None,
) -> None:
    """Write what :func:`rank_task` finds to the outputs ``order``, ``scores`` and ``facts``.

    ``title``: the task's; ``titles``: the checkpoints', ``measures``: the measures'. ``resamples``: on how
    many halves of the samples the intervals rest.
    """
    order, scores, about = rank_task(
        files,
        task=task,
        titles=titles,
        protocols=protocols,
        finetune_images=finetune_images,
        batch_size=batch_size,
        detector=detector,
    )
    scores = scores.assign(title=scores["measure"].map(measures))
    write_frames(outputs, {"order": order, "scores": scores}, RANK)
    device = about.pop("device")
    write_json(
        outputs["facts"],
        {
            "task": task,
            "title": title,
            **about,
            "protocol": describe_protocol(protocols["all"], "train"),
            "measures": list(measures),
            "resamples": resamples,
            "device": device,
        },
    )


def rank_task(
    files: TaskFiles,
    *,
    task: str,
    titles: Mapping[str, str],
    protocols: Mapping[str, Protocol],
    finetune_images: int,
    batch_size: int,
    detector: Mapping | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    """Return a task's order (a row per checkpoint), the scores behind it, and facts about the task.

    ``titles``: checkpoint -> title. ``protocols``: stage -> the samples that its measures saw.
    ``finetune_images``: how many images a fine-tuning run trains on, ``batch_size`` at once. ``detector``: where one is to
    be tuned, its ``head`` and the ``steps`` of one run; a checkpoint that carries none has no rank. The scores are those of
    the last stage that each checkpoint reached. The facts: ``train_samples``, ``test_samples``, ``classes``, ``objects`` (in the
    training images; None where there are no boxes) and ``warnings`` of the task, the detector's ``head`` (None where
    fine-tuning is of classifiers), the ``device`` of the extraction, the
    ``advice`` and the ``error`` of the measures that it rests on (:class:`~ckptrank.rank.advice.Advice`,
    :class:`~ckptrank.rank.expected.MeasureError`; None where there is none). A task that cannot be used has the reason for its warning.
    """
    detectors = read_detectors(files.detectors)
    order, scores = _order_stages(files.scores, say_barred(detectors))
    stages = dict(zip(order["checkpoint"], order["stage"], strict=True))
    costs = {
        name: describe_speed(files.features[stage][name], finetune_images)
        | describe_checkpoint(files.cards[name], titles[name])
        | describe_running(files.cards[name], files.running[name], batch_size)
        | (describe_detector(detectors[name], detector["steps"]) if detector else {})
        for name, stage in stages.items()
    }
    costs = pd.DataFrame(costs).T
    order = order.join(costs, on="checkpoint")
    reasons = scores[scores["status"] == "failed"].groupby("checkpoint")["reason"].first()
    unranked = order["rank"].isna()
    order["status"] = unranked.map({True: "failed", False: "ok"})
    order["reason"] = order["checkpoint"].map(reasons).where(unranked).fillna("")
    error = None
    try:
        stored = open_task(files.task)
    except PairFault as fault:
        logger.error("%s", fault)
        about: dict[str, Any] = {
            "train_samples": None,
            "test_samples": None,
            "classes": 0,
            "objects": None,
            "warnings": [f"The task failed: {fault}"],
        }
    else:
        about = {key: stored.facts[key] for key in ("train_samples", "test_samples")}
        about["classes"] = stored.classes
        boxes = "objects" in stored.facts
        about["objects"] = stored.facts["objects"]["train"] if boxes else None
        if boxes and detector is None:  # nobody said which, and a classifier's are another's
            order = order.drop(columns=list(TUNING_COSTS), errors="ignore")
        ranked = order.loc[order["rank"].notna(), "checkpoint"]
        cards = {name: read_json(Path(files.cards[name]) / CARD) for name in ranked}
        labels = stored.labels("train")
        about["warnings"] = [
            *stored.facts["warnings"],
            *warn_of_objects(stored.facts, detector=detector is not None),
            *warn_of_images(
                labels, stored.facts["test_samples"], probed=PROBE in set(scores["measure"])
            ),
            *warn_of_twins(read_json(files.twins), boxes=boxes),
            *warn_of_differences(cards),
        ]
        samples = {
            stage: len(choose_rows(labels, protocol, False, task)[0])
            for stage, protocol in protocols.items()
        }
        order["samples"] = order["stage"].map(samples)
        order, error = _add_error(order, scores, stored)
    of_probe = scores[(scores["measure"] == PROBE) & (scores["stage"] == LAST)]
    probes = of_probe.set_index("checkpoint")["score"].dropna()
    order = order.reindex(columns=RANK["order"].names)
    advice = advise(order, probes, about["test_samples"] or 1)
    about["advice"] = None if advice is None else asdict(advice)
    about["error"] = None if error is None else asdict(error) | {"weights": [*error.weights]}
    devices = costs.get("device", pd.Series(dtype=object)).dropna().unique()
    about["device"] = ", ".join(devices)
    about["head"] = None if detector is None else detector["head"]
    return order, scores, about


def _add_error(
    order: pd.DataFrame, scores: pd.DataFrame, task: StoredTask
) -> tuple[pd.DataFrame, MeasureError | None]:
    """Return the order with the measures' own error in its intervals, gaps and ties; and that error.

    Of equal ranks the one of higher expected accuracy comes first. Only those that reached the last stage are compared. Of several labels an image no benchmark knows anything.
    """
    last = scores[scores["stage"] == LAST]
    table = last.pivot(index="checkpoint", columns="measure", values="score")
    error = learn_error(read_benchmark(), list(table))
    if error is None or task.facts["multi_label"] or order["rank"].isna().all():
        return order, None
    table = table[[name for name in table if name in RANK["benchmark"].columns]]
    order["expected"] = order["checkpoint"].map(error.predict(table))
    order = order.sort_values(["rank", "expected"], ascending=[True, False], kind="stable")
    first = order["checkpoint"].iloc[0]
    gaps = expect_gaps(error, table, first, task.facts["test_samples"])
    order = order.join(gaps, on="checkpoint")
    order["rank_low"] = np.fmin(order["rank_low"], order["place_low"])
    order["rank_high"] = np.fmax(order["rank_high"], order["place_high"])
    order["with_first"] |= order["gap_low"] <= 0
    return order, error


def _order_stages(
    files: Mapping[str, Sequence[str]], barred: Mapping[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return one order over all stages, and the scores of each checkpoint's last stage."""
    orders, details = [], []
    for stage, paths in files.items():
        order, scores = order_checkpoints(read_parts(paths, barred))
        orders.append((stage, order))
        details.append(scores.assign(stage=stage))
    table = join_stages(orders)
    last = dict(zip(table["checkpoint"], table["stage"], strict=True))
    scores = pd.concat(details, ignore_index=True)
    return table, scores[scores["stage"] == scores["checkpoint"].map(last)]
