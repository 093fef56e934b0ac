"""The pools of experts that are chosen from, each with the expert that gains are counted from."""

from dataclasses import dataclass

import pandas as pd

from ckptrank.model_zoo.names import POOL_TITLES, SINGLE, pool_title


@dataclass(frozen=True)
class Pool:
    """``experts`` to choose from; ``reference``: the big source's, from which gains are counted."""

    name: str
    title: str
    experts: tuple[str, ...]
    reference: str


def list_pools(
    checkpoints: pd.DataFrame, ground_truth: pd.DataFrame, *, reference: str = ""
) -> list[Pool]:
    """Return a pool per kind of network with two or more experts that were fine-tuned.

    The single-domain experts of all architectures are one pool, as in the paper; a multi-domain
    network is a pool of its domains. Networks trained from scratch are in none.

    Gains are counted from ``reference``, a single-domain expert of the big source. Without one it is
    the big-source expert of the multi-domain networks' architecture (the paper's is ResNet-101 for
    both), or the first. Within a multi-domain network it is the big source's domain (Figure 5), or
    the same single-domain expert where the network has no such domain.

    Raises ``ValueError`` where no expert of the big source, or none beside it, was fine-tuned.
    """
    tuned = checkpoints[
        checkpoints["checkpoint"].isin(ground_truth["checkpoint"])
        & (checkpoints["kind"] != "scratch")
    ]
    single = _find_reference(tuned, reference)
    domain = tuned.set_index("checkpoint").loc[single, "domain"]
    if (tuned["network"] == SINGLE).sum() < 2:
        raise ValueError(f"checkpoints: {single!r} is the only single-domain expert to choose from")
    pools = []
    for network in [SINGLE, *sorted(set(tuned["network"]) - {SINGLE}, key=_place)]:
        members = tuned[tuned["network"] == network]
        if len(members) < 2:
            continue
        own = members.loc[members["domain"] == domain, "checkpoint"]
        start = own.iloc[0] if network != SINGLE and len(own) else single
        pools.append(Pool(network, pool_title(network), tuple(members["checkpoint"]), start))
    return pools


def _place(network: str) -> tuple[int, str]:
    known = list(POOL_TITLES)
    return (known.index(network) if network in known else len(known), network)


def _find_reference(tuned: pd.DataFrame, reference: str) -> str:
    if reference:
        if reference not in set(tuned["checkpoint"]):
            raise ValueError(f"reference: {reference!r} is no fine-tuned expert of checkpoints.csv")
        return reference
    experts = tuned[tuned["big_source"] & (tuned["network"] == SINGLE)]
    if experts.empty:
        raise ValueError(
            "checkpoints: no fine-tuned single-domain expert with big_source = true to count gains from"
        )
    multi = set(tuned.loc[tuned["network"] != SINGLE, "architecture"])
    same = experts[experts["architecture"].isin(multi)]
    return (experts if same.empty else same)["checkpoint"].iloc[0]
