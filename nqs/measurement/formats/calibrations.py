"""Calibration shots as tools write them: counts by prepared state in JSON, or a native file that holds some."""

import json
import re
from pathlib import Path

import numpy as np

from nqs.measurement.calibration import Calibration
from nqs.measurement.problems import FormatError, named, quoted

_MOST_BYTES = 2**26


def read_calibration(path: Path, sites: int, leftmost: bool = False) -> Calibration:
    """Of `sites` sites. {"00": {"00": 980, "01": 20}, "11": {…}}, a prefix such as "cal_" before the prepared
    state allowed; or the calibration shots of a native file. leftmost: whether site 0 is the leftmost bit of
    every word, not the rightmost as Qiskit writes it. FormatError says what is wrong."""
    from nqs.measurement import file as native

    try:
        with path.open("rb") as stream:
            head = stream.read(8)
        if head == native.SIGNATURE:
            found = native.read(path).calibration
            if found is None:
                raise FormatError(f"{named(path)}: it holds no calibration shots.")
        else:
            found = _of_counts(path, 1 if leftmost else -1)
    except OSError as problem:
        raise FormatError(
            f"{named(path)}: the calibration cannot be opened ({problem.strerror})."
        ) from None
    if found.sites != sites:
        raise FormatError(
            f"{named(path)}: it calibrates {found.sites} sites, and the shots have {sites}; give the "
            "calibration of the same sites."
        )
    return found


def _of_counts(path: Path, step: int) -> Calibration:
    if path.stat().st_size > _MOST_BYTES:
        raise FormatError(f"{named(path)}: it is too large for counts by prepared state.")
    try:
        tables = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise FormatError(
            f"{named(path)}: it is neither JSON nor a native file; expected counts by prepared state, such as "
            '{"00": {"00": 980, "01": 20}, "11": {"11": 950, "10": 50}}.'
        ) from None
    if not isinstance(tables, dict) or not tables:
        raise FormatError(f"{named(path)}: expected counts by prepared state.")
    prepared, outcomes, counts = [], [], []
    for name, table in tables.items():
        ending = re.search("[01]+$", name)
        state = _bits(path, ending[0] if ending else "", name)
        if not isinstance(table, dict):
            raise FormatError(f"{named(path)}: the counts of {quoted(name)} are no table.")
        for word, number in table.items():
            read = _bits(path, word.replace(" ", ""), word)
            if len(read) != len(state):
                raise FormatError(
                    f"{named(path)}: {quoted(name)} was prepared and {quoted(word)} read; expected as many bits."
                )
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise FormatError(
                    f"{named(path)}: the count of {quoted(word)} is {quoted(number)}; expected a whole number."
                )
            if number:
                prepared.append(state[::step])
                outcomes.append(read[::step])
                counts.append(number)
    if not prepared:
        raise FormatError(
            f"{named(path)}: it holds no counts; expected at least one of each prepared state."
        )
    if len({len(row) for row in prepared}) != 1:
        raise FormatError(f"{named(path)}: prepared states differ in their number of bits.")
    return Calibration(np.array(prepared), np.array(outcomes), np.array(counts))


def _bits(path: Path, word: str, shown: object) -> list[int]:
    if not word or set(word) - {"0", "1"}:
        raise FormatError(f"{named(path)}: {quoted(shown)} does not end in bits 0 and 1.")
    return [int(c) for c in word]
