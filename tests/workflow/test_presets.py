"""Every preset can be planned from nothing, without computing anything."""

import re
from collections import Counter

import pytest
from tests.support.workspaces import ROOT, make_workspace, planned_jobs

pytestmark = pytest.mark.workflow

# Two tasks of the large ones show every stage too, in a part of the time.
TWO_TASKS = {
    "builtin_full.yaml": ("--config", "select={tasks: [objects, defects]}"),
    "neucrab.yaml": ("--config", "select={tasks: [caltech101, sun397]}"),
}
PRESETS = sorted(path.name for path in (ROOT / "presets").glob("*.yaml"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return make_workspace(tmp_path_factory.mktemp("presets") / "fresh copy")


@pytest.mark.parametrize("preset", [None, *PRESETS])
def test_a_dry_run_plans_every_stage(fresh, preset):
    output = fresh.run("--dry-run", *TWO_TASKS.get(preset, ()), preset=preset)
    for rule in ("prepare_task", "extract_features", "score_nleep", "render_landing"):
        assert f"\n{rule} " in output, rule
    assert ("\nfinetune " in output) != ("\nfinetune_whole " in output)
    assert not (fresh.folder / "results").exists()


@pytest.mark.parametrize("preset", ["zoo_demo.yaml", "zoo_smoke.yaml", "model_zoo.yaml"])
def test_a_dry_run_plans_the_second_benchmark(fresh, preset):
    output = fresh.run("model_zoo", "--dry-run", "--quiet", "rules", preset=preset)
    for rule in ("prepare_task", "extract_", "tune", "score_experts_lfc", "collect_model"):
        assert f"\n{rule}" in output, rule
    assert "\nfinetune" not in output


DETECTION = {"detect_demo.yaml": (13, 26), "real_detection.yaml": (11, 22), "neucrab_detection.yaml": (10, 30)}  # fmt: skip


@pytest.mark.parametrize("preset", DETECTION)
def test_a_dry_run_plans_the_detectors(fresh, preset):
    jobs = planned_jobs(fresh.run("detection", "--dry-run", "--quiet", "rules", preset=preset))
    pairs, sweeps = DETECTION[preset]
    assert (jobs["select_detector"], jobs["finetune_detector"]) == (pairs, sweeps)
    for rule in ("prepare_task", "extract_features", "extract_objects", "collect_detection"):
        assert jobs[rule], rule
    assert {"finetune", "finetune_whole", "select_best"}.isdisjoint(jobs)


JOBS = ("linear_probe", "leep", "nleep", "lfc", "logme", "h_score", "knn")


def list_groups(fresh, *arguments):
    """Return how many Slurm jobs are made of each set of rules."""
    output = fresh.run(
        *("detection", "--dry-run", "--executor", "slurm", "--jobs", "9", *arguments),
        preset="detect_demo.yaml",
    )
    parts = re.split(r"\n\[[^]]+\] Group job \S+ \(jobs in lexicogr\. order\):", output)
    return Counter(frozenset(re.findall(r"^ {4}rule (\w+):", body, re.M)) for body in parts[1:])


@pytest.mark.parametrize("gpus", [False, True])
def test_the_short_jobs_of_detection_are_few_jobs_of_a_cluster(fresh, gpus):
    groups = list_groups(fresh, *(("--config", "compute={device: cuda}") if gpus else ()))
    views = {"fit_images", "extract_features", "extract_objects", "gather_views"}
    assert groups[frozenset(views)] == (0 if gpus else 12)
    scores = frozenset(f"score_{view}_{job}" for view in ("images", "objects") for job in JOBS)
    assert groups[scores | {"gather_detection_scores"}] == 1
    pages = {"render_detection", "render_detection_provenance"}
    assert groups[frozenset({"select_detector", "collect_detection", *pages})] == 1
