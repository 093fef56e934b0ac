"""Interactive charts in one offline file each: scores against accuracies, quality against cost.

Altair describes the chart, vl-convert gives the JavaScript of Vega, Vega-Lite and vega-embed (0.9 MB). The
data travel as columns with indices instead of names, so that large pools stay below what Chromium opens
inside Snakemake's single-file report.
"""

import json
from functools import cache

import altair as alt
import markupsafe
import pandas as pd
import vl_convert

from ckptrank.report import theme
from ckptrank.report.figures_scores import quality_and_cost
from ckptrank.report.frames import Frames, ranked_checkpoints, titles
from ckptrank.report.ranking_tables import measure_order
from ckptrank.report.templating import render

#: Chromium refuses larger files inside the single-file report (1.5 MiB as measured, with a margin).
LARGEST = 1_400_000

#: Vega's names of the marker shapes, and how the legend writes them.
_SHAPES = {"circle": "●", "square": "■", "triangle-up": "▲", "diamond": "◆", "cross": "✚", "triangle-down": "▼"}

_METRICS = {
    "kendall": "Kendall τ × 100",
    "pearson": "Pearson r × 100",
    "recall_at_1": "Recall@1 (%)",
    "recall_at_3": "Recall@3 (%)",
    "rel_at_1": "Rel@1 (%)",
    "rel_at_3": "Rel@3 (%)",
}


def render_score_chart(
    frames: Frames, group: str, *, measure: str = "", task: str = "", made_from: str = ""
) -> str:
    """Return a page: score against fine-tuned accuracy, hover for names, menus for measure and task.

    ``measure`` and ``task`` are shown first (the first of each without).
    """
    names = titles(frames.checkpoints, "checkpoint")
    facts = frames.checkpoints.set_index("checkpoint")
    members = [name for name in ranked_checkpoints(frames.checkpoints, group)]
    truth = frames.ground_truth[frames.ground_truth["status"] == "ok"]
    points = frames.scores[(frames.scores["status"] == "ok") & frames.scores["checkpoint"].isin(members)]
    points = points.merge(truth[["checkpoint", "task", "accuracy", "noise_sd"]], on=["checkpoint", "task"])
    if points.empty:
        raise ValueError(f"scores: no pair of group {group!r} has both a score and an accuracy")
    measures = [name for name in measure_order(frames.measures) if name in set(points["measure"])]
    tasks = [name for name in frames.tasks["task"] if name in set(points["task"])]
    kinds = theme.ordered(facts.loc[members, "kind"], theme.KIND_TITLES)
    kind_titles = [theme.KIND_TITLES.get(kind, kind) for kind in kinds]
    colors = theme.colors_for(kinds, theme.KIND_COLORS)
    known = frames.metrics[frames.metrics["group"] == group].set_index(["measure", "task"])["kendall"]
    columns = {
        "Checkpoint": _indexed([names[name] for name in points["checkpoint"]]),
        "Supervision": _indexed([theme.KIND_TITLES.get(k, k) for k in facts.loc[points["checkpoint"], "kind"]]),
        "Architecture": _indexed(list(facts.loc[points["checkpoint"], "architecture"])),
        "measure": _indexed(list(points["measure"])),
        "task": _indexed(list(points["task"])),
        "Score": _plain(points["score"]),
        "Accuracy": _plain(100 * points["accuracy"]),
        "Noise": _plain(100 * points["noise_sd"]),
    }
    taus = [
        {"measure": m, "task": t, "text": f"Kendall τ = {value:.2f}".replace("-", "−")}
        for (m, t), value in known.items()
        if m in measures and t in tasks and value == value
    ]
    measure_menu = _menu("measure", "Measure ", measures, titles(frames.measures, "measure"), measure)
    task_menu = _menu("task", "Task ", tasks, titles(frames.tasks, "task"), task)
    chosen = "datum.measure == measure && datum.task == task"
    marks = (
        alt.Chart(alt.NamedData("points"))
        .transform_filter(chosen)
        .mark_point(filled=True, size=85, opacity=0.9)
        .encode(
            x=alt.X("Score:Q", scale=alt.Scale(zero=False, padding=12), title="Score"),
            y=alt.Y("Accuracy:Q", scale=alt.Scale(zero=False, padding=12), title="Fine-tuned accuracy (%)"),
            color=_color("Supervision", kind_titles, colors),
            shape=_shape("Supervision", kind_titles),
            tooltip=[
                "Checkpoint:N", "Supervision:N", "Architecture:N",
                alt.Tooltip("Score:Q", format=".4g"),
                alt.Tooltip("Accuracy:Q", format=".1f", title="Accuracy (%)"),
                alt.Tooltip("Noise:Q", format=".1f", title="± repeats (sd)"),
            ],
        )
    )  # fmt: skip
    tau = (
        alt.Chart(alt.NamedData("taus"))
        .transform_filter(chosen)
        .mark_text(align="left", baseline="bottom", fontSize=13)
        .encode(text="text:N", x=alt.value(4), y=alt.value(-4))
    )
    chart = alt.layer(marks, tau).add_params(measure_menu, task_menu)
    return _page(
        chart,
        {"points": columns},
        {"taus": taus},
        legend=_legend(kind_titles, colors),
        title=f"Score against fine-tuned accuracy, group {group}",
        caption=(
            "Each point is a checkpoint. A good measure gives higher scores to checkpoints that end up with "
            "higher accuracy: its points climb from the lower left to the upper right. Hover over a point for "
            "its name; choose the measure and the task above the chart."
        ),
        made_from=made_from,
    )


def render_cost_chart(
    frames: Frames, groups: list[str], *, group: str = "", made_from: str = ""
) -> str:
    """Return a page: a metric against seconds per pair, with the Pareto front, menus for both."""
    parts = [
        quality_and_cost(frames.summary, frames.measures, frames.checkpoints, name, metric).assign(
            group=name, metric=metric
        )
        for name in groups
        for metric in _METRICS
    ]
    table = pd.concat(parts, ignore_index=True)
    if table.empty:
        raise ValueError(f"summary: no measure with quality and seconds in groups {', '.join(groups)}")
    families = theme.ordered(table["family"], theme.FAMILIES)
    family_titles = [theme.FAMILY_TITLES.get(family, family) for family in families]
    columns = {
        "Measure": _indexed(list(table["title"])),
        "Family": _indexed([theme.FAMILY_TITLES.get(family, family) for family in table["family"]]),
        "group": _indexed(list(table["group"])),
        "metric": _indexed(list(table["metric"])),
        "front": _indexed([str(flag).lower() for flag in table["on_front"]]),
        **{name: _plain(table[key]) for name, key in
           (("Quality", "mean"), ("Low", "low"), ("High", "high"), ("Seconds", "seconds"))},
    }  # fmt: skip
    menus = (
        _menu("group", "Group ", groups, {name: name for name in groups}, group),
        _menu("metric", "Quality ", list(_METRICS), _METRICS, "kendall"),
    )
    base = alt.Chart(alt.NamedData("points")).transform_filter(
        "datum.group == group && datum.metric == metric"
    )
    x = alt.X("Seconds:Q", scale=alt.Scale(type="log", padding=15), title="Seconds per checkpoint and task",
              axis=alt.Axis(labelExpr="datum.value >= 1 ? format(datum.value, '~g') + ' s' : "
                                      "format(1000 * datum.value, '~g') + ' ms'", tickCount=6))  # fmt: skip
    y = alt.Y("Quality:Q", scale=alt.Scale(zero=False, padding=10), title="Quality, mean over tasks")
    colors = theme.colors_for(families, theme.FAMILY_COLORS)
    color = _color("Family", family_titles, colors)
    front = base.transform_filter("datum.front == 'true'").mark_line(
        interpolate="step-after", strokeDash=[5, 3], color=theme.GREY, strokeWidth=1.3
    ).encode(x=x, y=y)  # fmt: skip
    bars = base.mark_rule(opacity=0.5).encode(x=x, y=alt.Y("Low:Q", title=""), y2="High:Q", color=color)
    points = base.mark_point(filled=True, size=95, opacity=1).encode(
        x=x, y=y, color=color, shape=_shape("Family", family_titles),
        tooltip=["Measure:N", "Family:N", alt.Tooltip("Quality:Q", format=".1f"),
                 alt.Tooltip("Low:Q", format=".1f", title="95 % from"),
                 alt.Tooltip("High:Q", format=".1f", title="to"), alt.Tooltip("Seconds:Q", format=".3g")],
    )  # fmt: skip
    return _page(
        alt.layer(bars, front, points).add_params(*menus),
        {"points": columns},
        {},
        legend=_legend(family_titles, colors),
        title="Quality against cost of the measures",
        caption=(
            "Up is better, left is cheaper. Bars are 95 % bootstrap intervals; the dashed line is the Pareto "
            "front: no other measure is both better and cheaper. Seconds are of the measure alone, without "
            "the forward pass that all share; costs below 0.1 ms are drawn at 0.1 ms. Hover over a point for its name."
        ),
        made_from=made_from,
    )


def _menu(name: str, label: str, options: list[str], labels: dict[str, str], first: str) -> alt.Parameter:
    menu = alt.binding_select(options=options, labels=[labels[option] for option in options], name=label)
    return alt.param(name, bind=menu, value=first if first in options else options[0])


def _color(field: str, domain: list[str], colors: dict[str, str]) -> alt.Color:
    return alt.Color(f"{field}:N", scale=alt.Scale(domain=domain, range=list(colors.values())), legend=None)


def _shape(field: str, domain: list[str]) -> alt.Shape:
    shapes = [list(_SHAPES)[at % len(_SHAPES)] for at in range(len(domain))]
    return alt.Shape(f"{field}:N", scale=alt.Scale(domain=domain, range=shapes), legend=None)


def _legend(domain: list[str], colors: dict[str, str]) -> list[tuple[str, str, str]]:
    """Return (glyph, colour, title) per category: HTML wraps a legend on small screens, Vega does not."""
    glyphs = list(_SHAPES.values())
    return [
        (glyphs[at % len(glyphs)], color, title)
        for at, (title, color) in enumerate(zip(domain, colors.values(), strict=True))
    ]


def _indexed(values: list[str]) -> dict:
    words = list(dict.fromkeys(values))
    places = {word: place for place, word in enumerate(words)}
    return {"words": words, "index": [places[value] for value in values]}


def _plain(values: pd.Series) -> list[float | None]:
    return [float(f"{value:.5g}") if abs(value) < float("inf") else None for value in values]


def _page(chart: alt.LayerChart, columns: dict, datasets: dict, **context: object) -> str:
    spec = chart.properties(width="container", height=420, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    settings = {"spec": spec.to_dict(), "columns": columns, "datasets": datasets, "light": _config(theme.LIGHT), "dark": _config(theme.DARK)}
    page = render("chart.html", settings=_json(settings), bundle=_bundle(), **context)
    if len(page.encode()) > LARGEST:
        raise ValueError(
            f"{context['title']}: {len(page.encode()):,} bytes, more than the {LARGEST:,} that Chromium opens "
            "inside the report; show fewer measures, tasks or checkpoints"
        )
    return page


def _config(colors: dict[str, str]) -> dict:
    text = {"labelColor": colors["ink"], "titleColor": colors["ink"], "labelFontSize": 12, "titleFontSize": 12}
    axis = {**text, "titleFontWeight": "normal", "gridColor": colors["line"], "domainColor": colors["muted"], "tickColor": colors["muted"]}
    return {
        "font": "system-ui, sans-serif",
        "background": "transparent",
        "view": {"stroke": None},
        "axis": axis,
        "legend": {**text, "symbolSize": 90},
        "text": {"color": colors["muted"]},
    }


def _json(value: object) -> markupsafe.Markup:
    """Return JSON that cannot end a script element, whatever the names in it."""
    return markupsafe.Markup(json.dumps(value, allow_nan=False).replace("<", "\\u003c"))


@cache
def _bundle() -> markupsafe.Markup:
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return markupsafe.Markup(bundle.replace("</script", "<\\/script"))
