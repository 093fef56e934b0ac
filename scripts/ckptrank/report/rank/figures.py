"""A task's figures: the rank of every checkpoint with its interval, and accuracy against cost."""

from pathlib import Path

import pandas as pd
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from ckptrank.report.kit import theme
from ckptrank.report.kit.figures import (
    draw_intervals,
    legend_entries,
    name_rows,
    put_legend,
    saved_figure,
    shortened,
)
from ckptrank.report.rank.frames import Ranking

#: From where the largest of the costs is so many times the smallest, ticks at 1, 2 and 5 are enough.
_WIDE = 5
#: Rows of the printed figure; the page shows all.
MOST_ROWS = 60


def plot_rank_intervals(ranking: Ranking, path_svg: str | Path, path_pdf: str | Path) -> None:
    """Draw each checkpoint's rank with its 95 % interval, the first at the top."""
    shown = ranking.ranked.head(MOST_ROWS)
    names = ranking.names()
    colors = {True: theme.BLUE, False: theme.GREY}
    words = {True: "cannot be told apart from the first", False: "behind the first"}
    height = 0.85 + 0.2 * max(len(shown), 2)
    label = f"Rank intervals: {ranking.title}"
    with saved_figure(6.8, height, label, path_svg, path_pdf) as figure:
        panel = figure.subplots()
        draw_intervals(
            panel,
            shown[["rank", "rank_low", "rank_high"]].to_numpy(),
            [colors[bool(flag)] for flag in shown["with_first"]],
        )
        name_rows(panel, [names[name] for name in shown["checkpoint"]], len(ranking.ranked))
        rest = len(ranking.ranked) - len(shown)
        panel.set_xlabel(
            f"Rank (95 % interval){f'; {rest} more checkpoints follow' if rest else ''}"
        )
        present = {flag: colors[flag] for flag in (True, False) if flag in set(shown["with_first"])}
        put_legend(figure, legend_entries(present, words), 2)


def plot_pareto(ranking: Ranking, path_svg: str | Path, path_pdf: str | Path) -> None:
    """Draw what each checkpoint is expected to reach less than the first against its operations.

    A line joins those that no other beats in both; where no error of the measures is known, ranks stand in
    for the expected differences.
    """
    known = ranking.has_gaps
    shown = ranking.ranked.dropna(subset=["forward_gflops", "gap" if known else "rank"])
    names = ranking.names()
    behind = 100 * shown["gap"] if known else shown["rank"]
    label = f"{'Expected accuracy' if known else 'Rank'} and cost: {ranking.title}"
    with saved_figure(6.8, 3.6, label, path_svg, path_pdf) as figure:
        panel = figure.subplots()
        if shown.empty:
            return
        colors = [theme.BLUE if flag else theme.GREY for flag in shown["with_first"]]
        panel.scatter(shown["forward_gflops"], behind, c=colors, s=22, zorder=3)
        front = find_front(shown["forward_gflops"], behind)
        panel.step(
            shown["forward_gflops"][front],
            behind[front],
            where="post",
            color=theme.BLUE,
            lw=1,
            alpha=0.6,
        )
        for place, at in enumerate(front):  # in turns below and above, for the front is crowded
            panel.annotate(
                shortened(names[shown.loc[at, "checkpoint"]], 24),
                (shown.loc[at, "forward_gflops"], behind[at]),
                (-4, 5) if place % 2 else (4, -9),
                textcoords="offset points",
                ha="right" if place % 2 else "left",
                fontsize=7,
            )
        panel.set_xscale("log")
        wide = shown["forward_gflops"].max() > _WIDE * shown["forward_gflops"].min()
        panel.xaxis.set_major_locator(
            LogLocator(subs=(1, 2, 5) if wide else (1, 1.5, *range(2, 10)))
        )
        panel.xaxis.set_major_formatter(lambda value, _place: f"{value:g}")
        panel.xaxis.set_minor_locator(NullLocator())
        panel.margins(x=0.12, y=0.12)
        panel.invert_yaxis()
        panel.set_xlabel("GFLOPs of one image (logarithmic)")
        panel.set_ylabel("Points behind the first, expected" if known else "Rank")
        if not known:
            panel.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def find_front(costs: pd.Series, behind: pd.Series) -> list[int]:
    """Return the rows, cheapest first, than which none is cheaper and no farther behind (both lower is better)."""
    ordered = pd.DataFrame({"cost": costs, "behind": behind}).sort_values(["cost", "behind"])
    best = ordered["behind"].cummin().shift(fill_value=float("inf"))
    return list(ordered.index[ordered["behind"] < best])
