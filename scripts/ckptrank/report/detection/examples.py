"""Pictures of what the best and the worst checkpoint find in the first test images of a task."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ckptrank.files.atomic import read_json
from ckptrank.report.kit.templating import data_uri
from ckptrank.tasks.decoding import decode
from ckptrank.tasks.objects import Objects
from ckptrank.tasks.store import StoredTask, open_task
from ckptrank.tasks.task import is_array

HEIGHT = 192  # pixels of a picture
MOST_WIDTH = 320
TRUTH, FOUND, INK = "#ffffff", "#ff9f1c", "#14181f"
LETTERS = 12  # pixels


def render_examples(task_folder: str, rows: list[tuple[str, str]]) -> list[dict]:
    """Return ``title``, ``pictures`` (data URIs) and ``alternative`` of a row of pictures each.

    ``rows``: title -> the ground truth file of a checkpoint, whose details say what it finds; of a head that finds
    no boxes there are none. Before them comes a row with what there is to find.
    """
    task = open_task(task_folder)
    objects = task.objects("test")
    classes = task.facts["classes"]
    found = [(title, read_json(file)["details"]["examples"]) for title, file in rows]
    shown = [each["image"] for each in found[0][1]] if found else []
    if not shown:
        return []
    pictures = {image: _read(task, image) for image in shown}
    listed = [
        {
            "title": "What there is",
            "alternative": "Test images with the boxes that their annotations have",
            "pictures": [
                _draw(pictures[image], _list_truth(objects, image, classes), TRUTH)
                for image in shown
            ],
        }
    ]
    for title, examples in found:
        listed.append(
            {
                "title": title,
                "alternative": f"The same images with the boxes that {title} finds",
                "pictures": [
                    _draw(pictures[each["image"]], _list_found(each, classes), FOUND)
                    for each in examples
                ],
            }
        )
    return listed


def _read(task: StoredTask, row: int) -> Image.Image:
    images = task.images("test")
    if is_array(images):
        return Image.fromarray(np.array(images[row]))
    return decode(images.read(row), images.name(row))


def _list_truth(objects: Objects, image: int, classes: list[str]) -> list[tuple]:
    rows = [row for row in objects.rows(image) if not objects.crowd[row]]
    return [(objects.boxes[row], classes[objects.labels[row]]) for row in rows]


def _list_found(example: dict, classes: list[str]) -> list[tuple]:
    boxes = zip(example["boxes"], example["labels"], example["scores"], strict=True)
    return [(box, f"{classes[label]} {score:.2f}") for box, label, score in boxes]


def _draw(picture: Image.Image, boxes: list[tuple], color: str) -> str:
    """Return the picture with named boxes as a data URI."""
    scale = min(HEIGHT / picture.height, MOST_WIDTH / picture.width)
    size = round(picture.width * scale), round(picture.height * scale)
    canvas = picture.resize(size, Image.Resampling.BILINEAR)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(LETTERS)
    for box, name in boxes:
        left, top, right, bottom = (float(side) * scale for side in box)
        pen.rectangle((left, top, max(right, left), max(bottom, top)), outline=color, width=2)
        # The name stands on the box, within the picture.
        wide, high = pen.textlength(name, font) + 4, LETTERS + 3
        x, y = max(min(left, canvas.width - wide), 0), max(top - high, 0)
        pen.rectangle((x, y, x + wide, y + high), fill=color)
        pen.text((x + 2, y + high / 2), name, fill=INK, font=font, anchor="lm")
    buffer = io.BytesIO()
    canvas.save(buffer, "JPEG", quality=80)
    return data_uri(buffer.getvalue(), "image/jpeg")


def find_files(files: list[str], task: str) -> dict[str, str]:
    """Return checkpoint -> its ground truth file on a task; the folder of a file bears the task's name."""
    return {Path(file).stem: file for file in files if Path(file).parent.name == task}
