"""Hamiltonians from files: sums of Pauli strings in text, OpenFermion's text, JSON or HDF5.

Text, a term a line, # begins a comment:    0.5 X0 Y3    or    0.5 XIIY
OpenFermion:                                (0.5+0j) [X0 Y3] +
JSON: [[0.5, "X0 Y3"], …] or {"X0 Y3": 0.5, …}; a complex number is [re, im].
HDF5: data sets `strings` and `coefficients` of equal length.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nqs.systems.pauli import PauliSum

_HDF5 = b"\x89HDF\r\n\x1a\n"
_BRACKETED = re.compile(r"([^\[\]]*)\[([^\[\]]*)\]\s*(?:\+\s*)?")
_WHOLE = re.compile("[IXYZ]{2,}")
_LARGEST = 2**28
"""Bytes of a file that is read: some millions of terms."""


def read_pauli_sum(path: str | os.PathLike, sites: int | None = None) -> PauliSum:
    """The sum in a file; ValueError names the line and the remedy where it is none."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as problem:
        raise ValueError(f"{path} cannot be read ({problem.strerror}); check the name.") from None
    if len(content) > _LARGEST:
        raise ValueError(f"{path} has more than {_LARGEST:,} bytes, the limit.")
    try:
        if content.startswith(_HDF5):
            return PauliSum.from_terms(_from_hdf5(path), sites)
        text = content.decode("utf-8")
        terms = _from_json(text) if text.lstrip()[:1] in {"[", "{"} else list(_from_text(text))
        return PauliSum.from_terms(terms, sites)
    except UnicodeDecodeError:
        raise ValueError(f"{path} is neither text nor HDF5; give one of them.") from None
    except ValueError as problem:
        raise ValueError(f"{path}: {problem}") from None


def _from_text(text: str) -> Iterator[tuple[complex, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        if "[" in line:
            yield from _bracketed(line, number)
        else:
            coefficient, *string = line.split(maxsplit=1)
            yield _number(coefficient, f"line {number}"), _spelt(" ".join(string))


def _bracketed(line: str, number: int) -> Iterator[tuple[complex, str]]:
    """OpenFermion's terms, one or several in a line."""
    reached = 0
    while found := _BRACKETED.match(line, reached):
        reached = found.end()
        yield _number(found.group(1).strip(), f"line {number}"), found.group(2).strip()
    if reached < len(line):
        raise ValueError(
            f"line {number} holds {line[reached:][:40]!r}; expected a coefficient and a string in "
            "brackets, such as 0.5 [X0 Y3] +."
        )


def _from_json(text: str) -> list[tuple[complex, str]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"it is not valid JSON: {problem}.") from None
    pairs = [(c, s) for s, c in found.items()] if isinstance(found, dict) else found
    terms = []
    for number, pair in enumerate(pairs):
        if not (isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[1], str)):
            raise ValueError(f'term {number} is {str(pair)[:40]}; expected [0.5, "X0 Y3"].')
        terms.append((_number(pair[0], f"term {number}"), _spelt(pair[1].strip())))
    return terms


def _from_hdf5(path: Path) -> list[tuple[complex, str]]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            strings, coefficients = file["strings"].asstr()[()], file["coefficients"][()]
    except (OSError, KeyError, TypeError, AttributeError, RuntimeError) as problem:
        raise ValueError(
            "it does not hold the data sets `strings` and `coefficients` "
            f"({' '.join(str(problem).split())[:100]})."
        ) from None
    if strings.ndim != 1 or strings.shape != coefficients.shape:
        raise ValueError(
            f"`strings` have shape {strings.shape} and `coefficients` {coefficients.shape}; expected "
            "two lists of equal length."
        )
    return [
        (_number(c, f"row {row}"), _spelt(s.strip()))
        for row, (c, s) in enumerate(zip(coefficients.tolist(), strings.tolist(), strict=True))
    ]


def _spelt(string: str) -> str:
    """ "XIY" as "X0 Y2"; strings that name their sites as they are."""
    if _WHOLE.fullmatch(string):
        return " ".join(f"{c}{site}" for site, c in enumerate(string) if c != "I") or "I0"
    return string


def _number(value: Any, where: str) -> complex:
    try:
        if isinstance(value, list | tuple):
            real, imaginary = value
            return complex(real, imaginary)
        if isinstance(value, bool):
            raise ValueError
        return complex(value)
    except (ValueError, TypeError):
        raise ValueError(
            f"{where} has the coefficient {str(value)[:40]!r}; expected a number."
        ) from None
