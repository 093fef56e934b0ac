"""A chart to explore: each checkpoint's rank against what it costs, in one offline file."""

import altair as alt

from ckptrank.report.kit import theme
from ckptrank.report.kit.charts import (
    color_by,
    index_words,
    list_legend,
    make_menu,
    render_chart_page,
    round_numbers,
    shape_by,
)
from ckptrank.report.rank.frames import Ranking

_COSTS = {
    "finetune_seconds": "Fine-tuning (seconds, estimated)",
    "parameters": "Parameters",
    "forward_gflops": "GFLOPs per image",
    "images_per_second": "Images per second",
}
_DETECTOR = {"finetune_seconds": "Tuning a detector (seconds, estimated)"}


def _write(value: str) -> str:
    """Return the Vega expression that writes a number: 300k, but 0.6 rather than 600m."""
    return f"format({value}, {value} < 1 ? '.3~g' : '.3~s')"


def render_rank_chart(ranking: Ranking, *, made_from: str = "") -> str:
    """Return a page: rank with its interval against a cost, with a menu for the cost."""
    ranked, names = ranking.ranked, ranking.names()
    titles = {**_COSTS, **(_DETECTOR if ranking.metric else {})}
    costs = {
        key: title for key, title in titles.items() if ranked[key].notna().any() or ranked.empty
    }
    if not costs:
        raise ValueError("ranking: no checkpoint has parameters, GFLOPs, images/s or a time")
    words = {True: "Cannot be told apart from the first", False: "Behind the first"}
    present = [flag for flag in (True, False) if flag in set(ranked["with_first"])]
    domain = [words[flag] for flag in present]
    colors = {words[flag]: theme.BLUE if flag else theme.GREY for flag in present}
    columns = {
        "Checkpoint": index_words([names[name] for name in ranked["checkpoint"]]),
        "Standing": index_words([words[flag] for flag in ranked["with_first"]]),
        "Licence": index_words([licence or "not stated" for licence in ranked["licence"]]),
        "Rank": round_numbers(ranked["rank"]),
        "Low": round_numbers(ranked["rank_low"]),
        "High": round_numbers(ranked["rank_high"]),
        **{key: round_numbers(ranked[key]) for key in costs},
    }
    menu = make_menu("cost", "Against ", list(costs), costs, next(iter(costs)))
    base = (
        alt.Chart(alt.NamedData("points"))
        .transform_calculate(
            Cost="datum[cost]",
            **{
                f"{key} shown": f"isValid(datum.{key}) ? {_write(f'datum.{key}')} : ''"
                for key in costs
            },
        )
        .transform_filter("isValid(datum.Cost) && datum.Cost > 0")
    )
    x = alt.X(
        "Cost:Q",
        scale=alt.Scale(type="log", padding=15, nice=False),
        axis=alt.Axis(
            title="Cost, as chosen above (logarithmic)",
            labelExpr=_write("datum.value"),
            tickCount=6,
            grid=False,
        ),
    )
    scale = alt.Scale(reverse=True, domain=[0.5, len(ranked) + 0.5], nice=False)
    axis = alt.Axis(title="Rank (1 is best)", tickMinStep=1, format="d")
    color = color_by("Standing", domain, colors)
    bars = base.mark_rule(opacity=0.5, strokeWidth=2).encode(
        x=x, y=alt.Y("Low:Q", scale=scale, axis=axis), y2="High:Q", color=color
    )
    points = base.mark_point(filled=True, size=95, opacity=1).encode(
        x=x,
        y=alt.Y("Rank:Q", scale=scale, axis=axis),
        color=color,
        shape=shape_by("Standing", domain),
        tooltip=[
            "Checkpoint:N",
            alt.Tooltip("Rank:Q", format="d"),
            alt.Tooltip("Low:Q", format="d", title="95 % from"),
            alt.Tooltip("High:Q", format="d", title="to"),
            *(alt.Tooltip(f"{key} shown:N", title=title) for key, title in costs.items()),
            "Licence:N",
        ],
    )
    return render_chart_page(
        alt.layer(bars, points).add_params(menu),
        {"points": columns},
        {},
        legend=list_legend(domain, colors),
        title=f"{ranking.title}: rank against cost",
        caption=(
            "Up is better. Each point is a checkpoint, bars are 95 % intervals of its rank. Choose the "
            "cost above the chart and hover over a point for its name; the task's page has the same "
            "numbers in a table."
        ),
        made_from=made_from,
    )
