"""The first page of a rank run: a line per task, and the orders of a few."""

from collections.abc import Mapping, Sequence

from ckptrank.files.atomic import write_text
from ckptrank.report.kit.links import links_from
from ckptrank.report.kit.output import Origin
from ckptrank.report.kit.templating import render
from ckptrank.report.rank.answer import answer
from ckptrank.report.rank.facts import protocol, task_facts
from ckptrank.report.rank.frames import Ranking, read_ranking
from ckptrank.report.rank.task_page import forest
from ckptrank.text import counted

#: Of so many tasks at most the orders themselves stand on the first page, and so many checkpoints of each.
FEW_TASKS, FIRST_ROWS = 3, 12


def write(given: Mapping, made: Mapping, params: Mapping, origin: Origin) -> None:
    """Write the ``page`` from the files of all tasks, which come in one order."""
    files = zip(given["rankings"], given["scores"], given["facts"], strict=True)
    rankings = [read_ranking(*of_task) for of_task in files]
    page = render_rank_overview(
        list(zip(rankings, given["pages"], strict=True)),
        place=made["page"],
        provenance=given["provenance"],
        made_from=origin.made_from,
    )
    write_text(made["page"], page)


def render_rank_overview(
    rankings: Sequence[tuple[Ranking, str]],
    *,
    place: str,
    provenance: str = "",
    made_from: str = "",
) -> str:
    """Return the first page of a rank run: a line per task, and below it the orders where there are few.

    ``rankings``: each with its page's path as Snakemake knows it; ``provenance``: the path of that
    page; ``place``: that of this page.
    """
    lines = [
        {
            "title": ranking.title,
            "path": path,
            "about": task_facts(ranking.facts),
            "answer": answer(ranking),
            "boxes": ranking.has_boxes,
            "warnings": len(ranking.facts["warnings"]),
            "forest": forest(ranking)[:FIRST_ROWS] if len(rankings) <= FEW_TASKS else [],
            "more": max(0, len(ranking.ranked) - FIRST_ROWS),
        }
        for ranking, path in rankings
    ]
    return render(
        "rank_overview.html",
        title="Which checkpoints are worth fine-tuning?",
        lines=lines,
        provenance=provenance,
        protocol=protocol(rankings[0][0])[1:4] if rankings else [],
        counted=counted,
        local=links_from(place),
        made_from=made_from,
    )
