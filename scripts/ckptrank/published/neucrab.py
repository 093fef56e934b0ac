"""The first paper's printed numbers: its tables of measures and of accuracies (``neucrab_*.csv``)."""

from functools import cache
from pathlib import Path

import pandas as pd

_FOLDER = Path(__file__).parent
AUTHORS_FORM = ", authors' form"
"""What ends the title of a measure in its authors' form, where another form stands beside it."""
TABLES = {"I": "Table 1", "II": "Table 2", "III": "Table 3", "I+II+III": "Table 5", "IV": "Table 6"}
"""Where the paper prints how the measures do on each group of checkpoints."""


@cache
def read_ranking() -> pd.DataFrame:
    """Return the metrics in percent, and ``gflops``, by (group, measure); NaN where it has a dash."""
    return pd.read_csv(_FOLDER / "neucrab_ranking.csv").set_index(["group", "measure"])


@cache
def read_accuracies() -> pd.DataFrame:
    """Return Tables 7 to 10: group, checkpoint, task, accuracy_percent."""
    return pd.read_csv(_FOLDER / "neucrab_accuracy.csv")


@cache
def read_detection() -> pd.DataFrame:
    """Return Table 11 by (task, measure): recall_at_1 (0 or 1), pearson and kendall in percent."""
    return pd.read_csv(_FOLDER / "neucrab_detection.csv").set_index(["task", "measure"])


def find_measures(measures: pd.DataFrame) -> dict[str, str]:
    """Return the paper's name -> the measure of ``measures.csv`` of that title; the authors' form first."""
    printed = list(read_ranking().index.unique("measure"))
    by_title = dict(zip(measures["title"], measures["measure"], strict=True))
    found = {name: by_title.get(name + AUTHORS_FORM) or by_title.get(name) for name in printed}
    return {name: measure for name, measure in found.items() if measure}
