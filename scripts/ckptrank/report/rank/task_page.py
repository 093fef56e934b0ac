"""A task's page: the answer, rank intervals, what to decide by, all scores, what failed."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ckptrank.files.atomic import write_text
from ckptrank.report.kit import theme
from ckptrank.report.kit.forest import place
from ckptrank.report.kit.output import Origin
from ckptrank.report.kit.tables import html_view
from ckptrank.report.kit.templating import data_uri, render
from ckptrank.report.rank.answer import answer, span
from ckptrank.report.rank.chart import render_rank_chart
from ckptrank.report.rank.facts import protocol, task_facts
from ckptrank.report.rank.figures import plot_pareto, plot_rank_intervals
from ckptrank.report.rank.frames import Ranking, read_ranking
from ckptrank.report.rank.tables import (
    render_decision_table,
    render_losses,
    render_rank_matrix,
    render_score_matrix,
)
from ckptrank.text import counted

#: Rank intervals that show without a click.
FIRST_ROWS = 40


def write(given: Mapping, made: Mapping, params: Mapping, origin: Origin) -> None:
    """Write the figures (``svg``, ``pdf``, ``pareto_svg``, ``pareto_pdf``), the ``page``, the ``chart`` to explore."""
    ranking = read_ranking(given["ranking"], given["scores"], given["facts"], given["why"])
    plot_rank_intervals(ranking, made["svg"], made["pdf"])
    plot_pareto(ranking, made["pareto_svg"], made["pareto_pdf"])
    figures = [made[name] for name in ("svg", "pdf", "pareto_svg", "pareto_pdf")]
    page = render_rank_page(ranking, *figures, made_from=origin.made_from)
    write_text(made["page"], page)
    write_text(made["chart"], render_rank_chart(ranking, made_from=origin.made_from))


def render_rank_page(
    ranking: Ranking,
    path_svg: str | Path,
    path_pdf: str | Path,
    pareto_svg: str | Path,
    pareto_pdf: str | Path,
    *,
    made_from: str = "",
) -> str:
    """Return a task's page: the answer, rank intervals, what to decide by, all scores, what failed.

    ``path_svg`` and ``path_pdf``: the figure of rank intervals, offered for download; ``pareto_svg`` and
    ``pareto_pdf``: that of accuracy against cost.
    """
    rows = forest(ranking)
    losses = render_losses(ranking)
    tables = [render_decision_table(ranking), render_rank_matrix(ranking)]
    tables += [render_score_matrix(ranking), losses]
    return render(
        "rank.html",
        title=f"{ranking.title}: which checkpoint to fine-tune",
        answer=answer(ranking),
        about=task_facts(ranking.facts),
        warnings=ranking.facts["warnings"],
        boxes=ranking.has_boxes,
        detector=bool(ranking.metric),
        tuned_as=ranking.tuned_as,
        by_gap=ranking.has_gaps,
        forest=(rows[:FIRST_ROWS], rows[FIRST_ROWS:]),
        figures=_downloads(Path(path_svg), Path(path_pdf)),
        pareto=_downloads(Path(pareto_svg), Path(pareto_pdf)) if len(ranking.ranked) > 1 else [],
        why=_why(ranking),
        protocol=protocol(ranking),
        tables=[html_view(table) for table in tables],
        counted=counted,
        made_from=made_from,
    )


def _why(ranking: Ranking) -> dict | None:
    """Return what sets the first apart from the second with their titles; None where there is nothing to show."""
    if not ranking.why or not ranking.why["examples"]:
        return None
    names = ranking.names()
    first, second = (names.get(name, name) for name in ranking.why["checkpoints"])
    return {**ranking.why, "first": first, "second": second}


def _downloads(svg: Path, pdf: Path) -> list[tuple[str, str, str]]:
    """Return (file name, words, content as an address) of a figure's two forms."""
    return [
        (f"{svg.stem}.svg", "Download SVG", data_uri(svg.read_bytes(), "image/svg+xml")),
        (f"{pdf.stem}.pdf", "PDF", data_uri(pdf.read_bytes(), "application/pdf")),
    ]


def forest(ranking: Ranking) -> list[dict]:
    """Return the rows of the forest: each checkpoint's rank and interval on an axis from 1 on."""
    ranked, names = ranking.ranked, ranking.names()
    rows = []
    for row in ranked.itertuples(index=False):
        low, high = (row.rank if pd.isna(end) else end for end in (row.rank_low, row.rank_high))
        rows.append(
            {
                "title": names[row.checkpoint],
                "color": theme.BLUE if row.with_first else theme.GREY,
                "tied": row.with_first,
                "rank": f"{row.rank:.0f}",
                "span": span(low, high),
                "place": place(row.rank, low, high, 1, len(ranked)),
            }
        )
    return rows
