"""An order of networks that are in memory: the measures and the intervals of ``snakemake rank`` without the workflow."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ckptrank import measures as functions
from ckptrank.measures.registry import METHODS
from ckptrank.rank.order import ALL, order_checkpoints
from ckptrank.sampling import halve
from ckptrank.seeds import seed_from

if TYPE_CHECKING:
    from torch import nn

MEASURES = ("logme", "lfc", "h_score", "knn")


def rank_models(
    models: "Mapping[str, nn.Module]",
    dataset: Any,
    *,
    measures: Sequence[str] = MEASURES,
    resamples: int = 40,
    batch_size: int = 64,
) -> pd.DataFrame:
    """Return a row per network, best first: see the first table of :func:`order_checkpoints`. Needs PyTorch.

    ``models``: name -> a network, on the device that it is on, in evaluation mode while it runs. Its features are
    the input of the linear layer that gives its output, else its output (N, D). ``dataset``: training images and
    labels, ``dataset[i]`` a tensor (3, H, W) as the networks take it and a whole number; or name -> such a data set
    with the same labels, where networks want other sizes or scales. ``measures``: those of ``ckptrank.measures`` that take
    features and labels alone; their mean rank orders. ``resamples``: random halves of the images, for the intervals.
    These hold the draw of the images, and not how far the measures are off, which the workflow adds.

    Raises ``ValueError`` for other measures, for data sets whose labels differ, and for features that are not (N, D)
    or not finite. A measure that cannot score a network (a class with one image, say) gives it no rank.

    Example:
        The images of a class share their mean, which the second network takes away:

        >>> import torch
        >>> from torch import nn
        >>> from ckptrank.rank import rank_models
        >>> noise = torch.randn(40, 3, 4, 4, generator=torch.Generator().manual_seed(0))
        >>> images = [(noise[i] + i % 2, i % 2) for i in range(40)]
        >>> blind = nn.Sequential(nn.InstanceNorm2d(3), nn.Flatten())
        >>> order = rank_models({"blind": blind, "sees": nn.Flatten()}, images, resamples=4)
        >>> order[["checkpoint", "rank", "with_first"]].to_dict("split")["data"]
        [['sees', 1.0, True], ['blind', 2.0, False]]
    """
    unfit = [name for name in measures if name not in _usable()]
    if unfit:
        raise ValueError(f"measures: {', '.join(unfit)}: not among {', '.join(_usable())}")
    known: np.ndarray | None = None
    rows: list[dict] = []
    for name, model in models.items():
        data = dataset[name] if isinstance(dataset, Mapping) else dataset
        features, labels = _pass(model, data, batch_size)
        if features.ndim != 2 or not np.isfinite(features).all():
            raise ValueError(
                f"models: {name} gives features of shape {features.shape}, or not finite"
            )
        known = labels if known is None else known
        if not np.array_equal(known, labels):
            raise ValueError(f"dataset: the labels of {name} are not those of the first network")
        for part in range(ALL, resamples):
            kept = np.arange(len(labels))
            if part != ALL:
                kept = halve(labels, seed_from("half", "rank_models", part))
            for measure in measures:
                score = _score(measure, features[kept], labels[kept])
                rows.append({"part": part, "measure": measure, "checkpoint": name, "score": score})
    return order_checkpoints(pd.DataFrame(rows))[0]


def _usable() -> list[str]:
    """The measures that take features and labels alone, and score each network by itself."""
    wanted = ("features", "labels")
    return [name for name, m in METHODS.items() if m.inputs == wanted and not m.combine]


def _score(measure: str, features: np.ndarray, labels: np.ndarray) -> float:
    try:
        return float(getattr(functions, measure)(features, labels))
    except (ValueError, ArithmeticError):
        return float("nan")


def _pass(model: "nn.Module", data: Any, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """The features (N, D) and labels (N,) of all images of a data set."""
    import torch

    from ckptrank.checkpoints.parts import find_last_linear

    modes = {part: part.training for part in model.modules()}
    model.eval()
    first = next(model.parameters(), torch.zeros(0))
    names = find_last_linear(model, data[0][0][None].to(first.device))
    seen: list[Any] = []
    layer = model.get_submodule(names[0]) if names else model
    hook = layer.register_forward_hook(
        lambda _, given, made: seen.append(given[0] if names else made)
    )
    labels = []
    try:
        with torch.inference_mode():
            for start in range(0, len(data), batch_size):
                pairs = [data[row] for row in range(start, min(start + batch_size, len(data)))]
                model(torch.stack([image for image, _ in pairs]).to(first.device))
                seen[-1] = seen[-1].float().cpu()
                labels += [int(label) for _, label in pairs]
    finally:
        hook.remove()
        for part, training in modes.items():
            part.training = training
    return torch.cat(seen).numpy(), np.array(labels, dtype=np.int64)
