"""Braket and IonQ: counts as Python prints them, or a list of shots; qubit 0 is leftmost."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.formats import counts, literals
from nqs.measurement.formats.histograms import LEFTMOST_FIRST, Histogram, shots
from nqs.measurement.formats.json_text import parsed_json, start
from nqs.measurement.formats.lines import MOST_SITES
from nqs.measurement.formats.options import Options
from nqs.measurement.formats.settings import as_text, distinct_settings, settings_beside
from nqs.measurement.problems import FormatError, named, quoted

TASK_RESULT = "braketSchemaHeader"
_LIST_OF_SHOTS = re.compile(rb"\[\s*\[")


def recognise(path: Path, head: bytes) -> bool:
    text = start(head)
    if literals.recognise(head) or _LIST_OF_SHOTS.match(text):
        return True
    return text[:1] == b"{" and TASK_RESULT.encode() in head


def read(path: Path, options: Options) -> Measurements:
    found: Any
    if literals.is_printed(path):
        found = literals.printed(path)
        found = found[0] if len(found) == 1 else found  # one dictionary, or a list of them
    else:
        found = parsed_json(path)
    if isinstance(found, dict) and TASK_RESULT in found:
        found = _of_task(path, found)
        if isinstance(found, list):
            return _from_rows(path, found, options)
    lines = found if isinstance(found, list) else [found]
    if not all(isinstance(line, dict) for line in lines):
        return _from_rows(path, lines, options)
    data = shots(path, options, _histograms(path, lines, options), LEFTMOST_FIRST)
    return replace(data, source=f"{named(path.name)}; the leftmost bit is site 0")


def _histograms(path: Path, lines: list[dict], options: Options) -> Iterator[Histogram]:
    """One setting a line where there is a bases file; else the file names them, or all is Z."""
    if options.bases is not None:
        bases = Path(options.bases)  # type: ignore[arg-type]  # one a file by now
        first = next((str(key) for line in lines for key in line), "")
        sites = options.sites or len(first.replace(" ", ""))
        codes = settings_beside(path, bases, len(lines), sites, each="line of counts")
        for setting, line in zip(as_text(codes), lines, strict=True):
            yield Histogram(setting, line)
    elif len(lines) == 1:
        yield from counts.histograms(path, lines[0])
    else:
        raise FormatError(
            f"{named(path)}: it holds {len(lines)} lines of counts, which do not say their"
            " settings; give --bases with a setting for each line, or write"
            ' {"XZY": {"010": 812}}.'
        )


def _from_rows(path: Path, rows: list[Any], options: Options) -> Measurements:
    """A list of shots, each a list of 0 and 1."""
    sites = len(rows[0]) if isinstance(rows[0], list) else 0
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or not row or len(row) != sites or sites > MOST_SITES:
            raise FormatError(
                f"{named(path)}, shot {number}: {quoted(row)} is no list of {sites or 'some'} bits;"
                f" expected the same number in every shot, at most {MOST_SITES}."
            )
        wrong = next((v for v in row if type(v) is not int or v not in (0, 1)), None)
        if wrong is not None:
            raise FormatError(f"{named(path)}, shot {number}: {_why_no_bit(wrong)}")
    outcomes = np.array(rows, np.uint8)
    if options.bases is None:
        return Measurements(outcomes, ("Z" * sites,), np.zeros(len(rows), np.uint32))
    bases = Path(options.bases)  # type: ignore[arg-type]  # one a file by now
    settings, index = distinct_settings(settings_beside(path, bases, len(rows), sites))
    return Measurements(outcomes, settings, index)


def _why_no_bit(value: Any) -> str:
    said = f"the outcome is {quoted(value)}; expected 0 or 1. "
    if value == -1:
        return said + "Convert +1 to 0 and -1 to 1."
    return said + "More than two levels can be given in the native format only."


def _of_task(path: Path, found: dict[str, Any]) -> Any:
    """The shots of a task's result, or its probabilities, with the first qubit leftmost."""
    order = found.get("measuredQubits") or [0]
    numbers = isinstance(order, list) and all(type(qubit) is int for qubit in order)
    if not numbers or order != sorted(order):
        raise FormatError(
            f"{named(path)}: its measuredQubits are {quoted(order)}; the leftmost column is site 0,"
            " so write the shots with the qubits in rising order."
        )
    for key, kind in (("measurements", list), ("measurementProbabilities", dict)):
        if isinstance(found.get(key), kind) and found[key]:
            return found[key]
    raise FormatError(
        f"{named(path)}: this Braket result holds neither measurements nor"
        " measurementProbabilities; run the task with shots."
    )
