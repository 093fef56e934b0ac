"""Seeds derived from names, so that no result depends on the order in which jobs ran."""

import hashlib


def seed_from(*names: object) -> int:
    """Return a seed in [0, 2**31) that is a pure function of the given names and numbers."""
    text = "\x1f".join(str(name) for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
