"""Images with boxes and masks in COCO's format: an annotation file in JSON and a folder of images."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ckptrank.errors import PairFault
from ckptrank.files.archives import locate
from ckptrank.tasks.annotated import AnnotatedImage, make_task, read_text
from ckptrank.tasks.image_sizes import read_size
from ckptrank.tasks.objects import Annotation, Faults
from ckptrank.tasks.task import TaskData

KEYS = ("images", "annotations", "categories")


def load(definition: dict) -> TaskData:
    """Load ``{"source": "coco", "path": "instances_train.json", "images": "train"}``.

    ``path``: the annotations; ``images``: the folder (or archive) that their file names are relative to, by default
    that of the annotations. ``test_path`` and ``test_images``: the same of the test set; in place of them
    ``test_fraction`` of the images is held out, chosen by ``seed``. ``classes``: names of categories, objects of others
    being left out; by default all that an object has. Masks are polygons or run-length codes; the task has them where
    every object has one. Crowds are neither trained nor counted, and images without objects count. Raises
    :class:`PairFault` naming the annotations that are wrong by file, line and id, those of categories that the file does
    not define among them, unless ``on_bad_annotation`` is ``skip``.
    """
    faults = Faults()
    places = [_locate(definition, "path", "images")]
    if "test_path" in definition:
        places.append(_locate(definition, "test_path", "test_images"))
    elif "test_fraction" not in definition:
        raise PairFault("coco: give `test_path`, or `test_fraction` to split one file")
    elif "test_images" in definition:
        raise PairFault("coco: `test_images` without `test_path`")
    parts = [read_images(file, folder, faults) for file, folder in places]
    names = list(dict.fromkeys(name for _, categories in parts for name in categories))
    train, test = parts[0][0], parts[1][0] if len(parts) > 1 else []
    root = Path(os.path.commonpath([folder for _, folder in places]))
    return make_task(definition, root, train, test, faults, names)


def _locate(definition: dict, file_key: str, folder_key: str) -> tuple[Path, Path]:
    file = locate(definition[file_key])
    if file.is_dir():
        raise PairFault(f"{definition[file_key]}: is a folder, expected a file of annotations")
    folder = locate(definition[folder_key]) if folder_key in definition else file.parent
    return file.resolve(), folder.resolve()


def read_annotations(file: Path) -> dict[str, list[tuple[int, dict]]]:
    """Return the images, annotations and categories of a file, each with the line that it begins on.

    Raises :class:`PairFault` where it is not in COCO's format.
    """
    text = read_text(file)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise PairFault(f"{file}: is no JSON ({error})") from error
    missing = [key for key in KEYS if not isinstance(content, dict) or key not in content]
    if missing:
        raise PairFault(f"{file}: is not in COCO's format, it has no {', '.join(missing)}")
    for key in KEYS:
        entries = content[key]
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            raise PairFault(f"{file}: is not in COCO's format, its {key} are no list of objects")
    lines = find_lines(text)
    return {key: list(zip(lines[key], content[key], strict=True)) for key in KEYS}


def find_lines(text: str) -> dict[str, list[int]]:
    """Return on which line each entry of the lists :data:`KEYS` begins; ``text`` is JSON that has them."""
    found = {}
    for key, places in _list_places(text):
        lines, line, before = [], 1, 0
        for place in places:
            line += text.count("\n", before, place)
            before = place
            lines.append(line)
        found[key] = lines
    return found


def _list_places(text: str) -> Iterator[tuple[str, list[int]]]:
    """Yield each of the lists of a JSON object with the places in the text where its entries begin."""
    read, blank = json.JSONDecoder().raw_decode, re.compile(r"[\s,:]*")

    def skip(place: int) -> int:
        return blank.match(text, place).end()

    place = skip(text.index("{") + 1)
    while text[place] != "}":
        key, place = read(text, place)
        place = skip(place)
        if key in KEYS:
            places, place = [], skip(place + 1)
            while text[place] != "]":
                places.append(place)
                place = skip(read(text, place)[1])
            yield key, places
            place = skip(place + 1)
        else:
            place = skip(read(text, place)[1])


def read_images(file: Path, folder: Path, faults: Faults) -> tuple[list[AnnotatedImage], list[str]]:
    """Return the images of an annotation file, in its order, and the names of its categories."""
    content = read_annotations(file)
    categories = {}
    for line, entry in content["categories"]:
        if {"id", "name"} <= entry.keys():
            categories[entry["id"]] = str(entry["name"])
        else:
            faults.add(f"{file}, line {line}", "a category without `id` and `name`")
    images: dict[object, AnnotatedImage] = {}
    listed = set()
    for line, entry in content["images"]:
        place = f"{file}, line {line}, image {entry.get('id')}"
        if not {"id", "file_name"} <= entry.keys():
            faults.add(place, "has no `id` and `file_name`")
        elif entry["id"] in listed:
            faults.add(place, "another image has this id")
        else:
            listed.add(entry["id"])
            image = _read_image(place, entry, folder, faults)
            if image is not None:
                images[entry["id"]] = image
    for line, entry in content["annotations"]:
        place = f"{file}, line {line}, annotation {entry.get('id')}"
        if entry.get("image_id") not in listed:
            faults.add(place, f"of no image: there is none with the id {entry.get('image_id')}")
        elif entry.get("category_id") not in categories:
            faults.add(place, f"unknown category {entry.get('category_id')}")
        elif (image := images.get(entry["image_id"])) is not None:
            name = categories[entry["category_id"]]
            annotation = _read_annotation(place, entry, name, image.size, faults)
            if annotation is not None:
                image.annotations.append(annotation)
    return list(images.values()), list(categories.values())


def _read_image(place: str, entry: Mapping, folder: Path, faults: Faults) -> AnnotatedImage | None:
    path = folder / entry["file_name"]
    if not path.is_file():
        faults.add(place, f"no such file: {path}")
        return None
    try:
        size = read_size(path)
    except PairFault as fault:
        faults.add(place, str(fault))
        return None
    said = entry.get("height"), entry.get("width")
    if None not in said and said != size:
        faults.add(place, f"says {said[1]} x {said[0]} pixels, the image has {size[1]} x {size[0]}")
    return AnnotatedImage(path, size, [])


def _read_annotation(
    place: str, entry: Mapping, name: str, size: tuple[int, int], faults: Faults
) -> Annotation | None:
    try:
        left, top, width, height = map(float, entry["bbox"])
    except (KeyError, TypeError, ValueError):
        faults.add(place, "a `bbox` of four numbers is missing")
        return None
    try:
        mask = encode_mask(entry.get("segmentation"), size)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:  # the library's own
        faults.add(place, f"cannot read its segmentation ({error})")
        return None
    box = (left, top, left + width, top + height)
    return Annotation(place, name, box, bool(entry.get("iscrowd", 0)), mask)


def encode_mask(segmentation: object, size: tuple[int, int]) -> bytes | None:
    """Return the compressed run-length code of polygons or of another run-length code; None of nothing.

    ``segmentation``: a list of polygons ``[x, y, x, y, ...]``, or ``{"size": [height, width], "counts": ...}``. Raises
    ``ValueError`` where it is neither, or of an image of another size.
    """
    from faster_coco_eval.core import mask as codes

    height, width = size
    if not segmentation:
        return None
    if isinstance(segmentation, dict):
        if list(segmentation["size"]) != [height, width]:
            raise ValueError(f"of an image of {segmentation['size']}, this is {[height, width]}")
        if isinstance(segmentation["counts"], list):
            if sum(segmentation["counts"]) != height * width:
                raise ValueError("its runs do not fill the image")
            segmentation = codes.frPyObjects(segmentation, height, width)
        codes.decode(segmentation)  # fails where its runs do not fill the image
        return _as_bytes(segmentation["counts"])
    if not isinstance(segmentation, list) or not isinstance(segmentation[0], list):
        raise ValueError("neither polygons nor a run-length code")
    if any(len(polygon) < 6 or len(polygon) % 2 for polygon in segmentation):
        raise ValueError("a polygon needs three points")
    return _as_bytes(codes.merge(codes.frPyObjects(segmentation, height, width))["counts"])


def _as_bytes(counts: bytes | str) -> bytes:
    return counts.encode() if isinstance(counts, str) else counts
