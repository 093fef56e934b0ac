"""From the JSON that jobs leave to tidy tables: one row per checkpoint, task, pair or score."""

import json
import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from ckptrank.checkpoints import CARD
from ckptrank.evaluation.baselines import describe_baselines
from ckptrank.evaluation.columns import BENCHMARK, RANK
from ckptrank.evaluation.tables import make_frame, read_table
from ckptrank.files.atomic import read_json
from ckptrank.scores.protocol import Protocol


def collect_checkpoints(folders: Iterable[str], groups: Mapping[str, list[str]]) -> pd.DataFrame:
    """Return a row per prepared checkpoint; ``groups`` maps a group to all of its members."""

    def row(folder: str) -> dict:
        card = read_json(Path(folder) / CARD)
        name = card["checkpoint"]
        flops = card.get("forward_flops")
        return {
            **card,
            "groups": ";".join(group for group, members in groups.items() if name in members),
            "forward_gflops": None if flops is None else flops / 1e9,
            "has_head": bool(card.get("head_classes")),
        }

    return make_frame(map(row, folders), BENCHMARK["checkpoints"])


def collect_tasks(
    folders: Iterable[str], titles: Mapping[str, str], sources: Mapping[str, str]
) -> pd.DataFrame:
    """Return a row per prepared task; ``titles`` and ``sources``: what the config calls each, and has it from."""

    def row(folder: str) -> dict:
        facts = read_json(Path(folder) / "task.json")
        name = Path(folder).name
        return {
            **facts,
            "task": name,
            "title": titles[name],
            "source": sources[name],
            "classes": len(facts.get("classes", [])),
            "warnings": "; ".join(facts.get("warnings", [])),
        }

    return make_frame(map(row, folders), BENCHMARK["tasks"])


def count_repeats(pair: dict) -> dict:
    """Return a pair's ground truth with its repeats counted, and their accuracies in one cell."""
    repeats = pair.get("repeat_accuracies", [])
    return {
        **pair,
        "repeats": len(repeats),
        "repeat_accuracies": ";".join(f"{accuracy:.6g}" for accuracy in repeats),
    }


def average_runs(pair: dict) -> dict:
    """Return a pair's ground truth whose accuracy is the mean of the best setting's run and its repeats.

    Its noise falls with the root of their number. The interval for the draw of the test images moves with the
    accuracy, and is a little too wide then.
    """
    repeats = pair.get("repeat_accuracies", [])
    if pair["status"] != "ok" or not repeats:
        return pair
    runs = 1 + len(repeats)
    mean = statistics.fmean([pair["accuracy"], *repeats])
    moved = {
        side: min(1.0, max(0.0, pair[side] + mean - pair["accuracy"]))
        for side in ("accuracy_low", "accuracy_high")
        if side in pair
    }
    noise = pair["noise_sd"] / math.sqrt(runs)
    return {**pair, **moved, "accuracy": mean, "noise_sd": noise, "runs": runs}


def collect_ground_truth(files: Iterable[str], accuracy: str = "best") -> pd.DataFrame:
    """Return a row per pair. ``accuracy``: as ``evaluation.accuracy`` has it, of the ``best`` run or their ``mean``."""
    judge = {"best": lambda pair: pair, "mean": average_runs}[accuracy]
    pairs = (count_repeats(judge(read_json(file))) for file in files)
    return make_frame(({"runs": 1, **pair} for pair in pairs), BENCHMARK["ground_truth"])


def collect_scores(files: Iterable[str]) -> pd.DataFrame:
    def rows(file: str) -> Iterable[dict]:
        pair = read_json(file)
        for measure, record in pair["scores"].items():
            yield {**pair, **record, "measure": measure, "notes": json.dumps(record["notes"])}

    return make_frame((row for file in files for row in rows(file)), BENCHMARK["scores"])


def collect_ranking(orders: Mapping[str, str]) -> pd.DataFrame:
    """Return the scores of ``ranking``, which judge the very order that ``snakemake rank`` gave.

    ``orders``: task -> its table ``order``. A score is minus the rank; what has no rank failed.
    """

    def rows(task: str, file: str) -> pd.DataFrame:
        order = read_table(file, RANK["order"], "order")
        ranked = order["rank"].notna()
        return order.assign(
            measure="ranking",
            method="ranking",
            task=task,
            group="",
            score=-order["rank"],
            status=ranked.map({True: "ok", False: "failed"}),
            reason=order["reason"].where(~ranked, ""),
            notes="{}",
        ).reindex(columns=BENCHMARK["scores"].names)

    return pd.concat([rows(task, file) for task, file in orders.items()], ignore_index=True)


def name_scored(protocol: Protocol, held_out: bool, can_evaluate: bool) -> str:
    """Return which samples a measure scores: ``test``, ``held out`` (of the training samples) or ``train``."""
    if can_evaluate and protocol.scores_test_set(held_out):
        return "test"
    return "held out" if held_out else "train"


def describe_protocol(protocol: Protocol, scored_on: str) -> str:
    """Say in words which samples a measure saw; ``scored_on``: see :func:`name_scored`."""
    cap = protocol.samples_per_class
    fitted = "training samples" if cap is None else f"at most {cap} training samples per class"
    if scored_on == "test":
        return f"fitted on {fitted}, scored on the test set"
    if scored_on == "held out":
        return f"fitted on four fifths of {fitted}, scored on the held-out fifth; no test sample"
    return f"fitted and scored on {fitted}; no test sample"


def collect_measures(
    rows: Iterable[dict], protocol: dict, pooled: list[str], consensus: list[str]
) -> pd.DataFrame:
    """Return a row per measure, then the consensus, the ranking and the baselines named in ``pooled``."""

    def row(entry: dict) -> dict:
        seen = Protocol(**protocol)
        if entry["eval"] is not None:
            seen = replace(seen, score_on=entry["eval"])
        scored_on = name_scored(seen, entry["held_out"], entry["can_evaluate"])
        return {
            **entry,
            "scored_on": scored_on,
            "protocol": describe_protocol(seen, scored_on),
            "params": json.dumps(entry["params"], ensure_ascii=False),
            "is_control": False,
        }

    table = make_frame(map(row, rows), BENCHMARK["measures"])
    baselines = describe_baselines(pooled, consensus)
    if "consensus" in pooled:
        of_voters = table.loc[table["measure"].isin(consensus), "scored_on"].unique()
        baselines.loc[baselines["measure"] == "consensus", "scored_on"] = ", ".join(of_voters)
    return pd.concat([table, baselines], ignore_index=True)


def collect_scored(
    scores: Iterable[str],
    measures: Iterable[dict],
    protocol: dict,
    pooled: list[str],
    consensus: list[str],
    orders: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, pd.DataFrame]:
    """Return the tables ``measures`` and ``scores``, see :func:`collect_measures` and :func:`collect_ranking`."""
    table = collect_scores(scores)
    if orders:
        table = pd.concat([table, collect_ranking(orders)], ignore_index=True)
    return {"measures": collect_measures(measures, protocol, pooled, consensus), "scores": table}


def collect_benchmark(
    checkpoints: Iterable[str],
    tasks: Iterable[str],
    ground_truth: Iterable[str],
    *,
    groups: Mapping[str, list[str]],
    task_titles: Mapping[str, str],
    task_sources: Mapping[str, str],
    accuracy: str,
) -> dict[str, pd.DataFrame]:
    """Return the tables ``checkpoints``, ``tasks`` and ``ground_truth`` from what their jobs left."""
    return {
        "checkpoints": collect_checkpoints(checkpoints, groups),
        "tasks": collect_tasks(tasks, task_titles, task_sources),
        "ground_truth": collect_ground_truth(ground_truth, accuracy),
    }
