"""The order of checkpoints on one task by the consensus of measures, with intervals of the ranks.

Every measure scores each checkpoint on all allowed samples and, where that takes no further forward
pass, on random halves of them; the halves are the same for all checkpoints. An interval says how
much a rank depends on which samples were seen. It says nothing about whether the measure is right.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from ckptrank.evaluation.baselines import combine_scores, consensus
from ckptrank.evaluation.columns import BENCHMARK, RANK
from ckptrank.evaluation.evaluate import LEVEL
from ckptrank.files.atomic import read_json

ALL = -1  # the part that is all samples


def read_parts(
    files: Iterable[str], barred: Mapping[str, str] = MappingProxyType({})
) -> pd.DataFrame:
    """Return a row per (part, measure, checkpoint) of score files; part -1 is all samples.

    A measure without halves (it works on the network itself) has the score of all samples in each.
    Scores that only compare within a group are worked out. ``barred``: checkpoint -> why it is not to be taken whatever
    its scores are, which count as failed for that reason; one that has no score keeps its own.
    """
    rows = []
    for file in files:
        pair = read_json(file)
        about = {key: pair[key] for key in ("method", "checkpoint", "task")} | {"group": ""}
        for part, records in enumerate([pair["scores"], *pair["halves"]], start=ALL):
            rows += [{**about, **record, "measure": name, "part": part} for name, record in records.items()]  # fmt: skip
    table = pd.DataFrame(rows).reindex(columns=["part", *BENCHMARK["scores"].columns])
    table["score"] = table["score"].astype(np.float64).where(table["status"] == "ok")
    scored = set(table.loc[table["status"] == "ok", "checkpoint"])
    for name, reason in barred.items():
        if name in scored:
            of_it = table["checkpoint"] == name
            table.loc[of_it, ["score", "mark"]] = np.nan
            table.loc[of_it, ["status", "reason"]] = ["failed", reason]
    parts = range(ALL, table["part"].max() + 1)
    whole = table[table["part"] == ALL]
    constant = set(whole["measure"]) - set(table.loc[table["part"] > ALL, "measure"])
    fixed = whole[whole["measure"].isin(constant)]
    table = pd.concat([table, *(fixed.assign(part=part) for part in parts if part != ALL)])
    return pd.concat(
        [combine_scores(rows, "") for _, rows in table.groupby("part")], ignore_index=True
    )


def order_checkpoints(parts: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (a row per checkpoint, best first; a row per measure and checkpoint) of one task.

    ``parts``: a row per (``part``, ``measure``, ``checkpoint``) with its ``score``, higher = better, NaN where
    there is none. Part -1 is all samples, and must be there; 0, 1, ... are random halves of them. Further columns go to the second table.

    The first has ``consensus`` (mean rank over the measures; 1 is the first by all), ``rank``, its
    interval ``rank_low``..``rank_high``, and ``with_first``: on more than one in twenty halves it does at least as
    well as the first. A checkpoint that at most half of the measures scored has no rank. Without
    halves there are no intervals, and only what ties with the first is said to be like it.

    Example:
        Two measures agree on the first of three checkpoints:

        >>> import pandas as pd
        >>> from ckptrank.rank import order_checkpoints
        >>> scores = {"lfc": [0.1, 0.4, 0.2], "logme": [-0.9, -0.3, -1.2]}
        >>> parts = pd.DataFrame(scores, index=["vgg", "resnet", "vit"]).rename_axis("checkpoint")
        >>> parts = parts.reset_index().melt("checkpoint", var_name="measure", value_name="score")
        >>> order, details = order_checkpoints(parts.assign(part=-1))
        >>> order[["checkpoint", "rank", "consensus"]].to_dict("split")["data"]
        [['resnet', 1.0, 1.0], ['vgg', 2.0, 2.5], ['vit', 2.0, 2.5]]
        >>> details.set_index(["measure", "checkpoint"])["rank"].loc["logme"].astype(int).to_dict()
        {'vgg': 2, 'resnet': 1, 'vit': 3}
    """
    checkpoints = list(dict.fromkeys(parts["checkpoint"]))
    measures = list(dict.fromkeys(parts["measure"]))
    tables = {
        part: rows.pivot(index="checkpoint", columns="measure", values="score").reindex(
            index=checkpoints, columns=measures
        )
        for part, rows in parts.groupby("part")
    }
    places = pd.DataFrame({part: _mean_rank(table) for part, table in tables.items()})
    order = pd.DataFrame({"consensus": places[ALL], **_describe_ranks(-places)})
    order["with_first"] = _equals_first(places)
    order = order.rename_axis("checkpoint").reset_index().sort_values("rank", kind="stable")

    shown = [column for column in RANK["scores"].columns if column in parts]
    details = parts.loc[parts["part"] == ALL, shown]
    ranks = []
    for measure in measures:
        scores = pd.DataFrame({part: table[measure] for part, table in tables.items()})
        described = pd.DataFrame(_describe_ranks(scores)).rename_axis("checkpoint").reset_index()
        ranks.append(described.assign(measure=measure))
    details = details.merge(pd.concat(ranks), on=["measure", "checkpoint"], how="left")
    return order.reset_index(drop=True), details


def join_stages(stages: Iterable[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """Return one order from those of successive halving, each given with what its samples are called.

    Those that a stage dropped come after all that it kept, so the rank of a checkpoint is the one
    that it had in its last stage. The stages come in their order, fewest samples first.

    Example:
        >>> import pandas as pd
        >>> from ckptrank.rank import join_stages
        >>> first = pd.DataFrame({"checkpoint": ["vit", "vgg", "resnet"], "rank": [1, 2, 3]})
        >>> second = pd.DataFrame({"checkpoint": ["vgg", "vit"], "rank": [1, 2]})
        >>> joined = join_stages([("10 a class", first), ("all", second)])
        >>> joined[["checkpoint", "rank", "stage"]].to_dict("split")["data"]
        [['vgg', 1, 'all'], ['vit', 2, 'all'], ['resnet', 3, '10 a class']]
    """
    table = pd.concat([order.assign(stage=name) for name, order in stages], ignore_index=True)
    return (
        table.drop_duplicates("checkpoint", keep="last")
        .sort_values("rank", kind="stable")
        .reset_index(drop=True)
    )


def choose_kept(order: pd.DataFrame, keep: float) -> list[str]:
    """Return the first checkpoints of an order: ``keep`` of them, or that fraction when below one.

    At least one is kept, and of a tie all; a checkpoint without a rank is dropped.

    Example:
        >>> import pandas as pd
        >>> from ckptrank.rank import choose_kept
        >>> order = pd.DataFrame({"checkpoint": ["vit", "vgg", "resnet"], "rank": [1, 2, None]})
        >>> choose_kept(order, 0.34), choose_kept(order, 3)
        (['vit'], ['vit', 'vgg'])
    """
    ranked = order[order["rank"].notna()]
    number = max(1, round(keep * len(order)) if keep < 1 else int(keep))
    return list(ranked.loc[ranked["rank"] <= number, "checkpoint"])


def _mean_rank(scores: pd.DataFrame) -> pd.Series:
    """The consensus, said as a place: from 1 to the number of checkpoints that have one."""
    share = consensus(scores)
    scored = 2 * scores.notna().sum(axis=1) > scores.shape[1]
    if scored.sum() == 1:  # all others are broken
        share = share.where(~scored, 1.0)
    return 1 + (share.notna().sum() - 1) * (1 - share)


def _describe_ranks(values: pd.DataFrame) -> dict[str, pd.Series]:
    """Ranks by the values of all samples (higher is better), and their interval over the halves."""
    ranks = values.rank(ascending=False, method="min")
    halves = values.drop(columns=ALL).rank(ascending=False, method="average")
    tail = (1 - LEVEL) / 2
    low = halves.quantile(tail, axis=1, interpolation="lower")
    high = halves.quantile(1 - tail, axis=1, interpolation="higher")
    rank = ranks[ALL].where(values[ALL].notna())
    known = rank.notna() & (halves.notna().mean(axis=1) > 0.5)
    return {
        "rank": rank,
        "rank_low": np.floor(np.fmin(low, rank)).where(known),
        "rank_high": np.ceil(np.fmax(high, rank)).where(known),
    }


def _equals_first(places: pd.DataFrame) -> pd.Series:
    like = places[ALL] == places[ALL].min()
    halves = places.drop(columns=ALL)
    if like.any() and halves.shape[1]:
        as_good = halves.le(halves.loc[like.idxmax()]).mean(axis=1)
        like |= (as_good > 1 - LEVEL) & places[ALL].notna()
    return like
