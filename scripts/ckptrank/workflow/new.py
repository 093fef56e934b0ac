"""Write a commented starter config for a folder of images, or annotated ones: presets/my_images.yaml, filled in."""

import argparse
import json
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ckptrank.errors import PairFault
from ckptrank.files.archives import SUFFIXES as ARCHIVES
from ckptrank.files.archives import locate
from ckptrank.tasks.folder import SUFFIXES, find_empty, find_root, scan
from ckptrank.tasks.layouts import find_layout
from ckptrank.tasks.splits import find_left_out, find_split
from ckptrank.tasks.task import listing
from ckptrank.workflow.new_checkpoints import (
    Found,
    fill_in_checkpoints,
    find_checkpoints,
    is_told,
)

if TYPE_CHECKING:
    from ckptrank.workflow.new_objects import ObjectLook

HELP = "write a commented starter config for a folder of images"
TEMPLATE = Path(__file__).with_name("my_images.yaml")
NAME = "my_images"
FEW = 10
HELD_OUT = 0.2
VALIDATION = 0.2
"""The share of the training images that fine-tuning chooses its settings by: as VTAB's 200 of 1,000."""


@dataclass(frozen=True)
class Look:
    """What a folder holds: images per class of each split (one split ``all`` where there are none).

    ``empty``: folders of classes without images, which are left out. ``validation``: the name of the folder of
    validation images, if there is one beside a training and a test set.
    """

    counts: dict[str, Counter]
    empty: list[str]
    validation: str | None = None

    @property
    def is_split(self) -> bool:
        return "train" in self.counts

    @property
    def training(self) -> Counter:
        return self.counts["train" if self.is_split else "all"]

    @property
    def ranked(self) -> int:
        """The images that a ranking passes through a network: all but the test images."""
        if self.is_split:
            return sum(self.counts[split].total() for split in self.counts if split != "test")
        return sum(count - round(HELD_OUT * count) for count in self.training.values())

    def describe(self) -> list[str]:
        """Return the facts about the images, in words."""
        ordered = self.training.most_common()
        parts = [f"{sum(counts.values()):,} {split}" for split, counts in self.counts.items()]
        words = " + ".join(parts) if self.is_split else f"{sum(self.training.values()):,}"
        (most, high), (least, low) = ordered[0], ordered[-1]
        return [
            f"{len(ordered)} classes",
            f"{words} images",
            f"most of {most!r} ({high:,}), fewest of {least!r} ({low:,})",
        ]

    nothing_to_rank = ""
    """Why a ranking has nothing to go by: classes are there to be told apart."""
    measured = 0
    """The passes that a ranking makes beside those of its images."""

    @property
    def steps(self) -> list[tuple[str, str]]:
        """What to make of the config, each with what is to be said of it."""
        return [("rank", "")]

    def warn(self) -> list[str]:
        warnings = warn_of_few(self.training)
        if self.empty:
            warnings.append(f"no images in {listing(self.empty)}: left out")
        if self.is_split:
            unseen = sorted(self.training.keys() - self.counts["test"].keys())
            if unseen:
                warnings.append(f"no test image of {listing(unseen)}")
        return warnings

    def define(self, place: str) -> dict:
        """Return the definition of the task that the images at a place are."""
        fields = {} if self.is_split else {"test_fraction": HELD_OUT}
        if self.validation is not None:
            fields["validation"] = self.validation
        elif max(self.training.values()) >= FEW:
            fields["validation"] = VALIDATION
        return {"source": "folder", "path": place, **fields}

    def adapt(self, text: str, name: str) -> str:
        """Return the config of the task ``name`` with what its kind asks for."""
        return text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, help="where to write config.yaml")
    parser.add_argument(
        "--images",
        metavar="FOLDER",
        help="the images: a folder (or an archive of it) with a subfolder per class, or of Pascal VOC's layout, or an "
        "annotation file in COCO's format; default: DIR/images",
    )
    add_checkpoints_argument(parser)


def add_checkpoints_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--checkpoints",
        metavar="FOLDER",
        type=Path,
        help="rank the weights in this folder, told by the names of the files, and nothing from a network",
    )


def run(arguments: argparse.Namespace) -> None:
    target = arguments.folder / "config.yaml"
    if target.exists():
        raise PairFault(f"{target}: exists already; give another folder, or remove it")
    given = arguments.images or str(arguments.folder / "images")
    if arguments.images is None and not Path(given).exists():
        raise PairFault(f"{given}: no such folder; say where the images are with --images FOLDER")
    name = make_name(given if arguments.images else str(arguments.folder.resolve()))
    mine = None if arguments.checkpoints is None else find_checkpoints(arguments.checkpoints)
    found = write_config(target, given, name, mine)
    print(f"Wrote {target}: look it over, then")
    for step in found.steps:
        print(f"  {describe_step(step, target)}")


def describe_step(step: tuple[str, str], config: Path) -> str:
    """Return the command of one of the ``steps`` of what was found, and what it does."""
    what, does = step
    return f"make {what} PRESET={quote(config)}{does and f'   # {does}'}"


def write_config(
    target: Path, given: str, name: str, checkpoints: Found | None = None
) -> "Look | ObjectLook":
    """Write the starter config of the images ``given`` as a task ``name``; print and return what they are.

    ``checkpoints``: those to rank in place of the starter's own.
    """
    found = look(given)
    place = locate_images(given)
    text = TEMPLATE.read_text(encoding="utf-8")
    if checkpoints is not None:
        text = fill_in_checkpoints(text, checkpoints)
    text = fill_in(text, target, name, place, found)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    print(f"{place}: {'; '.join(found.describe())}.")
    for warning in found.warn():
        print(f"Mind: {warning}.")
    for title, given in (checkpoints.checkpoints if checkpoints else {}).items():
        if is_told(given):
            print(
                f"  {title}: {given.get('architecture', 'its config.json')} of {given['library']}"
            )
        else:
            print(f"Mind: the network of {title} is not told; its entry is a comment.")
    return found


def locate_images(given: str) -> str:
    """Return the place of the images as a config has it, whatever folder is the current one."""
    return given if "://" in given else str(Path(given).expanduser().resolve())


def look(given: str) -> "Look | ObjectLook":
    """Return what the images are; raise :class:`PairFault` when they cannot be a task."""
    if has_objects(given):
        from ckptrank.workflow.new_objects import (
            look_for_objects,
        )  # reads images, which takes more packages

        return look_for_objects(given)
    root = find_root(locate(given))
    inside = sorted(path.name for path in root.iterdir() if path.is_dir())
    split = find_split(inside)
    if split:
        train, test = (scan(root / name) for name in split)
        counts = {"train": Counter(train[1]), "test": Counter(test[1])}
        third = next(iter(find_left_out(inside)), None)
        if third is not None:
            counts["validation"] = Counter(scan(root / third)[1])
        empty = [f"{split[0]}/{name}" for name in find_empty(root / split[0], train[2])]
        found = Look(counts, empty, third)
        missing = sorted(found.counts["test"].keys() - found.training.keys())
        if missing:
            raise PairFault(
                f"{root / split[0]}: has no images of {listing(missing)}, {split[1]} has"
            )
    else:
        loose = [path for path in root.iterdir() if path.name.lower().endswith(SUFFIXES)]
        folders = [path for path in root.iterdir() if path.is_dir()]
        if loose and not folders:
            raise PairFault(
                f"{root}: holds {len(loose)} images and no class folders; put the images of each class "
                "into a folder of its own, or list them with their labels in a CSV (docs/own_data.md)"
            )
        names, classes = scan(root)[1:]
        found = Look({"all": Counter(names)}, find_empty(root, classes))
    if len(found.training) < 2:
        (name,) = found.training
        raise PairFault(
            f"{root}: holds one class, {name!r}; a task needs at least two class folders"
        )
    return found


def has_objects(given: str) -> bool:
    """Whether images come with boxes: a file in COCO's format, or a folder of Pascal VOC's layout."""
    if given.lower().endswith(".json"):
        return True
    root = locate(given)
    return root.is_dir() and find_layout(root) is not None


def warn_of_few(training: Counter) -> list[str]:
    few = sorted(name for name, count in training.items() if count < FEW)
    if not few:
        return []
    return [f"fewer than {FEW} training images of {listing(few)}: ranks will be unsure"]


def make_name(place: str) -> str:
    """Return a name that results are filed under, from the last part of a path or address."""
    last = Path(place.rstrip("/")).name or NAME
    for suffix in sorted((*ARCHIVES, ".json"), key=len, reverse=True):
        last = last[: -len(suffix)] if last.lower().endswith(suffix) else last
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", last).strip("_-")[:60]
    return name if re.match(r"[A-Za-z0-9]", name) else NAME


def fill_in(text: str, target: Path, name: str, place: str, found: "Look | ObjectLook") -> str:
    """Return the template with the name and the definition of a task, and the facts about it."""
    facts = [*found.describe(), *found.warn()]
    comments = "".join(f"    # {fact}\n" for fact in facts)
    definition = found.define(place)
    fields = [f"    {key}: {json.dumps(value)}" for key, value in definition.items()]
    notes = {
        "test_fraction": " # of each class, held out",
        "validation": " # of each class's training images, drawn by seed 0: fine-tuning chooses its settings by them"
        if definition.get("validation") == VALIDATION
        else " # by these images fine-tuning chooses its settings",
    }
    lines = [f"{line}{notes.get(key, '')}\n" for key, line in zip(definition, fields, strict=True)]
    source, location, *further = lines
    edits = [
        (r"\A# Which [^\n]*\n", "# Which checkpoints to fine-tune on these images?\n"),
        (r"    source: folder\n", source),
        (
            r"    path: [^\n]*\n    test_fraction: [^\n]*\n    validation: [^\n]*\n",
            location + comments + "".join(further),
        ),
        (r"title: My images\n", f"title: {json.dumps(name)}\n"),
        (rf"\[{NAME}\]", f"[{name}]"),
        (rf"\n  {NAME}:\n", f"\n  {name}:\n"),
        (rf"presets/{NAME}\.yaml(?=  )", quote(target)),
    ]
    for pattern, new in edits:
        text = re.sub(pattern, lambda _match, new=new: new, text)
    return found.adapt(text, name)


def quote(path: Path) -> str:
    """Return a path as a shell takes it."""
    text = os.fspath(path)
    return text if re.fullmatch(r"[\w./~-]+", text) else f"'{text}'"
