"""The chapter on detection: a first page with its answer and the figure, one of tables and pictures, a part a task."""

from collections.abc import Mapping
from pathlib import Path

from ckptrank.evaluation.columns import FIRST_METRICS
from ckptrank.files.atomic import write_text
from ckptrank.report.detection.examples import find_files, render_examples
from ckptrank.report.detection.figures import plot_scores
from ckptrank.report.detection.frames import VIEWS, Results, read_results
from ckptrank.report.detection.tables import (
    render_costs,
    render_precisions,
    render_ranking,
    render_scores,
)
from ckptrank.report.kit.links import follow, links_from
from ckptrank.report.kit.output import Origin
from ckptrank.report.kit.tables import html_view
from ckptrank.report.kit.templating import data_uri, render
from ckptrank.text import counted, fixed, is_number


def write(given: Mapping, made: Mapping, params: Mapping, origin: Origin) -> None:
    """Write the ``index``, the ``page`` and the ``figures`` into their folder.

    ``given`` has the tables by name, the folders of the ``prepared`` tasks and the ``detectors``' ground truth.
    """
    results = read_results(given)
    figures = Path(made["figures"])
    figures.mkdir(parents=True, exist_ok=True)
    prepared = {Path(folder).name: folder for folder in given["prepared"]}
    parts = [
        _render_task(results, task, prepared[task], given["detectors"], params, figures)
        for task in results.task_titles
    ]
    index, page = made["index"], made["page"]
    shared = {
        "title": "Which backbone for a detector?",
        "lead": describe(results),
        "parts": parts,
        "made_from": origin.made_from,
    }
    links = {follow(index, link): title for link, title in params["links"].items()}
    # The first page is also what the report opens with, and so has no script.
    overview = render("detection_overview.html", pages=links, local=links_from(index), **shared)
    write_text(index, overview)
    costs = html_view(render_costs(results))
    write_text(page, render("detection.html", costs=costs, **shared))


def describe(results: Results) -> list[str]:
    """Return what was done and what came out, in sentences."""
    ranked = results.scores["checkpoint"].nunique()
    tasks = len(results.tasks)
    sentences = [
        *filter(None, (_find_extremes(results, task) for task in results.task_titles)),
        f"{counted(ranked, 'checkpoint')} ranked on {counted(tasks, 'task')} whose images have several objects, "
        "as in appendix A.6 of Ranking Neural Checkpoints. The ground truth is what a detector on the "
        "checkpoint's feature maps reaches after fine-tuning.",
        "The measures see two views: whole images, each with the labels of all that is in it, as in the paper; "
        "and objects, the last feature map inside each known box with one label. "
        + ". ".join(_find_best(results, view) for view in results.views)
        + ".",
    ]
    lost = results.ground_truth[results.ground_truth["status"] != "ok"]
    if len(lost):
        sentences.append(
            f"{counted(len(lost), 'pair')} could not be fine-tuned; the tables say why."
        )
    return sentences


def _find_extremes(results: Results, task: str) -> str:
    """Say which checkpoint makes the best detector of a task, and how far the worst is from it; of none, nothing."""
    rows = results.of_task(task)
    rows = rows[rows["status"] == "ok"]
    if rows.empty:
        return ""
    best, worst = rows.iloc[0], rows.iloc[-1]
    metric, names = FIRST_METRICS[best["head"]], results.checkpoint_titles
    return (
        f"{results.task_titles[task]}: of {counted(len(rows), 'fine-tuned checkpoint')} {names[best['checkpoint']]} is the best "
        f"with {metric} {fixed(100 * best['accuracy'], 1)} %, {names[worst['checkpoint']]} the worst with "
        f"{fixed(100 * worst['accuracy'], 1)} %."
    )


def _find_best(results: Results, view: str) -> str:
    """Say which measure has the highest mean Kendall in a view, with its interval, and how many order backwards."""
    families = results.measures.set_index("measure")["family"]
    summary = results.summary
    rows = summary[(summary["group"] == view) & (summary["metric"] == "kendall")]
    rows = rows[(rows["measure"].map(families) != "baseline") & rows["mean"].notna()]
    if rows.empty:
        return f"{VIEWS[view]}: no measure could be judged"
    best = rows.loc[rows["mean"].idxmax()]
    interval = (
        f" [{fixed(best['low'], 0)}, {fixed(best['high'], 0)}]" if is_number(best["low"]) else ""
    )
    name = results.measure_titles[best["measure"]]
    chance = ", which may be chance" if best["low"] <= 0 else ""
    backwards = int((rows["high"] < 0).sum())
    reverse = (
        f"; of {counted(len(rows), 'measure')} {backwards} {'order' if backwards > 1 else 'orders'} them backwards, beyond chance"
        if backwards
        else ""
    )
    return f"{VIEWS[view]}: {name} has the highest Kendall, {fixed(best['mean'], 0)} %{interval}{chance}{reverse}"


def _render_task(
    results: Results,
    task: str,
    folder: str,
    detectors: list[str],
    params: Mapping,
    figures: Path,
) -> dict:
    tables = [
        render_ranking(results, task, params["published"].get(task)),
        render_precisions(results, task, params["sweep"]),
        render_scores(results, task),
    ]
    svg, pdf = figures / f"{task}.svg", figures / f"{task}.pdf"
    plot_scores(results, task, svg, pdf)
    files, names = find_files(detectors, task), results.checkpoint_titles
    tuned = results.tuned(task)
    chosen = [("The best", tuned[0]), ("The worst", tuned[-1])] if tuned else []
    rows = [(f"{place}: {names[name]}", files[name]) for place, name in chosen]
    return {
        "title": results.task_titles[task],
        "tables": [html_view(table) for table in tables],
        "figure": data_uri(svg.read_bytes(), "image/svg+xml"),
        "pdf": data_uri(pdf.read_bytes(), "application/pdf"),
        "pdf_name": pdf.name,
        "examples": render_examples(folder, rows),
    }
