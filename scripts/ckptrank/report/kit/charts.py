"""What the charts to explore share: menus, marks, compact data and one offline file around them.

Altair describes a chart, vl-convert gives the JavaScript of Vega, Vega-Lite and vega-embed (0.9 MB). The
data travel as columns with indices instead of names, so that large pools stay below what Chromium
opens inside Snakemake's single-file report.
"""

import json
from collections.abc import Mapping
from functools import cache

import altair as alt
import markupsafe
import pandas as pd
import vl_convert

from ckptrank.report.kit import theme
from ckptrank.report.kit.templating import render

#: Chromium refuses larger files inside the single-file report (1.5 MiB as measured, with a margin).
LARGEST = 1_400_000

#: Vega's names of the marker shapes, and how the legend writes them.
_SHAPES = {
    "circle": "●",
    "square": "■",
    "triangle-up": "▲",
    "diamond": "◆",
    "cross": "✚",
    "triangle-down": "▼",
}


def make_menu(
    name: str, label: str, options: list[str], labels: dict[str, str], first: str
) -> alt.Parameter:
    """Return a drop-down menu that sets the parameter ``name``; options are shown by their labels."""
    menu = alt.binding_select(
        options=options, labels=[labels[option] for option in options], name=label
    )
    return alt.param(name, bind=menu, value=first if first in options else options[0])


# Colours and shapes have no legend of their own: the page has one, see list_legend.
def color_by(field: str, domain: list[str], colors: dict[str, str]) -> alt.Color:
    return alt.Color(
        f"{field}:N", scale=alt.Scale(domain=domain, range=list(colors.values())), legend=None
    )


def shape_by(field: str, domain: list[str]) -> alt.Shape:
    shapes = [list(_SHAPES)[at % len(_SHAPES)] for at in range(len(domain))]
    return alt.Shape(f"{field}:N", scale=alt.Scale(domain=domain, range=shapes), legend=None)


def list_legend(domain: list[str], colors: dict[str, str]) -> list[tuple[str, str, str]]:
    """Return (glyph, colour, title) per category: HTML wraps on small screens, Vega's do not."""
    glyphs = list(_SHAPES.values())
    return [
        (glyphs[at % len(glyphs)], color, title)
        for at, (title, color) in enumerate(zip(domain, colors.values(), strict=True))
    ]


def index_words(values: list) -> dict:
    """Return a column of names in short: the different ones, and an index per row."""
    words = list(dict.fromkeys(values))
    places = {word: place for place, word in enumerate(words)}
    return {"words": words, "index": [places[value] for value in values]}


def share_index(columns: Mapping[str, list]) -> dict[str, dict]:
    """Return columns that repeat together, as the facts about a pair do for every measure: one index serves all."""
    first = next(iter(columns))
    rows = index_words(list(zip(*columns.values(), strict=True)))
    words = map(list, zip(*rows["words"], strict=True))
    return {
        name: {"words": own, **({"index": rows["index"]} if name == first else {"like": first})}
        for name, own in zip(columns, words, strict=True)
    }


def round_numbers(values: pd.Series) -> list[float | None]:
    return [float(f"{value:.5g}") if abs(value) < float("inf") else None for value in values]


def render_chart_page(
    chart: alt.LayerChart, columns: dict, datasets: dict, **context: object
) -> str:
    """Return the page of a chart; it draws itself again when the screen turns dark or light.

    ``columns``: dataset -> field -> :func:`index_words`, of :func:`share_index` or numbers, made into records in the browser;
    ``datasets``: records as they are; ``context``: ``title``, ``caption``, ``legend``, ``made_from``.
    """
    spec = chart.properties(
        width="container", height=420, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    settings = {
        "spec": spec.to_dict(),
        "columns": columns,
        "datasets": datasets,
        "light": _config(theme.LIGHT),
        "dark": _config(theme.DARK),
    }
    page = render("chart.html", settings=_json(settings), bundle=_bundle(), **context)
    if len(page.encode()) > LARGEST:
        raise ValueError(
            f"{context['title']}: {len(page.encode()):,} bytes, more than the {LARGEST:,} that "
            "Chromium opens inside the report; show fewer measures, tasks or checkpoints"
        )
    return page


def _config(colors: dict[str, str]) -> dict:
    text = {
        "labelColor": colors["ink"],
        "titleColor": colors["ink"],
        "labelFontSize": 12,
        "titleFontSize": 12,
    }
    axis = {
        **text,
        "titleFontWeight": "normal",
        "gridColor": colors["line"],
        "domainColor": colors["muted"],
        "tickColor": colors["muted"],
    }
    return {
        "font": "system-ui, sans-serif",
        "background": "transparent",
        "view": {"stroke": None},
        "axis": axis,
        "text": {"color": colors["muted"]},
    }


def _json(value: object) -> markupsafe.Markup:
    """Return JSON that cannot end a script element, whatever the names in it."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return markupsafe.Markup(text.replace("<", "\\u003c"))


@cache
def _bundle() -> markupsafe.Markup:
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return markupsafe.Markup(bundle.replace("</script", "<\\/script"))
