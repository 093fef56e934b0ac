"""Where the GPU's memory does not suffice: smaller parts where they give the same, else a fault of the pair alone."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

from ckptrank.errors import PairFault

logger = logging.getLogger("ckptrank")
Images = TypeVar("Images", Tensor, list[Tensor])
Result = TypeVar("Result")


@contextmanager
def memory_is_a_fault(advice: str) -> Iterator[None]:
    """Turn the GPU's lack of memory into a :class:`PairFault` that says what to do. Also a decorator."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise PairFault(f"the GPU's memory does not suffice ({reason}); {advice}") from error


def compute_in_parts(compute: Callable[[Images], Result], images: Images) -> list[Result]:
    """Return ``compute(images)`` in a list or, as far as the memory asks for it, what it gives for halves, quarters and
    so on, in their order.

    For networks in evaluation mode, whose outputs for an image do not depend on the others. A result stays where it
    is until the last part is computed. Raises ``torch.OutOfMemoryError`` where a single image is too much.
    """
    try:
        return [compute(images)]
    except torch.OutOfMemoryError:
        half = len(images) // 2
        if not half:
            raise
    # After the handler, whose traceback holds what the failed pass had computed.
    logger.info(
        "the GPU's memory does not suffice for %d images at once, trying halves", len(images)
    )
    torch.cuda.empty_cache()
    return [
        result
        for part in (images[:half], images[half:])
        for result in compute_in_parts(compute, part)
    ]


def forward_in_parts(
    forward: Callable[[Tensor], tuple[Tensor | None, ...]], images: Tensor
) -> tuple[Tensor | None, ...]:
    """Return ``forward(images)``, put together from parts where :func:`compute_in_parts` makes some."""
    parts = compute_in_parts(forward, images)
    if len(parts) == 1:
        return parts[0]
    return tuple(
        None if pieces[0] is None else torch.cat(pieces) for pieces in zip(*parts, strict=True)
    )
