"""The page that Snakemake's report opens with: the first page of the chapter that was asked for."""

import re
from types import SimpleNamespace

import jinja2
import pytest
from tests.support.workspaces import ROOT

TEXT = (ROOT / "reports/workflow.rst").read_text(encoding="utf-8")
RULES = (ROOT / "rules/report.smk").read_text(encoding="utf-8")


def show(*categories):
    given = [SimpleNamespace(name=name) for name in categories]
    return re.search(r":file: results/report/(.*)", jinja2.Template(TEXT).render(categories=given))[
        1
    ]


@pytest.mark.parametrize(
    ("categories", "page"),
    [
        (["Scores", "Ground truth", "Measures"], "landing.html"),
        (["Ground truth", "Choosing from a zoo"], "landing.html"),
        (["Your tasks"], "rank.html"),
        (["Choosing from a zoo"], "model_zoo/index.html"),
        (["Which backbone for a detector"], "detection/index.html"),
    ],
)
def test_the_first_page_is_that_of_what_ran(categories, page):
    assert show(*categories) == page
    assert f'"<results>/report/{page}"' in RULES
    assert all(f'category="{name}"' in RULES for name in categories)
