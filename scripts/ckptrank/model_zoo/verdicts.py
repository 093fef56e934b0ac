"""How a number with its interval decides a claim."""

from collections.abc import Iterable

HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided here"
MINIMUM_TARGETS = 5
"""Fewer targets decide nothing where targets alone are resampled: by luck, four agree in sign in one
case of 16, five in one of 32, which is about what a 95 % interval allows on one side."""


def above(low: float, high: float, limit: float = 0.0) -> str:
    """Judge "more than ``limit``": by the whole interval, else it stays open (NaN too)."""
    return HOLDS if low > limit else FAILS if high < limit else OPEN


def below(low: float, high: float, limit: float) -> str:
    """Judge "at most ``limit``"."""
    return HOLDS if high <= limit else FAILS if low > limit else OPEN


def within(low: float, high: float, margin: float) -> str:
    """Judge "differs by at most ``margin``" (an equivalence test by the interval)."""
    if -margin <= low and high <= margin:
        return HOLDS
    return FAILS if low > margin or high < -margin else OPEN


def unless_few(verdict: str, targets: int) -> str:
    """Leave a verdict open that rests on fewer than :data:`MINIMUM_TARGETS` targets alone."""
    return verdict if targets >= MINIMUM_TARGETS else OPEN


def combine(verdicts: Iterable[str]) -> str:
    """A claim holds if all of its parts do, and does not if one of them does not."""
    found = list(verdicts)
    if FAILS in found:
        return FAILS
    return HOLDS if found and all(verdict == HOLDS for verdict in found) else OPEN
