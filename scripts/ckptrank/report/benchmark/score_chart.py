"""A chart to explore: score against fine-tuned accuracy, with menus for measure and task."""

import altair as alt
import pandas as pd

from ckptrank.evaluation.tables import Frames, ranked_checkpoints, scores_of_group, titles
from ckptrank.report.kit import theme
from ckptrank.report.kit.charts import (
    color_by,
    index_words,
    list_legend,
    make_menu,
    render_chart_page,
    round_numbers,
    shape_by,
    share_index,
)
from ckptrank.report.kit.measures import measure_order

_CAPTION = (
    "Each point is a checkpoint. A good measure gives higher scores to checkpoints that end up "
    "with higher accuracy: its points climb from the lower left to the upper right. Hover over "
    "a point for its name; choose the measure and the task above the chart."
)


def render_score_chart(
    frames: Frames, group: str, *, measure: str = "", task: str = "", made_from: str = ""
) -> str:
    """Return a page: score against fine-tuned accuracy, with menus for measure and task.

    ``measure`` and ``task`` are shown first (the first of each without).
    """
    members = ranked_checkpoints(frames.checkpoints, group)
    points = _find_points(frames, group, members)
    measures = [name for name in measure_order(frames.measures) if name in set(points["measure"])]
    tasks = [name for name in frames.tasks["task"] if name in set(points["task"])]
    kinds = theme.ordered(_find_facts(frames).loc[members, "kind"], theme.KIND_TITLES)
    kind_titles = [theme.KIND_TITLES.get(kind, kind) for kind in kinds]
    colors = theme.colors_for(kinds, theme.KIND_COLORS)
    measure_menu = make_menu(
        "measure", "Measure ", measures, titles(frames.measures, "measure"), measure
    )
    task_menu = make_menu("task", "Task ", tasks, titles(frames.tasks, "task"), task)
    chart = _layer_marks(kind_titles, colors).add_params(measure_menu, task_menu)
    return render_chart_page(
        chart,
        {"points": _list_columns(frames, points)},
        {"taus": _list_taus(frames, group, measures, tasks)},
        legend=list_legend(kind_titles, colors),
        title=f"Score against fine-tuned accuracy, group {group}",
        caption=_CAPTION,
        made_from=made_from,
    )


def _find_facts(frames: Frames) -> pd.DataFrame:
    return frames.checkpoints.set_index("checkpoint")


def _find_points(frames: Frames, group: str, members: list[str]) -> pd.DataFrame:
    """Return the pairs of the group that have both a score and an accuracy."""
    truth = frames.ground_truth[frames.ground_truth["status"] == "ok"]
    points = scores_of_group(frames.scores, group)
    points = points[(points["status"] == "ok") & points["checkpoint"].isin(members)]
    points = points.merge(
        truth[["checkpoint", "task", "accuracy", "noise_sd"]], on=["checkpoint", "task"]
    )
    if points.empty:
        raise ValueError(f"scores: no pair of group {group!r} has both a score and an accuracy")
    return points


def _list_columns(frames: Frames, points: pd.DataFrame) -> dict:
    names, facts = titles(frames.checkpoints, "checkpoint"), _find_facts(frames)
    kinds = facts.loc[points["checkpoint"], "kind"]
    of_pairs = {
        "Checkpoint": [names[name] for name in points["checkpoint"]],
        "Supervision": [theme.KIND_TITLES.get(kind, kind) for kind in kinds],
        "Architecture": list(facts.loc[points["checkpoint"], "architecture"]),
        "task": list(points["task"]),
        "Accuracy": round_numbers(100 * points["accuracy"]),
        "Noise": round_numbers(100 * points["noise_sd"]),
    }
    shared = share_index(of_pairs)
    return {
        **{name: shared.pop(name) for name in ("Checkpoint", "Supervision", "Architecture")},
        "measure": index_words(list(points["measure"])),
        "task": shared.pop("task"),
        "Score": round_numbers(points["score"]),
        **shared,
    }


def _list_taus(frames: Frames, group: str, measures: list[str], tasks: list[str]) -> list[dict]:
    """Return Kendall's tau of each measure on each task as the chart writes it."""
    metrics = frames.metrics[frames.metrics["group"] == group]
    known = metrics.set_index(["measure", "task"])["kendall"]
    return [
        {"measure": m, "task": t, "text": f"Kendall τ = {value:.2f}".replace("-", "−")}
        for (m, t), value in known.items()
        if m in measures and t in tasks and value == value
    ]


def _layer_marks(kinds: list[str], colors: dict[str, str]) -> alt.LayerChart:
    chosen = "datum.measure == measure && datum.task == task"
    marks = (
        alt.Chart(alt.NamedData("points"))
        .transform_filter(chosen)
        .mark_point(filled=True, size=85, opacity=0.9)
        .encode(
            x=alt.X(
                "Score:Q",
                scale=alt.Scale(zero=False, padding=12, nice=False),
                axis=alt.Axis(title="Score", tickCount=5),
            ),
            y=alt.Y(
                "Accuracy:Q",
                scale=alt.Scale(zero=False, padding=12),
                title="Fine-tuned accuracy (%)",
            ),
            color=color_by("Supervision", kinds, colors),
            shape=shape_by("Supervision", kinds),
            tooltip=[
                "Checkpoint:N",
                "Supervision:N",
                "Architecture:N",
                alt.Tooltip("Score:Q", format=".4g"),
                alt.Tooltip("Accuracy:Q", format=".1f", title="Accuracy (%)"),
                alt.Tooltip("Noise:Q", format=".1f", title="± repeats (sd)"),
            ],
        )
    )
    tau = (
        alt.Chart(alt.NamedData("taus"))
        .transform_filter(chosen)
        .mark_text(align="left", baseline="bottom", fontSize=13)
        .encode(text="text:N", x=alt.value(4), y=alt.value(-4))
    )
    return alt.layer(marks, tau)
