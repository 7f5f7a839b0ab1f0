"""The native HDF5 measurement file: exact, checksummed, written whole or not at all."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nqs.config.atomic import replacing
from nqs.measurement.dataset import Measurements
from nqs.measurement.layout import digest, measurements, stored_arrays
from nqs.measurement.problems import FormatError, named, quoted
from nqs.measurement.quarantine import look, read_tree

if TYPE_CHECKING:
    from nqs.measurement.hdf5_tree import Tree

FORMAT = "nqs-measurements"
VERSION = 1
SIGNATURE = b"\x89HDF\r\n\x1a\n"
LONGEST_REMARK = 30_000
"""Bytes of a description or source: small enough to lie in a checksummed object header."""
CHUNK = 96 * 1024
"""Small chunks bound what a damaged or hostile deflate stream can expand to."""


def write(path: str | os.PathLike, data: Measurements, description: str = "") -> None:
    """Write shots as a native file, atomically; reading gives the same back, exactly."""
    import h5py

    arrays = stored_arrays(data)
    attributes = {
        "format": FORMAT,
        "description": _remark("description", description),
        "source": _remark("source", data.source),
        "sha256": digest(arrays),
    }
    with replacing(path) as part, h5py.File(part, "w", libver="latest") as file:
        for name, array in arrays.items():
            file.create_dataset(
                name,
                data=array,
                chunks=_chunks(array),
                compression="gzip",
                shuffle=True,
                fletcher32=True,
            )
        file.attrs["version"] = np.int64(VERSION)
        file.attrs["sites"] = np.int64(data.sites)
        if data.lattice is not None:
            file.attrs["lattice"] = np.array(data.lattice, np.int64)
        for name, text in attributes.items():
            # Fixed length keeps the text in the header, which carries a checksum.
            raw = text.encode()
            kind = h5py.string_dtype("utf-8", max(1, len(raw)))
            file.attrs.create(name, np.array(raw, kind), dtype=kind)


def read(path: str | os.PathLike) -> Measurements:
    """The shots in a native file, after checking its structure, shapes and checksum."""
    tree = _native_tree(path)
    try:
        return measurements(tree)
    except ValueError as problem:
        raise FormatError(f"{named(path)}: {problem}") from None


def description(path: str | os.PathLike) -> str:
    """What the writer of a native file said about it."""
    return str(_native_tree(path, data=False).attributes["/"].get("description", ""))


def is_native(path: str | os.PathLike) -> bool:
    """Whether an HDF5 file says that it is a native measurement file."""
    return hdf5_tree(path, data=False).attributes["/"].get("format") == FORMAT


def hdf5_tree(path: str | os.PathLike, data: bool = True) -> "Tree":
    """What an HDF5 file holds: read here where it was plainly written by us, else in quarantine.

    Files with a superblock before version 2 carry no checksums over their
    structure, and such a file can crash the HDF5 library.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(9)
        if len(head) == 9 and head[:8] == SIGNATURE and head[8] >= 2:
            tree = _plain_tree(path, data)
            if tree is not None:
                return tree
        return read_tree(path) if data else look(path)
    except OSError as problem:
        reason = problem.strerror or " ".join(str(problem).split())[:200]
        raise FormatError(f"{named(path)}: cannot be read as HDF5 ({reason}).") from None


def _plain_tree(path: Path, data: bool) -> "Tree | None":
    """A native file's tree, or None where it must go through quarantine."""
    import h5py

    from nqs.measurement import hdf5_tree as trees

    try:
        with h5py.File(path, "r", locking=False) as file:
            tree, found, _ = trees.outline(file, plain=True)
            if tree.attributes["/"].get("format") != FORMAT:
                return None
            return trees.read_arrays(tree, found) if data else tree
    except trees.NotPlain:
        return None
    except FormatError as refusal:
        raise FormatError(
            f"{named(path)}: this HDF5 file is not safe to read: {refusal}; write the shots as"
            " plain data sets in the native layout."
        ) from None
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError) as damage:
        reason = " ".join(str(damage).split()).strip("'\"")
        raise FormatError(
            f"{named(path)}: this HDF5 file is damaged: {quoted(reason, 200)}; fetch or write it"
            " again."
        ) from None


def _native_tree(path: str | os.PathLike, data: bool = True) -> "Tree":
    tree = hdf5_tree(path, data)
    root = tree.attributes["/"]
    if root.get("format") != FORMAT:
        raise FormatError(
            f"{named(path)}: its format attribute is {quoted(root.get('format'))}; expected"
            f" '{FORMAT}'. Convert it with `nqs data convert`."
        )
    if root.get("version") != VERSION:
        raise FormatError(
            f"{named(path)}: it has version {quoted(root.get('version'))} of the native layout;"
            f" this program reads version {VERSION}. Use a newer nqs, or write the file again."
        )
    return tree


def _remark(name: str, text: str) -> str:
    size = len(text.encode())
    if size > LONGEST_REMARK or "\0" in text:
        raise ValueError(
            f"the {name} has {size} bytes; expected at most {LONGEST_REMARK}, without NUL."
        )
    return text


def _chunks(array: np.ndarray) -> tuple[int, ...]:
    """Whole rows while they fit into a chunk, pieces of a row where they do not."""
    left = max(1, CHUNK // array.dtype.itemsize)
    chunk = []
    for length in reversed(array.shape):
        chunk.append(min(length, left))
        left = max(1, left // chunk[-1])
    return tuple(reversed(chunk))
