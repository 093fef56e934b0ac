"""The report's figures: colours that everyone can tell apart, labels that collide with nothing, same bytes."""

import html
import itertools
from contextlib import contextmanager
from functools import partial
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from tests.support.frames import HOSTILE, build_frames, build_nleep_grid, build_stages

from ckptrank.report.benchmark import accuracy_figure, nleep_grid, quality_cost, scores
from ckptrank.report.benchmark.accuracy_figure import find_family, plot_accuracies
from ckptrank.report.benchmark.comparisons import plot_comparisons
from ckptrank.report.benchmark.nleep_grid import plot_nleep_grid
from ckptrank.report.benchmark.quality_cost import plot_quality_cost, quality_and_cost
from ckptrank.report.benchmark.scores import plot_scores
from ckptrank.report.kit import stages, theme
from ckptrank.report.kit.figures import STYLE, shortened
from ckptrank.report.kit.stages import plot_stages

FRAMES = build_frames()

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
VISION = {
    "normal": np.eye(3),
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
COLORS = (*theme.CATEGORICAL, theme.GREY)


def linear(color):
    values = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    low, high = sorted(linear(color) @ [0.2126, 0.7152, 0.0722] for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def oklab(rgb):
    cones = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
    axes = np.array(
        [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    )
    return np.cbrt(np.clip(rgb, 0, 1) @ cones.T) @ axes.T


@pytest.mark.parametrize(
    "plot", [plot_quality_cost, partial(plot_comparisons, comparisons=pd.DataFrame())]
)
def test_where_no_order_is_known_a_sentence_says_so(tmp_path, plot):
    summary = FRAMES.summary[FRAMES.summary["metric"] != "kendall"]
    files = [tmp_path / "figure.svg", tmp_path / "figure.pdf"]
    group = summary["group"].iloc[0]
    plot(summary, FRAMES.measures, path_svg=files[0], path_pdf=files[1], group=group)
    assert "all fine-tuned accuracies are equal" in files[0].read_text()
    assert files[1].is_file()


@pytest.mark.parametrize("vision", VISION)
def test_colors_differ_under_every_kind_of_vision(vision):
    seen = [oklab(np.asarray(VISION[vision]) @ linear(color)) for color in COLORS]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.08


@pytest.mark.parametrize("tokens", [theme.LIGHT, theme.DARK])
def test_contrast(tokens):
    assert min(contrast(color, tokens["paper"]) for color in COLORS) > 3
    for token in ("ink", "muted", "accent", "warn"):
        assert contrast(tokens[token], tokens["paper"]) > 4.5
        assert contrast(tokens[token], tokens["tint"]) > 4.5


def test_heat_map_gets_steadily_darker():
    lightness = [oklab(linear(color))[0] for color in theme.SEQUENTIAL]
    assert (np.diff(lightness) < -0.05).all()


def test_the_style_has_the_colors_of_the_theme():
    style = matplotlib.rc_params_from_file(STYLE, use_default_template=False)
    colors = {value for key, value in style.items() if "color" in key}
    assert colors == {theme.LIGHT[token] for token in ("paper", "ink", "muted", "line")}


def test_unknown_categories_get_colors_of_their_own():
    colors = theme.colors_for(["b", "a", "b", "scratch"], theme.KIND_COLORS)
    assert colors == {"b": theme.BLUE, "a": theme.OCHRE, "scratch": theme.GREY}
    assert theme.ordered(
        ["z", "scratch", "a", "generative"], theme.KIND_TITLES, last="scratch"
    ) == [
        *("generative", "a", "z", "scratch"),
    ]


def test_long_names_lose_their_middle():
    assert shortened("a  b\nc") == "a b c"
    assert shortened("x" * 20 + "end", 10) == "xxxxxx…end"
    assert len(shortened("y" * 99, 30)) == 30


DRAW = {
    "accuracies": lambda svg, pdf: plot_accuracies(
        FRAMES.ground_truth, FRAMES.checkpoints, FRAMES.tasks, svg, pdf
    ),
    "scores": lambda svg, pdf: plot_scores(
        *(FRAMES.scores, FRAMES.ground_truth, FRAMES.checkpoints),
        *(FRAMES.measures.head(6), FRAMES.metrics, svg, pdf),
        task="tissue",
        group="I",
    ),
    "cost": lambda svg, pdf: plot_quality_cost(
        FRAMES.summary, FRAMES.measures, svg, pdf, group="I+II+III"
    ),
    "grid": lambda svg, pdf: plot_nleep_grid(*build_nleep_grid(), svg, pdf),
    "stages": lambda svg, pdf: plot_stages(build_stages(), svg, pdf),
}


@pytest.mark.parametrize("name", ["grid", "stages"])
def test_files_are_the_same_on_every_run(name, tmp_path):
    for at in "ab":
        DRAW[name](tmp_path / f"{at}.svg", tmp_path / f"{at}.pdf")
    for suffix in ("svg", "pdf"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "<dc:date>" not in text
    assert "prefers-color-scheme: dark" in text
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_names_are_taken_literally(tmp_path):
    frames = build_frames()
    names = frames.checkpoints["title"].mask(
        frames.checkpoints["checkpoint"] == "vgg", r"$\bad$ 5 %"
    )
    plot_accuracies(
        *(frames.ground_truth, frames.checkpoints.assign(title=names), frames.tasks.head(1)),
        *(tmp_path / "a.svg", tmp_path / "a.pdf"),
    )
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert r"<!-- $\bad$ 5 % -->" in text
    assert f"<!-- {html.escape(HOSTILE)} -->" in text
    assert "<script" not in text
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(text).iter()}
    assert "script" not in tags


@pytest.fixture
def drawn(monkeypatch):
    """Keep the figures instead of writing them."""
    kept = []

    @contextmanager
    def keep(width, height, *_):
        with matplotlib.style.context(STYLE):
            figure = Figure(figsize=(width, height), layout="constrained")
            yield figure
            figure.draw_without_rendering()
            kept.append(figure)

    for module in (accuracy_figure, nleep_grid, quality_cost, scores, stages):
        monkeypatch.setattr(module, "saved_figure", keep)
    return kept


def boxes_of(figure):
    """Return (text, box) of everything written, in the figure's own pixels."""
    hidden = set()
    for axis in [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]:
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if not axis.axes.axison or not low <= tick.get_loc() <= high:
                hidden |= {tick.label1, tick.label2}
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text not in hidden]
    return [
        (text.get_text(), text.get_window_extent()) for text in shown if text.get_text().strip()
    ]


@pytest.mark.parametrize("name", DRAW)
def test_nothing_written_collides_or_is_cut_off(name, drawn):
    DRAW[name]("unused", "unused")
    boxes = boxes_of(drawn[0])
    window = drawn[0].bbox
    outside = [
        text
        for text, box in boxes
        if box.x0 < window.x0 or box.x1 > window.x1 or box.y0 < window.y0 or box.y1 > window.y1
    ]
    assert outside == []
    shrunk = [(text, box.shrunk(0.9, 0.75)) for text, box in boxes]
    pairs = itertools.combinations(shrunk, 2)
    assert [(a, b) for (a, one), (b, other) in pairs if one.overlaps(other)] == []


def test_bars_are_offsets_from_the_mean(drawn):
    plot_accuracies(FRAMES.ground_truth, FRAMES.checkpoints, FRAMES.tasks, "", "", group="II")
    panel = drawn[0].axes[1]
    truth = FRAMES.ground_truth.merge(FRAMES.checkpoints[["checkpoint", "groups", "source_data"]])
    mine = truth[(truth["task"] == "digits") & truth["groups"].str.contains(r"(?:^|;)II(?:;|$)")]
    expected = 100 * (mine["accuracy"] - mine["accuracy"].mean())
    bars = [bar.get_width() for bar in panel.patches]
    assert sorted(bars) == pytest.approx(sorted(expected))
    assert bars[-1] == pytest.approx(expected[mine["checkpoint"] == "scratch"].item())
    assert {bar.get_facecolor() for bar in panel.patches} == {
        matplotlib.colors.to_rgba(color)
        for color in (theme.BLUE, theme.OCHRE, theme.GREEN, theme.GREY)
    }


@pytest.mark.parametrize(
    ("architecture", "family"),
    [
        ("inception_v4", "inception"),
        ("inception_resnet_v2", "inception-resnet"),
        ("mobilenet_v1_025", "mobilenet"),
        ("tf_mobilenetv3_large_100", "mobilenet"),
        ("resnet", "resnet"),
        ("resnet_deep", "resnet"),
        ("resnet101", "resnet"),
        ("ViT-B", "ViT-B"),
    ],
)
def test_an_architecture_has_a_family(architecture, family):
    assert find_family(architecture) == family


def test_what_failed_is_written_in_its_place(drawn):
    plot_accuracies(FRAMES.ground_truth, FRAMES.checkpoints, FRAMES.tasks, "", "", group="III")
    assert [text for text, _ in boxes_of(drawn[0])].count("failed") == len(FRAMES.tasks)


def test_tau_in_a_panel_is_that_of_the_metrics(drawn):
    DRAW["scores"]("", "")
    metrics = FRAMES.metrics.set_index(["group", "task", "measure"]).loc[("I", "tissue", "linear")]
    expected = f"τ = {metrics['kendall']:.2f}, n = {metrics['n']:.0f}".replace("-", "−")
    assert expected in [text for text, _ in boxes_of(drawn[0])]


def test_grid_needs_measures_of_the_method():
    summary, measures = build_nleep_grid()
    with pytest.raises(ValueError, match="no kendall of a measure of method nleep"):
        plot_nleep_grid(summary, measures.assign(method="leep"), "", "")


def test_an_interval_need_not_contain_its_mean(drawn):
    summary = FRAMES.summary.assign(low=FRAMES.summary["mean"] + 1)
    summary["high"] = summary["low"] + 5
    plot_quality_cost(summary, FRAMES.measures, "", "", group="I+II+III")
    lines = [path for kind in drawn[0].axes[0].collections for path in kind.get_paths()]
    assert {round(path.vertices[1, 1] - path.vertices[0, 1], 6) for path in lines} == {5}


def test_pareto_front():
    columns = ["group", "measure", "metric", "mean", "low", "high", "left_out_not_applicable"]
    points = {
        "good": (80, 1.0),
        "cheap": (50, 0.0),
        "worse": (70, 2.0),
        "tie": (80, 1.0),
        "cheat": (99, 0.1),
    }
    rows = [
        ("I", name, metric, value, value - 1, value + 1, 0)
        for name, pair in points.items()
        for metric, value in zip(("kendall", "seconds"), pair, strict=True)
    ] + [("I", "headed", "kendall", 90, 89, 91, 4), ("I", "headed", "seconds", 0.1, 0.1, 0.1, 4)]
    names = [*points, "headed"]
    measures = pd.DataFrame(
        {"measure": names, "method": names, "title": "", "params": "{}", "family": "field"}
    )
    measures.loc[measures["measure"] == "cheat", "family"] = "control"
    table = quality_and_cost(pd.DataFrame(rows, columns=columns), measures, "I").set_index(
        "measure"
    )
    assert table["on_front"].to_dict() == {
        "good": True, "cheap": True, "worse": False, "tie": True, "cheat": False,
    }  # fmt: skip
    assert table.loc["cheap", "seconds"] == quality_cost.SHORTEST
