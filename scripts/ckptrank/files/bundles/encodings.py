"""The encodings inside a bundle: varints, protocol buffers, keys in order, blocks of snappy.

Bytes that are not what they should be raise :class:`Malformed`, whose message the reader of the file completes.
"""

from collections.abc import Iterator


class Malformed(ValueError):
    """The bytes are not what the format says."""


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a position and the position behind it: seven bits a byte, the lowest first.

    Example:
        >>> read_varint(bytes([0xAC, 0x02, 0xFF]), 0)
        (300, 2)
    """
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise Malformed("it ends within a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise Malformed("a number is longer than 64 bits")


def read_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a protocol buffer: bytes, or a number of whatever width.

    Example:
        >>> list(read_fields(bytes([0x08, 0x01, 0x12, 0x02, 0x68, 0x69])))
        [(1, 1), (2, b'hi')]
    """
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = read_varint(data, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = read_varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise Malformed(f"a field of wire type {kind}")
        content = data[at : at + size]
        if len(content) < size:
            raise Malformed("it ends within a field")
        at += size
        yield tag >> 3, content if kind == 2 else int.from_bytes(content, "little")


def as_signed(number: int) -> int:
    """Return a varint of an int64 field with its sign: negative numbers are stored modulo 2^64."""
    return number - (1 << 64) if number >= 1 << 63 else number


def order_key(name: str, extents: list[tuple[int, int]]) -> bytes:
    """Return the key of a slice of a variable; ``extents``: start and length in each dimension, -1 for all.

    Example:
        >>> order_key("a", [(0, 3), (64, -1)]).hex(" ")
        '00 61 00 01 01 02 80 83 c0 40 7f'
    """
    text = name.encode().replace(b"\x00", b"\x00\xff").replace(b"\xff", b"\xff\x00")
    if b"\x00" in name.encode():
        raise Malformed(f"a zero byte in the name {name!r}")
    rank = len(extents).to_bytes(1, "big") if extents else b""
    numbers = b"".join(_order_signed(n) for extent in extents for n in extent)
    return b"\x00" + text + b"\x00\x01" + bytes([len(rank)]) + rank + numbers


def _order_signed(number: int) -> bytes:
    length = 1
    while not -(1 << (7 * length - 1)) <= number < 1 << (7 * length - 1):
        length += 1
    if length > 7:
        raise Malformed(f"a slice at {number}")
    raw = (number % (1 << (8 * length))).to_bytes(length, "big")
    return bytes([raw[0] ^ (0xFF00 >> length & 0xFF)]) + raw[1:]


def decompress_snappy(data: bytes) -> bytes:
    """Return the content of a raw snappy block.

    Example:
        >>> decompress_snappy(bytes([8, 0b000100, 0x61, 0x62, 0b001001, 0x02]))
        b'abababab'
    """
    size, at = read_varint(data, 0)
    out = bytearray()
    while at < len(data):
        tag = data[at]
        kind, at = tag & 3, at + 1
        if kind == 0:
            length = (tag >> 2) + 1
            if length > 60:
                more = length - 60
                length = int.from_bytes(data[at : at + more], "little") + 1
                at += more
            if at + length > len(data):
                raise Malformed("a compressed block ends too early")
            out += data[at : at + length]
            at += length
            continue
        width = (1, 2, 4)[kind - 1]
        offset = int.from_bytes(data[at : at + width], "little")
        at += width
        if kind == 1:
            length, offset = (tag >> 2 & 7) + 4, offset | (tag >> 5) << 8
        else:
            length = (tag >> 2) + 1
        if not 0 < offset <= len(out):
            raise Malformed("a compressed block refers to what is not there")
        for _ in range(length):
            out.append(out[-offset])
        if len(out) > size:
            break
    if len(out) != size:
        raise Malformed(f"a compressed block gives {len(out)} bytes, it says {size}")
    return bytes(out)
