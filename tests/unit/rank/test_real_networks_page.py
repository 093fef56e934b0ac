"""docs/real_networks.md: what each way of choosing gives up is worked out from the pairs, and its text says no more."""

import importlib.util
import re
import sys

import pandas as pd
import pytest
from tests.support.workspaces import ROOT

from ckptrank.rank.expected import learn_error


@pytest.fixture(scope="module")
def page():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        spec = importlib.util.spec_from_file_location(
            "make_real_networks", ROOT / "docs/make_real_networks.py"
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    sys.modules.pop("run_tables", None)
    return module


@pytest.fixture(scope="module")
def published(page):
    return page.read_published(page.PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def choices(page, published):
    return page.choose(page.read_networks(published["accuracies"]))


def test_the_tables_are_those_of_the_pairs(page, published):
    made = page.make_tables(published, None, None)
    assert made == published, "run `python docs/make_real_networks.py`"
    assert {"choices", "apart", "hits"} <= set(published)


def test_every_number_of_the_short_answer_is_in_a_table(page, published):
    text = page.PAGE.read_text(encoding="utf-8")
    short = text.split("**In short.**")[1].split("\n## ")[0]
    tables = "\n".join(published.values())
    numbers = re.findall(r"\d+\.\d+%?|\d+ of \d+", short)
    assert len(numbers) > 20
    assert [number for number in numbers if number not in tables] == []


def test_the_advice_is_learnt_without_these_networks_and_tasks(page, published, monkeypatch):
    learnt = []

    def look(benchmark, measures):
        learnt.extend(benchmark["benchmark"].unique())
        return learn_error(benchmark, measures)

    monkeypatch.setattr(page, "learn_error", look)
    page.choose(page.read_networks(published["accuracies"]))
    assert learnt == ["built-in"]


def test_a_shortlist_gives_up_no_more_than_its_first(choices):
    assert (choices["habit_three_gives_up"] <= choices["habit_gives_up"]).all()
    assert (choices["rank_three_gives_up"] <= choices["first_gives_up"]).all()
    # 0.807854 and 0.803647 of 713 images: three images
    assert choices.loc["clothing", "first_gives_up"] == pytest.approx(300 / 713)


def test_the_interval_is_that_of_all_resamples_of_the_tasks(page):
    assert page._with_bootstrap(pd.Series([0.0, 1.0])) == "0.50 [0.04, 0.96]"
    assert page._with_bootstrap(pd.Series([2.0] * 5)) == "2.00 [2.00, 2.00]"


def test_a_folder_without_a_finished_run_is_said(page, tmp_path, capsys):
    assert page.find_run(str(tmp_path), "results/rank") is None
    assert "has no results/rank" in capsys.readouterr().out
