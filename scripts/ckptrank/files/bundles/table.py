"""The table of a bundle's index: LevelDB's format of sorted keys in checked blocks."""

from collections.abc import Iterator

from ckptrank.files.bundles.crc32c import crc32c, mask
from ckptrank.files.bundles.encodings import Malformed, decompress_snappy, read_varint

_MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER = 48
_RAW, _SNAPPY = 0, 1


def read_table(data: bytes) -> dict[bytes, bytes]:
    """Return the entries of a table, in the order of their keys; every block's checksum is checked.

    Raises :class:`Malformed` when ``data`` is no such table, is cut off or was changed.
    """
    if len(data) < _FOOTER or not data.endswith(_MAGIC):
        raise Malformed("it is cut off or no index of a TensorFlow checkpoint")
    footer = data[-_FOOTER:]
    at = 0
    for _ in range(2):  # the handle of the metaindex, which says nothing here, comes first
        handle = at
        _, at = read_varint(footer, at)
        _, at = read_varint(footer, at)
    blocks = [value for _, value in _read_block(data, footer[handle:])]
    return {key: value for block in blocks for key, value in _read_block(data, block)}


def _read_block(data: bytes, handle: bytes) -> Iterator[tuple[bytes, bytes]]:
    offset, at = read_varint(handle, 0)
    size, _ = read_varint(handle, at)
    block = data[offset : offset + size + 5]
    if len(block) < size + 5 or size < 4:
        raise Malformed(f"it ends within the block at byte {offset}")
    if mask(crc32c(block[:-4])) != int.from_bytes(block[-4:], "little"):
        raise Malformed(f"the checksum of the block at byte {offset} is wrong")
    if block[size] not in (_RAW, _SNAPPY):
        raise Malformed(f"the block at byte {offset} is compressed by method {block[size]}")
    content = block[:size] if block[size] == _RAW else decompress_snappy(block[:size])
    yield from _read_entries(content)


def _read_entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    if end < 0:
        raise Malformed("a block is shorter than its list of restarts")
    at, key = 0, b""
    while at < end:
        shared, at = read_varint(block, at)
        unshared, at = read_varint(block, at)
        length, at = read_varint(block, at)
        if shared > len(key) or at + unshared + length > end:
            raise Malformed("an entry reaches out of its block")
        key = key[:shared] + block[at : at + unshared]
        at += unshared
        yield key, block[at : at + length]
        at += length
