"""The report's rooms: chapters share the kit alone, and know no paths but those that rules give."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

from ckptrank import report
from ckptrank.report.kit.links import follow, links_from
from ckptrank.report.kit.output import made_from

ROOT = Path(__file__).parents[3]
REPORT = Path(report.__file__).parent
CHAPTERS = ("benchmark", "rank", "model_zoo", "detection")
PAGES = sorted(set(re.findall(r'page="([\w.]+)"', (ROOT / "rules/report.smk").read_text())))


@pytest.mark.parametrize("room", ["kit", *CHAPTERS])
def test_a_chapter_imports_the_kit_and_no_other_chapter(room):
    allowed = {"kit", room}
    for path in (REPORT / room).glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imports = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        rooms = {name.split(".")[2] for name in imports if name.startswith("ckptrank.report.")}
        assert rooms <= allowed, path


@pytest.mark.parametrize("page", PAGES)
def test_the_module_that_a_rule_names_writes_a_page(page):
    assert callable(import_module(f"ckptrank.report.{page}").write)


def test_every_chapter_has_pages():
    assert {page.split(".")[0] for page in PAGES} == {"kit", *CHAPTERS}


def test_no_module_knows_where_results_and_logs_lie():
    for path in REPORT.rglob("*.py"):
        words = [
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        assert not [word for word in words if re.match(r"(results|logs)(/|$)", word)], path


@pytest.mark.parametrize("prefix", ["", "moved/", "/somewhere/else/"])
def test_links_hold_below_any_prefix(prefix):
    page, other = f"{prefix}results/report/landing.html", f"{prefix}results/report/scores/a.html"
    assert links_from(page)(other) == "scores/a.html"
    assert follow(page, "scores/a.html") == other
    assert links_from(other)(page) == "../landing.html"


def test_a_page_says_what_it_was_made_from():
    assert made_from("render", ["a", Path("b")]) == "rule render, from a, b"
    assert made_from("render", map(str, range(6))) == "rule render, from 0, 1, 2, 3 and 2 more"
