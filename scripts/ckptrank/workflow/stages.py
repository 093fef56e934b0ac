"""The stages of a run, told by where a job's log lies: ``<logs>/scores/leep/digits/shapes-100.log``.

They do not depend on the names of rules, which another workflow that uses this one may change. A
working copy may hold the logs of several chapters' jobs; each page of provenance tells of the jobs that
its own chapter is made from.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import PurePath

from ckptrank.measures.registry import METHODS

_FIRST = {
    "builtin/images": "Images and tasks",
    "tasks": "Images and tasks",
    "builtin/pretrain": "Pre-training",
    "checkpoints": "Preparing checkpoints",
    "features/images": "Decoding images",
    "features/training_images": "Decoding images",
    "features/extract": "Feature extraction",
    "features/extract_training": "Feature extraction",
    "features/extract_source": "Feature extraction",
    "features/reference": "Reference features",
}
_TUNING = {"finetune/sweep": "Fine-tuning sweep", "finetune/repeats": "Repeats under other seeds"}
_TUNING_DETECTORS = {
    "detection/finetune": "Fine-tuning detectors",
    "detection/repeats": "Repeats under other seeds",
}
_LAST = "Evaluation and report"


def _score(place: str) -> dict[str, str]:
    return {f"{place}/{name}": f"Score: {method.title}" for name, method in METHODS.items()}


CHAPTERS = {
    "benchmark": {
        **_FIRST,
        **_TUNING,
        **_score("scores"),
        "scores/nleep_grid": "Score: N-LEEP's grid",
        "evaluation": _LAST,
        "report/benchmark": _LAST,
    },
    "rank": {
        **_FIRST,
        "rank/features": "Feature extraction",
        "rank/running": "Speed and memory",
        "rank/detectors": "Speed and memory",
        **_score("rank/scores"),
        "rank/order": "Ranking",
        **_TUNING,
        **_TUNING_DETECTORS,
        "report/rank": _LAST,
    },
    "model_zoo": {
        **_FIRST,
        "builtin/pretrain_domains": "Pre-training",
        "features/extract_batch": "Feature extraction",
        **_TUNING,
        "finetune/recipes": "Fine-tuning by the recipe",
        "model_zoo/similarity": "Features in the course of fine-tuning",
        **_score("model_zoo/scores"),
        "model_zoo/evaluation": _LAST,
        "report/model_zoo": _LAST,
    },
    "detection": {
        **_FIRST,
        "detection/features": "Features of objects",
        **_TUNING_DETECTORS,
        **_score("detection/scores/images"),
        **_score("detection/scores/objects"),
        "detection/early_stopped": f"Score: {METHODS['early_stopped_finetune'].title}",
        "detection/evaluation": _LAST,
        "report/detection": _LAST,
    },
}
"""Chapter -> the first folders of a log -> its stage, in the order of the chapter's page of provenance."""


@cache
def find_stage(log: str, chapter: str) -> str | None:
    """Return the stage of a job by its log's path below the folder of logs; None: not of this chapter."""
    parts = PurePath(log).parts
    stages = CHAPTERS[chapter]
    found = (stages.get("/".join(parts[:length])) for length in range(len(parts) - 1, 0, -1))
    return next(filter(None, found), None)


@cache  # the progress line asks for every job
def name_stage(log: str) -> str | None:
    """Return the stage of a job of whatever chapter by its log's path, below whatever folder of logs."""
    parts = PurePath(log).parts
    for start in range(len(parts)):
        below = "/".join(parts[start:])
        stage = next(filter(None, (find_stage(below, chapter) for chapter in CHAPTERS)), None)
        if stage:
            return stage
    return None


def select_costs(costs: Iterable[Mapping], chapter: str) -> list[dict]:
    """Return the logs' closing lines of a chapter's jobs, each with its ``stage``, in the stages' order.

    ``costs``: :func:`ckptrank.jobs.costs.read_job_costs`.
    """
    found = [{**cost, "stage": find_stage(cost["log"], chapter)} for cost in costs]
    order = list(dict.fromkeys(CHAPTERS[chapter].values()))
    return sorted(
        (cost for cost in found if cost["stage"]), key=lambda cost: order.index(cost["stage"])
    )
