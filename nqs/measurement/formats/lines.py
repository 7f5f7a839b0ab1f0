"""Text files in pieces of whole lines: numbered, bounded, without blank lines at the end."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from nqs.measurement.problems import FormatError, named, quoted

PIECE = 4 * 1024**2
LONGEST_LINE = 1024**2
MOST_SITES = 10_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK, _NEWLINE, _OTHER = 253, 254, 255


def pieces(path: str | os.PathLike) -> Iterator[tuple[int, bytes]]:
    """Parts of a text file with the number of their first line; each ends with a newline."""
    number, held = 1, b""
    with open(path, "rb") as file:
        for start in iter(lambda: file.read(PIECE), b""):
            held += start.removeprefix(BYTE_ORDER_MARK) if number == 1 and not held else start
            # Blank lines after the last text may be the end of the file: wait for more.
            text = len(held.rstrip())
            end = held.find(b"\n", text) if text else -1
            cut = (end if end >= 0 else held.rfind(b"\n", 0, text)) + 1
            piece, held = held[:cut], held[cut:]
            if len(held) > LONGEST_LINE:
                line = number + piece.count(b"\n")
                raise FormatError(
                    f"{named(path)}, line {line}: the line is longer than"
                    f" {LONGEST_LINE:,} bytes; expected a shot a line, with line ends."
                )
            if piece:
                yield number, _checked(path, number, piece)
                number += piece.count(b"\n")
    if held.strip():
        yield number, _checked(path, number, held.rstrip() + b"\n")


def _checked(path, number: int, piece: bytes) -> bytes:
    if b"\r" in piece and piece.count(b"\r") != piece.count(b"\r\n"):
        where = next(
            i for i, line in enumerate(piece.split(b"\n")) if b"\r" in line.removesuffix(b"\r")
        )
        raise FormatError(
            f"{named(path)}, line {number + where}: a carriage return stands inside the line;"
            " save the file with Unix or Windows line ends."
        )
    return piece


def lines(path: str | os.PathLike) -> Iterator[tuple[int, bytes]]:
    """The numbered lines of a text file; a blank line before the last one is refused."""
    for first, piece in pieces(path):
        for number, line in enumerate(piece.split(b"\n")[:-1], first):
            if not line.strip():
                raise FormatError(
                    f"{named(path)}, line {number}: the line is blank but more follow; remove it."
                )
            yield number, line


def first_line(head: bytes) -> bytes:
    """The first line of a file that has any text, for recognising it."""
    text = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    return text.split(b"\n", 1)[0][:4096].strip()


def symbol_rows(path: str | os.PathLike, symbols: bytes, parse: Any) -> np.ndarray:
    """A row of symbols a line, as the position of each in `symbols`, (rows, columns) uint8.

    Lines hold nothing but symbols and blanks, as "0 1 1" or "011". A piece where
    they do not goes line by line through `parse(line) -> list[int]`, which reads
    other spellings or raises ValueError to say what is wrong.
    """
    table = np.full(256, _OTHER, np.uint8)
    table[list(b" \t\r")] = _BLANK
    table[ord("\n")] = _NEWLINE
    table[list(symbols)] = np.arange(len(symbols))
    parts: list[np.ndarray] = []
    columns = 0
    for number, piece in pieces(path):
        if not parts:
            columns = len(_parsed(path, number, piece[: piece.index(b"\n")], parse, 0))
        fast = _symbols_only(table[np.frombuffer(piece, np.uint8)], columns)
        parts.append(_line_by_line(path, number, piece, columns, parse) if fast is None else fast)
    if not parts:
        raise FormatError(f"{named(path)}: the file is empty; expected a shot a line.")
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _symbols_only(codes: np.ndarray, columns: int) -> np.ndarray | None:
    """Rows of a piece that is as regular as can be; None where it must be looked at closely."""
    if codes.max() == _OTHER:
        return None
    is_symbol = codes < _BLANK
    ends = np.flatnonzero(codes == _NEWLINE)
    each_line = np.diff(np.searchsorted(np.flatnonzero(is_symbol), ends), prepend=0)
    words = int(np.count_nonzero(is_symbol[1:] & ~is_symbol[:-1])) + int(is_symbol[0])
    apart_or_together = words in (len(ends) * columns, len(ends))
    if not apart_or_together or (each_line != columns).any():
        return None
    return codes[is_symbol].reshape(-1, columns)


def _line_by_line(path, number: int, piece: bytes, columns: int, parse) -> np.ndarray:
    rows = bytearray()
    for line_number, line in enumerate(piece.split(b"\n")[:-1], number):
        rows += bytes(_parsed(path, line_number, line, parse, columns))
    return np.frombuffer(bytes(rows), np.uint8).reshape(-1, columns)


def _parsed(path, number: int, line: bytes, parse, columns: int) -> list[int]:
    """One line read; `columns` is the length all lines share, 0 while it is unknown."""
    try:
        values = parse(line)
    except ValueError as problem:
        raise FormatError(f"{named(path)}, line {number}: {problem}") from None
    if not values:
        raise FormatError(
            f"{named(path)}, line {number}: the line is blank but more follow; remove it."
        )
    if len(values) > MOST_SITES:
        raise FormatError(
            f"{named(path)}, line {number}: the line holds {len(values):,} values; the limit is"
            f" {MOST_SITES:,} sites. Put each shot on its own line."
        )
    if columns and len(values) != columns:
        raise FormatError(
            f"{named(path)}, line {number}: {quoted(line.strip())} holds {len(values)} values, but"
            f" line 1 holds {columns}; each line needs one value for each site."
        )
    return values
