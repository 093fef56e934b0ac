"""TensorFlow's checkpoint bundles (format V2), read in NumPy; :class:`Bundle` is what to use."""

from ckptrank.files.bundles.bundle import Bundle, Entry

__all__ = ["Bundle", "Entry"]
