"""Which checkpoint to take: by the order where it says something, by cost where it does not."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

CEILING = 0.95
"""A probe of this accuracy leaves fine-tuning little to tell checkpoints apart by."""
MOST = 0.03
"""Expected to reach so much less, a checkpoint is not as good, however few the test images. On the full built-in benchmark
the cheapest within it gives up 2.6 points of accuracy where the first of the order gives up 1.5, at seven tenths of the
cost (``benchmarks/rank_error.py``; with 0.05 here 6.0, at 0.56; the task *counting*, where no measure works, aside)."""
_TWO_SIDED = 1.96  # standard deviations that hold 95 %
_FAR_SIZES = 2  # times
_FAR_WIDTHS = 8
# Words of an architecture's name, as timm and transformers spell it, that tell a transformer of patches.
_TRANSFORMERS = frozenset(
    {"beit", "beitv2", "cait", "crossvit", "deit", "deit3", "dinov2", "dinov3", "eva", "eva02", "flexivit", "hiera",
     "mvitv2", "pit", "pvt", "siglip", "swin", "swinv2", "tnt", "vit", "volo", "xcit"}
)  # fmt: skip


@dataclass(frozen=True)
class Advice:
    """What to take.

    ``take``: the checkpoint. ``first``: the first of the order. ``by_cost``: it is another, the cheapest that is
    expected to be as good. ``as_good``: how many are, itself included. ``gap``: what it is expected to reach less
    than the first; ``largest_gap``: the most that one of those as good is behind it; ``error``: one standard error of such
    a difference; ``noise``: the difference that the test images just show. Fractions; None where none is as good.
    ``probe``: the highest of the probe's accuracies where that is near the ceiling, else None.
    """

    take: str
    first: str
    by_cost: bool
    as_good: int
    gap: float | None
    largest_gap: float | None
    error: float | None
    noise: float | None
    probe: float | None


def advise(order: pd.DataFrame, probes: pd.Series, test_samples: int) -> Advice | None:
    """Return what to take of an order, best first; None where nothing has a rank.

    ``order``: ``checkpoint``, ``rank``, ``with_first``, ``gap``, ``gap_sd``, ``forward_gflops`` and ``parameters``.
    ``probes``: checkpoint -> the probe's accuracy, empty where there was none. As good as the first is who cannot
    be told from it by the measures, and whose expected difference ``test_samples`` images could not show either (95 %,
    at most :data:`MOST`): fine-tuning both would not settle it. Of those the one of fewest operations is taken.
    """
    ranked = order[order["rank"].notna()].set_index("checkpoint")
    if ranked.empty:
        return None
    first = str(ranked.index[0])
    highest = float(probes.max()) if len(probes) else math.nan
    probe = highest if highest >= CEILING else None
    noise = _find_noise(float(probes[first]), test_samples) if first in probes.index else 0.0
    near = ranked[ranked["with_first"].astype(bool) & (ranked["gap"] <= min(noise, MOST))]
    others = near.drop(index=first, errors="ignore")
    if others.empty:
        return Advice(first, first, False, 1, None, None, None, None, probe)
    costs = ranked.loc[[first, *others.index], ["forward_gflops", "parameters"]].astype(float)
    cheapest = str(costs.sort_values(list(costs), kind="stable").index[0])
    if not costs.loc[cheapest, "forward_gflops"] < costs.loc[first, "forward_gflops"]:
        cheapest = first
    return Advice(
        take=cheapest,
        first=first,
        by_cost=cheapest != first,
        as_good=len(costs),
        gap=float(ranked.loc[cheapest, "gap"]),
        largest_gap=max(0.0, float(others["gap"].max())),
        error=float(others["gap_sd"].median()),
        noise=noise,
        probe=probe,
    )


def _find_noise(accuracy: float, test_samples: int) -> float:
    """Return the difference of two accuracies that so many images just show at 95 %, in fractions.

    Two right and two wrong ones are added (Agresti and Coull 1998): a probe that errs on no sample of few would leave no noise.
    """
    counted = test_samples + 4
    accuracy = (accuracy * test_samples + 2) / counted
    return _TWO_SIDED * math.sqrt(2 * accuracy * (1 - accuracy) / counted)


def warn_of_differences(cards: Mapping[str, Mapping]) -> list[str]:
    """Return what makes the checkpoints hard to compare, given by their cards in their order, best first."""
    warnings = []
    size_of = {
        name: card["preprocessing"]["size"]
        for name, card in cards.items()
        if card.get("preprocessing")
    }
    sizes = _range(size_of.values())
    if sizes and sizes[1] >= _FAR_SIZES * sizes[0]:
        first = next(iter(size_of.values()))
        other = next((name for name in size_of if _are_far(size_of[name], first)), None)
        warnings.append(
            f"Networks of {sizes[0]} and of {sizes[1]} pixels are compared: their scores compare less well than "
            "the intervals say. "
            + (
                "Fine-tune one of each before you decide."
                if other is None
                else f"Before you decide fine-tune {cards[other].get('title', other)} too, the first of {size_of[other]} pixels."
            )
        )
    widths = _range(card["dimension"] for card in cards.values() if card.get("dimension"))
    if widths and widths[1] >= _FAR_WIDTHS * widths[0]:
        warnings.append(
            f"Networks of {widths[0]:,} to {widths[1]:,} features are compared: LogME, LFC and the H-score "
            "depend on how many there are."
        )
    transformers = [name for name, card in cards.items() if _is_transformer(card)]
    if transformers:
        compared = "" if len(transformers) == len(cards) else " and other networks"
        warnings.append(
            f"Transformers{compared} are compared: how far the measures are off was learnt on convolutional networks "
            "alone, so that the intervals are less sure than they look."
        )
    return warnings


def _is_transformer(card: Mapping) -> bool:
    words = re.split(r"[^a-z0-9]+", str(card.get("architecture") or "").lower())
    return not _TRANSFORMERS.isdisjoint(words)


def _are_far(size: int, other: int) -> bool:
    return max(size, other) >= _FAR_SIZES * min(size, other)


def _range(values: Iterable[int]) -> tuple[int, int] | None:
    found = sorted(values)
    return (found[0], found[-1]) if found else None
