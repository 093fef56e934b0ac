"""Figures about the measures: scores against accuracies, and quality against cost."""

import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Bbox

from ckptrank.evaluation.tables import read_frame
from ckptrank.files.atomic import write_text
from ckptrank.report.benchmark.ranking_table import NO_ORDER, undefined_measures
from ckptrank.report.kit import theme
from ckptrank.report.kit.figures import put_legend, save_sentence, saved_figure, shortened
from ckptrank.report.kit.measures import measure_order
from ckptrank.report.kit.output import Origin, render_figure_page

#: Costs below this many seconds are drawn at it: a logarithmic axis has no zero.
SHORTEST = 1e-4


def write(given: Mapping, made: Mapping, params: Mapping, origin: Origin) -> None:
    """Write the figure (``svg``, ``pdf``) and its page (``figure``)."""
    frames = [read_frame(given[name], name) for name in ("summary", "measures")]
    plot_quality_cost(*frames, made["svg"], made["pdf"], group=params["group"])
    page = render_figure_page(
        made["svg"],
        made["pdf"],
        title=f"Quality against cost: {params['title']} ({params['group']})",
        caption="Kendall's tau with its 95 % interval against the seconds that a measure takes per "
        "checkpoint and task; the line is the Pareto front.",
        alternative="A scatter plot with a point per measure; the table of the group has the numbers.",
        made_from=origin.made_from,
    )
    write_text(made["figure"], page)


def quality_and_cost(
    summary: pd.DataFrame,
    measures: pd.DataFrame,
    group: str,
    metric: str = "kendall",
) -> pd.DataFrame:
    """Return a row per measure: the metric's ``mean``, ``low``, ``high``; ``seconds``; ``on_front``.

    Measures whose row in the group's table is a dash are left out.

    A measure is on the Pareto front when no other is at least as good and at least as cheap, and
    better in one of the two. The control stays off the front: it uses the ground truth.
    """
    wanted = summary[(summary["group"] == group)].set_index(["measure", "metric"])
    dashed = undefined_measures(summary, group)
    rows = []
    for measure in measure_order(measures):
        if measure in dashed:
            continue
        if (measure, metric) in wanted.index and (measure, "seconds") in wanted.index:
            quality = wanted.loc[(measure, metric)]
            seconds = max(float(wanted.loc[(measure, "seconds"), "mean"]), SHORTEST)
            if not math.isnan(quality["mean"]) and not math.isnan(seconds):
                rows.append((measure, quality["mean"], quality["low"], quality["high"], seconds))
    frame = pd.DataFrame(rows, columns=["measure", "mean", "low", "high", "seconds"])
    facts = measures.set_index("measure")
    frame["title"] = [facts.loc[measure, "title"] or measure for measure in frame["measure"]]
    frame["family"] = [facts.loc[measure, "family"] for measure in frame["measure"]]
    frame["on_front"] = [
        row.family != "control"
        and not any(
            (other.mean >= row.mean and other.seconds <= row.seconds)
            and (other.mean > row.mean or other.seconds < row.seconds)
            for other in frame[frame["family"] != "control"].itertuples()
        )
        for row in frame.itertuples()
    ]
    return frame


def plot_quality_cost(
    summary: pd.DataFrame,
    measures: pd.DataFrame,
    path_svg: str | Path,
    path_pdf: str | Path,
    *,
    group: str,
    metric: str = "kendall",
) -> None:
    """Draw Kendall with its interval against seconds per pair (logarithmic), and the Pareto front."""
    frame = quality_and_cost(summary, measures, group, metric)
    label = f"Quality against cost of the measures, group {group}"
    if frame.empty:
        save_sentence(NO_ORDER, label, path_svg, path_pdf)
        return
    families = theme.ordered(frame["family"], theme.FAMILIES)
    colors = theme.colors_for(families, theme.FAMILY_COLORS)
    markers = dict(zip(families, theme.MARKERS * len(families), strict=False))
    with saved_figure(8.4, 6.2, label, path_svg, path_pdf) as figure:
        panel = figure.subplots()
        panel.set_xscale("log")
        front = frame[frame["on_front"]].sort_values("seconds")
        panel.step(
            front["seconds"],
            front["mean"],
            where="post",
            color=theme.LIGHT["muted"],
            lw=0.9,
            ls=(0, (4, 2)),
        )
        for row in frame.itertuples(index=False):
            # No error bar: a bootstrap interval of few checkpoints need not contain the mean.
            panel.vlines(
                row.seconds, row.low, row.high, colors=colors[row.family], lw=0.8, alpha=0.75
            )
            panel.plot(
                row.seconds,
                row.mean,
                ls="",
                marker=markers[row.family],
                ms=6,
                color=colors[row.family],
                mec=theme.LIGHT["paper"],
                mew=0.5,
                zorder=3,
            )
        panel.axhline(0, color=theme.LIGHT["muted"], lw=0.6)
        panel.xaxis.set_major_formatter(FuncFormatter(_seconds_tick))
        panel.set_xlabel("Seconds per checkpoint and task, without the shared forward pass")
        panel.set_ylabel("Kendall τ × 100, mean over tasks")
        panel.margins(x=0.06)
        low, high = panel.get_xlim()
        panel.set_xlim(low, high * (high / low) ** 0.08)
        handles = [
            Line2D(
                [],
                [],
                ls="",
                marker=markers[family],
                ms=6,
                color=color,
                label=theme.FAMILY_TITLES.get(family, family),
            )
            for family, color in colors.items()
        ]
        handles.append(
            Line2D([], [], color=theme.LIGHT["muted"], lw=0.9, ls=(0, (4, 2)), label="Pareto front")
        )
        put_legend(figure, handles, 4)
        _place_labels(figure, panel, frame)


def _seconds_tick(value: float, _position: int) -> str:
    text = f"{value:g} s" if value >= 0.999 else f"{1000 * value:g} ms"
    return f"≤ {text}" if math.isclose(value, SHORTEST) else text


def _place_labels(figure: Figure, panel: Axes, frame: pd.DataFrame) -> None:
    """Write each title beside its point where it covers nothing else; best measures first."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    centres = panel.transData.transform(frame[["seconds", "mean"]].to_numpy())
    reach = 4.5 * figure.dpi / 72
    taken = [Bbox.from_extents(x - reach, y - reach, x + reach, y + reach) for x, y in centres]
    frame_box = panel.get_window_extent()
    for at in frame["mean"].argsort()[::-1]:
        row = frame.iloc[at]
        weight = "bold" if row["on_front"] else "normal"
        text = panel.annotate(
            shortened(row["title"], 24),
            (row["seconds"], row["mean"]),
            (0, 0),
            textcoords="offset points",
            fontsize=7,
            fontweight=weight,
            annotation_clip=False,
            bbox={
                "facecolor": theme.LIGHT["paper"],
                "edgecolor": "none",
                "pad": 0.4,
                "alpha": 0.85,
            },
        )
        for distance in (0, 8, 16, 24, 32, 40, 50, 60, 75, 90, 110):
            options = [
                _moved(text, side, distance)
                for side in ((1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1))
            ]
            free = [
                o
                for o in options
                if frame_box.containsx(o[2].x0)
                and frame_box.containsx(o[2].x1)
                and frame_box.y0 < o[2].y0
                and o[2].y1 < frame_box.y1
                and not any(o[2].overlaps(box) for box in taken)
            ]
            if free:
                break
        position, alignment, box = (free or options)[0]
        text.set_position(position)
        text.set(ha=alignment, va="center")
        taken.append(box)
        if distance:
            panel.annotate(
                "",
                (row["seconds"], row["mean"]),
                position,
                textcoords="offset points",
                arrowprops={
                    "arrowstyle": "-",
                    "lw": 0.4,
                    "color": theme.LIGHT["muted"],
                    "shrinkB": 3,
                },
            )


def _moved(
    text: object, side: tuple[int, int], distance: float
) -> tuple[tuple[float, float], str, Bbox]:
    """Return offset, alignment and box in pixels of a label moved to one side of its point."""
    horizontal, vertical = side
    x = horizontal * (6 + (0.5 * distance if vertical else distance))
    y = vertical * (8 + distance) if vertical else 0.0
    alignment = {1: "left", -1: "right", 0: "center"}[horizontal]
    text.set_position((x, y))
    text.set(ha=alignment, va="center")
    box = text.get_window_extent()
    return (x, y), alignment, Bbox.from_extents(box.x0 - 1, box.y0 - 0.5, box.x1 + 1, box.y1 + 0.5)
