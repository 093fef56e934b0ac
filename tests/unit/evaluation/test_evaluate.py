"""The tables of an evaluation, on small groups whose numbers are known."""

import io

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ckptrank.evaluation import metrics
from ckptrank.evaluation.baselines import BASELINES, COSTS, describe_baselines
from ckptrank.evaluation.columns import BENCHMARK, COMPARISONS
from ckptrank.evaluation.evaluate import Resamples, evaluate, share_references
from ckptrank.seeds import seed_from

CHECKPOINTS = ["scratch", "a", "b", "c", "d", "e", "f"]
RANKED = CHECKPOINTS[1:]
TASKS = ["x", "y"]
ACCURACIES = {"x": [0.1, 0.2, 0.4, 0.6, 0.8, 0.5, 0.3], "y": [0.1, 0.9, 0.7, 0.5, 0.3, 0.6, 0.4]}


def make(bootstrap: int = 50, **changes: object) -> dict:
    """Arguments of evaluate: measure `good` is the accuracy, `bad` its opposite, `flat` constant."""
    pairs = [
        (checkpoint, task, ACCURACIES[task][i])
        for i, checkpoint in enumerate(CHECKPOINTS)
        for task in TASKS
    ]
    score = {"good": lambda g: 10 * g, "bad": lambda g: -g, "flat": lambda g: 1.0}
    scores = pd.DataFrame(
        [
            {"measure": measure, "method": "m", "checkpoint": checkpoint, "task": task}
            | {"status": "ok", "reason": "", "score": function(accuracy)}
            | {"seconds": 1.0 + (task == "y"), "gmacs": 3.0, "notes": "{}"}
            for measure, function in score.items()
            for checkpoint, task, accuracy in pairs
        ]
    )
    ground_truth = pd.DataFrame(pairs, columns=["checkpoint", "task", "accuracy"])
    checkpoints = pd.DataFrame(
        {
            "checkpoint": CHECKPOINTS,
            "kind": ["scratch"] + ["supervised"] * 6,
            "status": "ok",
            "reason": "",
            "parameters": np.arange(7) * 1000 + 1000,
            "forward_gflops": np.linspace(1, 2, 7),
            "source_accuracy": [np.nan, 0.5, 0.6, 0.7, np.nan, 0.8, 0.9],
        }
    )
    measures = pd.DataFrame({"measure": list(score), "method": "m", "is_control": False})
    return {
        "scores": scores,
        "ground_truth": ground_truth.assign(status="ok"),
        "checkpoints": checkpoints,
        "groups": {"I": ["scratch", "a", "b", "c", "d"], "all": RANKED},
        "measures": pd.concat([measures, describe_baselines([*BASELINES, "consensus"])]),
        "consensus": ["good", "flat", "bad"],
        "bootstrap": bootstrap,
        "seed": 0,
    } | changes


def set_status(frame: pd.DataFrame, status: str, **where: str) -> None:
    """Make the rows of a pair (or more) failed or not applicable, in place."""
    chosen = pd.Series(True, index=frame.index)
    for column, value in where.items():
        chosen &= frame[column] == value
    assert chosen.any()
    frame.loc[chosen, "status"] = status
    frame.loc[chosen, "score" if "score" in frame else "accuracy"] = np.nan


def test_a_measure_with_gaps_is_compared_on_the_checkpoints_that_both_have_scored():
    arguments = make()
    scores = arguments["scores"]
    # `bad` orders f and e falsely; were the whole group counted, its tau would be another
    flipped = (scores["measure"] == "bad") & scores["checkpoint"].isin(["e", "f"])
    scores.loc[flipped, "score"] *= -100
    for checkpoint in ("a", "b"):
        set_status(scores, "not_applicable", measure="good", checkpoint=checkpoint)
    rows = evaluate(**arguments).comparisons
    row = get(rows, group="all", better="good", worse="bad")
    taus = []
    for task in TASKS:
        given = scores[(scores["task"] == task) & scores["checkpoint"].isin(["c", "d", "e", "f"])]
        wide = given.pivot(index="checkpoint", columns="measure", values="score")
        taus.append(100 * stats.kendalltau(wide["bad"], wide["good"]).statistic)
    assert row["difference"] == pytest.approx(100 - np.mean(taus))
    whole = get(evaluate(**make()).comparisons, group="all", better="good", worse="bad")
    assert whole["difference"] == pytest.approx(200)


def get(frame: pd.DataFrame, **where: str) -> pd.Series:
    for column, value in where.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return frame.iloc[0]


@pytest.fixture(scope="module")
def evaluation():
    return evaluate(**make())


def test_columns_and_rows(evaluation):
    assert list(evaluation.metrics.columns) == BENCHMARK["metrics"].names
    assert list(evaluation.summary.columns) == BENCHMARK["summary"].names
    measures = 3 + 7
    assert len(evaluation.metrics) == 2 * 2 * measures
    assert len(evaluation.summary) == 2 * measures * (12 + len(COSTS))
    assert evaluation.metrics["n"].dtype == evaluation.metrics["ties"].dtype == np.int64
    assert evaluation.summary["complete"].dtype == bool


def test_two_measures_are_compared_on_the_same_resamples():
    """`good` has a tau of 1 and `bad` of -1 in every resample, so that their difference is 200 points in each."""
    result = evaluate(**make())
    assert list(result.comparisons.columns) == COMPARISONS["comparisons"].names
    row = get(result.comparisons, group="all", better="good", worse="bad")
    assert (row["difference"], row["low"], row["high"], row["tasks"]) == (200, 200, 200, 2)
    assert row["told_apart"]
    pairs = result.comparisons[["group", "better", "worse"]]
    assert not pairs.duplicated().any()
    assert not {"flat"} & set(result.comparisons["better"]), "it has no tau on any task"
    assert (result.comparisons["difference"] >= 0).all()


def test_a_difference_has_the_interval_of_the_resampled_differences():
    arguments = make(bootstrap=200)
    result = evaluate(**arguments)
    row = get(result.comparisons, group="all", better="good", worse="parameter_count")
    generator = np.random.default_rng(seed_from(0, "bootstrap", "all"))
    resamples = Resamples.draw(6, 2, 200, generator)
    counts = np.arange(6) * 1000 + 2000.0
    draws = np.stack(
        [
            metrics.kendall(10 * np.array(g), g, counts=resamples.checkpoints)
            - metrics.kendall(counts, g, counts=resamples.checkpoints)
            for g in (ACCURACIES[task][1:] for task in TASKS)
        ],
        axis=1,
    )
    low, high = resamples.get_interval(100 * draws)
    assert (row["low"], row["high"]) == (pytest.approx(low), pytest.approx(high))


def test_a_kind_of_task_has_the_mean_of_its_own_tasks():
    families = {"first": ["x"], "both": ["x", "y", "z"], "none": ["z"]}
    result = evaluate(**make(bootstrap=200), families=families)
    assert list(result.families.columns) == COMPARISONS["families"].names
    row = get(result.families, group="all", family="first", measure="parameter_count")
    counts = np.arange(6) * 1000 + 2000.0
    assert row["kendall"] == pytest.approx(100 * metrics.kendall(counts, ACCURACIES["x"][1:]))
    assert row["low"] < row["kendall"] < row["high"]
    assert row["tasks"] == 1
    both = get(result.families, group="all", family="both", measure="parameter_count")
    of_all = get(result.summary, group="all", measure="parameter_count", metric="kendall")
    assert [both[name] for name in ("kendall", "low", "high", "tasks")] == [
        of_all[name] for name in ("mean", "low", "high", "tasks")
    ]
    assert set(result.families["family"]) == {"first", "both"}


def test_without_resamples_nothing_is_compared():
    result = evaluate(**make(bootstrap=0))
    assert result.comparisons.empty
    assert list(result.comparisons.columns) == COMPARISONS["comparisons"].names


def with_noise(value: float) -> dict:
    arguments = make()
    return arguments | {"ground_truth": arguments["ground_truth"].assign(noise_sd=value)}


def test_the_ceiling_falls_from_one_to_chance_as_the_noise_grows():
    found = []
    for noise in (0.0, 0.05, 0.2, 100.0):
        result = evaluate(**with_noise(noise))
        found.append(get(result.summary, group="all", measure="ceiling", metric="kendall")["mean"])
    assert found[0] == pytest.approx(100)
    assert found[0] > found[1] > found[2] > found[3]
    assert abs(found[3]) < 3


def test_the_ceiling_by_a_slow_simulation():
    result = evaluate(**with_noise(0.1))
    row = get(result.metrics, group="all", task="x", measure="ceiling")
    accuracies = np.array(ACCURACIES["x"][1:])
    generator = np.random.default_rng(3)
    taus = [
        stats.kendalltau(accuracies + generator.normal(0, 0.1, 6), accuracies).statistic
        for _ in range(4000)
    ]
    assert row["kendall"] == pytest.approx(np.mean(taus), abs=0.02)


def test_without_repeats_there_is_no_ceiling(evaluation):
    assert np.isnan(
        get(evaluation.summary, group="all", measure="ceiling", metric="kendall")["mean"]
    )
    rows = evaluation.scores[evaluation.scores["measure"] == "ceiling"]
    assert set(rows["status"]) == {"not_applicable"}


def test_scratch_is_never_ranked(evaluation):
    rows = evaluation.metrics[evaluation.metrics["group"] == "I"]
    assert (rows["n"] == 4)[rows["measure"] != "ceiling"].all()
    assert (rows["left_out"] == 0)[rows["measure"] == "good"].all()


def test_good_and_bad_measures(evaluation):
    good = get(evaluation.metrics, group="all", task="x", measure="good")
    assert good["kendall"] == good["recall_at_1"] == good["trials_to_best"] == 1
    bad = get(evaluation.metrics, group="all", task="x", measure="bad")
    assert bad["kendall"] == -1
    assert bad["trials_to_best"] == 6
    assert bad["regret_at_3"] == pytest.approx(0.8 - 0.4)
    summary = get(evaluation.summary, group="all", measure="bad", metric="regret_at_3")
    assert summary["mean"] == pytest.approx(100 * ((0.8 - 0.4) + (0.9 - 0.5)) / 2)
    trials = get(evaluation.summary, group="all", measure="bad", metric="trials_to_best")
    assert trials["mean"] == 6
    tau = get(evaluation.summary, group="all", measure="good", metric="kendall")
    assert tau[["mean", "low", "high"]].tolist() == [100, 100, 100]
    assert tau["tasks"] == 2


def test_constant_scores_are_undefined_not_zero(evaluation):
    flat = get(evaluation.metrics, group="all", task="x", measure="flat")
    assert flat["ties"] == 15
    assert np.isnan(flat["kendall"])
    assert flat["recall_at_1"] == 0
    summary = get(evaluation.summary, group="all", measure="flat", metric="kendall")
    assert summary[["mean", "low", "high"]].isna().all()
    assert summary["tasks"] == 0
    assert summary["complete"]


def test_undefined_task_is_left_out_of_the_mean():
    arguments = make()
    scores = arguments["scores"]
    scores.loc[(scores["measure"] == "good") & (scores["task"] == "y"), "score"] = 1.0
    summary = evaluate(**arguments).summary
    row = get(summary, group="all", measure="good", metric="kendall")
    assert row[["mean", "tasks"]].tolist() == [100, 1]


def test_pairs_without_a_score_are_ranked_last_and_counted():
    arguments = make()
    set_status(arguments["scores"], "failed", measure="good", checkpoint="d", task="x")
    set_status(arguments["scores"], "not_applicable", measure="good", checkpoint="a")
    set_status(arguments["ground_truth"], "failed", checkpoint="b", task="y")
    result = evaluate(**arguments)
    x, y = (get(result.metrics, group="all", task=task, measure="good") for task in TASKS)
    columns = ["n", "left_out", "left_out_not_applicable"]
    assert x[columns].tolist() == [6, 2, 1]
    assert y[columns].tolist() == [5, 2, 1]
    # x: d, the best at 0.8, has no score; it comes last, after a at 0.2; c at 0.6 is first
    assert x["recall_at_1"] == x["recall_at_3"] == 0
    assert x["rel_at_1"] == pytest.approx(0.6 / 0.8)
    assert x["regret_at_3"] == pytest.approx(0.8 - 0.6)
    assert x["trials_to_best"] == 6
    assert x["kendall"] == 1
    # y: a, the best at 0.9, has none; b has no ground truth; e at 0.6 is first, then c, f and d
    assert y["rel_at_3"] == pytest.approx(0.6 / 0.9)
    assert y["trials_to_best"] == 5
    summary = get(result.summary, group="all", measure="good", metric="kendall")
    assert summary[["left_out", "left_out_not_applicable"]].tolist() == [4, 2]
    assert not summary["complete"]
    assert summary["mean"] == 100
    relative = get(result.summary, group="all", measure="good", metric="rel_at_1")
    assert relative["mean"] == pytest.approx(100 * (0.6 / 0.8 + 0.6 / 0.9) / 2)
    # the others are judged as before: their best is still d
    assert get(result.metrics, group="all", task="x", measure="bad")["trials_to_best"] == 6
    # a missing ground truth concerns every measure, random included
    random = get(result.metrics, group="all", task="y", measure="random")
    assert random[columns].tolist() == [5, 1, 0]


def test_a_failed_pair_changes_the_measure_that_failed_alone():
    arguments = make()
    before = evaluate(**arguments)
    set_status(arguments["scores"], "failed", measure="bad", checkpoint="d", task="x")
    after = evaluate(**arguments)
    for name in ("metrics", "summary"):
        others = [
            table[~table["measure"].isin(["bad", "consensus"])].reset_index(drop=True)
            for table in (getattr(before, name), getattr(after, name))
        ]
        pd.testing.assert_frame_equal(*others)


def test_a_measure_that_applies_to_no_checkpoint_of_a_task_makes_no_ranking_there():
    arguments = make()
    set_status(arguments["scores"], "not_applicable", measure="good", task="x")
    set_status(arguments["scores"], "failed", measure="bad", task="x")
    result = evaluate(**arguments)
    good, bad = (
        get(result.metrics, group="all", task="x", measure=name) for name in ("good", "bad")
    )
    assert good["n"] == 0
    assert good[list(metrics.METRICS)].isna().all()
    assert get(result.summary, group="all", measure="good", metric="rel_at_1")["tasks"] == 1
    # one that failed on all of them has ranked all of them last, the worst first
    assert bad["n"] == 6
    assert bad["rel_at_1"] == pytest.approx(0.2 / 0.8)


def test_infinite_score_is_a_failed_pair():
    arguments = make()
    arguments["scores"].loc[
        lambda s: (s["measure"] == "good") & (s["checkpoint"] == "a"), "score"
    ] = -np.inf
    result = evaluate(**arguments)
    row = get(result.scores, measure="good", checkpoint="a", task="x")
    assert row["status"] == "failed"
    assert "finite" in row["reason"]
    assert get(result.metrics, group="all", task="x", measure="good")["left_out"] == 1


def test_task_without_any_ground_truth():
    arguments = make()
    set_status(arguments["ground_truth"], "failed", task="x")
    result = evaluate(**arguments)
    row = get(result.metrics, group="all", task="x", measure="good")
    assert row["n"] == 0
    assert row[list(metrics.METRICS)].isna().all()
    summary = get(result.summary, group="all", measure="good", metric="recall_at_1")
    assert summary[["mean", "tasks", "left_out"]].tolist() == [100, 1, 6]


def test_single_checkpoint_is_no_ranking():
    result = evaluate(**make(groups={"one": ["a"]}))
    assert result.metrics[list(metrics.METRICS)].isna().all(axis=None)
    assert (result.metrics["n"] <= 1).all()


def test_random_has_its_expectation(evaluation):
    row = get(evaluation.metrics, group="all", task="x", measure="random")
    assert row["recall_at_1"] == pytest.approx(1 / 6)
    assert row["kendall"] == 0
    assert row["trials_to_best"] == 3.5
    tau = get(evaluation.summary, group="all", measure="random", metric="kendall")
    assert tau["low"] < -20
    assert tau["high"] > 20


def test_baselines_are_scores_too(evaluation):
    scores = evaluation.scores
    assert set(scores["measure"]) == {"good", "bad", "flat", *BASELINES, "consensus"}
    keys = ["measure", "group", "checkpoint", "task"]
    assert not scores.duplicated(keys).any()
    pooled = scores[scores["group"] != ""]
    assert set(pooled["measure"]) == {"leave_one_task_out", "ceiling", "consensus"}
    assert pooled.groupby("group")["checkpoint"].nunique().to_dict() == {"I": 4, "all": 6}
    # pools differ, so the control of a checkpoint differs
    control = pooled[(pooled["measure"] == "leave_one_task_out") & (pooled["checkpoint"] == "a")]
    assert control.groupby("task")["score"].nunique().tolist() == [2, 2]
    source = get(evaluation.summary, group="all", measure="source_accuracy", metric="kendall")
    assert source[["left_out", "left_out_not_applicable"]].tolist() == [2, 2]


def test_consensus_of_opposites_is_a_tie(evaluation):
    row = get(evaluation.metrics, group="all", task="x", measure="consensus")
    assert row["ties"] == 15
    better = evaluate(**make(consensus=["good", "good", "flat"]))
    assert get(better.metrics, group="all", task="x", measure="consensus")["kendall"] == 1


def test_costs(evaluation):
    seconds = get(evaluation.summary, group="I", measure="good", metric="seconds")
    assert seconds[["mean", "low", "high", "tasks"]].tolist() == [1.5, 1, 2, 2]
    consensus = get(evaluation.summary, group="I", measure="consensus", metric="gmacs")
    assert consensus["mean"] == 9
    control = get(evaluation.summary, group="I", measure="leave_one_task_out", metric="seconds")
    assert np.isnan(control["mean"])


def test_gain_over_a_reference():
    result = evaluate(**make(), reference="scratch")
    row = get(result.metrics, group="all", task="x", measure="bad")
    assert row["gain_at_1"] == pytest.approx(0.2 - 0.1)
    summary = get(result.summary, group="all", measure="good", metric="gain_at_3")
    assert summary["mean"] == pytest.approx(100 * ((0.8 - 0.1) + (0.9 - 0.1)) / 2)


def test_no_bootstrap_no_interval():
    result = evaluate(**make(bootstrap=0))
    rows = result.summary[~result.summary["metric"].isin(COSTS)]
    assert rows[["low", "high"]].isna().all(axis=None)
    assert get(rows, group="all", measure="good", metric="kendall")["mean"] == 100


def test_only_the_measures_asked_for():
    arguments = make()
    arguments["measures"] = arguments["measures"].iloc[:1]
    arguments["scores"] = arguments["scores"][arguments["scores"]["measure"] == "good"]
    result = evaluate(**arguments)
    assert set(result.metrics["measure"]) == set(result.scores["measure"]) == {"good"}
    arguments = make(measures=describe_baselines(["random", "parameter_count"]))
    arguments["scores"] = arguments["scores"].iloc[:0]
    assert set(evaluate(**arguments).metrics["measure"]) == {"random", "parameter_count"}


def test_same_result_from_shuffled_rows_and_from_csv(evaluation):
    shuffled = make()
    for name in ("scores", "checkpoints"):
        shuffled[name] = shuffled[name].sample(frac=1, random_state=1)
    for name in ("scores", "ground_truth", "checkpoints", "measures"):
        text = shuffled[name].to_csv(index=False)
        shuffled[name] = pd.read_csv(io.StringIO(text))
    again = evaluate(**shuffled)
    pd.testing.assert_frame_equal(again.metrics, evaluation.metrics)
    pd.testing.assert_frame_equal(again.summary, evaluation.summary)


def test_groups_do_not_depend_on_each_other(evaluation):
    alone = evaluate(**make(groups={"all": RANKED}))
    for name in ("metrics", "summary"):
        among = getattr(evaluation, name)
        among = among[among["group"] == "all"].reset_index(drop=True)
        pd.testing.assert_frame_equal(getattr(alone, name), among)


def test_measures_share_their_resamples():
    arguments = make(bootstrap=200)
    scores = arguments["scores"]
    noise = np.random.default_rng(0).normal(size=len(scores))
    for name in ("good", "bad"):
        chosen = scores["measure"] == name
        scores.loc[chosen, "score"] = noise[: chosen.sum()]
    summary = evaluate(**arguments).summary
    summary = summary[summary["group"] == "all"].set_index("measure")
    columns = ["metric", "mean", "low", "high"]
    pd.testing.assert_frame_equal(
        summary.loc["good", columns].reset_index(drop=True),
        summary.loc["bad", columns].reset_index(drop=True),
    )
    kendall = summary[summary["metric"] == "kendall"].loc["good"]
    assert kendall["low"] < kendall["mean"] < kendall["high"]


def test_interval_equals_a_slow_bootstrap():
    generator = np.random.default_rng(3)
    resamples = Resamples.draw(6, 2, 80, np.random.default_rng(seed_from(0, "bootstrap", "all")))
    scores, accuracies = generator.normal(size=(2, 6)), generator.random((2, 6))
    fast = np.stack(
        [metrics.kendall(scores[t], accuracies[t], counts=resamples.checkpoints) for t in range(2)],
        axis=1,
    )
    means = []
    for checkpoint_counts, task_counts in zip(resamples.checkpoints, resamples.tasks, strict=True):
        assert checkpoint_counts.sum() == 6
        assert task_counts.sum() == 2
        chosen = np.repeat(np.arange(6), checkpoint_counts)
        taus = [
            stats.kendalltau(scores[task, chosen], accuracies[task, chosen])[0]
            for task in np.repeat(np.arange(2), task_counts)
        ]
        means.append(np.nanmean(taus))
    expected = np.quantile(means, [0.025, 0.975])
    np.testing.assert_allclose(resamples.get_interval(fast), expected, atol=1e-12)


def test_interval_leaves_undefined_resamples_out():
    resamples = Resamples(np.ones((4, 3)), np.array([[1, 1], [2, 0], [0, 2], [1, 1]]))
    values = np.array([[1.0, 3.0], [5.0, 7.0], [9.0, np.nan], [np.nan, 4.0]])
    # means 2, 5, undefined, 4
    assert resamples.get_interval(values) == pytest.approx(
        tuple(np.quantile([2, 5, 4], [0.025, 0.975]))
    )
    values[3] = np.nan
    assert np.isnan(resamples.get_interval(values)).all()


@pytest.mark.parametrize(("shared", "width"), [(True, 1), (False, np.sqrt(3))])
def test_interval_covers_the_truth(shared, width):
    """Checkpoints and tasks drawn from a population in which Kendall's tau is known.

    With noise that all tasks share the interval is as wide as it should be; with noise of each
    pair's own it has three times the variance, and covers more.
    """
    generator = np.random.default_rng(0)
    correlation, tasks, checkpoints, repetitions = 0.7, 5, 20, 250
    truth = 2 / np.pi * np.arcsin(correlation)
    means, intervals = [], []
    for _ in range(repetitions):
        resamples = Resamples.draw(checkpoints, tasks, 200, generator)
        accuracies, noise = generator.normal(size=(2, tasks, checkpoints))
        if shared:
            accuracies[:], noise[:] = accuracies[0], noise[0]
        scores = correlation * accuracies + np.sqrt(1 - correlation**2) * noise
        pairs = list(zip(scores, accuracies, strict=True))
        draws = [metrics.kendall(*pair, counts=resamples.checkpoints) for pair in pairs]
        means.append(np.mean([metrics.kendall(*pair) for pair in pairs]))
        intervals.append(resamples.get_interval(np.stack(draws, axis=1)))
    low, high = np.transpose(intervals)
    coverage = ((low <= truth) & (truth <= high)).mean()
    assert coverage >= 0.9
    assert coverage <= 0.98 or not shared
    measured = (high - low).mean() / (2 * 1.96 * np.std(means))
    assert measured == pytest.approx(width, rel=0.12)


def drop_row(frame):
    return frame.drop(frame.index[5])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": drop_row}, "scores: no row for measure 'good', checkpoint 'b', task 'y'"),
        ({"ground_truth": drop_row}, "ground_truth: no row for checkpoint 'b', task 'y'"),
        ({"scores": lambda s: pd.concat([s, s.iloc[:1]])}, "scores: more than one row for measure"),
        ({"scores": lambda s: s.drop(columns="status")}, "scores: no column 'status'"),
        ({"scores": lambda s: s.assign(status="okay")}, "status 'okay' is none of"),
        ({"measures": lambda m: m[m["measure"] != "bad"]}, "'bad' is not among the measures"),
        ({"consensus": lambda c: ["good", "god"]}, "consensus: 'god' is not among"),
        ({"consensus": lambda c: []}, "consensus: name the measures"),
        ({"groups": lambda g: {"I": ["a", "z"]}}, "groups: I names 'z', which is no checkpoint"),
        ({"groups": lambda g: {"I": ["a", "a"]}}, "groups: I names a checkpoint twice"),
        ({"groups": lambda g: {"I": ["scratch"]}}, "groups: I holds no checkpoint to rank"),
        (
            {"scores": lambda s: s.replace({"measure": {"bad": "random"}})}
            | {"measures": lambda m: m[m["measure"] != "bad"]},
            "scores: 'random' is a baseline's name",
        ),
    ],
)
def test_faults_are_named(changes, message):
    arguments = make()
    for name, change in changes.items():
        arguments[name] = change(arguments[name])
    with pytest.raises(ValueError, match=message):
        evaluate(**arguments)


def test_unknown_reference():
    with pytest.raises(ValueError, match="reference: 'z' has no ground truth"):
        evaluate(**make(), reference="z")


def test_what_a_measure_alone_needs_is_shared_by_the_scores_on_a_task_that_name_it():
    rows = pd.DataFrame(
        {
            "task": ["x", "x", "y", "y"],
            "reference": ["net", "net", "net", ""],
            "reference_seconds": [6.0, 6.0, 8.0, np.nan],
        }
    )
    assert share_references(rows).tolist() == [3.0, 3.0, 8.0, 0.0]
    by_task = rows.set_index("task")
    assert share_references(by_task).tolist() == [3.0, 3.0, 8.0, 0.0]
