"""JSON counts {"XZY": {"010": 812}}: qubit 0 rightmost as Qiskit writes, or leftmost ("braket")."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.formats.counting import whole_counts
from nqs.measurement.formats.lines import BYTE_ORDER_MARK, MOST_SITES
from nqs.measurement.formats.options import Options
from nqs.measurement.problems import FormatError, listed, named, quoted

LEFTMOST_FIRST = "braket"
LARGEST_FILE = 512 * 1024**2
PAULI = frozenset("XYZI")


@dataclass(frozen=True)
class _Histogram:
    """The counts of one setting as a file writes them."""

    setting: str | None
    counts: dict[str, Any]
    width: int | None = None


def recognise(path: Path, head: bytes) -> bool:
    text = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    return text[:1] == b"{" or (text[:1] == b"[" and text[1:].lstrip()[:1] in (b"{", b"[", b"]"))


def read(path: Path, options: Options) -> Measurements:
    flip = -1 if options.format != LEFTMOST_FIRST else 1
    settings: list[str] = []
    rows: list[str] = []
    index: list[int] = []
    values: list[float] = []
    names: list[str] = []
    for histogram in _histograms(path, _parsed(path)):
        keys = _bit_strings(path, histogram, options)
        if not keys:
            continue
        setting = (histogram.setting or "Z" * len(keys[0]))[::flip]
        if len(setting) != len(keys[0]):
            raise FormatError(
                f"{named(path)}: setting {quoted(histogram.setting)} names {len(setting)} sites,"
                f" but its outcome {quoted(next(iter(histogram.counts)))} has {len(keys[0])};"
                " each bit is one site, each letter too."
            )
        if setting not in settings:
            settings.append(setting)
        rows += [key[::flip] for key in keys]
        index += [settings.index(setting)] * len(keys)
        values += [_count(path, key, n) for key, n in histogram.counts.items()]
        names += [f"setting {quoted(setting[::flip])}, outcome {quoted(k)}" for k in keys]
    return _measurements(path, options, rows, tuple(settings), index, values, names)


def _measurements(path, options, rows, settings, index, values, names) -> Measurements:
    if not rows:
        raise FormatError(f"{named(path)}: it holds no counts; expected at least one outcome.")
    widths = sorted({len(row) for row in rows})
    if len(widths) > 1:
        raise FormatError(
            f"{named(path)}: outcomes have {listed(widths)} bits; expected one number of sites in"
            " all settings. Read experiments of different size one by one."
        )
    position = np.array(index)
    counts = whole_counts(
        path, np.array(values), position, settings, options.shots_per_setting, names.__getitem__
    )
    bits = np.array([row.encode() for row in rows]).view(np.uint8).reshape(len(rows), -1) - 48
    kept = counts > 0
    return Measurements(bits[kept], settings, position[kept], counts=counts[kept])


# JSON, with what it leaves open decided


def _parsed(path: Path) -> dict[str, Any]:
    if path.stat().st_size > LARGEST_FILE:
        raise FormatError(
            f"{named(path)}: the file is larger than {LARGEST_FILE >> 20} MiB, more than JSON"
            " counts need; convert it to the native format in parts."
        )
    try:
        text = path.read_bytes().removeprefix(BYTE_ORDER_MARK).decode("utf-8")
        found = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except UnicodeDecodeError as problem:
        raise FormatError(
            f"{named(path)}: byte {problem.start} is not UTF-8; save the file as UTF-8."
        ) from None
    except json.JSONDecodeError as problem:
        raise FormatError(
            f"{named(path)}, line {problem.lineno}: not valid JSON ({problem.msg}); write the"
            " counts with json.dump, keys in double quotes."
        ) from None
    except RecursionError:
        raise FormatError(
            f"{named(path)}: the JSON is nested too deeply; expected settings with counts."
        ) from None
    except ValueError as problem:
        raise FormatError(f"{named(path)}: {problem}") from None
    if not isinstance(found, dict):
        raise FormatError(
            f"{named(path)}: the JSON holds a list; expected an object of counts, such as"
            ' {"XZY": {"010": 812}} or {"010": 812}.'
        )
    return found


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for number, key in enumerate(keys) if key in keys[:number])
        raise ValueError(f"the key {quoted(twice)} stands twice in one object; add the counts up.")
    return found


def _no_constant(word: str) -> None:
    raise ValueError(f"it holds {quoted(word)}, which is no count; give whole numbers.")


def _histograms(path: Path, found: dict[str, Any]) -> Iterator[_Histogram]:
    if isinstance(found.get("results"), list):
        yield from _from_results(path, found["results"])
    elif found and all(isinstance(value, dict) for value in found.values()):
        for setting, counts in found.items():
            yield _Histogram(_checked_setting(path, setting), counts)
    elif found and not any(isinstance(value, (dict, list)) for value in found.values()):
        yield _Histogram(None, found)
    else:
        raise FormatError(
            f"{named(path)}: the JSON object is empty or mixes counts with other things (keys"
            f' {listed(found, 6)}); expected {{"XZY": {{"010": 812}}}} or {{"010": 812}}.'
        )


def _from_results(path: Path, results: list[Any]) -> Iterator[_Histogram]:
    """Qiskit's Result; the name of each circuit is its setting where there are several."""
    for number, result in enumerate(results, start=1):
        data = result.get("data") if isinstance(result, dict) else None
        counts = data.get("counts") if isinstance(data, dict) else None
        header = result.get("header") if isinstance(result, dict) else None
        header = header if isinstance(header, dict) else {}
        if not isinstance(counts, dict):
            raise FormatError(f"{named(path)}, result {number}: it holds no data.counts object.")
        width = header.get("memory_slots")
        width = width if isinstance(width, int) and 0 < width <= MOST_SITES else None
        name = str(header.get("name", ""))
        if name and set(name) <= PAULI:
            yield _Histogram(name, counts, width)
        elif len(results) == 1 and "m_idx" not in str(header.get("metadata")):
            yield _Histogram(None, counts, width)
        else:
            raise FormatError(
                f"{named(path)}, result {number}: its circuit is named {quoted(name)}, which says"
                ' no setting; name each circuit by its letters, such as "XZY", qubit 0 rightmost.'
            )


def _checked_setting(path: Path, setting: str) -> str:
    if setting and set(setting) <= PAULI:
        return setting
    hint = "write upper case" if set(setting.upper()) <= PAULI else "expected X, Y, Z or I"
    raise FormatError(
        f"{named(path)}: the setting {quoted(setting)} has unknown letters; {hint}, one a site."
    )


def _count(path: Path, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e300:
        raise FormatError(
            f"{named(path)}: the count of outcome {quoted(key)} is {quoted(value)}; expected a"
            " whole number."
        )
    return float(value)


# Keys, as bit strings that still run as the file writes them


def _bit_strings(path: Path, histogram: _Histogram, options: Options) -> list[str]:
    keys = [key.replace(" ", "") for key in histogram.counts]
    width = histogram.width or options.sites
    if histogram.width and options.sites and histogram.width != options.sites:
        raise FormatError(
            f"{named(path)}: the header says {histogram.width} classical bits, but --sites says"
            f" {options.sites}; leave out --sites."
        )
    binary = all(key and set(key) <= {"0", "1"} for key in keys)
    lengths = sorted({len(key) for key in keys})
    if binary and len(lengths) <= 1 and width in (None, *lengths):
        return keys
    if binary and lengths[-1] > 1:
        raise FormatError(
            f"{named(path)}: outcomes have {listed(lengths)} bits, where"
            f" {width or 'one number of sites'} is expected; write leading zeros in full."
        )
    return [_expanded(path, key, width) for key in keys]


def _expanded(path: Path, key: str, width: int | None) -> str:
    """The bits of a hexadecimal or decimal key, most significant first."""
    hexadecimal = key[:2].lower() == "0x"
    digits = set(key[2:].lower() if hexadecimal else key)
    allowed = set("0123456789abcdef" if hexadecimal else "0123456789")
    if not digits or not digits <= allowed or len(key) > MOST_SITES:
        raise FormatError(
            f"{named(path)}: the outcome {quoted(key)} is neither bits such as 010 nor a"
            " hexadecimal or whole number; more than two levels cannot be given as counts."
        )
    if width is None:
        raise FormatError(
            f"{named(path)}: the outcome {quoted(key)} is a number, which loses leading zeros;"
            " say how many sites there are with --sites N."
        )
    try:
        value = int(key, 16 if hexadecimal else 10)
    except ValueError:  # Python refuses decimal numbers of thousands of digits
        value = 1 << width
    if value >> width:
        raise FormatError(
            f"{named(path)}: the outcome {quoted(key)} needs {value.bit_length()} bits, but there"
            f" are {width} sites; check --sites."
        )
    return format(value, f"0{width}b")
