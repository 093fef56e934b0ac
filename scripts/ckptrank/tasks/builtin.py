"""The tasks of the built-in benchmark: drawn from their names alone, the same on every machine."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ckptrank.builtin.images.crowded import KINDS, Scenes, draw_scenes
from ckptrank.builtin.images.distortions import DISTORTIONS, draw_distorted
from ckptrank.builtin.images.flowers import FLOWERS, draw_flowers
from ckptrank.builtin.images.glyphs import (
    ALPHABETS,
    GREEK,
    draw_alphabets,
    draw_digits,
    draw_greek,
)
from ckptrank.builtin.images.materials import MATERIALS, draw_materials
from ckptrank.builtin.images.packaged import load_digits
from ckptrank.builtin.images.scenes import COUNTS, POSES, draw_counting, draw_poses
from ckptrank.builtin.images.shapes import OBJECTS, draw_objects
from ckptrank.builtin.images.sources import SOURCES, balanced_labels
from ckptrank.builtin.images.surfaces import SURFACES, draw_surfaces
from ckptrank.builtin.images.tissue import TISSUE, draw_tissue
from ckptrank.sampling import SPLITS
from ckptrank.seeds import seed_from
from ckptrank.tasks.annotated import encode_pixels
from ckptrank.tasks.objects import Objects
from ckptrank.tasks.task import TaskData

Split = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class BuiltinTask:
    """``make``: a function from the sizes of both splits to the images and labels of each, or objects of each."""

    classes: tuple[str, ...]
    make: Callable[[int, int], tuple]
    train: int
    test: int
    description: str


def load(definition: dict) -> TaskData:
    """Draw the task ``{"source": "builtin", "name": ..., "train": ..., "test": ...}``.

    ``train`` and ``test`` are numbers of images, by default the benchmark's own; a ``title`` is
    allowed and changes nothing, as are ``shots``, ``validation`` and their ``seed``, which :func:`load_task` sees to.
    The images depend on the name and the two numbers alone.
    Raises ``ValueError`` naming the field that is wrong.
    """
    unknown = set(definition) - {"source", "title", "name", "shots", "validation", "seed", *SPLITS}
    if unknown:
        raise ValueError(f"built-in task: unknown fields {', '.join(sorted(unknown))}")
    if definition.get("source") != "builtin":
        raise ValueError(f"source: expected 'builtin', got {definition.get('source')!r}")
    name = definition.get("name")
    if name not in TASKS:
        raise ValueError(f"name: no built-in task {name!r}; there are {', '.join(TASKS)}")
    task = TASKS[name]
    sizes = {split: definition.get(split, getattr(task, split)) for split in SPLITS}
    for split, size in sizes.items():
        if type(size) is not int or size < 1:
            raise ValueError(f"{split}: expected a positive number of images, got {size!r}")
    if sizes["train"] < len(task.classes):
        raise ValueError(
            f"train: {name!r} has {len(task.classes)} classes and needs at least one training "
            f"image of each, got {sizes['train']}"
        )
    train, test = task.make(**sizes)
    if isinstance(train[1], Objects):
        return TaskData.of_objects(task.classes, train, test, description=task.description)
    (train_images, train_labels), (test_images, test_labels) = train, test
    return TaskData(
        classes=task.classes,
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        description=task.description,
    )


def _generator(name: str, part: str) -> np.random.Generator:
    return np.random.default_rng(seed_from("task", name, part))


def _make_drawn(name: str, draw: Callable, train: int, test: int) -> tuple[Split, Split]:
    """Draw each split from a stream of its own, with even classes."""
    splits = []
    for split, size in zip(SPLITS, (train, test), strict=True):
        rng = _generator(name, split)
        labels = balanced_labels(rng, size, len(TASKS[name].classes))
        splits.append((draw(labels, rng), labels))
    return tuple(splits)


def _make_distort(train: int, test: int) -> tuple[Split, Split]:
    """Train on the left halves of the photographs and test on the right ones."""
    splits = []
    for side, (split, size) in enumerate(zip(SPLITS, (train, test), strict=True)):
        rng = _generator("distort", split)
        labels = balanced_labels(rng, size, len(DISTORTIONS))
        splits.append((draw_distorted(labels, rng, side), labels))
    return tuple(splits)


def _make_digits(train: int, test: int) -> tuple[Split, Split]:
    """Choose even classes for training and any of the other digits for testing; draw each once."""
    originals, labels = load_digits()
    if train + test > len(labels):
        raise ValueError(
            f"train, test: {train} + {test} samples asked of 'digits', {len(labels)} exist"
        )
    wanted = np.bincount(np.arange(train) % 10, minlength=10)
    existing = np.bincount(labels)
    if (wanted > existing).any():
        digit = int(np.argmax(wanted - existing))
        raise ValueError(
            f"train: {train} even samples of 'digits' take {wanted[digit]} of the {digit}, "
            f"{existing[digit]} exist"
        )
    rng = _generator("digits", "split")
    order = rng.permutation(len(labels))
    chosen = np.concatenate([order[labels[order] == c][: wanted[c]] for c in range(10)])
    rest = order[~np.isin(order, chosen)][:test]
    splits = []
    for split, indices in zip(SPLITS, (rng.permutation(chosen), rest), strict=True):
        images = draw_digits(originals[indices], _generator("digits", split))
        splits.append((images, labels[indices]))
    return tuple(splits)


def _make_scenes(train: int, test: int) -> tuple[tuple[np.ndarray, Objects], ...]:
    scenes = [
        draw_scenes(size, _generator("scenes", split))
        for split, size in zip(SPLITS, (train, test), strict=True)
    ]
    return tuple((drawn.images, _list_objects(drawn)) for drawn in scenes)


def _list_objects(drawn: Scenes) -> Objects:
    count = len(drawn.images)
    counts = np.bincount(drawn.image, minlength=count)
    return Objects(
        bounds=np.concatenate([[0], np.cumsum(counts)]),
        sizes=np.tile(drawn.images.shape[1:3], (count, 1)),
        boxes=drawn.boxes.astype(np.float32),
        labels=drawn.kind,
        crowd=np.zeros(len(drawn.kind), bool),
        masks=tuple(encode_pixels(mask) for mask in drawn.masks),
    )


TASKS: dict[str, BuiltinTask] = {
    "objects": BuiltinTask(
        classes=tuple(OBJECTS),
        make=partial(_make_drawn, "objects", draw_objects),
        train=1000,
        test=1600,
        description="Drawn things of 20 kinds, none of them a class of the pre-training shapes",
    ),
    "digits": BuiltinTask(
        classes=tuple("0123456789"),
        make=_make_digits,
        train=600,
        test=1197,
        description="Real handwritten digits (UCI, from scikit-learn) on coloured, noisy grounds",
    ),
    "materials": BuiltinTask(
        classes=tuple(MATERIALS),
        make=partial(_make_drawn, "materials", draw_materials),
        train=1008,
        test=1600,
        description="16 families of textures unseen in pre-training, coloured by photographs",
    ),
    "tissue": BuiltinTask(
        classes=TISSUE,
        make=partial(_make_drawn, "tissue", draw_tissue),
        train=1000,
        test=1600,
        description="Histology-like sections of normal and tumour tissue, drawn from a model",
    ),
    "distort": BuiltinTask(
        classes=tuple(DISTORTIONS),
        make=_make_distort,
        train=1008,
        test=1600,
        description="12 kinds of degradation of patches of real photographs",
    ),
    "greek": BuiltinTask(
        classes=tuple(GREEK),
        make=partial(_make_drawn, "greek", draw_greek),
        train=1000,
        test=1600,
        description="20 Greek letters that look unlike Latin ones, in 15 fonts",
    ),
    "alphabets": BuiltinTask(
        classes=ALPHABETS,
        make=partial(_make_drawn, "alphabets", draw_alphabets),
        train=1440,
        test=2400,
        description="48 letters, Cyrillic, Armenian and Georgian, in 11 fonts",
    ),
    "flowers": BuiltinTask(
        classes=FLOWERS,
        make=partial(_make_drawn, "flowers", draw_flowers),
        train=1200,
        test=2400,
        description="24 fine-grained species of drawn flowers, told by petals and eye, not by colour",
    ),
    "defects": BuiltinTask(
        classes=SURFACES,
        make=partial(_make_drawn, "defects", draw_surfaces),
        train=1000,
        test=2000,
        description="Brushed, woven and cloudy surfaces, sound or with a scratch, pits or a stain",
    ),
    "counting": BuiltinTask(
        classes=COUNTS,
        make=partial(_make_drawn, "counting", draw_counting),
        train=1000,
        test=2000,
        description="How many things of one kind there are, from one to eight",
    ),
    "poses": BuiltinTask(
        classes=POSES,
        make=partial(_make_drawn, "poses", draw_poses),
        train=1200,
        test=2400,
        description="By how many eighths of a turn a thing of any kind is turned",
    ),
    "scenes": BuiltinTask(
        classes=KINDS,
        make=_make_scenes,
        train=600,
        test=300,
        description="Scenes of up to six drawn things of eight kinds, to be found and outlined",
    ),
}
TASKS |= {
    name: BuiltinTask(
        classes=domain.classes,
        make=partial(_make_drawn, name, domain.draw),
        train=2000,
        test=1000,
        description=f"The pre-training domain of {name}, other drawings",
    )
    for name, domain in SOURCES.items()
}
