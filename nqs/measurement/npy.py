"""A .npy file as an array that is mapped, not read: a header may declare more than is stored."""

import tokenize
from pathlib import Path

import numpy as np

from nqs.measurement.problems import FormatError, named

MAGIC = b"\x93NUMPY"
UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    SyntaxError,
    MemoryError,
    OverflowError,
    tokenize.TokenError,  # numpy also tries headers of Python 2
)
"""What numpy raises over the header of a damaged array."""


def mapped(path: Path, expected: str) -> np.ndarray:
    """The array in a .npy file; `expected` says in a message what it should hold."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except UNREADABLE:
        raise FormatError(
            f"{named(path)}: this .npy file is cut off, damaged or holds Python objects; save a"
            f" plain {expected} array with numpy.save."
        ) from None
