"""CSV or TSV: rows of setting, outcome, count, or one column per qubit; leftmost is site 0."""

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.formats.counting import whole_counts
from nqs.measurement.formats.lines import MOST_SITES, first_line, lines
from nqs.measurement.formats.options import Options
from nqs.measurement.problems import FormatError, named, quoted

SEPARATORS = (b"\t", b",", b";")
COLUMN_NAMES = {
    b"setting": "setting",
    b"settings": "setting",
    b"basis": "setting",
    b"bases": "setting",
    b"outcome": "outcome",
    b"outcomes": "outcome",
    b"bitstring": "outcome",
    b"count": "count",
    b"counts": "count",
    b"shots": "count",
    b"frequency": "count",
    b"probability": "count",
}
_QUBIT = re.compile(rb"(?:q|qubit|site|s|bit)?[ _]?\[?(\d{1,5})\]?")


@dataclass(frozen=True)
class _Columns:
    """Where a row says what; `qubits` holds either one outcome column or one a qubit."""

    names: int
    setting: int | None
    count: int | None
    qubits: tuple[int, ...]
    whole_outcome: bool


@dataclass
class _Rows:
    """What has been read, in small types: a file may have millions of rows."""

    line: array = field(default_factory=lambda: array("q"))
    setting: array = field(default_factory=lambda: array("l"))
    value: array = field(default_factory=lambda: array("d"))
    bits: bytearray = field(default_factory=bytearray)


def recognise(path: Path, head: bytes) -> bool:
    line = first_line(head)
    fields = _fields(line, _separator(line))
    if any(_is_column_name(f) for f in fields):
        return True
    return len(fields) > 1 and all(
        f and (set(f) <= set(b"01") or set(f) <= set(b"IXYZixyz") or _is_number(f)) for f in fields
    )


def read(path: Path, options: Options) -> Measurements:
    numbered = lines(path)
    first = next(numbered, None)
    if first is None:
        raise FormatError(f"{named(path)}: the file is empty; expected a row of outcomes a line.")
    separator = _separator(first[1])
    columns, is_header = _columns(path, *first, separator)
    rows, settings = _Rows(), dict[str, int]()
    for number, line in numbered if is_header else _again(first, numbered):
        try:
            _add(rows, settings, columns, number, _fields(line, separator))
        except ValueError as problem:
            raise FormatError(f"{named(path)}, line {number}: {problem}") from None
    if not rows.line:
        raise FormatError(f"{named(path)}, line 1: only a header; expected rows of outcomes.")
    index = np.array(rows.setting)
    values = np.array(rows.value)
    names = tuple(settings)
    counts = whole_counts(
        path, values, index, names, options.shots_per_setting, lambda i: f"line {rows.line[i]}"
    )
    kept = counts > 0
    bits = np.frombuffer(bytes(rows.bits), np.uint8).reshape(len(index), -1)
    return Measurements(bits[kept], names, index[kept], counts=counts[kept])


def _again(first, rest) -> Iterator[tuple[int, bytes]]:
    yield first
    yield from rest


def _separator(line: bytes) -> bytes:
    return next((s for s in SEPARATORS if s in line), b",")


def _fields(line: bytes, separator: bytes) -> list[bytes]:
    return [f.strip().strip(b'"').strip() for f in line.strip(b" \r\n").split(separator)]


def _is_column_name(word: bytes) -> bool:
    word = word.lower()
    return word in COLUMN_NAMES or (not word.isdigit() and bool(_QUBIT.fullmatch(word)))


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


# The first line: a header, or the first row


def _columns(path: Path, number: int, line: bytes, separator: bytes) -> tuple[_Columns, bool]:
    fields = _fields(line, separator)
    # Libraries number unnamed columns; "0,1" alone could as well be a shot, and is taken for one.
    numbered = len(fields) > 2 and fields == [b"%d" % i for i in range(len(fields))]
    if numbered or not all(_is_value(f) for f in fields):
        return _from_header(path, number, fields), True
    if set(fields[0]) <= set(b"IXYZixyz"):
        if len(fields) in (2, 3):
            return _Columns(len(fields), 0, 2 if len(fields) == 3 else None, (1,), True), False
    elif all(f in (b"0", b"1") for f in fields):
        return _Columns(len(fields), None, None, tuple(range(len(fields))), False), False
    raise FormatError(
        f"{named(path)}, line {number}: {quoted(line.strip())} is neither setting, outcome, count"
        " nor a 0 or 1 for each qubit; add a header line such as 'setting,outcome,count'."
    )


def _is_value(word: bytes) -> bool:
    return bool(word) and (set(word) <= set(b"IXYZixyz") or _is_number(word))


def _from_header(path: Path, number: int, fields: list[bytes]) -> _Columns:
    place: dict[str, int] = {}
    qubits: list[int] = []
    labels: list[int] = []
    for column, name in enumerate(fields):
        role = COLUMN_NAMES.get(name.lower())
        label = _QUBIT.fullmatch(name.lower())
        if role in place or (role is None and label is None):
            raise FormatError(
                f"{named(path)}, line {number}: the column {quoted(name)} is unknown or named"
                " twice; expected setting, outcome, count, or q0, q1, … for the qubits."
            )
        if role is not None:
            place[role] = column
        elif label is not None:
            qubits.append(column)
            labels.append(int(label.group(1)))
    if labels and any(b - a != 1 for a, b in pairwise(labels)):
        raise FormatError(
            f"{named(path)}, line {number}: the qubit columns run {labels[:12]}; the leftmost column"
            " is site 0, so order them upwards without gaps."
        )
    whole = "outcome" in place
    if whole == bool(qubits):
        raise FormatError(
            f"{named(path)}, line {number}: the header names {'both' if whole else 'neither'} an"
            " outcome column and columns of qubits; expected one of the two."
        )
    columns = (place["outcome"],) if whole else tuple(qubits)
    return _Columns(len(fields), place.get("setting"), place.get("count"), columns, whole)


# One row


def _add(rows: _Rows, settings: dict[str, int], columns: _Columns, number: int, fields) -> None:
    if len(fields) != columns.names:
        raise ValueError(
            f"the row has {len(fields)} columns, but line 1 has {columns.names}; complete the row."
        )
    bits = _bits([fields[i] for i in columns.qubits], columns.whole_outcome)
    sites = len(rows.bits) // len(rows.line) if rows.line else len(bits)
    if len(bits) != sites or sites > MOST_SITES:
        raise ValueError(
            f"the outcome has {len(bits)} bits, but the first row has {sites} (limit {MOST_SITES});"
            " write leading zeros in full."
        )
    setting = "Z" * sites if columns.setting is None else _setting(fields[columns.setting], sites)
    rows.setting.append(settings.setdefault(setting, len(settings)))
    rows.value.append(1 if columns.count is None else _number(fields[columns.count]))
    rows.line.append(number)
    rows.bits += bits


_BIT_OF = {b"0": 0, b"1": 1}


def _bits(words: list[bytes], whole: bool) -> bytes:
    if whole and words[0] and not words[0].strip(b"01"):
        return words[0].translate(_AS_NUMBERS)
    try:
        if not whole:
            return bytes([_BIT_OF[word] for word in words])
    except KeyError:
        pass
    wrong = next(word for word in words if whole or word not in _BIT_OF)
    if wrong.lstrip(b"+-") == b"1":
        raise ValueError(
            f"the outcome is {quoted(wrong)}; expected 0 or 1. Convert +1 to 0 and -1 to 1."
        )
    raise ValueError(
        f"the outcome {quoted(wrong)} does not consist of 0 and 1; more than two levels can be"
        " given in the native format only."
    )


_AS_NUMBERS = bytes.maketrans(b"01", b"\0\1")


def _setting(word: bytes, sites: int) -> str:
    setting = word.replace(b" ", b"").decode("ascii", errors="replace")
    if set(setting) - set("XYZI"):
        lower = not set(setting.upper()) - set("XYZI")
        raise ValueError(
            f"the setting {quoted(setting)} has"
            + (
                " lower-case letters; write upper case."
                if lower
                else " unknown letters; expected X, Y, Z or I."
            )
        )
    if len(setting) != sites:
        raise ValueError(
            f"the setting {quoted(setting)} names {len(setting)} sites, but the outcome has"
            f" {sites} bits; keep leading zeros, and one letter a site."
        )
    return setting


def _number(word: bytes) -> float:
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"the count {quoted(word)} is not a number; give whole counts.") from None
