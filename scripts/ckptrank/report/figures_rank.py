"""Rank intervals: of checkpoints on one task, and of measures on the benchmark."""

from collections.abc import Sequence
from pathlib import Path

from ckptrank.report import theme
from ckptrank.report.drawing import drawing, legend_entries, put_legend, shortened
from ckptrank.report.rank_frames import Ranking

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
    with drawing(6.8, height, label, path_svg, path_pdf) as figure:
        panel = figure.subplots()
        draw_intervals(
            panel,
            shown[["rank", "rank_low", "rank_high"]].to_numpy(),
            [colors[bool(flag)] for flag in shown["with_first"]],
        )
        panel.set_yticks(range(len(shown)), [shortened(names[n]) for n in shown["checkpoint"]])
        panel.set_xlim(0.5, max(len(ranking.ranked), 2) + 0.5)
        rest = len(ranking.ranked) - len(shown)
        panel.set_xlabel(
            f"Rank (95 % interval){f'; {rest} more checkpoints follow' if rest else ''}"
        )
        panel.xaxis.get_major_locator().set_params(integer=True)
        present = {flag: colors[flag] for flag in (True, False) if flag in set(shown["with_first"])}
        put_legend(figure, legend_entries(present, words), 2)


def draw_intervals(panel: object, rows: Sequence, colors: Sequence[str]) -> None:
    """Draw ``rows`` of (value, low, high) below each other, the first at the top."""
    for at, ((value, low, high), color) in enumerate(zip(rows, colors, strict=True)):
        panel.plot([low, high], [at, at], color=color, lw=3, alpha=0.45, solid_capstyle="round")
        panel.plot([value], [at], ls="", marker="o", ms=5, color=color)
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.grid(axis="y", visible=False)
    panel.tick_params(axis="y", length=0)
