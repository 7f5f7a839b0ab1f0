"""JSON counts {"XZY": {"010": 812}}, one setting or Qiskit's Result: qubit 0 rightmost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nqs.measurement.dataset import Measurements
from nqs.measurement.formats import literals
from nqs.measurement.formats.experiments import histogram_of
from nqs.measurement.formats.histograms import (
    PAULI,
    RIGHTMOST_FIRST,
    Histogram,
    checked_setting,
    shots,
)
from nqs.measurement.formats.json_text import parsed_json, start
from nqs.measurement.formats.lines import MOST_SITES
from nqs.measurement.formats.options import Options
from nqs.measurement.problems import FormatError, listed, named, quoted


def recognise(path: Path, head: bytes) -> bool:
    text = start(head)
    return text[:1] == b"{" or (text[:1] == b"[" and text[1:].lstrip()[:1] in (b"{", b"[", b"]"))


def read(path: Path, options: Options) -> Measurements:
    found = literals.only_one(path) if literals.is_printed(path) else parsed_json(path)
    return shots(path, options, histograms(path, found), RIGHTMOST_FIRST)


def histograms(path: Path, found: Any) -> Iterator[Histogram]:
    """The counts of each setting in a JSON object or Python dictionary."""
    if not isinstance(found, dict):
        raise FormatError(
            f"{named(path)}: it holds a list; expected an object of counts, such as"
            ' {"XZY": {"010": 812}} or {"010": 812}.'
        )
    if isinstance(found.get("results"), list):
        yield from _from_results(path, found["results"])
    elif found and all(isinstance(value, dict) for value in found.values()):
        for setting, counts in found.items():
            yield Histogram(checked_setting(path, str(setting)), counts)
    elif found and not any(isinstance(value, (dict, list, tuple)) for value in found.values()):
        yield Histogram(None, found)
    else:
        raise FormatError(
            f"{named(path)}: the JSON object is empty or mixes counts with other things (keys"
            f' {listed(found, 6)}); expected {{"XZY": {{"010": 812}}}} or {{"010": 812}}.'
        )


def _from_results(path: Path, results: list[Any]) -> Iterator[Histogram]:
    """Qiskit's Result; a circuit's setting is its name, or what its metadata say."""
    for number, result in enumerate(results, start=1):
        data = result.get("data") if isinstance(result, dict) else None
        counts = data.get("counts") if isinstance(data, dict) else None
        header = result.get("header") if isinstance(result, dict) else None
        header = header if isinstance(header, dict) else {}
        if not isinstance(counts, dict):
            raise FormatError(
                f"{named(path)}, result {number}: it holds no data.counts object; measure the"
                " circuits and save their counts."
            )
        width = header.get("memory_slots")
        width = width if type(width) is int and 0 < width <= MOST_SITES else None
        name, metadata = str(header.get("name", "")), header.get("metadata")
        if name and set(name) <= PAULI:
            yield Histogram(name, counts, width)
        elif isinstance(metadata, dict) and "m_idx" in metadata:
            yield histogram_of(path, f"result {number}", counts, metadata, width)
        elif len(results) == 1:
            yield Histogram(None, counts, width)
        else:
            raise FormatError(
                f"{named(path)}, result {number}: its circuit is named {quoted(name)}, which says"
                ' no setting; name each circuit by its letters, such as "XZY", qubit 0 rightmost.'
            )
