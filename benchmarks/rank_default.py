"""What `rank` should order by, chosen on some kinds of task and judged on others: `python benchmarks/rank_default.py FOLDER`.

FOLDER is where the built-in benchmark has run. Whoever picks the measure that won on all tasks and then quotes its
tau on them quotes luck too. Here each way of choosing sees the tasks of all kinds but one (`evaluation.families`),
and orders the checkpoints of the tasks of that kind:

- *best measure*: the one with the highest mean Kendall;
- *best vote*: the two to four measures whose mean rank has it, of all such sets of the measures that `rank` can use;
- *learnt*: ridge regression of a task's standardised accuracies on the measures' ranks, its penalty chosen by
  leaving out one kind more.

Beside them stand the default of `rank`, which was fixed without the tasks (config.yaml, `evaluation.consensus`), and every
measure by itself. Writes `results/rank_default.csv`: mean Kendall and regret of the first choice with intervals over tasks
and checkpoints, and by how much each is ahead of the default, both resampled together; what was chosen goes to the
terminal. What was chosen stays as it is in a resample.
"""

import itertools
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from few_shot import without_few_shot
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut

from ckptrank.evaluation.baselines import consensus
from ckptrank.evaluation.evaluate import Resamples
from ckptrank.evaluation.metrics import kendall, regret_at_k

ROOT = Path(__file__).parents[1]
TABLE = Path(__file__).with_name("results") / "rank_default.csv"
# What `rank` can use: of training samples, without fine-tuning, a head or a source's images; a score that depends on
# which checkpoints are compared is left out, for there is none for all of them.
CANDIDATES = (
    "linear_converged", "logme", "lfc", "h_score", "nleep", "knn", "parc", "gbc", "sfda", "pactran", "transrate",
)  # fmt: skip
PENALTIES = np.logspace(-2, 4, 7)
RESAMPLES = 2000


def read(folder: Path) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Return each task's scores (checkpoints x measures) and the accuracies (checkpoints x tasks)."""
    tables = {
        name: pd.read_csv(folder / "results/evaluation" / f"{name}.csv")
        for name in ("scores", "ground_truth")
    }
    truth = tables["ground_truth"].pivot(index="checkpoint", columns="task", values="accuracy")
    scores = tables["scores"]
    scores = scores[scores["measure"].isin(CANDIDATES) & scores["group"].isna()]
    by_task = {
        task: rows.pivot(index="checkpoint", columns="measure", values="score")
        for task, rows in scores.groupby("task")
    }
    checkpoints = scores["checkpoint"].unique()
    return {task: found.loc[checkpoints] for task, found in by_task.items()}, truth.loc[
        checkpoints, list(by_task)
    ]


def list_candidates(scores: Mapping[str, pd.DataFrame]) -> list[str]:
    known = next(iter(scores.values())).columns
    return [name for name in CANDIDATES if name in known]


def to_ranks(scores: pd.DataFrame) -> pd.DataFrame:
    """Return ranks from 0 to 1 on a task; where a measure has no score, its lowest."""
    return ((scores.rank() - 1) / (scores.notna().sum() - 1)).fillna(0.0)


def order_by(measures: tuple[str, ...]) -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda scores: consensus(scores[list(measures)]).to_numpy()


def choose_vote(scores: Mapping, truth: pd.DataFrame, sizes: range) -> Callable:
    """Return the order by the measures, so many of them, whose vote is best on all tasks of ``truth``."""
    candidates = list_candidates(scores)

    def judge(names: tuple[str, ...]) -> float:
        order = order_by(names)
        return float(np.mean([kendall(order(scores[task]), truth[task]) for task in truth]))

    sets = itertools.chain.from_iterable(itertools.combinations(candidates, size) for size in sizes)
    chosen = max(sets, key=judge)
    return named(order_by(chosen), " + ".join(chosen))


def learn(scores: Mapping, truth: pd.DataFrame, family_of: Mapping[str, str]) -> Callable:
    """Return the order by a ridge regression on the ranks of all candidates, fitted on all tasks of ``truth``."""
    candidates = list_candidates(scores)
    inputs = np.concatenate([to_ranks(scores[task])[candidates] for task in truth])
    standard = (truth - truth.mean()) / truth.std()
    groups = np.repeat([family_of[task] for task in truth], len(truth))
    search = GridSearchCV(Ridge(), {"alpha": PENALTIES}, cv=LeaveOneGroupOut())
    search.fit(inputs, np.concatenate([standard[task] for task in truth]), groups=groups)
    model = search.best_estimator_
    heaviest = sorted(zip(model.coef_, candidates, strict=True), reverse=True)[:4]
    weights = ", ".join(f"{name} {weight:.2f}" for weight, name in heaviest)
    return named(
        lambda given: model.predict(to_ranks(given)[candidates].to_numpy()),
        f"penalty {model.alpha:g}: {weights}",
    )


def named(order: Callable, name: str) -> Callable:
    order.__name__ = name
    return order


def list_ways(
    default: tuple[str, ...], candidates: list[str], family_of: Mapping[str, str]
) -> dict[str, Callable]:
    """Return ways of choosing: a function of the tasks it may see that returns an order."""
    fixed = {name: (name,) for name in candidates}
    ways = {"default of rank": default} | fixed
    ways = {
        name: lambda scores, truth, measures=measures: order_by(measures)
        for name, measures in ways.items()
    }
    ways["best measure, nested"] = lambda scores, truth: choose_vote(scores, truth, range(1, 2))
    ways["best vote, nested"] = lambda scores, truth: choose_vote(scores, truth, range(2, 5))
    ways["learnt, nested"] = lambda scores, truth: learn(scores, truth, family_of)
    return ways


def main(folder: Path) -> None:
    scores, truth = read(folder)
    evaluation = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["evaluation"]
    family_of = {task: name for name, tasks in evaluation["families"].items() for task in tasks}
    truth = truth[without_few_shot(truth)]  # whose images are those of a task that is chosen on
    kinds = Counter(family_of[task] for task in truth)
    if len(kinds) < 3:
        sys.exit(
            f"{folder}: tasks of {len(kinds)} kinds; choosing on some and judging on others takes three"
        )
    resamples = Resamples.draw(*truth.shape, RESAMPLES, np.random.default_rng(0))
    results = {}
    for name, way in list_ways(
        tuple(evaluation["consensus"]), list_candidates(scores), family_of
    ).items():
        orders = {}
        for kind in kinds:
            seen = truth[[task for task in truth if family_of[task] != kind]]
            orders[kind] = way(scores, seen)
            if name.endswith("nested"):
                print(f"{name}, for {kind}: {orders[kind].__name__}")
        given = [(orders[family_of[task]](scores[task]), truth[task].to_numpy()) for task in truth]
        counts = resamples.checkpoints
        results[name] = {
            "kendall": np.array([kendall(*pair) for pair in given]),
            "regret": np.array([regret_at_k(*pair, 1) for pair in given]),
            "kendall_draws": np.stack([kendall(*pair, counts=counts) for pair in given], axis=1),
            "regret_draws": np.stack(
                [regret_at_k(*pair, 1, counts=counts) for pair in given], axis=1
            ),
        }
    base, rows = results["default of rank"], []
    for name, found in results.items():
        row = {"order": name, "tasks": len(truth.columns), "checkpoints": len(truth)}
        for metric in ("kendall", "regret"):
            values = {"": found[metric], "_ahead": found[metric] - base[metric]}
            draws = found[f"{metric}_draws"]
            drawn = {"": draws, "_ahead": draws - base[f"{metric}_draws"]}
            for suffix, value in values.items():
                low, high = resamples.get_interval(drawn[suffix])
                row |= {f"{metric}{suffix}": value.mean(), f"{metric}{suffix}_low": low}
                row[f"{metric}{suffix}_high"] = high
        rows.append(row)
    table = pd.DataFrame(rows).sort_values("kendall", ascending=False)
    table.to_csv(TABLE, index=False, float_format="%.4f")
    print(table.to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
