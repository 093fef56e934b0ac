"""Where the GPU's memory does not suffice: smaller parts where they give the same, else a fault of the pair alone."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ckptrank.errors import PairFault

logger = logging.getLogger("ckptrank")


@contextmanager
def memory_is_a_fault(advice: str) -> Iterator[None]:
    """Turn the GPU's lack of memory into a :class:`PairFault` that says what to do. Also a decorator."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise PairFault(f"the GPU's memory does not suffice ({reason}); {advice}") from error


def forward_in_parts(
    forward: Callable[[Tensor], tuple[Tensor | None, ...]], images: Tensor
) -> tuple[Tensor | None, ...]:
    """Return ``forward(images)``, computed in halves, quarters and so on as far as the memory asks for it.

    For networks in evaluation mode, whose outputs for an image do not depend on the others. Raises
    ``torch.OutOfMemoryError`` where a single image is too much.
    """
    try:
        return forward(images)
    except torch.OutOfMemoryError:
        half = len(images) // 2
        if not half:
            raise
    # After the handler, whose traceback holds what the failed pass had computed.
    logger.info(
        "the GPU's memory does not suffice for %d images at once, trying halves", len(images)
    )
    torch.cuda.empty_cache()
    parts = [forward_in_parts(forward, part) for part in (images[:half], images[half:])]
    return tuple(None if pair[0] is None else torch.cat(pair) for pair in zip(*parts, strict=True))
