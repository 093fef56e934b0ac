"""ckptrank: rank pre-trained checkpoints for a downstream task, and measure how far to trust the ranking.

    from ckptrank.measures import lfc, list_measures, nleep
    from ckptrank.evaluation import kendall, rel_at_k
    from ckptrank.rank import order_checkpoints

    scores = [nleep(features[name], labels) for name in names]     # features (N, D), labels (N,)
    kendall(scores, accuracies), rel_at_k(scores, accuracies, 3)   # against fine-tuned accuracies

Measures and metrics need NumPy, SciPy and threadpoolctl alone. What ``__all__`` of these three packages lists is
public, and so is :mod:`ckptrank.measures.accounting`; all else serves the workflow. Importing this package imports nothing heavy.
"""

__all__ = ["__version__"]
__version__ = "0.1.0"
