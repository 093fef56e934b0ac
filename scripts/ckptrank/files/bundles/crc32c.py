"""CRC-32C (Castagnoli) of large arrays in NumPy, and the masked form that TensorFlow stores.

A cyclic redundancy check is linear: with a register of zeros at the start, zeros in front of a message do not
count, and the check of two parts in a row is that of the first, moved by the length of the second, plus the
second's. So the message is cut into lanes of equal length that are run through side by side, and joined in pairs.
"""

import numpy as np

_POLYNOMIAL = 0x82F63B78  # bits reflected
_SHORT = 64  # bytes; below it a loop over them is quicker


def _run_bits(registers: np.ndarray, bits: int) -> np.ndarray:
    for _ in range(bits):
        registers = np.where(
            registers & 1, (registers >> 1) ^ np.uint32(_POLYNOMIAL), registers >> 1
        )
    return registers


_BY_BYTE = _run_bits(np.arange(1 << 8, dtype=np.uint32), 8)
_BY_WORD = _run_bits(np.arange(1 << 16, dtype=np.uint32), 16)
_BYTE_TABLE = _BY_BYTE.tolist()
# A linear map of registers, as what it makes of each of their 32 bits: here, moving by a byte of zeros.
_BITS = np.uint32(1) << np.arange(32, dtype=np.uint32)
_MOVE_BY_BYTE = _run_bits(_BITS, 8)


def crc32c(data: bytes | np.ndarray) -> int:
    """Return the CRC-32C of some bytes.

    Example:
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    message = np.frombuffer(data, np.uint8)
    if len(message) < _SHORT:
        register = 0xFFFFFFFF
        for byte in message.tolist():
            register = _BYTE_TABLE[(register ^ byte) & 0xFF] ^ (register >> 8)
        return register ^ 0xFFFFFFFF
    words = (len(message) + 1) // 2
    exponent = (words.bit_length() + 1) // 2
    lanes = 1 << max((words - 1).bit_length() - exponent, 0)
    padded = np.zeros(lanes << (exponent + 1), np.uint8)
    start = len(padded) - len(message)
    padded[start:] = message
    padded[start : start + 4] ^= 0xFF  # the same as a register of ones at the start
    registers = np.zeros(lanes, np.uint32)
    for step in np.ascontiguousarray(padded.view("<u2").reshape(lanes, -1).T):
        registers = _BY_WORD[(registers ^ step) & 0xFFFF] ^ (registers >> 16)
    move = _MOVE_BY_BYTE
    for _ in range(exponent + 1):
        move = _apply(move, move)
    while len(registers) > 1:
        registers = _apply(move, registers[0::2]) ^ registers[1::2]
        move = _apply(move, move)
    return int(registers[0]) ^ 0xFFFFFFFF


def mask(crc: int) -> int:
    """Return a check as TensorFlow stores it, so that checks of data with checks in them stay good.

    Example:
        >>> hex(mask(0xE3069283))
        '0xc78ab0e5'
    """
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _apply(linear: np.ndarray, registers: np.ndarray) -> np.ndarray:
    taken = np.where(registers[:, None] & _BITS, linear, np.uint32(0))
    return np.bitwise_xor.reduce(taken, axis=1)
