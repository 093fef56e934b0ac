"""The first paper's findings: what came out here for each, beside its own numbers, with a verdict."""

from collections.abc import Callable, Mapping

import pandas as pd

from ckptrank.evaluation.columns import FINDINGS
from ckptrank.evaluation.tables import read_table
from ckptrank.evaluation.verdicts import FAILS, HOLDS, NOT_TESTED, OPEN
from ckptrank.files.atomic import write_text
from ckptrank.report.kit.claims import describe_part
from ckptrank.report.kit.output import Origin
from ckptrank.report.kit.templating import render
from ckptrank.text import counted, fixed, listed, significant

_UNITS = {"Kendall": "of Kendall", "Pearson": "of Pearson", "accuracy": "points", "times": "times"}
_WORDS = {
    HOLDS: ("holds", "hold"),
    FAILS: ("does not hold", "do not hold"),
    OPEN: ("is undecided here", "are undecided here"),
    NOT_TESTED: ("was not tested in this run", "were not tested in this run"),
}
_TITLE = "What the first paper found, and what came out here"


def write(given: Mapping, made: Mapping, params: Mapping, origin: Origin) -> None:
    """Write the ``page`` of the table ``findings``."""
    page = render_findings(read_findings(given["findings"]), made_from=origin.made_from)
    write_text(made["page"], page)


def read_findings(path: str) -> pd.DataFrame:
    return read_table(path, FINDINGS["findings"], "findings")


def render_findings(findings: pd.DataFrame, *, made_from: str = "") -> str:
    """Return the page, a section per finding."""
    return render(
        "findings.html",
        title=_TITLE,
        lead=f"Li et al. 2021, “Ranking Neural Checkpoints”: {count_verdicts(findings)}.",
        reading=(
            "Correlations are in percent, as the paper prints them: the mean over the tasks, with the "
            "95 % bootstrap interval over tasks and checkpoints, paired between measures and between "
            "groups. Accuracies are in percentage points, with the interval that the noise between "
            "seeds allows for the largest of so many differences. A part is decided by its whole "
            "interval; where that reaches over the limit it stays undecided here. A finding holds where "
            "all of its tested parts do, and does not where one does not. Costs have no interval. "
            "Whether the checkpoints are the paper's own, the page of each group says."
        ),
        claims=[_describe(row, findings) for row in _heads(findings).itertuples(index=False)],
        made_from=made_from,
    )


def list_verdicts(findings: pd.DataFrame) -> list[dict]:
    """Return statement and verdict of each finding that was tested, for the landing page."""
    heads = _heads(findings)
    tested = heads[heads["verdict"] != NOT_TESTED]
    return tested[["statement", "verdict"]].to_dict("records")


def count_verdicts(findings: pd.DataFrame) -> str:
    """Say how many findings came out how: ``of its 11 findings 2 hold and 9 are undecided here``."""
    counts = _heads(findings)["verdict"].value_counts()
    words = [
        f"{counts[verdict]} {one if counts[verdict] == 1 else many}"
        for verdict, (one, many) in _WORDS.items()
        if verdict in counts
    ]
    return f"of its {counted(int(counts.sum()), 'finding')} {listed(words)}"


def _heads(findings: pd.DataFrame) -> pd.DataFrame:
    return findings[findings["part"] == ""]


def _describe(head: object, findings: pd.DataFrame) -> dict:
    parts = findings[(findings["finding"] == head.finding) & (findings["part"] != "")]
    tested = parts[parts["verdict"] != NOT_TESTED]
    return {
        "statement": head.statement,
        "sentence": head.paper,
        "verdict": head.verdict,
        "missing": head.detail,
        "parts": [
            describe_part(row, _show(row.unit), _UNITS[row.unit])
            for row in tested.itertuples(index=False)
        ],
    }


def _show(unit: str) -> Callable[[float], str]:
    return significant if unit == "times" else lambda value: fixed(value, 1)
