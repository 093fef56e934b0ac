"""The tables of the detection benchmark (``results/detection/*.csv``) from the JSON that its jobs leave."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from ckptrank.evaluation.collect import (
    average_runs,
    collect_checkpoints,
    collect_measures,
    collect_tasks,
    count_repeats,
)
from ckptrank.evaluation.columns import DETECTION
from ckptrank.evaluation.evaluate import evaluate
from ckptrank.evaluation.tables import make_frame
from ckptrank.files.atomic import read_json

BASELINES = ("random", "parameter_count", "forward_flops", "source_accuracy")


def collect_object_tasks(
    folders: Iterable[str], titles: Mapping[str, str], sources: Mapping[str, str]
) -> pd.DataFrame:
    """Return the benchmark's table of tasks, with the number of objects in each."""
    folders = list(folders)
    table = collect_tasks(folders, titles, sources)
    facts = [read_json(Path(folder) / "task.json").get("objects", {}) for folder in folders]
    for column, key in (
        ("train_objects", "train"),
        ("test_objects", "test"),
        ("empty_train_images", "train_images_without"),
        ("masks", "masks"),
    ):
        table[column] = [found.get(key) for found in facts]
    return table


def collect_detectors(
    files: Iterable[str], heads: Mapping[str, str], accuracy: str = "best"
) -> pd.DataFrame:
    """Return a row per pair: its best setting with all metrics of that one's own run. ``heads``: task -> head.

    ``accuracy``: as ``evaluation.accuracy`` has it, of the ``best`` run or the ``mean`` of it and its repeats.
    """
    judge = {"best": lambda pair: pair, "mean": average_runs}[accuracy]

    def row(file: str) -> dict:
        pair = {"runs": 1, **count_repeats(judge(read_json(file)))}
        metrics = pair.get("details", {}).get("metrics", {})
        return {**pair, **metrics, "head": heads[pair["task"]]}

    return make_frame(map(row, files), DETECTION["ground_truth"])


def collect_view_scores(files: Mapping[str, Iterable[str]]) -> pd.DataFrame:
    """Return a row per view, measure and pair. ``files``: view -> what its jobs wrote."""

    def rows(view: str, file: str) -> Iterable[dict]:
        found = read_json(file)
        for pair in found["pairs"]:
            for measure, record in pair["scores"].items():
                yield {
                    **record,
                    "view": view,
                    "measure": measure,
                    "method": found["method"],
                    "task": found["task"],
                    "checkpoint": pair["checkpoint"],
                    "notes": json.dumps(record["notes"]),
                }

    listed = [row for view, each in files.items() for file in each for row in rows(view, file)]
    return make_frame(listed, DETECTION["scores"])


def evaluate_views(
    tables: Mapping[str, pd.DataFrame], ranked: Sequence[str], bootstrap: int
) -> dict[str, pd.DataFrame]:
    """Return the tables ``metrics`` and ``summary``, each view being a group of its own with the measures scored in it.

    ``tables``: those of :func:`collect_tables` as they are read from their files. See
    :func:`ckptrank.evaluation.evaluate.evaluate`; the ground truth is the first metric of each task's head.
    """
    found = [
        evaluate(
            here.drop(columns="view"),
            tables["ground_truth"],
            tables["checkpoints"],
            {view: ranked},
            _limit_measures(tables["measures"], here),
            bootstrap=bootstrap,
        )
        for view, here in tables["scores"].groupby("view", sort=False)
    ]
    return {
        name: pd.concat([getattr(each, name) for each in found], ignore_index=True)
        for name in ("metrics", "summary")
    }


def _limit_measures(measures: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the baselines and the measures that have scores."""
    known = measures["measure"]
    return measures[known.isin(BASELINES) | known.isin(scores["measure"])]


def collect_tables(
    *,
    checkpoints: Iterable[str],
    tasks: Iterable[str],
    ground_truth: Iterable[str],
    scores: Mapping[str, Iterable[str]],
    ranked: Sequence[str],
    titles: Mapping[str, str],
    sources: Mapping[str, str],
    heads: Mapping[str, str],
    measures: Iterable[dict],
    protocol: dict,
    accuracy: str,
) -> dict[str, pd.DataFrame]:
    """Return what was measured, by the names of its tables, from the folders and files that jobs left.

    ``heads``: task -> head; ``titles`` and ``sources``: what the config calls each task, and has it from;
    ``measures`` and ``protocol``: see :func:`~ckptrank.evaluation.collect.collect_measures`; ``accuracy``: see
    :func:`collect_detectors`.
    """
    return {
        "checkpoints": collect_checkpoints(checkpoints, {"detection": list(ranked)}),
        "tasks": collect_object_tasks(tasks, titles, sources),
        "ground_truth": collect_detectors(ground_truth, heads, accuracy),
        "scores": collect_view_scores(scores),
        "measures": collect_measures(measures, protocol, list(BASELINES), []),
    }
