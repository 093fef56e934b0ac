"""What ``ckptrank new`` finds in annotated images: a folder of Pascal VOC's layout, or a file in COCO's format."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml

from ckptrank.errors import PairFault
from ckptrank.files.archives import locate
from ckptrank.sampling import SPLITS
from ckptrank.tasks import load_task
from ckptrank.tasks.coco import read_annotations
from ckptrank.tasks.layouts import find_layout, list_sets
from ckptrank.tasks.task import TaskData, listing
from ckptrank.text import counted
from ckptrank.workflow.new import FEW, HELD_OUT, warn_of_few

SECTION = """
# `make detect`: the measures on single objects too and, as ground truth, a light detector fine-tuned on each checkpoint
# (docs/detection.md).
detection:
  tasks: [{name}]
  checkpoints: [{checkpoints}]
  measures: [linear_converged, nleep, logme, lfc, knn]
"""
# Of models that are transformers of patches of one size, and what is said of them.
PATCHES = "vit_"
NO_MAPS = " # a transformer of patches: no feature maps for a detector"
# What the steps that tell a detector's cost come to: four of eight images, three passes of each, which at 320 x 427 pixels
# has 2.7 times the pixels of one at 224.
MEASURED = 260
# Of one class alone.
ONE_VIEW = "  views: [images] # objects of one class have nothing to tell apart\n"


@dataclass(frozen=True)
class ObjectLook:
    """``definition``: of the task that the annotations are; ``task``: what it comes to."""

    definition: dict
    task: TaskData

    measured = MEASURED
    """The passes that a ranking makes beside those of its images."""

    @property
    def ranked(self) -> int:
        """The images that a ranking passes through a network."""
        return len(self.task.train_labels)

    @property
    def sizes(self) -> Counter:
        """Training images that have each class."""
        return Counter(dict(zip(self.task.classes, self.task.class_sizes.tolist(), strict=True)))

    def describe(self) -> list[str]:
        """Return the facts about the images, in words."""
        task = self.task
        images = {split: len(task.labels(split)) for split in SPLITS}
        objects = {split: int((~task.objects(split).crowd).sum()) for split in SPLITS}
        empty = sum(task.objects(split).count_empty() for split in SPLITS)
        masks = "with masks" if task.train_objects.masks is not None else "without masks"
        (most, high), *others = self.sizes.most_common()
        spread = f"{high:,} training images with {most!r}"
        if others:
            least, low = others[-1]
            spread = f"most images with {most!r} ({high:,}), fewest with {least!r} ({low:,})"
        return [
            counted(len(task.classes), "class", "classes"),
            spread,
            f"{images['train']:,} train + {images['test']:,} test images, {empty:,} without objects",
            f"{objects['train']:,} train + {objects['test']:,} test objects, {masks}",
        ]

    @property
    def steps(self) -> list[tuple[str, str]]:
        """What to make of the config, each with what is to be said of it."""
        detect = ("detect", "fine-tunes a detector on each checkpoint")
        if self.nothing_to_rank:
            return [detect]
        return [("rank", "a shortlist, without fine-tuning"), detect]

    @property
    def nothing_to_rank(self) -> str:
        """Why a ranking has nothing to go by, in words; empty where it has something."""
        if not self.task.train_labels.all():
            return ""
        return (
            f"every training image has {listing(list(self.task.classes))}, so that the labels of images tell no "
            "checkpoint from another"
        )

    def warn(self) -> list[str]:
        warnings = warn_of_few(self.sizes)
        name, most = self.sizes.most_common(1)[0]
        if len(self.sizes) == 1 and 0 < self.ranked - most < FEW:
            warnings.append(
                f"fewer than {FEW} training images without {name!r}: ranks will be unsure"
            )
        if self.nothing_to_rank:
            warnings.append(
                f"{self.nothing_to_rank}: nothing can be ranked, `make detect` fine-tunes a detector on each"
            )
        return [*warnings, *self.task.notes]

    def define(self, place: str) -> dict:
        """Return the definition of the task; its place is that of the annotations."""
        return self.definition

    def adapt(self, text: str, name: str) -> str:
        """Return the config without measures of single labels and checkpoints without feature maps, and with its part about
        detectors; with nothing to rank by where labels tell nothing apart."""
        text = re.sub(r", h_score\b", "", text)
        text = re.sub(
            r"(?m)^#   make report (PRESET=.+?)   .*$",
            lambda found: (
                f"{found[0]}\n#   make detect {found[1]}   fine-tunes a detector on each and says the same"
            ),
            text,
        )
        config = yaml.safe_load(text)
        for checkpoint, given in config["checkpoints"].items():
            if str(given.get("model", "")).startswith(PATCHES):
                text = re.sub(
                    rf"(?m)^      - {checkpoint}$", rf"      # - {checkpoint}{NO_MAPS}", text
                )
        if self.nothing_to_rank:
            nothing = f"  measures: [] # {self.nothing_to_rank}"
            text = re.sub(r"(?m)(?<=^rank:\n)  measures: .*$", lambda _match: nothing, text)
            text = re.sub(r"(?m)^#   make (?:rank|report) .*\n", "", text)
        candidates = yaml.safe_load(text)["groups"]["candidates"]["checkpoints"]
        section = SECTION.format(name=name, checkpoints=", ".join(candidates))
        return text + section + (ONE_VIEW if len(self.task.classes) == 1 else "")


def look_for_objects(given: str) -> ObjectLook:
    """Return what annotated images are ``given``: a folder or an archive of VOC's layout, or a file in COCO's format.

    Raises :class:`PairFault` when they cannot be a task.
    """
    if given.lower().endswith(".json"):
        return _load(_define_coco(locate(given).resolve()))
    place = given if "://" in given else str(Path(given).expanduser().resolve())
    return _load(_define_voc(place, list_sets(find_layout(locate(given)))))


def _load(definition: dict) -> ObjectLook:
    try:
        return ObjectLook(definition, load_task(definition))
    except PairFault as fault:
        if "bad annotations" not in str(fault):
            raise
    definition = {**definition, "on_bad_annotation": "skip"}
    return ObjectLook(definition, load_task(definition))


def _define_voc(place: str, sets: list[str]) -> dict:
    base = {"source": "voc", "path": place}
    for train, test in (("trainval", "test"), ("train", "test"), ("train", "val")):
        if train in sets and test in sets:
            return {**base, "train": train, "test": test}
    train = next((name for name in ("trainval", "train") if name in sets), None)
    return {**base, **({"train": train} if train else {}), "test_fraction": HELD_OUT}


def _define_coco(file: Path) -> dict:
    base = {"source": "coco", "path": str(file), "images": str(_find_images(file))}
    for other in ("val", "valid", "validation", "test"):
        beside = file.with_name(file.name.replace("train", other))
        if beside != file and beside.is_file():
            return {**base, "test_path": str(beside), "test_images": str(_find_images(beside))}
    return {**base, "test_fraction": HELD_OUT}


def _find_images(file: Path) -> Path:
    """Return the folder that the file names of an annotation file are relative to, looked for where they usually lie."""
    images = read_annotations(file)["images"]
    if not images:
        raise PairFault(f"{file}: lists no images")
    name, split = images[0][1].get("file_name", ""), file.stem.removeprefix("instances_")
    places = [
        place / part
        for place in (file.parent, file.parent.parent)
        for part in ("", "images", split, f"images/{split}")
    ]
    found = next((place for place in places if (place / name).is_file()), None)
    if found is None:
        looked = ", ".join(map(str, places[:4]))
        raise PairFault(f"{file}: no image {name!r} in {looked}; write the config by hand")
    return found
