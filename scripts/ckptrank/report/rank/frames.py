"""What the rank job found out about one task, read for its page: two tables and the facts."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ckptrank.evaluation.columns import RANK
from ckptrank.evaluation.tables import read_table
from ckptrank.files.atomic import read_json
from ckptrank.rank.words import name_metric


@dataclass(frozen=True)
class Ranking:
    """One task's ranking.

    ``ranked``: the checkpoints with a rank, first one first. ``failed``: the others. ``scores``: a
    row per measure and checkpoint. ``facts``: ``task``, ``title``, ``classes``, ``objects``, ``head``, ``train_samples``,
    ``test_samples``, ``protocol``, ``measures``, ``resamples``, ``device``, ``warnings``, ``advice``, ``error``.
    ``why``: what sets the first apart from the second, see :mod:`ckptrank.features.why`.
    """

    ranked: pd.DataFrame
    failed: pd.DataFrame
    scores: pd.DataFrame
    facts: dict
    why: dict | None = None

    @property
    def title(self) -> str:
        return self.facts["title"] or self.facts["task"]

    @property
    def has_boxes(self) -> bool:
        """Whether the images come with boxes, so that a detector is what may be fine-tuned."""
        return self.facts["objects"] is not None

    @property
    def metric(self) -> str:
        """What a detector is judged by where fine-tuning is of one, else empty."""
        return name_metric(self.facts)

    @property
    def tuned_as(self) -> str:
        """As what checkpoints are fine-tuned, where it has to be said: with a space before it, else empty."""
        if self.metric:
            return " as detectors"
        return " as classifiers of whole images" if self.has_boxes else ""

    @property
    def has_gaps(self) -> bool:
        """Whether the error of the measures is known, and with it how far each is expected behind the first."""
        return self.facts["error"] is not None

    def names(self) -> dict[str, str]:
        """Return checkpoint -> its title, the name itself where the title is empty."""
        both = pd.concat([self.ranked, self.failed])
        return {row.checkpoint: row.title or row.checkpoint for row in both.itertuples()}


def read_ranking(
    ranking: str | Path, scores: str | Path, facts: str | Path, why: str | Path | None = None
) -> Ranking:
    """Read ``ranking.csv``, ``scores.csv``, ``facts.json`` and, where it is wanted, ``why.json`` of one task."""
    table = read_table(ranking, RANK["ranking"], "ranking")
    ok = table["status"] == "ok"
    return Ranking(
        ranked=table[ok].sort_values("rank", kind="stable").reset_index(drop=True),
        failed=table[~ok].reset_index(drop=True),
        scores=read_table(scores, RANK["scores"], "scores"),
        facts=read_json(facts),
        why=None if why is None else read_json(why),
    )
