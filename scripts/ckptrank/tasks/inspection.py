"""A look at every image of a task before it is used: unreadable ones, duplicates, a digest."""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ckptrank.errors import PairFault
from ckptrank.files.atomic import release_pages
from ckptrank.jobs.log import progress
from ckptrank.jobs.threads import count_workers, map_ahead
from ckptrank.sampling import SPLITS
from ckptrank.tasks.decoding import check_decodable
from ckptrank.tasks.image_files import EncodedImages
from ckptrank.tasks.task import Images, TaskData, is_array, listing

logger = logging.getLogger("ckptrank")
EXAMPLES = 5
CHUNK_ROWS = 256
HASH_BYTES = 16


@dataclass(frozen=True)
class Findings:
    """What ``task.json`` says of a task's images.

    ``digest``: of all images, labels and class names. ``hashes``: (N, 16) bytes of the images of each
    split, a file of its own. ``skipped``: number of unreadable images left
    out of each split, and ``skipped_examples`` the first few, each with the reason. ``duplicates``:
    number of test images whose content is also among the training images; ``duplicate_examples``:
    [test image, training image] pairs. ``warnings``: all that a reader of the report must know. ``unusable``: the
    reason why a split may not be read; a ranking, which reads training images alone, does without the test images.
    """

    digest: str
    hashes: dict[str, np.ndarray]
    skipped: dict[str, int]
    skipped_examples: list[str]
    duplicates: int
    duplicate_examples: list[list[str]]
    warnings: list[str]
    unusable: dict[str, str]

    def to_dict(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "hashes"}


def inspect_task(task: TaskData, on_bad_image: str = "error") -> tuple[TaskData, Findings]:
    """Return the task without unreadable images if ``on_bad_image`` is ``skip``, and what was found.

    Otherwise unreadable test images make that split unusable. Raises :class:`PairFault` naming unreadable
    training images, or where ``skip`` takes a class its last one.
    """
    digests, faults, unusable = {}, {}, {}
    for split in SPLITS:
        contents, reasons = _look_at(task.images(split), split)
        faults[split] = [reason for reason in reasons if reason]
        if faults[split] and on_bad_image == "error":
            reason = (
                f"{len(faults[split])} unreadable {split} images: {'; '.join(faults[split][:3])}; "
                "mend or remove them, or set `on_bad_image: skip`"
            )
            if split == "train":
                raise PairFault(reason)
            logger.error("%s", reason)
            unusable[split], faults[split] = reason, []
        elif faults[split]:
            rows = np.flatnonzero([not reason for reason in reasons])
            logger.warning("left out %d unreadable %s images", len(faults[split]), split)
            task, contents = task.limited_to(split, rows), [contents[row] for row in rows]
        digests[split] = contents
    hashes = {
        split: np.frombuffer(b"".join(contents), np.uint8).reshape(-1, HASH_BYTES)
        for split, contents in digests.items()
    }
    twins = _find_duplicates(task, digests)
    skipped = {split: len(reasons) for split, reasons in faults.items()}
    return task, Findings(
        digest=_digest(task, hashes),
        hashes=hashes,
        skipped=skipped,
        skipped_examples=[reason for split in SPLITS for reason in faults[split]][:EXAMPLES],
        duplicates=len(twins),
        duplicate_examples=twins[:EXAMPLES],
        warnings=[*_warn(task, skipped, len(twins)), *unusable.values()],
        unusable=unusable,
    )


def _look_at(images: Images, split: str) -> tuple[list[bytes], list[str]]:
    """Return the hash of each image's content, and why it is unreadable (empty when it is not)."""
    if is_array(images):
        contents = [hash_content(row) for row in _rows(images)]
        return contents, [""] * len(contents)
    looks = progress(
        map_ahead(
            lambda row: _look_at_one(images, row),
            range(len(images)),
            workers=count_workers(),
            ahead=64,
        ),
        description=f"checking {split} images",
        unit="image",
        total=len(images),
    )
    contents, reasons = zip(*looks, strict=True)
    return list(contents), list(reasons)


def _look_at_one(images: EncodedImages, row: int) -> tuple[bytes, str]:
    try:
        content = images.read(row)
        check_decodable(content, images.name(row))
    except PairFault as fault:
        return bytes(HASH_BYTES), str(fault)
    return hash_content(content), ""


def _rows(images: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(images), CHUNK_ROWS):
        yield from np.ascontiguousarray(images[start : start + CHUNK_ROWS])
        release_pages(images)


def hash_content(content: bytes | np.ndarray) -> bytes:
    """Return the 16 bytes by which images are compared."""
    return hashlib.blake2b(content, digest_size=HASH_BYTES).digest()


def _find_duplicates(task: TaskData, digests: dict[str, list[bytes]]) -> list[list[str]]:
    first = {content: row for row, content in reversed(list(enumerate(digests["train"])))}
    return [
        [_name(task.test_images, row), _name(task.train_images, first[content])]
        for row, content in enumerate(digests["test"])
        if content in first
    ]


def _name(images: Images, row: int) -> str:
    return f"image {row}" if is_array(images) else images.name(row)


def _warn(task: TaskData, skipped: dict[str, int], duplicates: int) -> list[str]:
    warnings = [
        *task.notes,
        *(
            f"{count} unreadable {split} images were left out"
            for split, count in skipped.items()
            if count
        ),
    ]
    if duplicates:
        warnings.append(
            f"{duplicates} of {len(task.test_labels)} test images are also training images"
        )
    if task.multi_label:
        counts = task.test_labels.sum(axis=0)
    else:
        counts = np.bincount(task.test_labels, minlength=len(task.classes))
    missing = [name for name, count in zip(task.classes, counts, strict=True) if not count]
    if missing:
        warnings.append(f"no test image of {listing(missing)}")
    for warning in warnings:
        logger.warning("%s", warning)
    return warnings


def _digest(task: TaskData, hashes: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(json.dumps(task.classes).encode())
    for split in SPLITS:
        digest.update(hashes[split])
        digest.update(np.ascontiguousarray(task.labels(split)))
        if (objects := task.objects(split)) is not None:
            for part in (objects.bounds, objects.boxes, objects.labels, objects.crowd):
                digest.update(np.ascontiguousarray(part))
            digest.update(b"".join(objects.masks or ()))
    if task.validation is not None:
        digest.update(task.validation)
    return digest.hexdigest()
