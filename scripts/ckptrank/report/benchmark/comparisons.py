"""Which measures can be told apart, and which of two is the better one."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from ckptrank.evaluation.columns import COMPARISONS
from ckptrank.evaluation.comparisons import find_ties, smallest_difference
from ckptrank.evaluation.recommend import NOT_MEASURES
from ckptrank.evaluation.tables import read_frame, read_table
from ckptrank.files.atomic import write_text
from ckptrank.report.benchmark.ranking_table import NO_ORDER, undefined_measures
from ckptrank.report.kit import theme
from ckptrank.report.kit.figures import save_sentence, saved_figure, shortened
from ckptrank.report.kit.measures import measure_order
from ckptrank.report.kit.output import Origin, render_figure_page
from ckptrank.text import counted, fixed

#: Points of Kendall from which on the colour of a difference is full.
FULL = 60.0


def write(given: Mapping, made: Mapping, params: Mapping, origin: Origin) -> None:
    """Write the figure (``svg``, ``pdf``) and its page (``figure``)."""
    summary, measures = (read_frame(given[name], name) for name in ("summary", "measures"))
    comparisons = read_table(given["comparisons"], COMPARISONS["comparisons"], "comparisons")
    group = params["group"]
    plot_comparisons(summary, measures, comparisons, made["svg"], made["pdf"], group=group)
    page = render_figure_page(
        made["svg"],
        made["pdf"],
        title=f"Which measures can be told apart: {params['title']} ({group})",
        caption=describe(summary, measures, comparisons, group),
        alternative="A list of measures, best first, with bars over those that cannot be told apart, and a "
        "matrix of the differences between every two; the table comparisons.csv has the numbers.",
        made_from=origin.made_from,
    )
    write_text(made["figure"], page)


def describe(
    summary: pd.DataFrame, measures: pd.DataFrame, comparisons: pd.DataFrame, group: str
) -> str:
    """Say how to read the figure, and how much this benchmark can see."""
    family = measures.set_index("measure")["family"]
    shown = [
        name for name in list_shown(summary, measures, group) if family[name] not in NOT_MEASURES
    ]
    pairs = comparisons[comparisons["group"] == group]
    pairs = pairs[pairs["better"].isin(shown) & pairs["worse"].isin(shown)]
    text = (
        "Left: Kendall's tau, mean over the tasks with its 95 % interval; a bar joins measures of which no two are told "
        "apart. Right: how far the measure of the row is ahead of that of the column, in points; a dot where the 95 % "
        "interval of the difference excludes 0. Both measures are resampled together, so that two can be told apart "
        "although their own intervals overlap; nothing is corrected for how many pairs there are."
    )
    if pairs.empty:
        return text
    apart = int(pairs["told_apart"].sum())
    return (
        f"Of {counted(len(pairs), 'pair')} of measures (baselines and controls aside) {apart} can be told apart "
        f"({fixed(100 * apart / len(pairs), 0)} %). Half of the intervals would tell a difference of "
        f"{fixed(smallest_difference(pairs), 0)} points from none. {text}"
    )


def list_shown(summary: pd.DataFrame, measures: pd.DataFrame, group: str) -> list[str]:
    """Return the measures of the figure, highest mean Kendall first; those whose row is a dash are left out."""
    wanted = summary[(summary["group"] == group) & (summary["metric"] == "kendall")]
    means = wanted.set_index("measure")["mean"].dropna()
    skipped = undefined_measures(summary, group)
    names = [name for name in measure_order(measures) if name in means and name not in skipped]
    return sorted(names, key=lambda name: -means[name])


def plot_comparisons(
    summary: pd.DataFrame,
    measures: pd.DataFrame,
    comparisons: pd.DataFrame,
    path_svg: str | Path,
    path_pdf: str | Path,
    *,
    group: str,
) -> None:
    """Draw the measures by their mean Kendall with bars over ties, and the matrix of their differences."""
    names = list_shown(summary, measures, group)
    label = f"Which measures can be told apart, group {group}"
    if not names:
        save_sentence(NO_ORDER, label, path_svg, path_pdf)
        return
    pairs = comparisons[comparisons["group"] == group]
    differences, apart = _make_matrices(pairs, names)
    kendall = summary[(summary["group"] == group) & (summary["metric"] == "kendall")]
    ties = find_ties(names, lambda a, b: bool(apart[names.index(a), names.index(b)]))
    height = 1.3 + 0.19 * len(names)
    with saved_figure(9.4, max(2.6, height), label, path_svg, path_pdf) as figure:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.15, 1))
        _draw_list(left, kendall.set_index("measure").loc[names], measures, ties)
        shades = LinearSegmentedColormap.from_list("shades", theme.DIVERGING)
        mesh = right.pcolormesh(
            np.ma.masked_invalid(differences),
            cmap=shades,
            vmin=-FULL,
            vmax=FULL,
            edgecolors=theme.LIGHT["paper"],
            linewidth=0.6,
        )
        rows, columns = np.nonzero(apart)
        right.plot(columns + 0.5, rows + 0.5, ls="", marker="o", ms=1.8, color=theme.LIGHT["ink"])
        right.set_xticks(
            np.arange(len(names)) + 0.5,
            _list_titles(names, measures),
            rotation=90,
            fontsize=min(6.5, 190 / len(names)),  # a label is no wider than its column
        )
        right.tick_params(length=0)
        right.grid(visible=False)
        right.spines[:].set_visible(False)
        bar = figure.colorbar(
            mesh, ax=right, label="Kendall τ × 100, row less column", pad=0.02, extend="both"
        )
        bar.outline.set_visible(False)


def _make_matrices(pairs: pd.DataFrame, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the differences (n, n), row less column, NaN where there is none, and whether they are told apart."""
    places = {name: at for at, name in enumerate(names)}
    differences = np.full((len(names), len(names)), np.nan)
    apart = np.zeros_like(differences, dtype=bool)
    for row in pairs.itertuples(index=False):
        if row.better in places and row.worse in places:
            first, second = places[row.better], places[row.worse]
            differences[first, second], differences[second, first] = row.difference, -row.difference
            apart[first, second] = apart[second, first] = row.told_apart
    return differences, apart


def _list_titles(names: list[str], measures: pd.DataFrame) -> list[str]:
    found = measures.set_index("measure")["title"]
    return [shortened(found[name] or name, 30) for name in names]


def _draw_list(
    panel: Axes, kendall: pd.DataFrame, measures: pd.DataFrame, ties: list[tuple[str, ...]]
) -> None:
    """Draw a row per measure: its mean with the interval, and beside them the bars of ``ties``."""
    names = list(kendall.index)
    family = measures.set_index("measure")["family"]
    families = theme.ordered(family[names], theme.FAMILIES)
    colors = theme.colors_for(families, theme.FAMILY_COLORS)
    for at, row in enumerate(kendall.itertuples()):
        color = colors[family[row.Index]]
        panel.plot([row.low, row.high], [at + 0.5] * 2, color=color, lw=1.1, alpha=0.7)
        panel.plot(row.mean, at + 0.5, marker="o", ms=4, color=color)
    panel.axvline(0, color=theme.LIGHT["muted"], lw=0.6)
    edge = max(100.0, float(np.nanmax(kendall[["mean", "high"]])))
    lanes: list[int] = []  # the last row of the bars of a lane
    for tie in ties:
        first, last = names.index(tie[0]), names.index(tie[-1])
        lane = next((i for i, end in enumerate(lanes) if end < first), len(lanes))
        lanes[lane : lane + 1] = [last]
        x = edge + 5 + 4 * lane
        panel.plot([x, x], [first + 0.3, last + 0.7], color=theme.LIGHT["ink"], lw=2)
    panel.set_yticks(np.arange(len(names)) + 0.5, _list_titles(names, measures), fontsize=7)
    panel.set_ylim(len(names), 0)
    panel.set_xlim(right=edge + 8 + 4 * len(lanes))
    panel.set_xticks([tick for tick in panel.get_xticks() if tick <= 100])
    panel.set_xlabel("Kendall τ × 100, mean over tasks")
    panel.tick_params(axis="y", length=0)
