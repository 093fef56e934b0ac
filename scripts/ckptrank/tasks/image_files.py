"""Images of a task that stay encoded (JPEG, PNG, ...) until a network's input size is known."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from ckptrank.errors import PairFault


class EncodedImages(Protocol):
    """A sequence of encoded images, read one at a time by any thread."""

    def __len__(self) -> int: ...

    def read(self, row: int) -> bytes:
        """Return the file's content; raise :class:`PairFault` when it cannot be read."""

    def name(self, row: int) -> str:
        """Return what messages call the image: its path, or where in a file it stands."""


@dataclass(frozen=True)
class ImageFiles:
    """Image files: ``paths`` below ``root``."""

    root: Path
    paths: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, row: int) -> bytes:
        try:
            return (self.root / self.paths[row]).read_bytes()
        except OSError as error:
            raise PairFault(f"{self.name(row)}: {error.strerror}") from error

    def name(self, row: int) -> str:
        return str(self.root / self.paths[row])

    def limited_to(self, rows: np.ndarray) -> "ImageFiles":
        return ImageFiles(self.root, tuple(self.paths[row] for row in rows))


@dataclass(frozen=True)
class PackedImages:
    """Encoded images in one file: image ``i`` is its bytes from ``bounds[i]`` to ``bounds[i + 1]``."""

    path: Path
    bounds: np.ndarray

    @classmethod
    def write(cls, path: Path, contents: Iterable[bytes]) -> "PackedImages":
        """Write the images to ``path``, one at a time."""
        bounds = [0]
        with open(path, "wb") as file:
            for content in contents:
                file.write(content)
                bounds.append(bounds[-1] + len(content))
        return cls(path, np.array(bounds))

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def read(self, row: int) -> bytes:
        start, end = int(self.bounds[row]), int(self.bounds[row + 1])
        return os.pread(self._file, end - start, start)

    def name(self, row: int) -> str:
        return f"{self.path}, image {row}"

    @cached_property
    def _file(self) -> int:
        return os.open(self.path, os.O_RDONLY)
