"""The jobs that an estimate states are those that Snakemake plans, on one machine and on a cluster."""

import re

import pytest
import yaml
from tests.support.configs import DEFAULTS, load, merge
from tests.support.workspaces import make_workspace, planned_jobs

from ckptrank.model_zoo.config import add_few_shot_tasks
from ckptrank.workflow.config import complete_config
from ckptrank.workflow.detection_plan import DetectionPlan
from ckptrank.workflow.job_counts import count_jobs
from ckptrank.workflow.model_zoo_plan import ModelZooPlan
from ckptrank.workflow.plan import Plan

pytestmark = pytest.mark.workflow
BENCHMARKS = {"all": lambda plan: plan, "model_zoo": ModelZooPlan, "detection": DetectionPlan}
# What an estimate counts with the pages, and what runs nothing.
APART = re.compile(r"collect|evaluate|judge|render|gather|(all|model_zoo|detection)$")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return make_workspace(tmp_path_factory.mktemp("counts") / "fresh copy")


def plan_cluster(fresh, target, preset, changes):
    """Return what a dry run on a cluster says of a preset with changes."""
    path = fresh.folder / "changes.yaml"
    path.write_text(yaml.safe_dump(changes))
    cluster = ("--dry-run", "--executor", "slurm", "--jobs", "9")
    return fresh.run(target, *cluster, "--configfile", preset, path.name, preset=None)


@pytest.mark.parametrize("device", ["auto", "cuda"])
@pytest.mark.parametrize(
    ("target", "preset", "finetune"),
    [
        ("all", "config.yaml", {}),
        ("all", "presets/smoke.yaml", {}),
        ("all", "presets/smoke.yaml", {"repeats": 0, "schedule": "step"}),
        ("all", "presets/my_images.yaml", {}),
        ("model_zoo", "presets/zoo_smoke.yaml", {}),
        ("detection", "presets/detect_demo.yaml", {}),
    ],
)
def test_an_estimate_counts_what_is_planned(fresh, target, preset, finetune, device):
    changes = {"finetune": finetune, "compute": {"device": device}}
    said = plan_cluster(fresh, target, preset, changes)
    config = complete_config(merge(load(preset), changes), DEFAULTS, None)
    add_few_shot_tasks(config)
    counted = count_jobs(BENCHMARKS[target](Plan(config)), on_gpu=device == "cuda")
    # Inside a group the lines of a job are indented. The target itself is none.
    alone = re.findall(r"^(?:rule|checkpoint) (?!all:|model_zoo:|detection:)\w+:", said, re.M)
    assert sum(counted.jobs.values()) == len(alone) + said.count("Group job ")
    jobs = planned_jobs(said)
    assert counted.processes == sum(n for rule, n in jobs.items() if not APART.match(rule))


@pytest.mark.parametrize("repeats", [0, 1])
def test_a_best_setting_that_is_only_selected_asks_for_no_gpu_and_goes_with_the_tables(
    fresh, repeats
):
    changes = {"finetune": {"repeats": repeats}, "compute": {"device": "cuda"}}
    said = plan_cluster(fresh, "all", "presets/smoke.yaml", changes)
    asked = re.findall(r"^( *)rule select_best:\n(?:.+\n)*? +resources: .*\bgpu=(\d)", said, re.M)
    assert asked == [("", "1") if repeats else (" " * 4, "0")] * 10
