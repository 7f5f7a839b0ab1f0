"""Data of qiskit-experiments: counts whose metadata say the bases, m_idx 0 = Z, 1 = X, 2 = Y."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nqs.measurement.dataset import Measurements
from nqs.measurement.formats.histograms import RIGHTMOST_FIRST, Histogram, shots
from nqs.measurement.formats.json_text import parsed_json, start
from nqs.measurement.formats.lines import MOST_SITES
from nqs.measurement.formats.options import Options
from nqs.measurement.problems import FormatError, listed, named, quoted

LETTER_OF_INDEX = "ZXY"


def recognise(path: Path, head: bytes) -> bool:
    is_json = start(head)[:1] in (b"{", b"[")
    return is_json and b'"results"' not in head and (b'"m_idx"' in head or b'"counts"' in head)


def read(path: Path, options: Options) -> Measurements:
    return shots(path, options, _histograms(path, parsed_json(path)), RIGHTMOST_FIRST)


def _histograms(path: Path, found: Any) -> Iterator[Histogram]:
    for number, datum in enumerate(found if isinstance(found, list) else [found], start=1):
        counts = datum.get("counts") if isinstance(datum, dict) else None
        metadata = datum.get("metadata") if isinstance(datum, dict) else None
        if not isinstance(counts, dict) or not isinstance(metadata, dict):
            raise FormatError(
                f"{named(path)}, datum {number}: it lacks 'counts' or 'metadata'; expected data as"
                ' qiskit-experiments gives it: {"counts": {…}, "metadata": {"m_idx": […]}}.'
            )
        yield histogram_of(path, f"datum {number}", counts, metadata, None)


def histogram_of(path: Path, where: str, counts: dict, metadata: dict, width) -> Histogram:
    """Counts of a tomography circuit: measured qubit k is site k, its bit the one in clbits."""
    for key, meaning in (("p_idx", "process tomography"), ("cond_clbits", "conditional states")):
        if metadata.get(key):
            raise FormatError(
                f"{named(path)}, {where}: the metadata hold {key!r}, so this is {meaning}; only"
                " shots of one state can be read. Select those of one preparation and condition."
            )
    basis = _whole_numbers(path, where, metadata, "m_idx", most=len(LETTER_OF_INDEX) - 1)
    places = None
    if metadata.get("clbits") is not None:
        places = _whole_numbers(path, where, metadata, "clbits", most=MOST_SITES)
        if len(places) != len(basis) or len(set(places)) != len(places):
            raise FormatError(
                f"{named(path)}, {where}: m_idx names {len(basis)} bases, but clbits are"
                f" {listed(places)}; expected one bit for each measured qubit."
            )
    setting = "".join(LETTER_OF_INDEX[i] for i in basis)
    return Histogram(setting[::RIGHTMOST_FIRST], counts, width, places)


def _whole_numbers(path: Path, where: str, metadata: dict, key: str, most: int) -> tuple[int, ...]:
    values = metadata.get(key)
    if (
        not isinstance(values, list)
        or not values
        or len(values) > MOST_SITES
        or not all(type(v) is int and 0 <= v <= most for v in values)
    ):
        raise FormatError(
            f"{named(path)}, {where}: the metadata have {key} {quoted(values)}; expected a list of"
            f" numbers from 0 to {most}, one for each measured qubit."
        )
    return tuple(values)
