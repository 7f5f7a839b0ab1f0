"""Settings written once per shot: read beside samples, and as a list of distinct ones."""

from pathlib import Path

import numpy as np

from nqs.measurement.formats.lines import symbol_rows
from nqs.measurement.problems import FormatError, named, quoted

LETTERS = b"IXYZ"
_DIGITS_IN_A_WORD = 31


def distinct_settings(codes: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Distinct settings in alphabetical order and which of them each row is in.

    codes: (rows, sites) positions in LETTERS. The index has shape (rows,), int64.
    """
    rows, sites = codes.shape
    group = np.zeros(rows, np.int64)
    first = np.zeros(1, np.int64)
    for start in range(0, sites, _DIGITS_IN_A_WORD):
        word = np.zeros(rows, np.int64)
        for column in codes[:, start : start + _DIGITS_IN_A_WORD].T:
            word = 4 * word + column
        values, position = np.unique(word, return_inverse=True)
        # Earlier sites weigh more, so groups stay in alphabetical order.
        _, first, group = np.unique(
            group * len(values) + position.reshape(-1), return_index=True, return_inverse=True
        )
        group = group.reshape(-1)
    return as_text(codes[first]), group


def as_text(codes: np.ndarray) -> tuple[str, ...]:
    """Settings as strings from positions in LETTERS, (settings, sites)."""
    letters = np.frombuffer(LETTERS, np.uint8)[codes]
    return tuple(row.tobytes().decode() for row in letters)


def settings_beside(path: Path, bases: Path, rows: int, sites: int, each: str = "shot"):
    """Positions in LETTERS of a bases file, (rows, sites), that fits the samples in `path`."""
    codes = symbol_rows(bases, LETTERS, _letters)
    if codes.shape[1] != sites:
        raise FormatError(
            f"{named(bases)}, line 1: the setting names {codes.shape[1]} sites, but line 1 of"
            f" {named(path)} holds {sites} outcomes; each column is one site, each letter too."
        )
    if len(codes) == rows:
        return codes
    message = (
        f"{named(bases)} has {len(codes)} lines and {named(path)} has {rows}: line"
        f" {min(rows, len(codes)) + 1} has no partner; the bases file needs a line for every"
        f" {each}."
    )
    if len(codes) < rows and len(distinct_settings(codes)[0]) == len(codes):
        message += " It looks like the list of distinct settings; give the settings per shot."
    raise FormatError(message)


def _letters(line: bytes) -> list[int]:
    words = line.split()
    if len(words) > 1 and max(map(len, words)) > 1:
        raise ValueError(
            f"the setting {quoted(line.strip())} is neither 'Z Z' nor 'ZZ'; write a letter a site."
        )
    letters = b"".join(words)
    for letter in letters:
        if letter in b"xyzi":
            raise ValueError(
                f"the setting {quoted(line.strip())} has lower-case letters; write upper case."
            )
        if letter not in LETTERS:
            raise ValueError(
                f"the setting {quoted(line.strip())} has the unknown letter"
                f" {quoted(chr(letter))}; expected X, Y, Z or I."
            )
    return [LETTERS.index(c) for c in letters]
