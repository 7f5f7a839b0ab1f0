"""Arrays that are filled piece by piece: in memory, or where they are large in a file without a name."""

import math
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

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


def pieces(rows: int, at_once: int | None = None, of: np.ndarray | None = None) -> Iterator[slice]:
    """Slices that cover so many rows, one after another, `ROWS` each if not told.

    of: an array that is read or written in these pieces. Where it lies on disk, the memory behind
    a piece is given back once it is done with.
    """
    at_once, behind = at_once or ROWS, None if of is None else _mapping(of)
    for first in range(0, rows, at_once):
        yield slice(first, min(first + at_once, rows))
        if behind is not None:
            behind.madvise(mmap.MADV_DONTNEED)  # the file keeps what was written


def _mapping(array: Any) -> Any:
    """The file mapped behind an array; None where it lies in memory or the system cannot give back."""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    return array if hasattr(mmap, "MADV_DONTNEED") else None
