"""Arrays that are filled piece by piece: in memory, or where they are large in a file without a name."""

import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np

IN_MEMORY = 2**28
"""Bytes up to which an array is kept in memory."""

ROWS = 2**16
"""Rows of shots worked on at a time."""


class NoRoom(Exception):
    """The folder for temporary files has too little space; the sentence says what to do."""


def room(shape: Sequence[int], dtype: np.typing.DTypeLike) -> np.ndarray:
    """An array to be filled; beyond 256 MiB it lies in the folder for temporary files (TMPDIR).

    NoRoom where that folder has too little space.
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size <= IN_MEMORY:
        return np.empty(shape, dtype)
    folder = tempfile.gettempdir()
    if shutil.disk_usage(folder).free < size:
        raise NoRoom(
            f"{size / 1e9:.1f} GB of shots do not fit into {folder}; set TMPDIR to a folder with"
            " more space."
        )
    with tempfile.TemporaryFile(prefix="nqs-", dir=folder) as file:
        os.ftruncate(file.fileno(), size)
        with suppress(AttributeError):  # not on every system; a full disk is then found later
            os.posix_fallocate(file.fileno(), 0, size)
        return np.asarray(np.memmap(file, dtype, "r+", shape=tuple(shape)))


def end_to_end(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The rows of all arrays, one after another."""
    rows = sum(map(len, arrays))
    return np.concatenate(arrays, out=room((rows, *arrays[0].shape[1:]), np.result_type(*arrays)))


def pieces(rows: int, at_once: int | None = None) -> Iterator[slice]:
    """Slices that cover so many rows, one after another, `ROWS` each if not told."""
    at_once = at_once or ROWS
    for first in range(0, rows, at_once):
        yield slice(first, min(first + at_once, rows))
