"""The benchmark's provenance: what ran, on what, for how long, and everything that failed."""

from collections.abc import Mapping

import pandas as pd

from ckptrank.evaluation.recommend import pooled_noise, say_accuracy
from ckptrank.evaluation.tables import Frames, titles
from ckptrank.files.atomic import write_json, write_text
from ckptrank.report.benchmark.run import read_run
from ckptrank.report.kit.losses import render_missing_table
from ckptrank.report.kit.output import Origin
from ckptrank.report.kit.provenance import find_facts, write_provenance
from ckptrank.report.kit.tables import Cell, Column, Row, Table, to_html
from ckptrank.text import one_decimal, significant


def write(given: Mapping, made: Mapping, params: Mapping, origin: Origin) -> None:
    """Write the ``page`` with its figure (``svg``, ``pdf``), its ``facts`` as JSON, and what is ``missing``."""
    frames = read_run(given)
    facts, stages = find_facts("benchmark", params, origin)
    write_json(made["facts"], {**facts, "stages": stages.to_dict("records")})
    write_provenance(facts, stages, made, origin, list_tables(frames))
    missing = [render_missing_table(frames)]
    page = to_html(missing, "What failed or does not apply", made_from=origin.made_from)
    write_text(made["missing"], page)


def list_tables(frames: Frames) -> list[Table]:
    """Return what the page tells of the run's results: the noise, what is missing, the checkpoints."""
    noise, checkpoints = _noise_table(frames), _checkpoint_table(frames.checkpoints)
    return [noise, render_missing_table(frames), checkpoints]


def _noise_table(frames: Frames) -> Table:
    rows = []
    for task, title in titles(frames.tasks, "task").items():
        truth = frames.ground_truth[
            (frames.ground_truth["task"] == task) & (frames.ground_truth["status"] == "ok")
        ]
        noise, spread = pooled_noise(truth), truth["accuracy"].std()
        repeated = float(truth["noise_sd"].notna().sum())
        rows.append(
            Row(
                tuple(
                    map(
                        Cell,
                        (
                            title,
                            float(len(truth)),
                            repeated,
                            100 * spread,
                            100 * noise,
                            spread / noise if noise else None,
                        ),
                    )
                )
            )
        )
    columns = (
        Column("task", "Task", numeric=False),
        Column("pairs", "Checkpoints tuned", show=lambda value: f"{value:.0f}"),
        Column("repeated", "with repeats", show=lambda value: f"{value:.0f}"),
        Column("spread", "Spread (sd, points)"),
        Column("noise", "Noise (sd, points)", higher_is_better=False),
        Column("ratio", "Spread / noise", show=one_decimal),
    )
    caption = (
        "Spread is the standard deviation of the accuracy over checkpoints, noise that between seeds of "
        f"the same setting (pooled over checkpoints; the accuracy is the {say_accuracy(frames.ground_truth)}). Where the two come close, no order of the "
        "checkpoints can be trusted."
    )
    return Table("noise", "The ground truth's own noise", columns, tuple(rows), caption)


def _checkpoint_table(checkpoints: pd.DataFrame) -> Table:
    text = {
        "source": "Source",
        "architecture": "Architecture",
        "objective": "Objective",
        "source_data": "Source data",
    }
    columns = (
        Column("checkpoint", "Checkpoint", numeric=False),
        *(Column(key, title, numeric=False) for key, title in text.items()),
        Column("steps", "Steps", show=lambda value: f"{value:,.0f}"),
        Column("source_accuracy", "Source accuracy (%)", show=one_decimal),
        Column(
            "parameters", "Parameters", show=lambda value: f"{value:,.0f}", higher_is_better=False
        ),
        Column("forward_gflops", "GFLOPs per image", show=significant, higher_is_better=False),
        Column("seed", "Seed", show=lambda value: f"{value:.0f}"),
        Column("sha256", "SHA-256", numeric=False),
    )
    rows = []
    for row in checkpoints.itertuples(index=False):
        numbers = row.steps, 100 * row.source_accuracy, row.parameters, row.forward_gflops, row.seed
        digest = Cell(row.sha256, text=row.sha256[:12], note=row.sha256)
        about = (Cell(getattr(row, key)) for key in text)
        rows.append(Row((Cell(row.title or row.checkpoint), *about, *map(Cell, numbers), digest)))
    return Table(
        "checkpoints", "Checkpoints", columns, tuple(rows), "The CSV holds the whole digests."
    )
