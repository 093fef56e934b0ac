"""What the chapter is made from: the detection benchmark's tables, read with their types."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ckptrank.evaluation.columns import DETECTION
from ckptrank.evaluation.tables import read_table, titles

VIEWS = {"images": "Whole images", "objects": "Objects"}


@dataclass(frozen=True)
class Results:
    """The tables of :data:`~ckptrank.evaluation.columns.DETECTION` by their names."""

    checkpoints: pd.DataFrame
    tasks: pd.DataFrame
    ground_truth: pd.DataFrame
    scores: pd.DataFrame
    measures: pd.DataFrame
    metrics: pd.DataFrame
    summary: pd.DataFrame

    @property
    def checkpoint_titles(self) -> dict[str, str]:
        return titles(self.checkpoints, "checkpoint")

    @property
    def measure_titles(self) -> dict[str, str]:
        return titles(self.measures, "measure")

    @property
    def task_titles(self) -> dict[str, str]:
        return titles(self.tasks, "task")

    @property
    def views(self) -> list[str]:
        """The views that were scored, in the report's order."""
        return [view for view in VIEWS if view in set(self.scores["view"])]

    def of_task(self, task: str) -> pd.DataFrame:
        """Return the ground truth on a task, the best checkpoint first, what failed last."""
        rows = self.ground_truth[self.ground_truth["task"] == task]
        return rows.sort_values("accuracy", ascending=False, kind="stable", na_position="last")

    def tuned(self, task: str) -> list[str]:
        """Return the checkpoints that have ground truth on a task, the best first."""
        rows = self.of_task(task)
        return list(rows.loc[rows["status"] == "ok", "checkpoint"])


def read_results(given: Mapping[str, str]) -> Results:
    return Results(
        **{name: read_table(given[name], table, name) for name, table in DETECTION.items()}
    )
