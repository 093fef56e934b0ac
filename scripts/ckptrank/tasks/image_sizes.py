"""The size of an image file as it is decoded, from its header."""

from pathlib import Path

from PIL import Image

from ckptrank.errors import PairFault

_TURNED = (5, 6, 7, 8)  # orientations of EXIF that exchange width and height
_ORIENTATION = 274


def read_size(path: Path) -> tuple[int, int]:
    """Return (height, width) in pixels, upright; raise :class:`PairFault` where the file is no image."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = image.getexif().get(_ORIENTATION) in _TURNED
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PairFault(f"{path}: unreadable image") from error
    return (width, height) if turned else (height, width)
