"""Images with boxes in the folders of Pascal VOC: JPEGImages, Annotations and ImageSets."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np

from ckptrank.errors import PairFault
from ckptrank.files.archives import locate
from ckptrank.files.caches import cache_folder
from ckptrank.files.downloads import fetch_by
from ckptrank.tasks.annotated import (
    AnnotatedImage,
    encode_pixels,
    make_task,
    read_instances,
    read_text,
)
from ckptrank.tasks.folder import SUFFIXES
from ckptrank.tasks.image_sizes import read_size
from ckptrank.tasks.layouts import PARTS, find_layout, list_sets
from ckptrank.tasks.objects import Annotation, Faults
from ckptrank.tasks.task import TaskData

TRAIN = "trainval"
BORDER = 255  # of an object's mask: counted neither as the object nor as the ground


def load(definition: dict) -> TaskData:
    """Load ``{"source": "voc", "path": ...}``.

    ``path``: a folder with ``JPEGImages``, ``Annotations`` and ``ImageSets/Main``, or an archive of it, or a folder of
    several such; where torchvision's ``VOCDetection`` or ``VOCSegmentation`` has them, its ``root``, the ``VOCdevkit``
    in it, or a year's folder. ``train`` and ``test``: a set or a list of sets of images, by default ``trainval`` and
    ``test``; in a folder of several, ``VOC2007/trainval``. Without ``ImageSets`` all images are ``train``. With
    ``test_fraction`` that share of the training images is held out in place of ``test``, chosen by ``seed``.
    ``masks: true`` takes the sets from ``ImageSets/Segmentation`` and the objects' masks from ``SegmentationObject``.
    ``classes``: their names, objects of others being left out; without it those that occur. ``download: true`` lets
    torchvision fetch the sets of VOC into ``path``, its ``root`` or the ``VOCdevkit`` there, by default ``datasets`` in
    this project's cache.

    Pixels are counted from 1, as in VOC; difficult objects are neither trained nor counted, and images without objects
    count. Raises :class:`PairFault` naming the annotations that are wrong by file and line, unless
    ``on_bad_annotation`` is ``skip``.
    """
    sets = {
        split: _as_list(definition.get(split, default))
        for split, default in (("train", TRAIN), ("test", "test"))
    }
    if "test_fraction" in definition:
        sets["test"] = []
    names = [*sets["train"], *sets["test"]]
    root, masks, faults = _find_root(definition, names), definition.get("masks", False), Faults()
    layouts = {name: _need_layout(root, name) for name in names}
    train, test = (_read_sets(layouts, each, masks, faults) for each in sets.values())
    return make_task(definition, Path(os.path.commonpath(layouts.values())), train, test, faults)


def _as_list(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _find_root(definition: dict, names: Sequence[str]) -> Path:
    """Return the folder at or below which the sets are, ``VOC2007/trainval``; with ``download`` they are fetched."""
    if definition.get("download"):
        root = Path(definition.get("path", cache_folder() / "datasets")).expanduser()
        for name in names:
            _download(root, name)
        return root
    if "path" not in definition:
        raise PairFault("voc: give `path`, or `download: true`")
    return locate(definition["path"], definition.get("sha256"))


def _download(root: Path, name: str) -> None:
    """Fetch a set by torchvision's class, unless it is there."""
    from torchvision import datasets

    folder, _, listed = name.rpartition("/")
    layout = find_layout(root, folder)
    if layout is not None and listed in list_sets(layout):
        return
    place = root.parent if root.name == "VOCdevkit" else root
    place.mkdir(parents=True, exist_ok=True)
    try:
        year = folder.removeprefix("VOC")
        fetch = partial(datasets.VOCDetection, place, year, listed, download=True)
        fetch_by(fetch, f"torchvision VOCDetection {name}")
    except (RuntimeError, OSError, ValueError, KeyError) as error:
        raise PairFault(f"torchvision VOCDetection {name} in {place}: {error}") from error


def _need_layout(root: Path, name: str) -> Path:
    folder = name.rpartition("/")[0]
    layout = find_layout(root, folder)
    if layout is None:
        raise PairFault(f"{root / folder}: has no folders {' and '.join(PARTS)}")
    return layout


def _read_sets(
    layouts: Mapping[str, Path], names: Sequence[str], masks: bool, faults: Faults
) -> list[AnnotatedImage]:
    """Read the images of some sets, each once."""
    found: dict[Path, AnnotatedImage] = {}
    for name in names:
        for place, image in _list_images(layouts[name], name.rpartition("/")[2], masks):
            read = _read_image(place, layouts[name], image, masks, faults)
            if read is not None:
                found[read.path] = read
    return list(found.values())


def _list_images(layout: Path, listed: str, masks: bool) -> list[tuple[str, str]]:
    """Return the images of a set, each after the place that names it."""
    lists = layout / "ImageSets" / ("Segmentation" if masks else "Main")
    file = lists / f"{listed}.txt"
    if file.is_file():
        lines = enumerate(read_text(file).splitlines(), start=1)
        return [
            (f"{file}, line {number}", line.split()[0]) for number, line in lines if line.strip()
        ]
    if lists.is_dir() or listed != TRAIN:
        known = ", ".join(list_sets(layout, masks)) or "none"
        raise PairFault(f"{file}: no such set of images; there are {known}")
    files = sorted((layout / "Annotations").glob("*.xml"))
    return [(str(file), file.stem) for file in files]


def _read_image(
    place: str, layout: Path, name: str, masks: bool, faults: Faults
) -> AnnotatedImage | None:
    """Read the size and the objects of an image, which ``place`` names; None where it or its annotations are not there."""
    file = layout / "Annotations" / f"{name}.xml"
    candidates = (layout / "JPEGImages" / f"{name}{suffix}" for suffix in SUFFIXES)
    path = next((each for each in candidates if each.is_file()), None)
    if path is None:
        faults.add(place, f"no image {name} in {layout / 'JPEGImages'}")
        return None
    try:
        root, lines = parse_lines(file.read_bytes())
        size = read_size(path)
    except FileNotFoundError:
        faults.add(place, f"no such file: {file}")
        return None
    except expat.ExpatError as error:
        faults.add(
            f"{file}, line {error.lineno}", f"is no XML ({expat.errors.messages[error.code]})"
        )
        return None
    except PairFault as fault:
        faults.add(place, str(fault))
        return None
    said = tuple(_as_number(root.findtext(f"size/{side}")) for side in ("height", "width"))
    if all(said) and said != size:
        line = lines[root.find("size")]
        faults.add(
            f"{file}, line {line}",
            f"says {said[1]:g} x {said[0]:g} pixels, the image has {size[1]} x {size[0]}",
        )
    shapes = _read_masks(layout, name, size, faults) if masks else {}
    if shapes is None:
        return None
    annotations = []
    for number, element in enumerate(root.findall("object"), start=1):
        there = f"{file}, line {lines[element]}"
        label = (element.findtext("name") or "").strip()
        if not label:
            faults.add(there, "an object without a name")
            continue
        try:
            box = _read_box(element)
        except (TypeError, ValueError):
            faults.add(there, "an object without the four numbers of a box")
            continue
        if masks and number not in shapes:
            faults.add(there, f"no pixel has its number, {number}, in {_name_mask(layout, name)}")
            continue
        crowd = element.findtext("difficult", "0").strip() == "1"
        annotations.append(Annotation(there, label, box, crowd, shapes.get(number)))
    return AnnotatedImage(path, size, annotations)


def _as_number(text: str | None) -> float | None:
    try:
        return float(text or 0)
    except ValueError:
        return None


def _read_box(element: ElementTree.Element) -> tuple[float, float, float, float]:
    """Return the box, right and bottom outside; the raw numbers where they enclose nothing."""
    left, top, right, bottom = (
        float(element.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")
    )
    if right <= left or bottom <= top:
        return left, top, right, bottom
    return left - 1, top - 1, right, bottom


def _name_mask(layout: Path, name: str) -> Path:
    return layout / "SegmentationObject" / f"{name}.png"


def _read_masks(
    layout: Path, name: str, size: tuple[int, int], faults: Faults
) -> dict[int, bytes] | None:
    """Return number of an object -> its mask, where the masks can be read; objects are numbered as their annotations are."""
    numbers = read_instances(_name_mask(layout, name), size, faults)
    if numbers is None:
        return None
    return {
        int(number): encode_pixels(numbers == number)
        for number in np.unique(numbers)
        if number not in (0, BORDER)
    }


def parse_lines(
    content: bytes,
) -> tuple[ElementTree.Element, dict[ElementTree.Element, int]]:
    """Return the root of an XML document and the line on which each element begins."""
    parser, builder, lines = expat.ParserCreate(), ElementTree.TreeBuilder(), {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        lines[builder.start(tag, attributes)] = parser.CurrentLineNumber

    parser.StartElementHandler, parser.EndElementHandler = start, builder.end
    parser.CharacterDataHandler = builder.data
    parser.Parse(content, True)
    return builder.close(), lines
