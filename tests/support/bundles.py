"""Writing TensorFlow's checkpoint bundles, by the format's description and not by the reader's code."""

import struct
from pathlib import Path

import numpy as np

from ckptrank.files.bundles.crc32c import crc32c

MAGIC = bytes.fromhex("57fb808b247547db")
CODES = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int64": 9, "bool": 10, "float16": 19}


def _make_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = _make_table()


def slow_crc32c(data):
    """The textbook's loop over bytes."""
    register = 0xFFFFFFFF
    for byte in data:
        register = TABLE[(register ^ byte) & 0xFF] ^ (register >> 8)
    return register ^ 0xFFFFFFFF


def masked(data):
    """The stored form of the check, by the loop; where that would take long, by the reader's, tested against it."""
    crc = slow_crc32c(data) if len(data) < 1 << 16 else crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number, value):
    """A field of a protocol buffer; zeros are left out, as TensorFlow leaves them."""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(value) if value else b""


def shape_message(shape):
    return b"".join(field(2, field(1, side)) for side in shape)


def entry(array, shard, offset, data):
    code = field(1, CODES[array.dtype.name]) + field(2, shape_message(array.shape))
    place = field(3, shard) + field(4, offset) + field(5, len(data))
    return code + place + varint(6 << 3 | 5) + masked(data)


def signed(number):
    """Orders like the number; enough of the code for lengths below 8192."""
    if -64 <= number < 64:
        return bytes([number & 0xFF ^ 0x80])
    return bytes([number >> 8 ^ 0xC0, number & 0xFF])


def slice_key(name, extents):
    numbers = b"".join(signed(n) for extent in extents for n in extent)
    return b"\0" + name.encode() + b"\0\1" + b"\1" + bytes([len(extents)]) + numbers


def split(name, array, parts):
    """Return the entry's slices and their arrays by key, cut along the first axis."""
    slices, pieces, start = b"", {}, 0
    for piece in np.array_split(array, parts):
        extents = [(start, len(piece)), *((0, -1) for _ in array.shape[1:])]
        start += len(piece)
        proto = [field(1, s) + (field(2, n) if n >= 0 else b"") for s, n in extents]
        slices += field(7, b"".join(field(1, extent) for extent in proto))
        pieces[slice_key(name, extents)] = piece
    return slices, pieces


def block(entries, every=16):
    out, restarts, last = b"", [], b""
    for number, (key, value) in enumerate(entries):
        if number % every == 0:
            restarts.append(len(out))
            last = b""
        shared = 0
        while key[shared : shared + 1] == last[shared : shared + 1] != b"":
            shared += 1
        out += (
            varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        )
        last = key
    return out + struct.pack(f"<{len(restarts or [0]) + 1}I", *(restarts or [0]), len(restarts or [0]))  # fmt: skip


def write_index(path, entries, per_block=40):
    entries = sorted(entries.items())
    out, handles = b"", []

    def add(content):
        nonlocal out
        handle = varint(len(out)) + varint(len(content))
        out += content + b"\0" + masked(content + b"\0")
        return handle

    for start in range(0, len(entries), per_block):
        chunk = entries[start : start + per_block]
        handles.append((chunk[-1][0] + b"\xff", add(block(chunk))))
    footer = add(block([])) + add(block(handles, every=1))
    Path(path).write_bytes(out + footer.ljust(40, b"\0") + MAGIC)


def write_bundle(prefix, variables, shards=1, partitioned=()):
    """Write arrays by name as Saver does; ``partitioned``: names of those that are cut into three."""
    prefix = Path(prefix)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    entries = {b"": field(1, shards) + field(3, field(1, 1))}
    stored = {}
    for name, array in variables.items():
        array = np.asarray(array)
        if name in partitioned:
            slices, pieces = split(name, array, 3)
            code = field(1, CODES[array.dtype.name]) + field(2, shape_message(array.shape))
            entries[name.encode()] = code + slices
            stored |= pieces
        else:
            stored[name.encode()] = array
    data = [b""] * shards
    for number, (key, array) in enumerate(sorted(stored.items())):
        shard, content = number % shards, np.ascontiguousarray(array).tobytes()
        entries[key] = entry(array, shard, len(data[shard]), content)
        data[shard] += content
    for shard, content in enumerate(data):
        Path(f"{prefix}.data-{shard:05}-of-{shards:05}").write_bytes(content)
    write_index(f"{prefix}.index", entries)
    return str(prefix)
