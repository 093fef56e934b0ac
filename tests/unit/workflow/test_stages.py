"""Every job's time is shown on the page of each chapter that it is made for, and on no other."""

import re

import pytest
from tests.support.workspaces import ROOT

from ckptrank.measures.registry import METHODS
from ckptrank.workflow.stages import CHAPTERS, find_stage, name_stage, select_costs

# What is no part of a run, and the rule from which those of the pages are made.
UNSHOWN = {"estimate.log", "report/page.log"}


def list_logs():
    """The logs of all rules, below the folder of logs, with a registered method for the job's name."""
    text = "\n".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    logs = re.findall(r'log:\s+f?"<logs>/(.+)",', text)
    return [log.replace("{job.name}", "leep").replace("{view}", "images") for log in logs]


def test_every_rule_belongs_to_a_chapter():
    logs = [log for log in list_logs() if log not in UNSHOWN]
    assert len(logs) > 25
    assert [log for log in logs if not any(find_stage(log, chapter) for chapter in CHAPTERS)] == []


@pytest.mark.parametrize(
    ("log", "chapters"),
    [
        ("tasks/digits.log", ["benchmark", "rank", "model_zoo", "detection"]),
        ("finetune/sweep/digits/net/0.1.log", ["benchmark", "rank", "model_zoo"]),
        ("scores/lfc/digits/net.log", ["benchmark"]),
        ("rank/scores/lfc/all/digits/net.log", ["rank"]),
        ("model_zoo/scores/lfc/25/batch_0.log", ["model_zoo"]),
        ("features/extract_batch/batch_0/net.log", ["model_zoo"]),
        ("finetune/recipes/model_zoo/digits/net.log", ["model_zoo"]),
        ("model_zoo/evaluation/collect.log", ["model_zoo"]),
        ("evaluation/collect.log", ["benchmark"]),
        ("report/rank/digits.log", ["rank"]),
        ("detection/scores/objects/lfc/scenes.log", ["detection"]),
        ("detection/early_stopped/scenes/net.log", ["detection"]),
        ("detection/finetune/scenes/net/0.1.log", ["rank", "detection"]),
        ("tasks.log", []),
        ("unheard/of.log", []),
    ],
)
def test_a_job_counts_for_the_chapters_that_are_made_from_it(log, chapters):
    assert [chapter for chapter in CHAPTERS if find_stage(log, chapter)] == chapters


def test_every_method_has_a_stage_in_every_chapter_that_scores():
    for method, entry in METHODS.items():
        for place, chapter in (("", "benchmark"), ("rank/", "rank"), ("model_zoo/", "model_zoo")):
            log = f"{place}scores/{method}/digits/net.log"
            assert find_stage(log, chapter) == f"Score: {entry.title}"
        log = f"detection/scores/images/{method}/scenes.log"
        assert find_stage(log, "detection") == f"Score: {entry.title}"
    assert find_stage("scores/nleep_grid/digits/net.log", "benchmark") == "Score: N-LEEP's grid"


def test_progress_names_the_stage_of_any_chapter_wherever_the_logs_lie():
    assert name_stage("logs/finetune/sweep/digits/net/0.1.log") == "Fine-tuning sweep"
    assert (
        name_stage("ranking/logs/finetune/recipes/r/digits/net.log") == "Fine-tuning by the recipe"
    )
    assert name_stage("rank/logs/rank/order/digits.log") == "Ranking"
    assert name_stage("logs/unheard/of.log") is None


def test_costs_come_in_the_order_of_their_stages():
    logs = ("scores/leep/a/b.log", "builtin/pretrain/x.log", "rank/scores/leep/all/a/b.log")
    found = select_costs([{"log": log} for log in logs], "benchmark")
    assert [cost["stage"] for cost in found] == ["Pre-training", "Score: LEEP"]
