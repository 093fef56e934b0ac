"""What every rule tells a cluster, read from the rules' text."""

import re

import pytest
import yaml
from tests.support.workspaces import ROOT

from ckptrank.workflow.resources import share_cores

# Rules that hold a script or shell command, and their text: file:line -> body.
RULES = {
    f"{file.name}:{text[: match.start()].count(chr(10)) + 1}": match[0]
    for file in sorted((ROOT / "rules").glob("*.smk"))
    for text in [file.read_text(encoding="utf-8")]
    for match in re.finditer(
        r"^( *)(?:rule|checkpoint)\b[^\n]*:\n(?:(?:\1 +[^\n]*)?\n)+", text, re.M
    )
    if re.search(r"^ *(script|shell|run):", match[0], re.M)
}
PROFILES = {
    name: yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())
    for name in ("default", "slurm")
}


def test_the_rules_are_found():
    scripts = sum(path.read_text().count("script:") for path in (ROOT / "rules").glob("*.smk"))
    assert len(RULES) == scripts > 20


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_states_what_its_jobs_need(rule):
    for word in ("mem_mb=", "runtime=", "log:", "conda:"):
        assert word in RULES[rule], f"{rule} states no {word}"


@pytest.mark.parametrize("rule", RULES)
def test_a_gpu_is_asked_for_only_where_the_config_does_and_never_two(rule):
    asked = re.findall(r"\bgpu=([\w.]+)", RULES[rule])
    assert set(asked) <= {"resources.gpus"}
    assert len(re.findall(r"\bgpu_model=resources\.gpu_model", RULES[rule])) == len(asked) <= 1
    uses_device = re.search(r"\bdevice=|\*\*get_score_params\(", RULES[rule])
    assert bool(uses_device) == bool(asked), f"{rule}: device and gpu go together"


# What takes long enough to be a job of a cluster by itself.
LONG_OF_DETECTION = ["finetune_detector", "score_detector"]


def test_short_jobs_of_detection_travel_together():
    """Their number is that of checkpoints times measures; the dry run of a preset shows what the groups become."""
    text = (ROOT / "rules/detection.smk").read_text(encoding="utf-8")
    named = r"^( *)rule\b *(\w*):\n((?:(?:\1 +[^\n]*)?\n)+)"
    bodies = {match[2]: match[3] for match in re.finditer(named, text, re.M)}
    assert len(bodies) == text.count("output:")
    assert [name for name, body in bodies.items() if "group:" not in body] == LONG_OF_DETECTION


def test_a_detector_that_is_only_selected_asks_for_no_gpu_and_goes_with_the_tables():
    (rule,) = (body for body in RULES.values() if body.lstrip().startswith("rule select_detector"))
    for words in ("gpus(detection.trains_repeats)", "gpu_model(detection.trains_repeats)"):
        assert words in rule
    assert 'None if detection.trains_repeats else "report"' in rule


def test_the_default_profile_overrides_nothing_of_the_cluster():
    assert PROFILES["default"].keys().isdisjoint(PROFILES["slurm"])
    assert PROFILES["slurm"]["executor"] == "slurm"


def test_the_profile_is_found_by_its_name_right_after_a_clone():
    assert (ROOT / "slurm").is_symlink()
    assert (ROOT / "slurm" / "config.yaml").samefile(ROOT / "profiles/slurm/config.yaml")


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (8, 2), (64, 4), (None, 4)])
def test_no_job_takes_all_cores_of_a_machine(cores, threads):
    assert share_cores(4, cores) == threads


@pytest.mark.parametrize("rule", RULES)
def test_threads_are_shared_by_the_machine_that_runs_the_job(rule):
    """A number here was a job that waited for all cores of a small machine, which one fine-tuning run kept idle."""
    assert set(re.findall(r"\bthreads: *(\S+)", RULES[rule])) <= {"get_decoding_threads"}
