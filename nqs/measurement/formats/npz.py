"""Archives of numpy arrays (.npz), looked at before anything is read: a zip can be a bomb."""

import io
import math
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from nqs.measurement.npy import UNREADABLE
from nqs.measurement.problems import FormatError, listed, named, quoted

SIGNATURE = b"PK\x03\x04"
LARGEST_ARRAYS = 4 * 1024**3
MOST_MEMBERS = 100
LARGEST_DIRECTORY = 64 * 1024
LONGEST_HEADER = 10_000
PIECE = 1024**2
BEST_DEFLATE = 1032
"""No deflate stream expands further than this."""
LIKELY_DEFLATE = 200
ALWAYS_ALLOWED = 128 * 1024**2
"""Beyond this many bytes an archive that shrank by more than LIKELY_DEFLATE is a bomb."""

_END = struct.Struct("<4s4H2LH")
"""What a zip without a comment ends with: signature, …, size and place of its directory."""
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    IndexError,
    SyntaxError,
    TypeError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    struct.error,
)


class Unusable(ValueError):
    """An array that is damaged or no plain numbers; says so as the end of a sentence."""


@dataclass(frozen=True)
class Declared:
    """What an archive says of an array, before it is read."""

    shape: tuple[int, ...]
    kind: str


def contents(path: Path) -> dict[str, Declared]:
    """Names, shapes and types of the arrays in an archive."""
    found = {}
    with _opened(path) as members:
        for name, (archive, member) in members.items():
            with archive.open(member) as stream:
                shape, _, dtype = _header(stream)
            found[name] = Declared(shape, dtype.kind)
    return found


def arrays(path: Path, *names: str) -> list[np.ndarray]:
    """Arrays of an archive by name, whole and with their checksums verified."""
    found = []
    with _opened(path) as members:
        for name in names:
            if name not in members:
                raise FormatError(
                    f"{named(path)}: the archive holds {listed(members, 8) or 'no arrays'};"
                    f" expected an array called {name!r}."
                )
            archive, member = members[name]
            with archive.open(member) as stream:
                try:
                    found.append(stored_array(stream, member.file_size))
                except Unusable as problem:
                    raise FormatError(
                        f"{named(path)}: the array {quoted(name)} {problem}."
                    ) from None
                if stream.read(1):  # reading past the end is what verifies the checksum
                    raise zipfile.BadZipFile("more data than the array has")
    return found


def stored_array(stream: IO[bytes], size: int) -> np.ndarray:
    """The .npy array in a stream of `size` bytes; Unusable where they do not agree."""
    try:
        shape, in_fortran_order, dtype = _header(stream)
    except _DAMAGE:
        raise Unusable("has no readable header; fetch or write it again") from None
    if dtype.hasobject or dtype.kind not in "biufcSU":
        raise Unusable("holds Python objects or records; save plain numbers with numpy")
    declared = math.prod(shape) * dtype.itemsize
    if declared != size - stream.tell():
        raise Unusable(
            f"declares {declared:,} bytes but stores {size - stream.tell():,}; fetch or write it"
            " again"
        )
    flat = np.empty(math.prod(shape), dtype)
    into = flat.view(np.uint8) if declared else np.empty(0, np.uint8)
    for begin in range(0, declared, PIECE):
        piece = stream.read(min(PIECE, declared - begin))
        if len(piece) < min(PIECE, declared - begin):
            raise Unusable("is cut off; fetch or write it again")
        into[begin : begin + len(piece)] = np.frombuffer(piece, np.uint8)
    return flat.reshape(shape[::-1]).T if in_fortran_order else flat.reshape(shape)


def bits(where: str, values: np.ndarray) -> np.ndarray:
    """Zeros and ones of any number type as uint8, the same shape; FormatError at anything else."""
    if values.dtype.kind not in "biuf":
        raise FormatError(
            f"{where}: the outcomes have type {values.dtype}; expected numbers 0 and 1."
        )
    if values.dtype.kind != "b":
        wrong = (values != 0) & (values != 1)
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            value = values[place]
            raise FormatError(
                f"{where}: the outcome at {list(place)} is {value:.6g}; expected 0 or 1. "
                + (
                    "Convert +1 to 0 and -1 to 1."
                    if value == -1
                    else "More than two levels can be given in the native format only."
                )
            )
    return values.astype(np.uint8)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """What the beginning of a .npy stream declares; leaves the stream at its data."""
    start = io.BytesIO(stream.read(LONGEST_HEADER))  # numpy reads as much as a header claims
    version = np.lib.format.read_magic(start)
    if version not in ((1, 0), (2, 0)):
        raise ValueError("an unknown version of .npy")
    read = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
    try:
        shape, in_fortran_order, dtype = read(start, max_header_size=LONGEST_HEADER)
    except UNREADABLE:
        raise ValueError("an unreadable header") from None
    if any(not 0 <= n < 2**40 for n in shape):
        raise ValueError("an impossible shape")
    stream.seek(start.tell())
    return shape, in_fortran_order, dtype


class _opened:
    """The members of an archive by the names of their arrays, while it is open.

    Whatever a damaged file makes the zip reader raise leaves as a FormatError.
    """

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> dict[str, tuple[zipfile.ZipFile, zipfile.ZipInfo]]:
        try:
            _check_end(self.path)
            self.archive = zipfile.ZipFile(self.path)
        except _DAMAGE as damage:
            raise self._refusal(damage) from None
        try:
            return self._members()
        except BaseException:
            self.archive.close()
            raise

    def __exit__(self, kind, problem: Any, trace) -> None:
        self.archive.close()
        if isinstance(problem, _DAMAGE) and not isinstance(problem, FormatError):
            raise self._refusal(problem) from None

    def _members(self):
        found = {}
        for member in self.archive.infolist():
            if not member.filename.endswith(".npy"):
                continue
            name = member.filename.removesuffix(".npy")
            if name in found:
                raise FormatError(
                    f"{named(self.path)}: the archive holds two arrays called {quoted(name)}; write"
                    " it again with each once."
                )
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise FormatError(
                    f"{named(self.path)}: the array {quoted(name)} is compressed in a way that"
                    " numpy does not use; write it again with numpy.savez_compressed."
                )
            found[name] = (self.archive, member)
        declared = sum(member.file_size for _, member in found.values())
        stored = self.path.stat().st_size
        most = stored * (LIKELY_DEFLATE if declared > ALWAYS_ALLOWED else BEST_DEFLATE)
        if declared > min(most, LARGEST_ARRAYS):
            raise FormatError(
                f"{named(self.path)}: the archive declares {declared:,} bytes but stores"
                f" {stored:,} (limit {LARGEST_ARRAYS >> 30} GiB); write it again, or in parts."
            )
        return found

    def _refusal(self, damage: BaseException) -> FormatError:
        reason = " ".join(str(damage).split()) or type(damage).__name__
        return FormatError(
            f"{named(self.path)}: this .npz archive is cut off or damaged ({quoted(reason, 80)});"
            " fetch or write it again."
        )


def _check_end(path: Path) -> None:
    """Refuse a directory that is larger than that of some arrays, before it is read."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _END.size - 20))
        end = file.read()
    if len(end) < _END.size or end[-_END.size : -_END.size + 4] != b"PK\x05\x06":
        raise zipfile.BadZipFile("its directory is missing")
    *_, here, members, size, _, comment = _END.unpack(end[-_END.size :])
    too_many = max(here, members) > MOST_MEMBERS or size > LARGEST_DIRECTORY
    if too_many or comment or end.startswith(b"PK\x06\x07"):
        raise zipfile.BadZipFile(f"it holds more than {MOST_MEMBERS} arrays")
