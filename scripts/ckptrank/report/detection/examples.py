"""Pictures of what the best and the worst checkpoint find in the first test images of a task."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ckptrank.detection.masks import NOWHERE, decode_masks, paint_classes
from ckptrank.files.atomic import read_json
from ckptrank.report.detection.overlays import draw_swatch, fill_masks
from ckptrank.report.kit.templating import data_uri
from ckptrank.tasks.decoding import decode
from ckptrank.tasks.objects import Objects
from ckptrank.tasks.store import StoredTask, open_task
from ckptrank.tasks.task import is_array

HEIGHT = 192  # pixels of a picture
MOST_WIDTH = 320
TRUTH, FOUND, INK = "#ffffff", "#ff9f1c", "#14181f"
LETTERS = 12  # pixels
SWATCH = 18, 12  # pixels
_OWN_RUN = "What a checkpoint finds is of its best setting's own run, whatever repeats of it found."
_BOXES = "White boxes: what the annotations say. Orange boxes: what is found, with its score."
NOTES = {
    "boxes": _BOXES,
    "masks": f"{_BOXES} The pictures are grey; fills are the masks, in the colour of their class.",
    "pixels": "The pictures are grey; fills are the classes of pixels. What is bare is the ground, or does not count.",
}


@dataclass(frozen=True)
class Sight:
    """What is or is found in an image: boxes in a ``color`` with their names, and masks (H, W) bool with their class."""

    color: str
    boxes: Sequence[tuple[Sequence[float], str]]
    masks: Sequence[tuple[np.ndarray, int]]


def render_examples(task_folder: str, rows: list[tuple[str, str]]) -> dict | None:
    """Return a table of pictures, a row for each image; None where the first of ``rows`` has no examples.

    ``rows``: title -> the ground truth file of a checkpoint, whose details say what it finds. The table has a ``note``,
    the ``titles`` of its columns, of which the first is what there is to find, ``rows`` of pictures (data URIs; None
    where a checkpoint has no example), and a ``legend``: a swatch and a name for each class that has a mask.
    """
    found = {title: _read_examples(file) for title, file in rows}
    shown = list(next(iter(found.values()), {}))
    if not shown:
        return None
    task = open_task(task_folder)
    objects, classes = task.objects("test"), task.facts["classes"]
    kind = _find_kind([each for examples in found.values() for each in examples.values()])
    sights = {"What there is": [_see_truth(objects, image, classes, kind) for image in shown]}
    for title, examples in found.items():
        sights[title] = [_see_found(examples.get(image), objects, classes) for image in shown]
    seen = [sight for column in sights.values() for sight in column if sight]
    present = sorted({label for sight in seen for _, label in sight.masks})
    looks = {label: look for look, label in enumerate(present)}
    pictures = [_read(task, image) for image in shown]
    return {
        "note": f"{NOTES[kind]} {_OWN_RUN}",
        "titles": list(sights),
        "rows": [
            [sight and _draw(picture, sight, looks, kind) for sight in row]
            for picture, *row in zip(pictures, *sights.values(), strict=True)
        ],
        "legend": [
            (_encode(draw_swatch(look, *SWATCH), "PNG"), classes[label])
            for label, look in looks.items()
        ],
    }


def _read_examples(file: str) -> dict[int, dict]:
    """Return image -> what a checkpoint finds in it, as :func:`ckptrank.detection.train.test_detector` says it."""
    return {each["image"]: each for each in read_json(file)["details"]["examples"]}


def _find_kind(examples: list[dict]) -> str:
    """Return what of :data:`NOTES` is found: before masks were kept, boxes alone."""
    if not any("masks" in each for each in examples):
        return "boxes"
    return "masks" if any("boxes" in each for each in examples) else "pixels"


def _see_truth(objects: Objects, image: int, classes: list[str], kind: str) -> Sight:
    if kind == "pixels":
        pixels = paint_classes(objects, image)
        present = [int(value) for value in np.unique(pixels) if value not in (0, NOWHERE)]
        return Sight(TRUTH, [], [(pixels == value, value - 1) for value in present])
    rows = [row for row in objects.rows(image) if not objects.crowd[row]]
    boxes = [(objects.boxes[row], classes[objects.labels[row]]) for row in rows]
    if kind == "boxes":
        return Sight(TRUTH, boxes, [])
    masks = decode_masks([objects.masks[row] for row in rows], objects.sizes[image]).astype(bool)
    return Sight(TRUTH, boxes, list(zip(masks, objects.labels[rows].tolist(), strict=True)))


def _see_found(example: dict | None, objects: Objects, classes: list[str]) -> Sight | None:
    if example is None:
        return None
    image, labels = example["image"], example["labels"]
    decoded = decode_masks(example.get("masks", []), objects.sizes[image]).astype(bool)
    # Boxes without masks are FCOS's, Faster R-CNN's, or of a file from before masks were kept.
    masks = list(zip(decoded, labels, strict="masks" in example))
    if "boxes" not in example:
        counted = paint_classes(objects, image) != NOWHERE
        return Sight(FOUND, [], [(mask & counted, label) for mask, label in masks])
    named = zip(example["boxes"], labels, example["scores"], strict=True)
    return Sight(
        FOUND, [(box, f"{classes[label]} {score:.2f}") for box, label, score in named], masks
    )


def _read(task: StoredTask, row: int) -> Image.Image:
    images = task.images("test")
    if is_array(images):
        return Image.fromarray(np.array(images[row]))
    return decode(images.read(row), images.name(row))


def _draw(picture: Image.Image, sight: Sight, looks: dict[int, int], kind: str) -> str:
    """Return the picture with masks, where they are known at all, and named boxes as a data URI."""
    scale = min(HEIGHT / picture.height, MOST_WIDTH / picture.width)
    size = round(picture.width * scale), round(picture.height * scale)
    canvas = picture.resize(size, Image.Resampling.BILINEAR)
    filled = kind != "boxes"
    if filled:
        canvas = fill_masks(canvas, [(mask, looks[label]) for mask, label in sight.masks])
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(LETTERS)
    for box, name in sight.boxes:
        left, top, right, bottom = (float(side) * scale for side in box)
        pen.rectangle((left, top, max(right, left), max(bottom, top)), outline=sight.color, width=2)
        # The name stands on the box, within the picture.
        wide, high = pen.textlength(name, font) + 4, LETTERS + 3
        x, y = max(min(left, canvas.width - wide), 0), max(top - high, 0)
        pen.rectangle((x, y, x + wide, y + high), fill=sight.color)
        pen.text((x + 2, y + high / 2), name, fill=INK, font=font, anchor="lm")
    # Of fills the colour counts, which JPEG has at half the sharpness unless told.
    return _encode(canvas, "JPEG", quality=80, subsampling="4:4:4" if filled else "4:2:0")


def _encode(picture: Image.Image, form: str, **options: object) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return data_uri(buffer.getvalue(), f"image/{form.lower()}")


def find_files(files: list[str], task: str) -> dict[str, str]:
    """Return checkpoint -> its ground truth file on a task; the folder of a file bears the task's name."""
    return {Path(file).stem: file for file in files if Path(file).parent.name == task}
