"""An order of checkpoints for one task by several measures, and how far the samples support it.

Needs pandas. ``snakemake rank`` is made of it; the functions here work on plain tables of scores, and
:func:`rank_models` on networks and images in memory.
"""

from ckptrank.rank.models import rank_models
from ckptrank.rank.order import choose_kept, join_stages, order_checkpoints

__all__ = ["choose_kept", "join_stages", "order_checkpoints", "rank_models"]
