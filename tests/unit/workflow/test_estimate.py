import json

import pytest

from ckptrank.finetune import trial
from ckptrank.networks.defaults import BATCH_SIZE
from ckptrank.tasks.builtin import TASKS
from ckptrank.workflow.detector_costs import SECONDS, count_work
from ckptrank.workflow.estimate import (
    CPU_SPEED,
    FORK_SECONDS,
    GPU_SPEED,
    JOB_SECONDS,
    START_SECONDS,
    STEP_SECONDS,
    Plan,
    estimate,
    find_pace,
    format_estimate,
)
from ckptrank.workflow.known_sizes import BUILTIN_TASKS, USUAL_BUILTIN_GFLOPS

SWEEP = {
    "learning_rates": [0.01, 0.1],
    "learning_rates_per_job": 1,
    "steps_per_job": None,
    "steps": [100, 50],
    "schedule": "constant",
    "batch_size": 10,
    "repeats": 1,
}


def make_plan(**changes):
    plan = {
        "tasks": {"flowers": {"source": "torchvision", "name": "Flowers102"}},
        "checkpoints": {"a": {"source": "timm", "model": "resnet50.a1_in1k"}},
        "ranked": ["a"],
        "sweep": SWEEP,
        "measures": [("lfc", 1, 0), ("nleep", 2, 0), ("early_stopped_finetune", 2, 6)],
        "pretraining": {},
        "gpu": True,
        "jobs": {"extraction": 2, "fine-tuning": 3},
        "processes": 7,
    }
    return Plan(**plan | changes)


def test_the_arithmetic_of_one_pair_by_hand(tmp_path):
    found = estimate(make_plan(), tmp_path)
    forward = 8.2e9
    images = 2 * (100 * 10 * 3 + 2 * 6149) + (100 * 10 * 3 + 6149)
    tuning = images * forward / GPU_SPEED + 300 * STEP_SECONDS
    assert found.gpu_seconds["fine-tuning"] == pytest.approx(tuning)
    assert found.gpu_seconds["extraction"] == pytest.approx((2040 + 6149) * forward / GPU_SPEED)
    trained = 6 * 2040 * 3 * forward / GPU_SPEED + 6 * 204 * STEP_SECONDS
    assert found.gpu_seconds["measures that tune or differentiate"] == pytest.approx(trained)
    assert found.cpu_seconds["measures of features"] == pytest.approx(2040 * 3 * 3e-4)
    assert found.disk_gb["features"] == pytest.approx((2040 + 6149) * 3048 * 4 / 1e9)
    assert found.jobs == {"extraction": 2, "fine-tuning": 3}
    assert found.cpu_seconds["starting jobs"] == 5 * JOB_SECONDS


def test_with_decays_every_budget_is_a_run_of_its_own(tmp_path):
    found = estimate(make_plan(sweep=SWEEP | {"schedule": "step"}), tmp_path)
    images = 2 * ((50 + 100) * 10 * 3 + 2 * 6149) + (100 * 10 * 3 + 6149)
    tuning = images * 8.2e9 / GPU_SPEED + 400 * STEP_SECONDS
    assert found.gpu_seconds["fine-tuning"] == pytest.approx(tuning)


def test_a_recipe_of_epochs_is_a_run_per_rate(tmp_path):
    recipe = {"learning_rates": [0.1, 0.2], "epochs": 3, "batch_size": 64}
    tasks = {
        "few": {"source": "builtin", "name": "digits", "test": 50, "shots": 5},
        "all": {"source": "builtin", "name": "digits", "train": 200, "test": 50},
    }
    found = estimate(make_plan(sweep=recipe, tasks=tasks), tmp_path)
    steps = 2 * 3 * (1 + 4)  # of 50 images and of 200
    images = steps * 64 * 3 + 2 * 2 * 50
    tuning = images * 8.2e9 / GPU_SPEED + steps * STEP_SECONDS
    assert found.gpu_seconds["fine-tuning"] == pytest.approx(tuning)


@pytest.mark.parametrize(("gpu", "start"), [(False, FORK_SECONDS), (True, START_SECONDS)])
def test_a_workstation_starts_a_process_for_each_job(tmp_path, gpu, start):
    found = estimate(make_plan(gpu=gpu, local=True), tmp_path)
    assert found.cpu_seconds["starting jobs"] == pytest.approx(7 * start)


def test_without_a_gpu_all_hours_are_of_processors(tmp_path):
    with_gpu, without = (estimate(make_plan(gpu=gpu), tmp_path) for gpu in (True, False))
    assert without.gpu_seconds == {}
    ratio = without.cpu_seconds["extraction"] / with_gpu.gpu_seconds["extraction"]
    assert ratio == pytest.approx(GPU_SPEED / CPU_SPEED)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_what_earlier_runs_measured_counts_for_the_same_kind_of_device(tmp_path):
    run = {"accuracies": {"50": 0.1, "100": 0.2}, "seconds": 10.0}
    result = {
        "status": "ok",
        "device": "AMD EPYC",
        "checkpoint": "a",
        "task": "flowers",
        "runs": [run],
    }
    write(tmp_path / "results/finetune/flowers/a/0.1.json", result)
    score = {"status": "ok", "seconds": 2.04}
    write(
        tmp_path / "results/scores/lfc/flowers/a.json",
        {"task": "flowers", "scores": {"lfc": score}},
    )
    found = estimate(make_plan(gpu=False), tmp_path)
    # A step's own time is in the speed.
    repeat = 10.0 * (3000 + 6149) / (3000 + 2 * 6149)  # tested once, a run of the sweep twice
    assert found.cpu_seconds["fine-tuning"] == pytest.approx(20.0 + repeat)
    assert found.cpu_seconds["measures of features"] == pytest.approx(3 * 2.04)
    assert any("earlier fine-tuning" in note for note in found.notes)
    assert any("assumed" in note for note in estimate(make_plan(gpu=True), tmp_path).notes)


def test_a_faster_core_does_what_processors_do_in_less_time(tmp_path):
    for plan in (make_plan(gpu=False, local=True), make_detection(local=True)):
        usual, faster = (estimate(plan, tmp_path, pace).cpu_seconds for pace in (None, 2.0))
        assert {stage: 2 * seconds for stage, seconds in faster.items()} == pytest.approx(usual)
    text = format_estimate(estimate(make_plan(gpu=False), tmp_path, 2.0))
    assert "speed by a trial of half a second: 120 GFLOP/s per core" in text


def test_a_core_says_nothing_of_a_gpu_or_of_a_cluster_that_starts_jobs(tmp_path):
    usual, faster = (estimate(make_plan(), tmp_path, pace) for pace in (None, 2.0))
    assert faster.gpu_seconds == usual.gpu_seconds
    assert faster.cpu_seconds["starting jobs"] == usual.cpu_seconds["starting jobs"]
    assert "speed assumed, not measured: 30,000 GFLOP/s per GPU" in format_estimate(faster)


def test_the_pace_is_that_of_the_step_on_which_the_defaults_rest(monkeypatch):
    step = 3 * trial.BATCH * USUAL_BUILTIN_GFLOPS * 1e9 / CPU_SPEED + STEP_SECONDS
    monkeypatch.setattr(trial, "time_step", lambda: step / 3)
    assert find_pace() == pytest.approx(3)


def test_cards_that_are_there_replace_the_tables(tmp_path):
    card = {
        "status": "ok",
        "dimension": 64,
        "head_classes": 16,
        "forward_flops": 1e9,
        "parameters": 1e6,
        "preprocessing": {"size": 128},
    }
    write(tmp_path / "resources/checkpoints/a/card.json", card)
    facts = {"status": "ok", "train_samples": 100, "test_samples": 50, "classes": ["a"]}
    write(tmp_path / "resources/tasks/flowers/task.json", facts)
    found = estimate(make_plan(), tmp_path)
    assert found.gpu_seconds["extraction"] == pytest.approx(150 * 1e9 / GPU_SPEED)
    assert found.disk_gb["features"] == pytest.approx(150 * 80 * 4 / 1e9)
    assert found.disk_gb["weights"] == pytest.approx(0.004)


def test_the_text_names_every_total_and_what_it_rests_on(tmp_path):
    text = format_estimate(estimate(make_plan(), tmp_path))
    for words in ("GPU time", "CPU time", "Disk", "Slurm jobs", "assumed, not measured"):
        assert words in text


def test_pretraining_takes_the_batches_that_it_says_or_the_usual_ones(tmp_path):
    runs = {"usual": {"steps": 10}, "own": {"steps": 10, "batch_size": 3}}
    found = estimate(make_plan(pretraining=runs), tmp_path)
    arithmetic = 10 * (BATCH_SIZE + 3) * 3 * USUAL_BUILTIN_GFLOPS * 1e9 / GPU_SPEED
    assert found.gpu_seconds["pre-training"] == pytest.approx(arithmetic + 20 * STEP_SECONDS)


def test_built_in_networks_are_small_with_random_weights_too(tmp_path):
    checkpoints = {
        "own": {"source": "builtin", "run": "deep", "stage": 1.0},
        "scratch": {"source": "scratch", "architecture": "resnet_half"},
        "of-timm": {"source": "scratch", "library": "timm", "architecture": "resnet50"},
    }
    plan = make_plan(
        checkpoints=checkpoints,
        ranked=list(checkpoints),
        pretraining={"deep": {"steps": 10, "architecture": "resnet_deep"}},
    )
    found = estimate(plan, tmp_path)
    gflop = 0.0128 + 0.0015 + 8.2
    assert found.gpu_seconds["extraction"] == pytest.approx(8189 * gflop * 1e9 / GPU_SPEED)


def test_sizes_of_the_built_in_tasks_are_theirs():
    assert {
        name: (task.train, task.test, len(task.classes)) for name, task in TASKS.items()
    } == BUILTIN_TASKS


def test_images_of_another_size_and_thinner_networks_take_less(tmp_path):
    checkpoints = {
        "small": {"source": "timm", "model": "resnet50.a1_in1k", "preprocessing": {"size": 112}},
        "thin": {
            "source": "file",
            "architecture": "mobilenetv1_100",
            "arguments": {"channel_multiplier": 0.5},
        },
        "drawn": {"source": "builtin", "run": "deep", "size": 96},
    }
    plan = make_plan(
        checkpoints=checkpoints,
        ranked=list(checkpoints),
        pretraining={"deep": {"steps": 10, "architecture": "resnet_deep"}},
    )
    gflop = 8.2 / 4 + 1.2 / 4 + 9 * 0.0128
    found = estimate(plan, tmp_path).gpu_seconds["extraction"]
    assert found == pytest.approx(8189 * gflop * 1e9 / GPU_SPEED)


DETECTOR = {"head": "fcos", "strides": [8, 16], "channels": 32, "min_size": 96, "max_size": 96}


def make_detection(**changes):
    return make_plan(
        tasks={"scenes": {"source": "builtin", "name": "scenes", "train": 40, "test": 10}},
        checkpoints={"a": {"source": "builtin", "run": "r", "size": 32}},
        measures=[("lfc", 1, 0), ("nleep", 2, 0)],
        sweep=SWEEP | {"repeats": 0},
        gpu=False,
        detectors={"scenes": DETECTOR},
        views=["images", "objects"],
        **changes,
    )


def describe_detector():
    backbone = 9 * USUAL_BUILTIN_GFLOPS * 1e9
    return count_work(DETECTOR, (96, 96), backbone=backbone, dimension=128, classes=8)


def test_detectors_by_hand(tmp_path):
    found = estimate(make_detection(), tmp_path)
    work, (training, testing) = describe_detector(), SECONDS["fcos"]
    train = 200 * (10 * (3 * work.train_flops / CPU_SPEED + training) + STEP_SECONDS)
    test = 4 * 10 * (work.test_flops / CPU_SPEED + testing)
    seconds = found.cpu_seconds
    assert seconds["fine-tuning"] == pytest.approx(train + test)
    forward = USUAL_BUILTIN_GFLOPS * 1e9 / CPU_SPEED
    assert seconds["extraction"] == pytest.approx(50 * forward)
    assert seconds["extraction of objects"] == pytest.approx(50 * 9 * forward)
    samples = 40 + 3 * 40  # an image has three objects, until they are counted
    assert seconds["measures of features"] == pytest.approx(samples * 3 * 1.125e-4)
    text = format_estimate(found)
    assert "scenes: 1 detector, each 200 steps of 10 images at 3 passes and 4 x 10 test" in text
    assert f"trained: {work.train_flops / 1e9:.3g} to" in text


def test_detectors_that_are_stopped_early_are_counted(tmp_path):
    plan = make_detection()
    before = estimate(plan, tmp_path)
    plan.measures = [*plan.measures, ("early_stopped_finetune", 2, 5)]
    found = estimate(plan, tmp_path)
    work, (training, _) = describe_detector(), SECONDS["fcos"]
    step = 10 * (3 * work.train_flops / CPU_SPEED + training) + STEP_SECONDS
    early = found.cpu_seconds["measures that tune or differentiate"]
    assert early == pytest.approx(5 * 4 * step)  # 40 images by tens
    assert found.cpu_seconds["measures of features"] == before.cpu_seconds["measures of features"]
    # What earlier detectors took tells of these too.
    run = {"accuracies": {"50": 0.1, "100": 0.2}, "seconds": 10.0}
    said = {"status": "ok", "device": "AMD EPYC", "checkpoint": "a", "task": "scenes"}
    write(tmp_path / "results/detection/finetune/scenes/a/0.1.json", {**said, "runs": [run]})
    measured = estimate(plan, tmp_path).cpu_seconds
    share = 3 * 200 * work.train_flops / (2 * 3 * 1000 * work.train_flops + 40 * work.test_flops)
    assert measured["measures that tune or differentiate"] == pytest.approx(20 * share)


def test_of_one_view_the_other_is_not_made(tmp_path):
    plan = make_detection()
    plan.views = ["objects"]
    found = estimate(plan, tmp_path)
    assert "extraction" not in found.cpu_seconds
    assert found.cpu_seconds["measures of features"] == pytest.approx(120 * 3 * 1.125e-4)


def test_what_earlier_runs_of_detectors_measured(tmp_path):
    run = {"accuracies": {"50": 0.1, "100": 0.2}, "seconds": 10.0}
    said = {"status": "ok", "device": "AMD EPYC", "checkpoint": "a", "task": "scenes"}
    write(tmp_path / "results/detection/finetune/scenes/a/0.1.json", {**said, "runs": [run]})
    write(tmp_path / "results/finetune/scenes/a/0.1.json", {**said, "runs": [run | {"seconds": 9}]})
    scores = {"lfc": {"status": "ok", "seconds": 0.4}}
    for view, seconds in (("images", 0.4), ("objects", 1.2)):
        scores = {"lfc": {"status": "ok", "seconds": seconds}}
        write(
            tmp_path / f"results/detection/scores/{view}/lfc/scenes.json",
            {"task": "scenes", "pairs": [{"checkpoint": "a", "scores": scores}]},
        )
    found = estimate(make_detection(), tmp_path)
    assert found.cpu_seconds["fine-tuning"] == pytest.approx(20.0)
    assert found.cpu_seconds["measures of features"] == pytest.approx(3 * 1.6)
    assert found.cpu_seconds["extraction"] == pytest.approx(
        50 * USUAL_BUILTIN_GFLOPS * 1e9 / CPU_SPEED
    )


@pytest.mark.parametrize(
    ("definition", "images", "gigabytes"),
    [
        ({"source": "voc", "train": ["VOC2007/trainval", "VOC2012/trainval"],
          "test": "VOC2007/test"}, 5011 + 11540 + 4952, 3.0),
        ({"source": "cityscapes"}, 3475, 0),
        ({"source": "coco"}, 3000, 0),
    ],
)  # fmt: skip
def test_sizes_of_sets_with_boxes(tmp_path, definition, images, gigabytes):
    plan = make_detection()
    plan.tasks = {"scenes": definition}
    found = estimate(plan, tmp_path)
    forward = USUAL_BUILTIN_GFLOPS * 1e9 / CPU_SPEED
    assert found.cpu_seconds["extraction"] == pytest.approx(images * forward)
    assert found.disk_gb["data sets"] == pytest.approx(gigabytes)
