"""What a measure did, told to whoever asks: floating-point operations and diagnostics.

A measure returns one float. Where it does arithmetic it calls :func:`add_flops`, and where it learns
something worth reporting (components kept, iterations used) it calls :func:`note`. Outside of
:func:`recording` both do nothing, so a measure stays a pure function for its callers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class Record:
    """``flops``: multiplications and additions, each counted as one. ``notes``: JSON-compatible values."""

    flops: float = 0.0
    notes: dict = field(default_factory=dict)


_current: ContextVar[Record | None] = ContextVar("record", default=None)


@contextmanager
def recording() -> Iterator[Record]:
    record = Record()
    token = _current.set(record)
    try:
        yield record
    finally:
        _current.reset(token)


def add_flops(flops: float) -> None:
    record = _current.get()
    if record is not None:
        record.flops += float(flops)


def note(**notes: object) -> None:
    record = _current.get()
    if record is not None:
        record.notes.update(notes)
