"""What a run is made of: members, jobs and the files that they read, worked out from small configs."""

import math

import pytest
from tests.support.configs import DEFAULTS, load

from ckptrank.measures.registry import METHODS
from ckptrank.tasks.builtin import TASKS as BUILTIN_TASKS
from ckptrank.workflow import paths
from ckptrank.workflow.config import complete_config
from ckptrank.workflow.plan import Plan, ScoreJob, constrain, list_score_jobs
from ckptrank.workflow.sweep import SweepJob


def make_plan(preset="presets/smoke.yaml", **changes):
    return Plan(complete_config(load(preset) | changes, DEFAULTS, None))


GROUPS = {
    "one": {"checkpoints": ["letters-30", "shapes-30"], "unranked": ["from-scratch"]},
    "two": {"checkpoints": ["shapes-30", "textures-30"], "unranked": ["from-scratch"]},
    "both": {"union": ["one", "two"]},
}


def make_grouped(*groups):
    select = load("config.yaml")["select"] | {"groups": list(groups)}
    return make_plan("config.yaml", groups=GROUPS, select=select, nleep_grid={"groups": []})


def test_a_union_has_the_members_of_its_parts_once():
    plan = make_grouped("both")
    assert plan.members("both") == ["letters-30", "shapes-30", "textures-30"]
    assert plan.members("both", "unranked") == ["from-scratch"]
    assert plan.ranked(["two", "one"]) == ["shapes-30", "textures-30", "letters-30"]


def test_what_is_tuned_is_what_is_ranked_and_what_it_is_compared_with():
    plan = make_grouped("two", "one")
    assert plan.ranked() == ["shapes-30", "textures-30", "letters-30"]
    assert plan.tuned == ["shapes-30", "textures-30", "letters-30", "from-scratch"]
    assert plan.main_group == "one"


def test_the_paper_stands_beside_what_the_groups_call_comparable():
    assert make_plan().published_beside("smoke") is None
    plan = make_plan("presets/neucrab.yaml")
    found = plan.published_beside("I+II+III")
    assert (found["paper"], [*found["comparable"]]) == ("neucrab", ["I", "II", "III"])
    assert found["comparable"]["I"]["Rotation"] == "Rotation"
    assert found["comparable"]["I"]["CLIP"] is None
    assert found["comparable"]["I"]["From-Scratch"] == "From-Scratch"
    assert plan.published_beside("III")["comparable"]["III"]["ResNet-v1-101"] == "ResNet-v1-101"


def test_the_full_benchmark_has_the_papers_groups():
    plan = make_plan("presets/builtin_full.yaml")
    sizes = {group: len(plan.members(group)) for group in plan.groups}
    assert sizes == {"I": 16, "II": 12, "III": 13, "IV": 12, "I+II+III": 37}
    assert len(plan.ranked()) == 48
    assert plan.members("IV", "unranked") == ["deep-from-scratch"]


def test_the_default_run_has_six_and_more_of_each_group():
    plan = make_plan("config.yaml")
    assert all(len(plan.members(group)) >= 6 for group in ("I", "II", "III"))
    assert len(plan.ranked()) >= 18


@pytest.mark.parametrize(
    ("size", "jobs"),
    [
        (1, {"0.05": [0.05], "0.2": [0.2]}),
        (2, {"0.05_0.2": [0.05, 0.2]}),
        (5, {"0.05_0.2": [0.05, 0.2]}),
    ],
)
def test_a_job_of_the_sweep_runs_so_many_learning_rates(size, jobs):
    sweep = load("presets/smoke.yaml")["finetune"] | {"learning_rates_per_job": size}
    plan = make_plan(finetune=sweep)
    assert plan.sweep == {name: SweepJob(rates, [5, 10]) for name, rates in jobs.items()}
    assert plan.whole_sweep == ("0.05_0.2" if size > 1 else None)
    names = [f"<results>/finetune/t/c/{name}.json" for name in jobs]
    assert plan.sweep_files("t", "c") == names


def test_with_decays_each_budget_has_jobs_of_its_own():
    sweep = load("presets/smoke.yaml")["finetune"] | {"schedule": "step", "repeats": 3}
    plan = make_plan(finetune=sweep)
    assert plan.sweep == {
        "0.05-5": SweepJob([0.05], [5]),
        "0.2-5": SweepJob([0.2], [5]),
        "0.05-10": SweepJob([0.05], [10]),
        "0.2-10": SweepJob([0.2], [10]),
    }
    settings = plan.settings_of_sweep("0.2-5")
    assert (settings["steps"], settings["decay_at"], settings["decay"]) == (
        [5],
        [0.3, 0.6, 0.9],
        0.1,
    )
    assert plan.repeated_steps == 30


def test_learning_rates_share_jobs_of_no_more_steps_than_the_longest_run_has():
    plan = make_plan("presets/neucrab.yaml")
    sizes = [(job.steps, len(job.learning_rates)) for job in plan.sweep.values()]
    assert sizes == (
        [([2500], 8), ([5000], 8)]
        + 2 * [([10000], 4)]
        + 4 * [([15000], 2)]
        + 4 * [([20000], 2)]
        + 8 * [([40000], 1)]
    )
    assert max(job.trained_steps for job in plan.sweep.values()) == 40000
    finetune = load("presets/neucrab.yaml")["finetune"]
    constant = make_plan("presets/neucrab.yaml", finetune=finetune | {"schedule": "constant"})
    assert [job.steps for job in constant.sweep.values()] == 8 * [finetune["steps"]]
    short = make_plan("presets/neucrab.yaml", finetune=finetune | {"steps": [1000]})
    assert short.whole_sweep
    for limit in (39999, 1):
        alone = make_plan("presets/neucrab.yaml", finetune=finetune | {"steps_per_job": limit})
        assert [len(job.learning_rates) for job in alone.sweep.values()][-8:] == [1] * 8


def test_weights_are_kept_on_demand_and_change_no_run():
    sweep = load("presets/smoke.yaml")["finetune"] | {"learning_rates": [0.1, 0.2], "repeats": 0}
    for per_job, again in ((1, max(sweep["steps"])), (2, 0)):
        sweep["learning_rates_per_job"] = per_job
        usual, keeping = (
            make_plan(finetune=sweep | more) for more in ({}, {"keep_weights": "best"})
        )
        assert usual.kept_weights == {}
        assert keeping.kept_weights == {"weights": paths.TUNED_WEIGHTS}
        assert usual.sweep_settings == keeping.sweep_settings
        assert usual.weights_beside(["a.b.json"]) == []
        assert keeping.weights_beside(["a.b.json"]) == ["a.b.safetensors"]
        assert (usual.repeated_steps, keeping.repeated_steps) == (0, again)
        assert (usual.trains_best, keeping.trains_best) == (False, again > 0)


def test_a_run_is_needed_by_what_starts_from_it():
    plan = make_plan("presets/zoo_smoke.yaml")
    assert list(plan.runs_of(["smoke-none"])) == []
    assert list(plan.runs_of(["smoke-big-letters"])) == ["smoke-big", "smoke-big-letters"]


def test_runs_are_told_to_compile_only_where_they_are_to():
    sweep = load("presets/smoke.yaml")["finetune"]
    usual, compiled = (make_plan(finetune=sweep | {"compile": each}) for each in (False, True))
    assert "compile" not in usual.sweep_settings
    assert compiled.sweep_settings == usual.sweep_settings | {"compile": True}
    assert compiled.settings_of_sweep("0.05")["compile"]


def test_the_decays_matter_only_where_there_are_some():
    sweep = load("presets/smoke.yaml")["finetune"]
    one, other = (make_plan(finetune=sweep | {"decay": decay}) for decay in (0.1, 0.5))
    assert one.sweep_settings == other.sweep_settings == one.settings_of_sweep("0.05")
    one, other = (
        make_plan(finetune=sweep | {"schedule": "step", "decay": decay}) for decay in (0.1, 0.5)
    )
    assert one.sweep_settings != other.sweep_settings


def test_a_job_counts_the_steps_and_tests_of_all_its_runs():
    job = SweepJob([0.1, 0.2, 0.4], [30, 10])
    assert (job.trained_steps, job.tests) == (90, 6)


@pytest.mark.parametrize(
    ("preset", "epochs"),
    [("presets/all_measures.yaml", [1]), ("presets/builtin_full.yaml", [1, 5])],
)
def test_early_stopping_is_shorter_than_the_shortest_budget(preset, epochs):
    config = make_plan(preset).config
    sweep, measures = config["finetune"], config["measures"]
    early = [measures[name] for name in config["select"]["measures"] if name != "consensus"]
    early = [each["params"] for each in early if each["method"] == "early_stopped_finetune"]
    assert [params["epochs"] for params in early] == epochs
    for params in early:
        assert params["learning_rate"] in sweep["learning_rates"]
        batch_size = params.get("batch_size", 32)
        assert batch_size == sweep["batch_size"]
        for task in config["select"]["tasks"]:
            definition = config["tasks"][task]
            train = definition.get("train", BUILTIN_TASKS[definition["name"]].train)
            steps = params["epochs"] * math.ceil(train / batch_size)
            assert steps <= min(sweep["steps"]) * (1 / 3 if params["epochs"] == 1 else 2 / 3)


def test_one_job_per_method_scores_all_its_measures():
    config = {
        "measures": {
            "a": {"method": "linear_probe", "params": {"epochs": 1}},
            "b": {"method": "lfc"},
            "c": {"method": "linear_probe"},
        }
    }
    assert list_score_jobs(config, ["a", "consensus", "b", "c"]) == [
        ScoreJob("linear_probe", "linear_probe", {"a": {"epochs": 1}, "c": {}}),
        ScoreJob("lfc", "lfc", {"b": {}}),
    ]


def test_the_order_of_rank_is_judged_where_it_is_selected():
    select = load("presets/smoke.yaml")["select"]
    plan = make_plan(select=select | {"measures": [*select["measures"], "ranking"]})
    assert "ranking" in plan.pooled
    assert plan.ordered_tasks == plan.tasks
    assert all("ranking" not in job.measures for job in plan.measure_jobs)
    assert make_plan().ordered_tasks == []


def test_measures_of_one_method_that_score_other_samples_share_its_job():
    (job,) = list_score_jobs(load("config.yaml"), ["nleep", "nleep_test"])
    assert job.name == "nleep"
    assert set(job.measures) == {"nleep", "nleep_test"}
    assert job.params["evals"] == {"nleep_test": "test"}
    rows = make_plan().measure_table([job])
    assert [(row["measure"], row["eval"]) for row in rows] == [
        ("nleep", None),
        ("nleep_test", "test"),
    ]


def test_the_grid_is_a_job_of_its_own_of_every_pair_of_parameters():
    (job,) = make_plan().grid_jobs
    assert (job.name, job.method, len(job.measures)) == ("nleep_grid", "nleep", 4)
    assert job.measures["nleep-0.5-2"] == {"pca_energy": 0.5, "components_per_class": 2}
    assert make_plan(nleep_grid={"groups": []}).grid_jobs == []


def test_what_works_on_a_network_says_so():
    for name, method in METHODS.items():
        job = ScoreJob(name, name, {})
        assert job.runs_network == ("network" in method.inputs) == (job.kind == "network")
        assert job.stack == ("torch" if job.runs_network else "measures")
        assert (job.minutes == 240) == job.runs_network


PAIR = {"task": "smoke-digits", "checkpoint": "smoke-letters"}
OWN = "<results>/features/smoke-digits/smoke-letters.h5"


@pytest.mark.parametrize(
    ("method", "files"),
    [
        ("lfc", {"features": OWN}),
        ("rsa", {"features": OWN, "reference": "<results>/references/smoke-digits.h5"}),
        (
            "lgc",
            {
                "checkpoint": "<resources>/checkpoints/smoke-letters",
                "task": "<resources>/tasks/smoke-digits",
            },
        ),
        (
            "domain_similarity",
            {
                "features": "<results>/features/smoke-digits/smoke-shapes-100.h5",
                "source": "<results>/features/letters/smoke-shapes-100.h5",
            },
        ),
    ],
)
def test_what_a_method_reads_of_a_pair(method, files):
    assert make_plan().score_inputs(method, **PAIR) == files


def test_domain_similarity_looks_through_each_checkpoint_itself_unless_one_is_named():
    plan = make_plan()
    plan.config["references"]["domain_similarity"]["checkpoint"] = None
    assert plan.score_inputs("domain_similarity", **PAIR) == {
        "features": OWN,
        "source": "<results>/features/letters/smoke-letters.h5",
    }


def test_every_method_reads_something():
    plan = make_plan()
    for method in METHODS:
        assert plan.score_inputs(method, **PAIR)


def test_a_checkpoint_of_unknown_origin_has_no_source_to_compare_with():
    plan = make_plan()
    plan.config["checkpoints"]["mine"] = {"source": "file", "weights": "x.pth"}
    assert plan.source_task("mine") is None
    files = plan.score_inputs("domain_similarity", "smoke-digits", "mine")
    assert set(files) == {"features"}
    plan.config["checkpoints"]["mine"]["source_task"] = "letters"
    assert plan.source_task("mine") == "letters"


def test_features_may_be_those_of_a_sample():
    pattern = paths.SAMPLE_FEATURES.replace("{samples}", "5")
    files = make_plan().score_inputs("lfc", **PAIR, features=pattern)
    assert files == {"features": "<results>/rank/features/5/smoke-digits/smoke-letters.h5"}


def test_scores_of_networks_do_not_travel_with_a_pair():
    plan = make_plan()
    files = plan.scores_of_pair("smoke-digits", "smoke-letters")
    assert "<results>/scores/lfc/smoke-digits/smoke-letters.json" in files
    assert "<results>/scores/nleep_grid/smoke-digits/smoke-letters.json" in files
    assert not [file for file in files if "/lgc/" in file or "finetune" in file]
    assert not [f for f in plan.scores_of_pair("smoke-digits", "gan") if "grid" in f]


def test_a_run_starts_from_what_its_config_names():
    plan = make_plan("presets/zoo_smoke.yaml")
    assert plan.run_inputs("smoke-big-letters") == {
        "data": "<resources>/sources/letters",
        "start": "<resources>/pretrained/smoke-big",
    }
    assert plan.run_inputs("smoke-big") == {"data": "<resources>/sources/mixture"}
    assert {"smoke-bn", "smoke-both"} <= set(plan.runs("sharing"))
    assert set(plan.runs("sharing")).isdisjoint(plan.runs("data"))
    assert plan.run_of("smoke-bn-letters") == "<resources>/pretrained/smoke-bn"
    assert plan.run_of("smoke-none") == []


def test_tables_list_measures_in_the_order_asked_for():
    plan = make_plan()
    rows = plan.measure_table(plan.measure_jobs, ["lfc", "consensus", "knn"])
    assert [row["measure"] for row in rows][:2] == ["lfc", "knn"]
    assert len({row["measure"] for row in rows}) == len(rows) == 15
    assert plan.pooled[0] == "consensus"
    assert plan.table_rows[-2:] == ["leave_one_task_out", "ceiling"]


def test_kinds_of_task_are_those_with_selected_tasks():
    select = load("config.yaml")["select"] | {"tasks": ["tissue", "digits", "defects"]}
    plan = make_plan("config.yaml", select=select)
    assert plan.families == {"characters": ["digits"], "textures": ["tissue", "defects"]}
    plan.config["select"]["tasks"] = ["digits"]
    assert plan.families == {}, "there is nothing to tell apart"


def test_titles_fall_back_on_names():
    plan = make_plan()
    assert plan.task_title("smoke-digits") == "Digits (small)"
    assert plan.measure_title("leave_one_task_out") == "Leave one task out"
    del plan.config["measures"]["lfc"]["title"]
    assert plan.measure_title("lfc") == METHODS["lfc"].title


def test_names_in_a_constraint_stand_for_themselves():
    assert constrain(["b+c", "a.b"]) == r"a\.b|b\+c"
    assert constrain([]) == "(?!)"


@pytest.mark.parametrize(
    ("task", "checkpoint", "needed"),
    [
        ({"source": "builtin"}, {"source": "builtin"}, False),
        ({"source": "builtin"}, {"source": "scratch", "architecture": "resnet"}, False),
        ({"source": "builtin"}, {"source": "scratch", "library": "timm"}, True),
        ({"source": "builtin"}, {"source": "builtin", "preprocessing": {"size": 16}}, True),
        ({"source": "builtin"}, {"source": "timm"}, True),
        ({"source": "folder"}, {"source": "builtin"}, True),
    ],
)
def test_images_are_decoded_where_they_may_not_have_the_networks_size(task, checkpoint, needed):
    plan = Plan({"tasks": {"t": task}, "checkpoints": {"c": checkpoint}})
    assert plan.needs_images("t", "c") is needed
    assert plan.images([("t", "c")]) == ["<resources>/images/t/c/both"] * needed
    files = plan.score_inputs("lgc", "t", "c")
    assert files.get("images") == ("<resources>/images/t/c/both" if needed else None)


def test_features_of_training_images_are_taken_over_where_the_run_ranks_by_them():
    config = complete_config(load("presets/smoke.yaml"), DEFAULTS, None)
    task, checkpoint = config["select"]["tasks"][0], Plan(config).ranked()[0]
    assert Plan(config).known_features(task, checkpoint) == []
    config["select"]["measures"].append("ranking")
    known = [f"<results>/training_features/{task}/{checkpoint}.h5"]
    assert Plan(config).known_features(task, checkpoint) == known
    assert Plan(config).known_features("another", checkpoint) == []
