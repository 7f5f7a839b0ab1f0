"""An open HDF5 file as plain arrays, looked at before anything is followed or read.

HDF5 lets a file point into other files, hold other files' bytes, and declare far
more than it stores. Every check here runs on the declaration, before the data.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from nqs.measurement.problems import FormatError, quoted
from nqs.measurement.spool import pieces, room

MOST_OBJECTS = 1_000
DEEPEST_NESTING = 16
MOST_ATTRIBUTES = 64
LARGEST_ATTRIBUTE = 64 * 1024
LARGEST_FILE = 16 * 1024**3
LONGEST_STRING = 64 * 1024
LARGEST_TEXT = 256 * 1024**2
BEST_DEFLATE = 1032
"""No deflate stream expands further than this."""
LIKELY_DEFLATE = 200
ALWAYS_ALLOWED = 128 * 1024**2
"""Beyond this many bytes a data set that shrank by more than LIKELY_DEFLATE is a bomb."""
LARGEST_LONE_CHUNK = 16 * 1024**2
PLAIN_CHUNK = 128 * 1024
"""A chunk's deflate stream may expand past its chunk; this keeps the damage to 132 MiB."""

_AT_ONCE = 2**25
"""Bytes read at a time."""

ALLOWED_FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)


class NotPlain(FormatError):
    """Well formed as far as seen, but to be read in quarantine only."""


@dataclass
class Tree:
    """Everything in a file: shapes and attributes, and arrays unless only looked at."""

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    attributes: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class _Walk:
    """What has been found so far, so that limits hold for the whole file."""

    plain: bool
    tree: Tree = field(default_factory=Tree)
    data: list[tuple[str, Any]] = field(default_factory=list)
    objects: int = 0
    declared: int = 0


def outline(file: h5py.File, plain: bool = False) -> tuple[Tree, list[tuple[str, Any]], int]:
    """Shapes and attributes of a file, its data sets by name, and the bytes they declare.

    `plain` raises NotPlain where only the quarantine may go on: at strings of
    variable length and at large compressed chunks.
    """
    walk = _Walk(plain)
    _walk_group(walk, file.id, "/", depth=0)
    return walk.tree, walk.data, walk.declared


def read_arrays(tree: Tree, data: list[tuple[str, Any]]) -> Tree:
    """The same tree with the arrays of all its data sets."""
    for path, dataset in data:
        tree.arrays[path] = _read(h5py.Dataset(dataset), path)
    return tree


def _walk_group(walk: _Walk, group, path: str, depth: int) -> None:
    if depth > DEEPEST_NESTING:
        raise FormatError(f"groups are nested deeper than {DEEPEST_NESTING} at {quoted(path)}")
    walk.objects += group.get_num_objs()
    if walk.objects > MOST_OBJECTS:
        raise FormatError(f"it holds more than {MOST_OBJECTS} objects")
    walk.tree.attributes[path] = _attributes(walk, group, path)
    links = group.links
    names: list[bytes] = []
    links.iterate(names.append)
    for name in names:
        inside = path.rstrip("/") + "/" + name.decode("utf-8", errors="replace")
        if links.get_info(name).type != h5py.h5l.TYPE_HARD:
            raise FormatError(f"{quoted(inside)} is a link that leads elsewhere")
        _walk_object(walk, h5py.h5o.open(group, name), inside, depth)


def _walk_object(walk: _Walk, found, path: str, depth: int) -> None:
    if isinstance(found, h5py.h5g.GroupID):
        _walk_group(walk, found, path, depth + 1)
    elif isinstance(found, h5py.h5d.DatasetID):
        walk.tree.attributes[path] = _attributes(walk, found, path)
        walk.tree.kinds[path] = _kind(found.get_type(), path, walk.plain)
        walk.tree.shapes[path] = _shape(found.get_space(), path)
        walk.declared += _checked_storage(walk, found, path)
        if walk.declared > LARGEST_FILE:
            raise FormatError(f"it declares more than {LARGEST_FILE >> 30} GiB of data")
        walk.data.append((path, found))
    else:
        raise FormatError(f"{quoted(path)} is neither a group nor a data set")


def _kind(kind, path: str, plain: bool) -> str:
    """numpy's letter for a stored type: numbers, booleans and strings, nothing else."""
    sort = kind.get_class()
    if sort == h5py.h5t.STRING:
        if not kind.is_variable_str():
            return "S"
        if plain:
            raise NotPlain(f"{quoted(path)} holds strings of variable length")
        return "O"
    if sort in (h5py.h5t.INTEGER, h5py.h5t.FLOAT):
        return kind.dtype.kind
    if sort == h5py.h5t.ENUM and kind.get_nmembers() == 2:
        return kind.dtype.kind
    if sort == h5py.h5t.COMPOUND and kind.get_nmembers() == 2 and kind.get_size() <= 32:
        if kind.dtype.kind == "c":
            return "c"
    elif sort == getattr(h5py.h5t, "COMPLEX", object()):
        return "c"
    raise FormatError(f"{quoted(path)} holds neither numbers nor text")


def _shape(space, path: str) -> tuple[int, ...]:
    if space.get_simple_extent_type() == h5py.h5s.NULL:
        raise FormatError(f"{quoted(path)} has no value")
    return tuple(int(n) for n in space.get_simple_extent_dims())


def _checked_storage(walk: _Walk, dataset, path: str) -> int:
    """Bytes a data set declares, after checking where they come from."""
    plan = dataset.get_create_plist()
    if plan.get_external_count():
        raise FormatError(f"{quoted(path)} keeps its data in another file")
    if plan.get_layout() == h5py.h5d.VIRTUAL:
        raise FormatError(f"{quoted(path)} is virtual: its data lie in other files")
    filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
    for code in filters:
        if code not in ALLOWED_FILTERS:
            raise FormatError(f"{quoted(path)} uses the filter {code}, not gzip or shuffle")
    item = dataset.get_type().get_size()
    declared = math.prod(walk.tree.shapes[path]) * item
    chunk = math.prod(plan.get_chunk()) * item if plan.get_layout() == h5py.h5d.CHUNKED else 0
    if chunk > max(LARGEST_LONE_CHUNK, 2 * declared):
        raise FormatError(f"{quoted(path)} has chunks of {chunk:,} bytes, more than its data")
    stored = dataset.get_storage_size()
    deflated = h5py.h5z.FILTER_DEFLATE in filters
    most = stored * BEST_DEFLATE if deflated else stored
    if deflated and declared > ALWAYS_ALLOWED:
        most = stored * LIKELY_DEFLATE
    if declared > most:
        raise FormatError(f"{quoted(path)} declares {declared:,} bytes but stores {stored:,}")
    if walk.plain and deflated and not _chunks_are_small(dataset, chunk):
        raise NotPlain(f"{quoted(path)} has large compressed chunks")
    return declared


def _chunks_are_small(dataset, chunk: int) -> bool:
    """Whether no stored chunk is larger than a small chunk has reason to be."""
    if chunk > PLAIN_CHUNK:
        return False
    most = PLAIN_CHUNK + 1024  # deflate adds some bytes to what it cannot shrink
    # A callback that returns something ends the iteration with it.
    return dataset.chunk_iter(lambda info: True if info.size > most else None) is None


def _read(dataset: h5py.Dataset, path: str) -> np.ndarray:
    if dataset.dtype.kind != "O":
        return _filled(dataset) if dataset.ndim else np.asarray(dataset[()])
    flat = []
    text = dataset.asstr(errors="replace")
    if dataset.ndim == 0:
        return _fixed([text[()]], path).reshape(())
    # In pieces: many references to one long string would fill the memory at once.
    step = max(1, 4096 // max(1, math.prod(dataset.shape[1:])))
    for start in range(0, dataset.shape[0], step):
        piece = text[start : start + step].reshape(-1).tolist()
        flat += piece
        if max(map(len, piece), default=0) > LONGEST_STRING:
            raise FormatError(f"{quoted(path)} holds a string longer than {LONGEST_STRING}")
    return _fixed(flat, path).reshape(dataset.shape)


def _filled(dataset: h5py.Dataset) -> np.ndarray:
    """A data set of numbers, some MiB at a time: it may be larger than the memory."""
    array = room(dataset.shape, dataset.dtype)
    row = max(1, math.prod(dataset.shape[1:]) * dataset.dtype.itemsize)
    for part in pieces(len(array), max(1, _AT_ONCE // row), of=array):
        dataset.read_direct(array, part, part)
    return array


def _fixed(strings: list[str], path: str) -> np.ndarray:
    longest = max(map(len, strings), default=0)
    if 4 * longest * len(strings) > LARGEST_TEXT:
        raise FormatError(f"{quoted(path)} holds more than {LARGEST_TEXT >> 20} MiB of text")
    return np.array(strings, dtype=f"U{max(1, longest)}")


def _attributes(walk: _Walk, owner, path: str) -> dict[str, Any]:
    count = h5py.h5a.get_num_attrs(owner)
    if count > MOST_ATTRIBUTES:
        raise FormatError(f"{quoted(path)} has {count} attributes; at most {MOST_ATTRIBUTES}")
    found: dict[str, Any] = {}
    reader = h5py.AttributeManager(_Owner(owner))
    for number in range(count):
        attribute = h5py.h5a.open(owner, index=number)
        raw = attribute.name
        name = raw.decode("utf-8", errors="replace")
        size = attribute.get_storage_size()
        if size > LARGEST_ATTRIBUTE:
            raise FormatError(f"the attribute {quoted(name)} of {quoted(path)} has {size:,} bytes")
        where = f"{path}@{name}"
        _kind(attribute.get_type(), where, walk.plain)
        _shape(attribute.get_space(), where)
        found[name] = _plain_attribute(reader[raw], where)
    return found


@dataclass
class _Owner:
    """The little that h5py's AttributeManager asks of an object."""

    id: Any


def _plain_attribute(value: Any, where: str) -> Any:
    """An attribute as str, number or array of a plain type."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        value = _fixed([str(v) for v in value.reshape(-1)], where).reshape(value.shape)
    if isinstance(value, str) and len(value) > LARGEST_ATTRIBUTE:
        raise FormatError(f"the attribute {quoted(where)} is longer than {LARGEST_ATTRIBUTE}")
    return value
