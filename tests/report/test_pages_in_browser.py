"""Every page of the report in a real browser, without a network."""

import csv
import io
import re
from urllib.request import urlopen

import pytest
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

#: Widths at which nothing may be cut off; and what A4 leaves between its margins.
WIDTHS = (1400, 420)
PAPER = 688
pytestmark = pytest.mark.browser

PAGES = (
    "landing",
    "ranking",
    "accuracy",
    "missing",
    "findings",
    "method",
    "provenance",
    "figure",
    "scores",
    "cost",
    "rank",
    "rank_overview",
    "rank_chart",
)
CHARTS = ("scores", "cost", "rank_chart")


@pytest.fixture(scope="session")
def run():
    from tests.support.frames import build_frames

    return build_frames()


@pytest.fixture(scope="session")
def ranking(tmp_path_factory):
    """A rank job's result with hostile names, a warning and faults."""
    from tests.support.ranking_frames import write_ranking

    from ckptrank.report.rank.frames import read_ranking

    folder = write_ranking(tmp_path_factory.mktemp("ranking"), seed=1, tuned=3)
    return read_ranking(*(folder / name for name in ("ranking.csv", "scores.csv", "facts.json")))


@pytest.fixture(scope="session")
def pages(tmp_path_factory, run, ranking):
    """Write one page of each kind; return their paths by name."""
    from tests.support.frames import GROUPS, build_provenance, build_stages

    from ckptrank.evaluation.findings import judge_findings
    from ckptrank.evaluation.tables import in_group
    from ckptrank.report.benchmark.accuracy_figure import plot_accuracies
    from ckptrank.report.benchmark.accuracy_table import render_accuracy_table
    from ckptrank.report.benchmark.cost_chart import render_cost_chart
    from ckptrank.report.benchmark.findings import render_findings
    from ckptrank.report.benchmark.landing import render_landing
    from ckptrank.report.benchmark.measure_pages import render_method_page
    from ckptrank.report.benchmark.provenance import list_tables
    from ckptrank.report.benchmark.ranking_table import render_ranking_table
    from ckptrank.report.benchmark.score_chart import render_score_chart
    from ckptrank.report.kit.losses import render_missing_table
    from ckptrank.report.kit.output import render_figure_page
    from ckptrank.report.kit.provenance import render_provenance
    from ckptrank.report.kit.tables import to_html
    from ckptrank.report.rank.chart import render_rank_chart
    from ckptrank.report.rank.overview import render_rank_overview
    from ckptrank.report.rank.task_page import render_rank_page

    folder = tmp_path_factory.mktemp("pages")
    svg, pdf = folder / "accuracies.svg", folder / "accuracies.pdf"
    plot_accuracies(run.ground_truth, run.checkpoints, run.tasks, svg, pdf)
    group, provenance, stages = GROUPS[-1], build_provenance(), build_stages()
    table = render_ranking_table(
        run.summary, run.measures, group, checkpoints=run.checkpoints, tasks=run.tasks
    )
    accuracy = render_accuracy_table(run.ground_truth, run.checkpoints, run.tasks)
    members = {name: list(in_group(run.checkpoints, name)["checkpoint"]) for name in GROUPS}
    given = run.scores, run.ground_truth, run.checkpoints, run.measures
    findings = judge_findings(*given, members, bootstrap=50)
    texts = {
        "landing": render_landing(
            run, recommender="nleep", group=group, provenance=provenance, stages=stages,
            pages=[("Table", "results/report/ranking.html")], place="results/report/landing.html",
            findings=findings,
        ),
        "ranking": to_html([table], table.title),
        "accuracy": to_html([accuracy], accuracy.title),
        "missing": to_html([render_missing_table(run)], "Missing"),
        "findings": render_findings(findings),
        "method": render_method_page(run, "nleep", GROUPS),
        "provenance": render_provenance(
            provenance, stages, tables=list_tables(run), stages_svg=svg
        ),
        "figure": render_figure_page(svg, pdf, title="Accuracies", caption="C", alternative="Bars"),
        "scores": render_score_chart(run, group, measure="nleep", task="digits"),
        "cost": render_cost_chart(run, list(GROUPS), group=group),
        "rank": render_rank_page(ranking, svg, pdf, svg, pdf),
        "rank_overview": render_rank_overview(
            [(ranking, "results/report/rank/pets.html")], place="results/report/rank.html"
        ),
        "rank_chart": render_rank_chart(ranking),
    }  # fmt: skip
    paths = {name: folder / f"{name}.html" for name in texts}
    for name, text in texts.items():
        paths[name].write_text(text, encoding="utf-8")
    return paths


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_pages_are_quiet_and_whole(browser, pages, name, width):
    browser.open(pages[name], width, dark=width == min(WIDTHS))
    if name in CHARTS:
        browser.wait(lambda: browser.find("#chart .mark-symbol path"))
    assert browser.run("return document.readyState") == "complete"
    assert browser.errors() == []
    assert browser.requests() == []
    assert browser.cut_off() == []
    with pytest.raises(NoAlertPresentException):
        browser.driver.switch_to.alert.accept()


@pytest.mark.parametrize(
    "name",
    ["ranking", "accuracy", "missing", "method", "provenance", *CHARTS, "rank", "rank_overview"],
)
def test_hostile_names_are_text(browser, pages, name):
    from tests.support.frames import HOSTILE

    browser.open(pages[name])
    hostile = (
        "return [...document.scripts].filter(script => script.textContent === 'alert(1)').length"
    )
    assert browser.run(hostile) == 0
    if name in CHARTS:
        browser.wait(lambda: browser.find("#points tbody tr"))
        browser.run("document.querySelector('main > details').open = true")
    if name not in ("ranking", "cost"):
        assert HOSTILE in browser.run("return document.body.innerText")


def column(browser, index):
    return browser.run(
        "return [...document.querySelector('table[data-sortable]').tBodies[0].rows]"
        ".map(row => row.cells[arguments[0]].dataset.value)",
        index,
    )


def test_a_click_sorts_and_a_third_restores(browser, pages):
    browser.open(pages["ranking"])
    original = column(browser, 0)
    button = browser.find("thead button")[6]
    head = button.find_element("xpath", "..")
    for state, sign in (("descending", -1), ("ascending", 1)):
        button.click()
        assert head.get_attribute("aria-sort") == state
        values = column(browser, 6)
        numbers = [float(value) for value in values if value]
        assert numbers == sorted(numbers, key=lambda value: sign * value)
        assert values[-1] == ""  # LEEP's dash stays last in both directions
    button.click()
    assert head.get_attribute("aria-sort") == "none"
    assert column(browser, 0) == original


def test_text_sorts_as_people_count(browser, pages):
    browser.open(pages["accuracy"])
    browser.find("thead button")[0].click()
    names = column(browser, 0)
    assert names.index("Sup-A 6 %") < names.index("Sup-A 20 %") < names.index("Sup-A 100 %")


def test_the_keyboard_sorts(browser, pages):
    browser.open(pages["ranking"])
    button = browser.find("thead button")[5]
    browser.run("arguments[0].focus()", button)
    ActionChains(browser.driver).send_keys(Keys.ENTER).perform()
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "descending"
    outline = "return getComputedStyle(arguments[0]).outlineStyle"
    assert browser.run(outline, button) == "solid"


def test_the_header_stays_in_sight(browser, pages):
    browser.open(pages["accuracy"], 420)
    top = "return document.querySelector('thead th').getBoundingClientRect().top"
    box = "return document.querySelector('.ck-scroll').getBoundingClientRect().top"
    browser.run("document.querySelector('.ck-scroll').scrollTo(300, 400)")
    assert browser.run(top) == pytest.approx(browser.run(box), abs=2)
    left = "return document.querySelector('tbody th').getBoundingClientRect().left"
    assert browser.run(left) >= 0


def test_the_download_is_the_table(browser, pages, run):
    browser.open(pages["ranking"])
    link = browser.find("a[download$='.csv']")[0]
    with urlopen(link.get_attribute("href")) as content:
        rows = list(csv.DictReader(io.TextIOWrapper(content, encoding="utf-8")))
    kendall = run.summary.set_index(["group", "measure", "metric"])["mean"]
    found = {row["measure"]: row["kendall"] for row in rows}
    assert float(found["N-LEEP"]) == kendall["I+II+III", "nleep", "kendall"]
    assert found["LEEP"] == ""


def test_the_download_of_a_figure_is_the_figure(browser, pages):
    browser.open(pages["figure"])
    link = browser.find("a[download$='.svg']")[0]
    with urlopen(link.get_attribute("href")) as content:
        assert b"<svg" in content.read()


def test_the_landing_page_says_what_the_tables_say(browser, pages, run):
    browser.open(pages["landing"])
    text = browser.run("return document.body.innerText").replace("\xa0", " ")
    kendall = run.summary.set_index(["group", "measure", "metric"])["mean"]
    assert f"τ = {kendall['I+II+III', 'nleep', 'kendall'] / 100:.2f}" in text
    scores = run.scores.query("measure == 'nleep' and status == 'ok'")
    titles = run.checkpoints.set_index("checkpoint")["title"]
    cards = browser.find(".ck-card")
    for card, task in zip(cards, run.tasks["task"], strict=True):
        first = scores[scores["task"] == task].sort_values("score", ascending=False).iloc[0]
        assert titles[first["checkpoint"]] in card.text.splitlines()[2:4]


def test_the_answer_is_on_the_first_screen(browser, pages):
    browser.open(pages["landing"])
    bottoms = "return [...document.querySelectorAll('.ck-card, .ck-tile')].map(box => box.getBoundingClientRect().bottom)"
    assert max(browser.run(bottoms)) <= 900


def hover(browser):
    """Point at each checkpoint in turn; return what the tooltips say."""
    texts = []
    for mark in browser.wait(lambda: browser.find("#chart .mark-symbol path")):
        ActionChains(browser.driver).move_to_element(mark).perform()
        browser.wait(lambda: browser.find("#vg-tooltip-element.visible"))
        texts.append(browser.find("#vg-tooltip-element")[0].text)
    return texts


def test_a_hover_names_the_checkpoint(browser, pages, run):
    from tests.support.frames import HOSTILE

    browser.open(pages["scores"])
    texts = hover(browser)
    names = {re.search(r"Checkpoint\s*(.*)", text)[1].strip() for text in texts}
    assert HOSTILE in names
    assert names <= {*run.checkpoints["title"], HOSTILE}
    assert len(names) >= 15  # points may lie on top of one another
    assert browser.errors() == []


def test_menus_change_measure_and_task(browser, pages, run):
    browser.open(pages["scores"])
    browser.wait(lambda: browser.find("#chart .mark-symbol path"))
    menus = browser.find("#controls select")
    assert [menu.find_element("css selector", "option:checked").text for menu in menus] == [
        *("N-LEEP", "Digits"),
    ]
    menus[0].find_element("xpath", "option[.='LEEP']").click()
    headed = run.scores.query("measure == 'leep' and task == 'digits' and status == 'ok'")
    browser.wait(lambda: len(browser.find("#chart .mark-symbol path")) == len(headed))
    metrics = run.metrics.set_index(["group", "task", "measure"])["kendall"]
    expected = f"Kendall τ = {metrics['I+II+III', 'digits', 'leep']:.2f}".replace("-", "−")
    assert expected in browser.find("#chart")[0].text


def test_dark_screens_get_dark_pages(browser, pages):
    from ckptrank.report.kit import theme

    for dark, tokens in ((False, theme.LIGHT), (True, theme.DARK)):
        browser.open(pages["landing"], dark=dark)
        color = browser.run("return getComputedStyle(document.body).backgroundColor")
        channels = [int(tokens["paper"][at : at + 2], 16) for at in (1, 3, 5)]
        assert color == f"rgb({channels[0]}, {channels[1]}, {channels[2]})"


@pytest.fixture
def on_paper(browser):
    """Show pages as they are printed on A4 paper, as far as a window can."""

    def show(path):
        browser.open(path, PAPER)
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})

    yield show
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize("name", PAGES)
def test_paper_gets_everything(browser, pages, on_paper, name):
    on_paper(pages[name])
    if name in CHARTS:
        browser.wait(lambda: browser.find("#points tbody tr"))
    assert browser.cut_off() == []
    hidden = """
        return [...document.querySelectorAll(".ck-scroll, pre, main > details > *")].filter(box =>
          box.scrollHeight > box.clientHeight + 1 && getComputedStyle(box).overflowY !== "visible" ||
          !box.checkVisibility()).map(box => box.outerHTML.slice(0, 80))
    """
    assert browser.run(hidden) == []


def test_a_printed_table_has_its_header_on_every_page(browser, pages, on_paper):
    """Chromium leaves out a button's text where it repeats a header: on paper there is no such box."""
    on_paper(pages["accuracy"])
    head, button = (
        browser.run(f"return getComputedStyle(document.querySelector('{selector}'))['{name}']")
        for selector, name in (("thead", "breakInside"), ("thead button", "display"))
    )
    assert (head, button) == ("avoid", "contents")


@pytest.mark.parametrize("name", ["landing", "rank", "method", "scores"])
def test_the_keyboard_reaches_everything_in_order_and_shows_where_it_is(browser, pages, name):
    browser.open(pages[name])
    if name == "scores":
        browser.wait(lambda: browser.find("#points tbody tr"))
    stops = """
        return [...document.querySelectorAll("a[href], button, select, summary, [tabindex='0']")]
          .filter(stop => stop.checkVisibility()).length
    """
    seen = []
    for _ in range(browser.run(stops)):
        ActionChains(browser.driver).send_keys(Keys.TAB).perform()
        seen.append(browser.run("""
            const stop = document.activeElement, style = getComputedStyle(stop);
            window.visited = window.visited || [];
            const place = window.visited.at(-1);
            const after = !place || place.compareDocumentPosition(stop) & 4;
            window.visited.push(stop);
            return [stop.outerHTML.slice(0, 80), Boolean(after), style.outlineStyle !== "none"];
        """))  # fmt: skip
    assert all(after and outlined for _, after, outlined in seen), seen
    assert "<body" not in "".join(text for text, _, _ in seen)


def test_every_picture_has_words_and_every_control_a_name(browser, pages):
    for name in PAGES:
        browser.open(pages[name])
        unnamed = """
            const said = element => (element.getAttribute("alt") ?? element.getAttribute("aria-label") ??
              element.textContent).trim();
            return [...document.querySelectorAll("img, button, a, svg[role=img], [role=region]")]
              .filter(element => !said(element)).map(element => element.outerHTML.slice(0, 80))
        """
        assert browser.run(unnamed) == []


def test_a_table_page_needs_little_script(pages):
    for name in set(PAGES) - set(CHARTS):
        scripts = re.findall(r"<script[^>]*>(.*?)</script>", pages[name].read_text(), re.DOTALL)
        assert sum(map(len, scripts)) < 5_000


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_has_its_points_as_a_table(browser, pages, name):
    browser.open(pages[name])
    points = len(browser.wait(lambda: browser.find("#chart .mark-symbol path")))
    browser.wait(lambda: len(browser.find("#points tbody tr")) == points)
    with urlopen(browser.find("#csv")[0].get_attribute("href")) as content:
        rows = list(csv.DictReader(io.TextIOWrapper(content, encoding="utf-8")))
    assert len(rows) >= points
    shown = browser.find("#points thead")[0].get_attribute("textContent")
    assert shown.startswith("Measure" if name == "cost" else "Checkpoint")


def test_the_rank_page_answers_as_its_tables_do(browser, pages, ranking):
    browser.open(pages["rank"])
    first = ranking.ranked.iloc[0]
    lead = browser.find(".ck-lead")[0].text.replace("\xa0", " ")
    assert f"Take {ranking.names()[first['checkpoint']]}: first of" in lead
    assert f"rank {first['rank_low']:.0f}–{first['rank_high']:.0f}" in lead
    for name in ranking.ranked["checkpoint"][1:4]:
        assert ranking.names()[name] in lead
    assert column(browser, 1) == [f"{rank}" for rank in ranking.ranked["rank"]]
    assert max(browser.run(
        "return [...document.querySelectorAll('.ck-card')].map(card => card.getBoundingClientRect().bottom)"
    )) <= 900  # fmt: skip


def test_the_rank_table_sorts_by_cost(browser, pages, ranking):
    browser.open(pages["rank"])
    titles = [button.text for button in browser.find("thead button")]
    browser.find("thead button")[titles.index("Parameters")].click()
    assert [float(value) for value in column(browser, titles.index("Parameters"))] == sorted(
        ranking.ranked["parameters"]
    )
