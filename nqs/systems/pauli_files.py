"""Hamiltonians from files: sums of Pauli strings in text, OpenFermion's text, JSON or HDF5.

Text, a term a line, # begins a comment:    0.5 X0 Y3    or    0.5 XIIY
OpenFermion:                                (0.5+0j) [X0 Y3] +
JSON: [[0.5, "X0 Y3"], …] or {"X0 Y3": 0.5, …}; a complex number is [re, im].
HDF5: data sets `strings` and `coefficients` of equal length.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nqs.systems.pauli import PauliSum, with_sites

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
        text = content.decode("utf-8")
        terms = _from_json(text) if text.lstrip()[:1] in {"[", "{"} else list(_from_text(text))
        return PauliSum.from_terms(_spelt(terms), sites)
    except UnicodeDecodeError:
        raise ValueError(f"{path} is neither text nor HDF5; give one of them.") from None
    except ValueError as problem:
        raise ValueError(f"{path}: {problem}") from None


def is_hdf5(path: str | os.PathLike) -> bool:
    """By its first bytes; whether it can be read is not asked."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_HDF5)) == _HDF5
    except OSError:
        return False


def from_data_sets(
    path: str | os.PathLike, arrays: Mapping[str, np.ndarray], sites: int | None = None
) -> PauliSum:
    """The sum in the data sets of an HDF5 file that has been read; ValueError names the file."""
    try:
        return PauliSum.from_terms(_spelt(_listed(arrays)), sites)
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
            yield _number(coefficient, f"line {number}"), " ".join(string)


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
        found = json.loads(text, object_pairs_hook=list)  # a string given twice is added up
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"it is not valid JSON: {problem}.") from None
    pairs = found if text.lstrip().startswith("[") else [(c, s) for s, c in found]
    terms = []
    for number, pair in enumerate(pairs):
        if not (isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[1], str)):
            raise ValueError(f'term {number} is {str(pair)[:40]}; expected [0.5, "X0 Y3"].')
        terms.append((_number(pair[0], f"term {number}"), pair[1].strip()))
    return terms


def _listed(arrays: Mapping[str, np.ndarray]) -> list[tuple[complex, str]]:
    """Terms of the data sets /strings and /coefficients."""
    if "/strings" not in arrays or "/coefficients" not in arrays:
        some = ", ".join(name[:40] for name in sorted(arrays)[:4]) or "none"
        more = f" and {len(arrays) - 4} more" if len(arrays) > 4 else ""
        raise ValueError(
            f"it holds the data sets {some}{more}; expected /strings and /coefficients."
        )
    strings, coefficients = arrays["/strings"], arrays["/coefficients"]
    if strings.ndim != 1 or strings.shape != coefficients.shape:
        raise ValueError(
            f"/strings have shape {strings.shape} and /coefficients {coefficients.shape}; expected "
            "two lists of equal length."
        )
    return [
        (_number(c, f"row {row}"), _word(s, row))
        for row, (c, s) in enumerate(zip(coefficients.tolist(), strings.tolist(), strict=True))
    ]


def _word(value: Any, row: int) -> str:
    if not isinstance(value, bytes | str):
        raise ValueError(f"row {row} of /strings is {str(value)[:40]!r}; expected text.")
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else value).strip()


def _spelt(terms: list[tuple[complex, str]]) -> list[tuple[complex, str]]:
    """ "XIY" as "X0 Y2"; strings that name their sites as they are."""
    whole = [string for _, string in terms if _WHOLE.fullmatch(string)]
    for string in whole:
        if len(string) != len(whole[0]):
            raise ValueError(
                f"the string {string[:40]!r} has {len(string)} letters and {whole[0][:40]!r} {len(whole[0])}; "
                "give a letter for each site, or name the sites as in X0 Y2."
            )
    return [(c, with_sites(s) if _WHOLE.fullmatch(s) else s) for c, s in terms]


def _number(value: Any, where: str) -> complex:
    try:
        if isinstance(value, list | tuple):
            real, imaginary = value
            return complex(real, imaginary)
        if isinstance(value, bool):
            raise ValueError
        return complex(value)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(
            f"{where} has the coefficient {str(value)[:40]!r}; expected a number."
        ) from None
