"""What sets the first checkpoint apart from the second: images that one of them places right and the other wrong."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ckptrank.features.store import open_features
from ckptrank.files.atomic import write_json
from ckptrank.tasks.decoding import decode
from ckptrank.tasks.store import StoredTask, open_task
from ckptrank.tasks.task import is_array

MOST = 4_000
"""Training images that are compared with each other; of more, evenly spaced ones."""
EXAMPLES = 6
_BLOCK = 500
_SIDE = 96  # pixels of a thumbnail


def write_why(task: str | Path, features: Sequence[str], output: str | Path) -> None:
    """Write what :func:`compare_neighbours` finds of the first two checkpoints, with the images; null without two.

    ``features``: the feature files of the first two. Each example has ``image``, ``first`` and ``second``: the image,
    and its nearest neighbour in the eyes of each, with its ``class`` and a small JPEG as an address.
    """
    if len(features) < 2:
        write_json(output, None)
        return
    stored = open_task(task)
    labels = stored.labels("train")
    if labels.ndim == 2:
        write_json(output, None)
        return
    rows = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), MOST)).astype(int))
    files = [open_features(file) for file in features]
    found = compare_neighbours(*(file.train.read("features")[rows] for file in files), labels[rows])
    examples = [
        {
            name: _describe(stored, int(rows[row]), labels)
            for name, row in zip(("image", "first", "second"), example, strict=True)
        }
        for example in found.pop("examples")
    ]
    names = [str(file.attributes["checkpoint"]) for file in files]
    write_json(output, {"checkpoints": names, "images": len(rows), **found, "examples": examples})


def compare_neighbours(first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> dict:
    """Return how often the nearest other image is of the right class, and images where only the first's is.

    ``first``, ``second``: features (N, D) and (N, E) of the same images, compared by cosine. ``both``, ``only_first``,
    ``only_second``, ``neither``: counts of images. ``examples``: (row, its neighbour by the first, by the second), one
    of each class in turn, those first of which the first is surest.
    """
    (mine, sure), (others, _) = (_find_neighbours(each, labels) for each in (first, second))
    right = [labels[near] == labels for near in (mine, others)]
    only = np.flatnonzero(right[0] & ~right[1])
    surest = only[np.argsort(-sure[only], kind="stable")]
    turn = [int((labels[surest[:at]] == labels[row]).sum()) for at, row in enumerate(surest)]
    chosen = surest[np.argsort(turn, kind="stable")][:EXAMPLES]
    return {
        "both": int((right[0] & right[1]).sum()),
        "only_first": len(only),
        "only_second": int((~right[0] & right[1]).sum()),
        "neither": int((~right[0] & ~right[1]).sum()),
        "examples": [(int(row), int(mine[row]), int(others[row])) for row in chosen],
    }


def _find_neighbours(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest other row of each, and how much nearer its class is than any other."""
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    nearest = np.empty(len(unit), dtype=np.int64)
    margin = np.empty(len(unit))
    for start in range(0, len(unit), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(unit)))
        likeness = unit[rows] @ unit.T
        likeness[np.arange(len(rows)), rows] = -np.inf
        nearest[rows] = likeness.argmax(axis=1)
        same = labels[rows, None] == labels[None]
        margin[rows] = np.where(same, likeness, -2.0).max(axis=1) - np.where(
            same, -2.0, likeness
        ).max(axis=1)
    return nearest, margin


def _describe(task: StoredTask, row: int, labels: np.ndarray) -> dict[str, str]:
    images = task.images("train")
    if is_array(images):
        image = Image.fromarray(np.ascontiguousarray(images[row]))
    else:
        image = decode(images.read(row), images.name(row))
    image.thumbnail((_SIDE, _SIDE))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=80)
    address = base64.b64encode(content.getvalue()).decode()
    return {
        "class": task.facts["classes"][labels[row]],
        "picture": f"data:image/jpeg;base64,{address}",
    }
