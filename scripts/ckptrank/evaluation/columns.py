"""Every table that the workflow writes as CSV and reads again: its columns in their order.

This is the only place that says what a table holds. Writers take their columns from here and refuse
others, readers take the types, and :func:`describe_tables` makes ``docs/tables.md`` of it. Nothing
heavy is imported, so that the workflow can read it while it parses.

A *target* is a data set to fine-tune on; a *task* of the model zoo is a target at one size, its
*shots*: the number of training images per class. A *cap* is the number of training images per class
that a score has seen at most.
"""

from collections.abc import Mapping
from dataclasses import dataclass

NUMBER, TEXT, FLAG = "number", "text", "flag"


@dataclass(frozen=True)
class Column:
    """``kind``: NUMBER, TEXT or FLAG; ``unit``: of a number, empty where it has none."""

    kind: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """``row``: what a row is; ``key``: the columns that tell rows apart; ``files``: where it lies.

    ``needed``: the columns without which :func:`ckptrank.evaluation.evaluate.evaluate` cannot work.
    """

    row: str
    key: tuple[str, ...]
    files: tuple[str, ...]
    columns: Mapping[str, Column]
    needed: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return list(self.columns)


def number(unit: str, meaning: str) -> Column:
    return Column(NUMBER, unit, meaning)


def text(meaning: str) -> Column:
    return Column(TEXT, "", meaning)


def flag(meaning: str) -> Column:
    return Column(FLAG, "", meaning)


_CHECKPOINT = text("its name in the config")
_TASK = text("its name in the config")
_MEASURE = text("its name in the config")
_METHOD = text("the function that computes it")
_STATUS = text("`ok`, `failed` or `not_applicable`")
_REASON = text("why it is not ok, empty where it is")

_CHECKPOINTS = {
    "checkpoint": _CHECKPOINT,
    "title": text("what the report calls it, empty: its name"),
    "groups": text("the groups that it is a member of, joined by `;`"),
    "kind": text("how it was trained: `supervised`, `scratch` and so on"),
    "source": text("where it comes from, a checkpoint source of the config"),
    "architecture": text("its network"),
    "objective": text("what it was pre-trained for"),
    "source_data": text("what it was pre-trained on"),
    "stage": number("fraction", "how much of its pre-training it has seen"),
    "steps": number("steps", "optimiser steps of its pre-training"),
    "source_accuracy": number("fraction", "accuracy of its own head on the data it was trained on"),
    "parameters": number("count", "weights and biases, without the head"),
    "forward_gflops": number("GFLOP per image", "forward pass; two operations per multiply-add"),
    "has_head": flag("it has a classification head"),
    "seed": number("", "seed of its pre-training"),
    "sha256": text("digest of its stored weights"),
    "licence": text("of its weights"),
    "origin": text("who made it, or where it was downloaded"),
    "status": _STATUS,
    "reason": _REASON,
}
_TASKS = {
    "task": _TASK,
    "title": text("what the report calls it"),
    "description": text("what its images show"),
    "source": text("where it comes from, a task source of the config"),
    "classes": number("count", "classes, 0 where it failed"),
    "train_samples": number("images", "in its training set"),
    "test_samples": number("images", "in its test set"),
    "smallest_class": number("images", "in the training set, of the class with the fewest"),
    "largest_class": number("images", "in the training set, of the class with the most"),
    "multi_label": flag("an image can have several classes; empty where it failed"),
    "status": _STATUS,
    "reason": _REASON,
    "warnings": text("what its inspection found odd, joined by `; `"),
}
_GROUND_TRUTH = {
    "checkpoint": _CHECKPOINT,
    "task": _TASK,
    "status": _STATUS,
    "reason": _REASON,
    "accuracy": number(
        "fraction",
        "test accuracy of the sweep's best setting, which validation images choose if there are some",
    ),
    "accuracy_low": number("fraction", "its 95 % interval for the draw of test images (Wilson)"),
    "accuracy_high": number("fraction", "the same; empty where test images chose the setting"),
    "validation_accuracy": number("fraction", "of that setting, on the validation images"),
    "learning_rate": number("", "of the best run"),
    "steps": number("steps", "of the best run"),
    "repeats": number("count", "further runs of the best setting under other seeds"),
    "repeat_accuracies": text("their test accuracies (fractions), joined by `;`"),
    "noise_sd": number("fraction", "standard deviation of the accuracy between seeds"),
    "seconds": number("s", "of all runs of the pair"),
}
_SCORES = {
    "measure": _MEASURE,
    "method": _METHOD,
    "checkpoint": _CHECKPOINT,
    "task": _TASK,
    "group": text("where it compares only within this group, else empty"),
    "status": _STATUS,
    "reason": _REASON,
    "score": number("the measure's own", "higher predicts a better checkpoint"),
    "mark": text(
        "of the LEEP family, joined by `; `: `below prior`, worse than predicting the class frequencies for every "
        "sample; `one-hot`, under 5 % of the training samples have a largest posterior below 0.999"
    ),
    "seconds": number("s", "of the measure, without the forward pass that features share"),
    "pass_seconds": number(
        "s", "of the forward pass over the images that it saw; empty where `seconds` has its own"
    ),
    "reference": text("what else the measure needs, made once for all scores that name it"),
    "reference_seconds": number(
        "s", "of that: training RSA's network, or a pass over the source's images"
    ),
    "gmacs": number(
        "10^9 multiply-adds", "as the first paper counts them, beyond the pass that features share"
    ),
    "gmacs_with_fitting": number(
        "10^9 multiply-adds", "all that was done beyond that pass, fitting included"
    ),
    "gmacs_test_pass": number(
        "10^9 multiply-adds", "of both, the pass over test images, which measures can share"
    ),
    "gmacs_head": number("10^9 multiply-adds", "of both, the checkpoint's own head, likewise"),
    "notes": text("diagnostics, as JSON"),
}
_MEASURES = {
    "measure": _MEASURE,
    "method": _METHOD,
    "title": text("what the report calls it"),
    "family": text("`neucrab`, `model_zoo`, `field`, `beyond`, `baseline` or `control`"),
    "reference": text("the paper that it is from"),
    "scored_on": text("`train`, `test` or `held out` (of the training samples); empty: none"),
    "protocol": text("the samples that it saw, in words"),
    "params": text("its hyper-parameters, as JSON"),
    "is_control": flag("it uses the ground truth"),
}
_METRICS = {
    "group": text("the group of checkpoints that are compared"),
    "task": text("on which they are compared"),
    "measure": text("by which they are ranked"),
    "n": number(
        "checkpoints", "with ground truth, compared; those without a score are ranked last"
    ),
    "left_out": number(
        "checkpoints", "left out of the correlations: without a score or without ground truth"
    ),
    "left_out_not_applicable": number("checkpoints", "of these, the measure is not defined for"),
    "ties": number("pairs", "of equal scores"),
    "recall_at_1": number("0 or 1", "the first is the best (of `random`: the expectation)"),
    "rel_at_1": number("fraction", "accuracy of the first / the best accuracy"),
    "recall_at_3": number("0 or 1", "the best is among the first three (likewise)"),
    "rel_at_3": number("fraction", "best accuracy of the first three / the best accuracy"),
    "pearson": number("-1..1", "linear correlation of scores with accuracies"),
    "spearman": number("-1..1", "rank correlation"),
    "kendall": number("-1..1", "Kendall's tau-b"),
    "weighted_kendall": number(
        "-1..1", "hyperbolic tau, mean of ranking by scores and by accuracies (SciPy's default)"
    ),
    "weighted_kendall_by_accuracy": number(
        "-1..1", "hyperbolic tau, ranked by accuracies alone (as Model-Spider prints)"
    ),
    "trials_to_best": number("checkpoints", "to fine-tune in order until the best is found"),
    "regret_at_1": number("fraction", "the best accuracy less that of the first"),
    "regret_at_3": number("fraction", "the best accuracy less the best of the first three"),
}
_SUMMARY = {
    "group": text("the group of checkpoints that are compared"),
    "measure": text("by which they are ranked"),
    "metric": text("a metric, or a cost: `seconds`, `gmacs`, `gmacs_with_fitting`"),
    "mean": number("by metric", "over tasks: % (trials: a count); of a cost over pairs: its unit"),
    "low": number("by metric", "lower end of the 95 % interval; of a cost the smallest"),
    "high": number("by metric", "upper end of the 95 % interval; of a cost the largest"),
    "tasks": number("count", "tasks on which the metric is defined"),
    "left_out": number(
        "pairs",
        "left out of the correlations: without a score or without ground truth, over all tasks",
    ),
    "left_out_not_applicable": number("pairs", "of these, the measure is not defined for"),
    "complete": flag("no pair lacks a score or ground truth"),
}
_COMPARISONS = {
    "group": text("the group of checkpoints that are compared"),
    "better": text("of two measures the one with the higher mean Kendall"),
    "worse": text("the other one"),
    "difference": number("points", "of their mean Kendalls, over the tasks where both are defined"),
    "low": number("points", "lower end of the difference's 95 % interval, both resampled together"),
    "high": number("points", "upper end"),
    "tasks": number("count", "where both are defined"),
    "told_apart": flag("the interval excludes 0"),
}
_FAMILIES = {
    "group": text("the group of checkpoints that are compared"),
    "family": text("a kind of task, of `evaluation.families` in the config"),
    "measure": text("name of the measure"),
    "kendall": number("%", "mean Kendall over the tasks of this kind"),
    "low": number("%", "lower end of its 95 % interval"),
    "high": number("%", "upper end"),
    "tasks": number("count", "tasks of this kind on which it is defined"),
}


def _in_folders(name: str, *folders: str) -> tuple[str, ...]:
    return tuple(f"results/{folder}/{name}.csv" for folder in folders)


_BOTH = ("evaluation", "nleep_grid")
BENCHMARK = {
    "checkpoints": Table(
        "a checkpoint",
        ("checkpoint",),
        _in_folders("checkpoints", "evaluation"),
        _CHECKPOINTS,
        needed=("checkpoint", "kind", "status"),
    ),
    "tasks": Table("a task", ("task",), _in_folders("tasks", "evaluation"), _TASKS),
    "ground_truth": Table(
        "a pair, fine-tuned",
        ("checkpoint", "task"),
        _in_folders("ground_truth", "evaluation"),
        {
            **_GROUND_TRUTH,
            "runs": number("count", "that the accuracy is the mean of, see `evaluation.accuracy`"),
        },
        needed=("checkpoint", "task", "status", "accuracy"),
    ),
    "scores": Table(
        "a score of a pair; before the evaluation (`collected`) without the baselines",
        ("measure", "checkpoint", "task", "group"),
        (
            *_in_folders("scores", *_BOTH),
            "results/collected/scores.csv",
            "results/nleep_grid/collected.csv",
        ),
        _SCORES,
        needed=("measure", "method", "checkpoint", "task", "status", "score"),
    ),
    "metrics": Table(
        "a measure on a task, within a group",
        ("group", "task", "measure"),
        _in_folders("metrics", *_BOTH),
        _METRICS,
    ),
    "summary": Table(
        "a metric of a measure over all tasks, within a group",
        ("group", "measure", "metric"),
        _in_folders("summary", *_BOTH),
        _SUMMARY,
    ),
    "measures": Table(
        "a measure, the consensus or a baseline",
        ("measure",),
        _in_folders("measures", *_BOTH),
        _MEASURES,
        needed=("measure", "method"),
    ),
}
"""The tables of the benchmark, and of N-LEEP's grid."""

COMPARISONS = {
    "comparisons": Table(
        "two measures within a group",
        ("group", "better", "worse"),
        _in_folders("comparisons", "evaluation"),
        _COMPARISONS,
    ),
    "families": Table(
        "a measure on the tasks of a kind, within a group",
        ("group", "family", "measure"),
        _in_folders("families", "evaluation"),
        _FAMILIES,
    ),
}
"""The benchmark's measures, in pairs, and on each kind of task."""
FINDINGS = {
    "findings": Table(
        "a finding of the first paper with its verdict, then its parts",
        ("finding", "part"),
        _in_folders("findings", "evaluation"),
        {
            "finding": text("its name, such as `nleep_best`"),
            "part": text("the number that decides; empty: the finding itself"),
            "group": text("the group or groups that it is about"),
            "statement": text("what is claimed"),
            "paper": text("what the paper found; of a finding its sentence"),
            "here": number("by unit", "what was found here: percent, or a multiple"),
            "low": number("by unit", "lower end of its 95 % interval"),
            "high": number("by unit", "upper end of its 95 % interval"),
            "unit": text("`Kendall`, `Pearson` and `accuracy` (points), or `times`"),
            "tasks": number("count", "tasks that it is the mean of"),
            "verdict": text(
                "`holds`, `does not hold`, `undecided here` or `not tested in this run`"
            ),
            "detail": text("what else to know; where it was not tested, what is missing"),
        },
    ),
}
"""What the benchmark says about the first paper's findings."""

#: Measures that the error of an order is known for.
RANK_VOTERS = ("linear_converged", "nleep", "lfc", "logme", "h_score", "knn", "leep")

_ORDER = {
    "rank": number("place", "1 is the first; empty where it could not be ranked"),
    "checkpoint": _CHECKPOINT,
    "title": text("what the report calls it, empty: its name"),
    "consensus": number("place", "mean place over the measures"),
    "rank_low": number(
        "place", "lower end of its 95 % interval: halves of the samples, and the measures' error"
    ),
    "rank_high": number(
        "place", "upper end of its 95 % interval: halves of the samples, and the measures' error"
    ),
    "with_first": flag("it cannot be told from the first"),
    "gap": number(
        "fraction", "accuracy that it is expected to reach less than the first; negative: more"
    ),
    "gap_low": number("fraction", "lower end of its 95 % interval, by the measures' own error"),
    "gap_high": number("fraction", "upper end of its 95 % interval, by the measures' own error"),
    "gap_sd": number("fraction", "one standard error of the gap"),
    "stage": text("the last stage that it took part in: its samples per class, or `all`"),
    "samples": number("images", "that its scores of that stage saw"),
    "parameters": _CHECKPOINTS["parameters"],
    "forward_gflops": _CHECKPOINTS["forward_gflops"],
    "images_per_second": number("images per s", "speed of its feature extraction"),
    "licence": _CHECKPOINTS["licence"],
    "finetune_seconds": number(
        "s",
        "estimated time of one fine-tuning run there: of a detector for a task in `detection.tasks`; empty of other "
        "tasks with boxes",
    ),
    "latency_seconds": number("s", "forward pass of one image on that device"),
    "finetune_memory_mb": number(
        "MB",
        "estimated, for that run at the `batch_size` of `finetune`, or of `detection.finetune`",
    ),
    "inference_memory_mb": number("MB", "estimated, for the forward pass of one image"),
    "file_mb": number("MB", "size of its stored weights"),
    "input_size": number("pixels", "side of the square image that it takes"),
    "status": text("`ok`, or `failed`: it could not be ranked"),
    "reason": _REASON,
}
RANK = {
    "order": Table(
        "a checkpoint, the first one first", ("checkpoint",), ("results/rank/*/order.csv",), _ORDER
    ),
    "ranking": Table(
        "a checkpoint, the first one first",
        ("checkpoint",),
        ("results/rank/*/ranking.csv",),
        {
            **_ORDER,
            "tuned_accuracy": number(
                "fraction",
                "test accuracy, if it was fine-tuned; of a task in `detection.tasks` the detector's AP, mask AP or mIoU",
            ),
            "tuned_low": _GROUND_TRUTH["accuracy_low"],
            "tuned_high": _GROUND_TRUTH["accuracy_high"],
        },
    ),
    "scores": Table(
        "a measure's score of a checkpoint, in the last stage that it took part in",
        ("measure", "checkpoint"),
        ("results/rank/*/scores.csv",),
        {
            "measure": _MEASURE,
            "checkpoint": _CHECKPOINT,
            "status": _STATUS,
            "reason": _REASON,
            "score": _SCORES["score"],
            "mark": _SCORES["mark"],
            "seconds": _SCORES["seconds"],
            "rank": number("place", "by this measure alone"),
            "rank_low": _ORDER["rank_low"],
            "rank_high": _ORDER["rank_high"],
            "stage": _ORDER["stage"],
            "title": text("what the report calls the measure"),
        },
    ),
    "benchmark": Table(
        "a checkpoint of a finished benchmark on a task, from which the error of the measures is learnt",
        ("benchmark", "task", "checkpoint"),
        ("scripts/ckptrank/rank/benchmark.csv",),
        {
            "benchmark": text("the run that it is of"),
            "task": _TASK,
            "checkpoint": _CHECKPOINT,
            "accuracy": _GROUND_TRUTH["accuracy"],
            **{name: number("as the measure", "its score") for name in RANK_VOTERS},
        },
    ),
}
"""The tables of ``snakemake rank``, for each task, and the one that its errors are learnt from."""

_TARGET = text("the data set that the task is of")
_POOL = text("the experts to choose from: `single`, or a network of several domains")
_SHOTS = text("training images per class, or `full`")
_SHOTS_OR_ALL = text("training images per class, or `full`; empty: all tasks together")
_OF_TASK = text("the target at one size")
_CHOSEN_BY = text("a measure, `consensus` or a baseline")
_LOW = number("as the mean", "lower end of its 95 % interval")
_HIGH = number("as the mean", "upper end of its 95 % interval")
_TARGETS = number("count", "targets that it is the mean of")
_LEFT_OUT = number(
    "pairs", "without a score (ranked last, not in Spearman) or without an accuracy (in nothing)"
)
_STAGE = text("of fine-tuning: `before`, `middle` or `after`")

_ESTIMATE = {
    "mean": number("by metric", "over tasks: a fraction, a correlation or a count"),
    "low": _LOW,
    "high": _HIGH,
    "targets": _TARGETS,
    "left_out": _LEFT_OUT,
}
_TUNED = {
    **_GROUND_TRUTH,
    "run_seconds": number("s", "of one run, on average"),
    "first_epoch_loss": number(
        "nats", "mean training loss over the first epoch at `model_zoo.fixed_rate`"
    ),
}
MODEL_ZOO = {
    "checkpoints": Table(
        "an expert, or another network",
        ("checkpoint",),
        _in_folders("checkpoints", "model_zoo"),
        {
            **_CHECKPOINTS,
            "network": text("`single` domain, or how its network is shared between domains"),
            "domain": text("its domain"),
            "pretrained": flag("its training started from the big source's weights"),
            "big_source": flag("its domain is the big source"),
            "source_error": number("fraction", "error of its own head on its own domain"),
        },
    ),
    "tasks": Table(
        "a task",
        ("task",),
        _in_folders("tasks", "model_zoo"),
        {
            **_TASKS,
            "target": _TARGET,
            "shots": number("images per class", "in its training set; empty: all of the target's"),
        },
    ),
    "ground_truth": Table(
        "an expert on a task, fine-tuned",
        ("checkpoint", "task"),
        _in_folders("ground_truth", "model_zoo"),
        _TUNED,
    ),
    "architectures": Table(
        "another network on a task, fine-tuned",
        ("checkpoint", "task"),
        _in_folders("architectures", "model_zoo"),
        _TUNED,
    ),
    "scores": Table(
        "a score of an expert on a task",
        ("measure", "checkpoint", "task", "cap"),
        _in_folders("scores", "model_zoo"),
        {**_SCORES, "cap": number("images per class", "that it saw at most; empty: all")},
    ),
    "measures": Table("a measure", ("measure",), _in_folders("measures", "model_zoo"), _MEASURES),
    "similarity": Table(
        "two experts on a target, at a stage of fine-tuning",
        ("stage", "checkpoint_a", "checkpoint_b", "target"),
        _in_folders("similarity", "model_zoo"),
        {
            "stage": _STAGE,
            "checkpoint_a": text("one expert"),
            "checkpoint_b": text("the other, or the same"),
            "target": text("the task that they are fine-tuned on"),
            "similarity": number("0..1", "linear CKA of their features"),
        },
    ),
    "label_similarity": Table(
        "an expert on a target, at a stage of fine-tuning (Figure 8)",
        ("stage", "checkpoint", "target"),
        _in_folders("label_similarity", "model_zoo"),
        {
            "stage": _STAGE,
            "checkpoint": text("the expert"),
            "target": text("the task that it is fine-tuned on"),
            "label_feature_correlation": number("-1..1", "LFC of its features and the labels"),
        },
    ),
    "shots": Table(
        "a way to spend on fine-tuning, on a task (Figure 1b)",
        ("target", "shots", "pool"),
        _in_folders("shots", "model_zoo"),
        {
            "target": _TARGET,
            "shots": number("images per class", "in the training set; empty: all of the target's"),
            "pool": text("`zoo`, `architectures` or `hyper-parameters`"),
            "error": number("fraction", "the lowest test error"),
            "members": number("count", "runs or networks that it is the lowest of"),
        },
    ),
    "fixed_rate": Table(
        "the zoo, or a network, fine-tuned at one learning rate on a task (Figure 1a)",
        ("target", "shots", "line"),
        _in_folders("fixed_rate", "model_zoo"),
        {
            "target": _TARGET,
            "shots": number("images per class", "in the training set; empty: all of the target's"),
            "line": text("`zoo`, or a checkpoint"),
            "title": text("what the report calls the checkpoint"),
            "architecture": text("its network"),
            "start": text("`pretrained` or `random`: its weights; empty for the zoo"),
            "learning_rate": number("", "of the run"),
            "error": number("fraction", "test error; of the zoo's experts the lowest"),
        },
    ),
}
"""What the model zoo's jobs measured."""

_ON_TASK = {"target": _TARGET, "shots": _SHOTS, "task": _OF_TASK, "measure": _CHOSEN_BY}
EXPERIMENTS = {
    "gains": Table(
        "the choice of k experts by a measure, on a task (Figures 4 and 5)",
        ("pool", "task", "measure", "k"),
        _in_folders("gains", "model_zoo"),
        {
            "pool": _POOL,
            "reference": text("the big source's expert, from which gains are counted"),
            **_ON_TASK,
            "k": number("experts", "that are chosen"),
            "gain": number("fraction", "accuracy of the best of them less the reference's"),
        },
    ),
    "trials": Table(
        "a measure on a task (Figure 6)",
        ("pool", "task", "measure"),
        _in_folders("trials", "model_zoo"),
        {
            "pool": _POOL,
            **_ON_TASK,
            "trials": number("experts", "to fine-tune in order until the best is found"),
        },
    ),
    "correlations": Table(
        "a measure on a task (Figure 6)",
        ("pool", "task", "measure"),
        _in_folders("correlations", "model_zoo"),
        {
            "pool": _POOL,
            **_ON_TASK,
            "spearman": number("-1..1", "rank correlation of scores with accuracies"),
        },
    ),
    "ties": Table(
        "a measure that gives several experts one score",
        ("pool", "measure"),
        _in_folders("ties", "model_zoo"),
        {
            "pool": _POOL,
            "measure": _CHOSEN_BY,
            "tasks": number("count", "tasks on which it does"),
            "of_tasks": number("count", "tasks that it was scored on"),
            "ties": number("pairs", "of experts with equal scores, over all tasks"),
            "gain_at_3": number("fraction", "mean gain, equal scores in the worst order"),
            "gain_at_3_expected": number("fraction", "mean gain over all orders of equal scores"),
            "trials_to_best": number("experts", "mean trials, equal scores in the worst order"),
            "trials_to_best_expected": number(
                "experts", "mean trials over all orders of equal scores"
            ),
        },
    ),
    "predictions": Table(
        "what a measure says of a quantity, over all tasks (equations 3 to 5)",
        ("pool", "measure", "quantity"),
        _in_folders("predictions", "model_zoo"),
        {
            "pool": _POOL,
            "measure": text("a measure; `first_epoch`: the measured fall of the loss itself"),
            "quantity": text("`speed`, the fall of the loss in the first epoch, or `accuracy`"),
            **_ESTIMATE,
        },
    ),
    "averages": Table(
        "a metric of a measure, over the tasks of a size",
        ("pool", "shots", "measure", "metric"),
        _in_folders("averages", "model_zoo"),
        {
            "pool": _POOL,
            "shots": _SHOTS_OR_ALL,
            "measure": _CHOSEN_BY,
            "metric": text("a metric, such as `gain_at_3`"),
            **_ESTIMATE,
        },
    ),
    "cost": Table(
        "a step of choosing, over the tasks of a size (Table 3)",
        ("pool", "shots", "step", "measure"),
        _in_folders("cost", "model_zoo"),
        {
            "pool": _POOL,
            "shots": _SHOTS,
            "step": text(
                "`brute_force`, `finetune_top3`, `model_selection` or `selection_with_pass`"
            ),
            "measure": text("by which is chosen; empty for `brute_force`"),
            "multiple": number("runs", "time, in fine-tuning runs of the pool's reference"),
            "low": _LOW,
            "high": _HIGH,
            "targets": _TARGETS,
            "left_out": number("pairs", "without a time"),
        },
    ),
    "ablation": Table(
        "a metric of a measure that saw some number of images (Figure 7)",
        ("pool", "shots", "cap", "measure", "metric"),
        _in_folders("ablation", "model_zoo"),
        {
            "pool": _POOL,
            "shots": _SHOTS,
            "cap": text("images per class that the scores saw at most, or `all`"),
            "measure": _CHOSEN_BY,
            "metric": text("`gain_at_3` or `spearman`"),
            **_ESTIMATE,
        },
    ),
    "claims": Table(
        "a claim of the paper with its verdict, then its parts",
        ("claim", "part", "pool", "shots"),
        _in_folders("claims", "model_zoo"),
        {
            "claim": text("`highest`, `close`, `few_shots` or `three_picks`"),
            "part": text("the number that decides; empty: the claim itself"),
            "pool": _POOL,
            "shots": _SHOTS_OR_ALL,
            "statement": text("what is claimed"),
            "paper": text("what the paper found"),
            "here": number("by unit", "what was found here (points: a fraction)"),
            "low": _LOW,
            "high": _HIGH,
            "unit": text("`points`, `correlation`, `times` or `trials`"),
            "targets": _TARGETS,
            "verdict": text("`holds`, `does not hold` or `undecided here`"),
            "detail": text("what else to know"),
        },
    ),
    "errors": Table(
        "an expert on a task (Figures 2 and 3)",
        ("pool", "checkpoint", "task"),
        _in_folders("errors", "model_zoo"),
        {
            "pool": _POOL,
            "checkpoint": text("the expert"),
            "task": _OF_TASK,
            "target": _TARGET,
            "shots": _SHOTS,
            "error": number("fraction", "test error, empty where fine-tuning failed"),
            "better": flag("lower than that of the pool's reference"),
        },
    ),
    "expert_gains": Table(
        "a way to train an expert (Tables 1 and 2)",
        ("what",),
        _in_folders("expert_gains", "model_zoo"),
        {
            "what": text("`pretrained`, or a network of several domains"),
            "gain": number("fraction", "how much lower the error on the own domain is, on average"),
            "low": _LOW,
            "high": _HIGH,
            "domains": number("count", "domains that it is the mean of"),
        },
    ),
    "shot_averages": Table(
        "a way to spend on fine-tuning, at one size (Figure 1)",
        ("pool", "shots"),
        _in_folders("shot_averages", "model_zoo"),
        {
            "pool": MODEL_ZOO["shots"].columns["pool"],
            "shots": _SHOTS,
            "error": number("fraction", "the lowest test error, on average"),
            "low": _LOW,
            "high": _HIGH,
            "targets": _TARGETS,
        },
    ),
    "fixed_rate_averages": Table(
        "the zoo, or a network, fine-tuned at one learning rate, at one size (Figure 1a)",
        ("line", "shots"),
        _in_folders("fixed_rate_averages", "model_zoo"),
        {
            "line": MODEL_ZOO["fixed_rate"].columns["line"],
            "shots": _SHOTS,
            "error": number("fraction", "test error, on average"),
            "low": _LOW,
            "high": _HIGH,
            "targets": _TARGETS,
        },
    ),
    "similarity_averages": Table(
        "a stage of fine-tuning on a target",
        ("target", "stage"),
        _in_folders("similarity_averages", "model_zoo"),
        {
            "target": text("the task that the experts are fine-tuned on"),
            "stage": _STAGE,
            "similarity": number("0..1", "linear CKA of two different experts, on average"),
            "low": _LOW,
            "high": _HIGH,
            "pairs": number("count", "pairs of experts that it is the mean of"),
        },
    ),
}
"""What the model zoo's experiments made of it."""

_VIEW = text(
    "`images`: features of whole images with the labels of all objects in them; `objects`: features inside each box; "
    "detectors that are stopped early stand with the first view alone"
)
FIRST_METRICS = {"fcos": "AP", "faster_rcnn": "AP", "mask_rcnn": "mask AP", "fcn": "mIoU"}
"""What makes the ground truth of a head, as the report calls it."""
_FOUND = "of the best setting's own run; COCO's, over classes and IoU from 0.50 to 0.95"
DETECTION = {
    "checkpoints": Table(
        "a checkpoint", ("checkpoint",), _in_folders("checkpoints", "detection"), _CHECKPOINTS
    ),
    "tasks": Table(
        "a task",
        ("task",),
        _in_folders("tasks", "detection"),
        {
            **_TASKS,
            "train_objects": number("objects", "in its training set, crowds left out"),
            "test_objects": number("objects", "in its test set, likewise"),
            "empty_train_images": number("images", "in its training set that have none"),
            "masks": flag("every object has a mask"),
        },
    ),
    "ground_truth": Table(
        "a checkpoint fine-tuned as a detector on a task",
        ("checkpoint", "task"),
        _in_folders("ground_truth", "detection"),
        {
            **_GROUND_TRUTH,
            "accuracy": number(
                "fraction",
                "of the best setting: `ap`, `mask_ap` of Mask R-CNN, `miou` of an FCN; the mean of its `runs`",
            ),
            "repeat_accuracies": text("the same of the repeats (fractions), joined by `;`"),
            "runs": number("count", "that the accuracy is the mean of, see `evaluation.accuracy`"),
            "head": text("`fcos`, `faster_rcnn`, `mask_rcnn` or `fcn`"),
            "ap": number("fraction", f"average precision of boxes, {_FOUND}"),
            "ap50": number("fraction", "the same at an IoU of 0.50"),
            "ap75": number("fraction", "the same at an IoU of 0.75"),
            "mask_ap": number("fraction", f"average precision of masks, {_FOUND}"),
            "mask_ap50": number("fraction", "the same at an IoU of 0.50"),
            "mask_ap75": number("fraction", "the same at an IoU of 0.75"),
            "miou": number(
                "fraction", "mean intersection over union of the classes' pixels, the ground's too"
            ),
        },
    ),
    "scores": Table(
        "a score of a checkpoint on a task",
        ("view", "measure", "checkpoint", "task"),
        _in_folders("scores", "detection"),
        {"view": _VIEW, **_SCORES},
    ),
    "measures": Table("a measure", ("measure",), _in_folders("measures", "detection"), _MEASURES),
    "metrics": Table(
        "a measure on a task",
        ("group", "task", "measure"),
        _in_folders("metrics", "detection"),
        {**_METRICS, "group": _VIEW},
    ),
    "summary": Table(
        "a metric of a measure over tasks",
        ("group", "measure", "metric"),
        _in_folders("summary", "detection"),
        {**_SUMMARY, "group": _VIEW},
    ),
}
"""The detection benchmark; its metrics are those of the first, of average precisions in place of accuracies."""

CHAPTERS = {
    "The benchmark": BENCHMARK,
    "The benchmark: its measures in pairs": COMPARISONS,
    "The benchmark: the first paper's findings": FINDINGS,
    "Ranking, a folder per task": RANK,
    "The model zoo: what was measured": MODEL_ZOO,
    "The model zoo: its experiments": EXPERIMENTS,
    "Detection": DETECTION,
}


def describe_tables() -> str:
    """Return ``docs/tables.md``: all tables, in Markdown.

    ``python -m ckptrank.evaluation.columns > docs/tables.md`` renews the page.
    """
    lines = [
        "# The tables of a run",
        "Made from `scripts/ckptrank/evaluation/columns.py`; after a change of it, renew this page with",
        "`PYTHONPATH=scripts python -m ckptrank.evaluation.columns > docs/tables.md`.",
        "",
        "All are CSV files in UTF-8 with a header. A *number* is a decimal number, a *flag* `True` or `False`; the cell",
        "of either may be empty where there is none. *Text* is kept as it stands. The columns with a star are those",
        "that `ckptrank.evaluation.evaluate.evaluate` needs in a table of your own.",
    ]
    for chapter, tables in CHAPTERS.items():
        lines += ["", f"## {chapter}"]
        for name, table in tables.items():
            lines += ["", f"### {name}", *(f"`{file}`  " for file in table.files)]
            lines += [f"A row: {table.row}; told apart by {_list(table.key)}.", ""]
            lines += ["| column | type | unit | meaning |", "| --- | --- | --- | --- |"]
            lines += [
                f"| `{column}`{'*' * (column in table.needed)} | {about.kind} | {about.unit} | {about.meaning} |"
                for column, about in table.columns.items()
            ]
    return "\n".join(lines) + "\n"


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    print(describe_tables(), end="")
