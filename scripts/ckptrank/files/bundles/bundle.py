"""A bundle: variables by name, from ``PREFIX.index`` and ``PREFIX.data-00000-of-0000N``.

Nothing in the files is executed. What is read is checked: the blocks of the index, the size and the checksum of
each variable. Whatever is wrong is a :class:`~ckptrank.errors.PairFault` that names the file and the variable.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ckptrank.errors import PairFault
from ckptrank.files.bundles.crc32c import crc32c, mask
from ckptrank.files.bundles.encodings import (
    Malformed,
    as_signed,
    order_key,
    read_fields,
    read_varint,
)
from ckptrank.files.bundles.table import read_table

_DTYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string",
    8: "complex64", 9: "int64", 10: "bool", 14: "bfloat16", 17: "uint16", 18: "complex128",
    19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip
Extents = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Entry:
    """Where a variable lies: ``size`` bytes from ``offset`` of a shard, or in ``slices`` that lie by themselves.

    ``slices``: of each the start and the length in every dimension, -1 for all of it.
    """

    dtype: str
    shape: tuple[int, ...] = ()
    shard: int = 0
    offset: int = 0
    size: int = 0
    crc: int = 0
    slices: tuple[Extents, ...] = ()


class Bundle:
    """The variables of a checkpoint.

    ``prefix``: what Saver calls the checkpoint's path, say ``run/model.ckpt-300000``. ``locate``: gives the local
    file for such a name with its suffix; files at an address are fetched so. Raises
    :class:`~ckptrank.errors.PairFault` when the index cannot be read.
    """

    def __init__(self, prefix: str | Path, locate: Callable[[str], Path] = Path):
        self.prefix, self._locate = str(prefix), locate
        index = f"{prefix}.index"
        path = locate(index)
        if not path.is_file():
            if Path(prefix).is_file():
                raise PairFault(
                    f"{prefix}: one file is TensorFlow's old V1 format or none of its checkpoints; a "
                    "checkpoint of V2 is PREFIX.index and PREFIX.data-*, and PREFIX is what to give"
                )
            raise PairFault(f"{index}: no such file; give the prefix that stands before .index")
        try:
            table = read_table(path.read_bytes())
            self._shards = _read_header(table.get(b""))
            self._entries = {key: _read_entry(value) for key, value in table.items() if key}
            self.entries = {
                key.decode(): entry for key, entry in self._entries.items() if key[:1] != b"\x00"
            }
        except (Malformed, UnicodeDecodeError) as error:
            raise PairFault(f"{index}: {error}") from error

    def read(self, name: str) -> np.ndarray:
        """Return a variable.

        bfloat16 comes as float32, strings as an array of bytes objects; all else has the dtype of its
        entry. Raises :class:`~ckptrank.errors.PairFault`.
        """
        if name not in self.entries:
            raise PairFault(f"{self.prefix}.index: has no variable {name!r}")
        entry = self.entries[name]
        try:
            if not entry.slices:
                return self._read_whole(entry)
            return self._join(name, entry)
        except Malformed as error:
            raise PairFault(f"{self.prefix}: variable {name!r}: {error}") from error

    def _join(self, name: str, entry: Entry) -> np.ndarray:
        parts = []
        for extents in entry.slices:
            part = self._entries.get(order_key(name, list(extents)))
            if part is None:
                raise Malformed(f"the slice {extents} is not in the index")
            parts.append(self._read_whole(part))
        if sum(part.size for part in parts) != math.prod(entry.shape):
            raise Malformed("its slices are not of its size")
        whole = np.empty(entry.shape, parts[0].dtype)
        filled = np.zeros(entry.shape, bool)
        for extents, part in zip(entry.slices, parts, strict=True):
            place = tuple(
                slice(start, start + length if length >= 0 else None) for start, length in extents
            )
            if len(place) != whole.ndim or whole[place].shape != part.shape:
                raise Malformed(f"the slice {extents} has shape {part.shape}")
            whole[place] = part
            filled[place] = True
        if not filled.all():
            raise Malformed("its slices do not cover it")
        return whole

    def _read_whole(self, entry: Entry) -> np.ndarray:
        if entry.dtype not in _DTYPES.values():
            raise Malformed(f"values of {entry.dtype} are not read here")
        data = self._read_bytes(entry)
        if entry.dtype == "string":
            return _read_strings(data, entry)
        if mask(crc32c(data)) != entry.crc:
            raise Malformed("its checksum is wrong")
        stored = np.dtype("<u2" if entry.dtype == "bfloat16" else entry.dtype).newbyteorder("<")
        if len(data) != math.prod(entry.shape) * stored.itemsize:
            raise Malformed(f"{len(data)} bytes cannot be {entry.dtype} of shape {entry.shape}")
        values = np.frombuffer(data, stored).reshape(entry.shape)
        if entry.dtype == "bfloat16":
            return (values.astype(np.uint32) << 16).view(np.float32)
        return values.astype(stored.newbyteorder("="))

    def _read_bytes(self, entry: Entry) -> bytes:
        if not 0 <= entry.shard < self._shards:
            raise Malformed(f"it lies in shard {entry.shard} of {self._shards}")
        path = self._locate(f"{self.prefix}.data-{entry.shard:05}-of-{self._shards:05}")
        if not path.is_file():
            raise Malformed(f"{path.name}, where it lies, is missing")
        with open(path, "rb") as file:
            file.seek(entry.offset)
            data = file.read(min(entry.size, path.stat().st_size))
        if len(data) != entry.size:
            raise Malformed(f"{path.name} ends before it does")
        return data


def _read_header(value: bytes | None) -> int:
    """Return the number of shards."""
    fields = dict(read_fields(value or b""))
    shards = fields.get(1)
    if not isinstance(shards, int):
        raise Malformed("it has no header of a checkpoint in the format V2")
    if fields.get(2, 0) != 0:
        raise Malformed("it is of a big-endian machine, which is not read here")
    return shards


def _read_entry(value: bytes) -> Entry:
    fields: dict = {}
    slices = []
    for number, content in read_fields(value):
        if number == 7:
            slices.append(
                tuple(_read_extent(e) for n, e in read_fields(_message(content)) if n == 1)
            )
        else:
            fields[number] = content
    code = fields.get(1, 0)
    dims = [
        dict(read_fields(_message(d)))
        for n, d in read_fields(_message(fields.get(2, b"")))
        if n == 2
    ]
    shape = tuple(as_signed(dim.get(1, 0)) for dim in dims)
    if any(side < 0 for side in shape):
        raise Malformed(f"a variable has the shape {shape}")
    return Entry(
        _DTYPES.get(code, f"type {code}"),
        shape,
        *(fields.get(number, 0) for number in (3, 4, 5, 6)),
        tuple(slices),
    )


def _read_extent(content: int | bytes) -> tuple[int, int]:
    fields = dict(read_fields(_message(content)))
    return as_signed(fields.get(1, 0)), as_signed(fields.get(2, -1))


def _message(content: int | bytes) -> bytes:
    if not isinstance(content, bytes):
        raise Malformed("a number where a message should be")
    return content


def _read_strings(data: bytes, entry: Entry) -> np.ndarray:
    """Return an array of bytes objects: all lengths come first, then their checksum, then the strings."""
    count, at, lengths = math.prod(entry.shape), 0, []
    for _ in range(count):
        length, at = read_varint(data, at)
        lengths.append(length)
    if count and max(lengths) >= 1 << 32:
        raise Malformed("a string of more than 4 GB")
    numbers = np.array(lengths, "<u4").tobytes()
    checksum, at = data[at : at + 4], at + 4
    if mask(crc32c(numbers)) != int.from_bytes(checksum, "little"):
        raise Malformed("the checksum of its strings' lengths is wrong")
    if mask(crc32c(numbers + checksum + data[at:])) != entry.crc:
        raise Malformed("its checksum is wrong")
    if sum(lengths) != len(data) - at:
        raise Malformed("its strings do not fill its bytes")
    strings = np.empty(count, object)
    for i, length in enumerate(lengths):
        strings[i] = data[at : at + length]
        at += length
    return strings.reshape(entry.shape)
