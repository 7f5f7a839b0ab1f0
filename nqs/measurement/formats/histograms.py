"""Counts of outcomes by setting, as files of many tools write them, made into shots."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.formats.counting import whole_counts
from nqs.measurement.formats.lines import MOST_SITES
from nqs.measurement.formats.options import Options
from nqs.measurement.problems import FormatError, listed, named, quoted

LEFTMOST_FIRST, RIGHTMOST_FIRST = 1, -1
"""Where site 0 stands in an outcome and in a setting: step that makes it the first."""

PAULI = frozenset("XYZI")


@dataclass(frozen=True)
class Histogram:
    """The counts of one setting, letters and bits in the direction the file writes them.

    setting: a letter per site; all Z if None. width: classical bits of the circuit, where
    the file says so. places: of the bits counted from the right, the one each site is read
    from, site 0 first; all of them if None.
    """

    setting: str | None
    counts: dict[Any, Any]
    width: int | None = None
    places: tuple[int, ...] | None = None


def checked_setting(path, setting: str) -> str:
    """A setting that a file names, in letters that are known."""
    if setting and set(setting) <= PAULI:
        return setting
    hint = "write upper case" if set(setting.upper()) <= PAULI else "expected X, Y, Z or I"
    raise FormatError(
        f"{named(path)}: the setting {quoted(setting)} has unknown letters; {hint}, one a site."
    )


def shots(path, options: Options, histograms: Iterable[Histogram], step: int) -> Measurements:
    """The rows of all histograms; `step` says on which side site 0 stands."""
    settings: dict[str, int] = {}
    rows: list[str] = []
    index: list[int] = []
    values: list[float] = []
    names: list[str] = []
    for histogram in histograms:
        keys = _bit_strings(path, histogram, options)
        if not keys:
            continue
        setting = (histogram.setting or "Z" * len(keys[0]))[::step]
        if len(setting) != len(keys[0]):
            raise FormatError(
                f"{named(path)}: setting {quoted(histogram.setting)} names {len(setting)} sites,"
                f" but its outcome {quoted(next(iter(histogram.counts)))} has {len(keys[0])};"
                " each bit is one site, each letter too."
            )
        index += [settings.setdefault(setting, len(settings))] * len(keys)
        rows += [key[::step] for key in keys]
        values += [_count(path, key, n) for key, n in histogram.counts.items()]
        names += [f"setting {quoted(setting[::step])}, outcome {quoted(k)}" for k in keys]
    if not rows:
        raise FormatError(f"{named(path)}: it holds no counts; expected at least one outcome.")
    widths = sorted({len(row) for row in rows})
    if len(widths) > 1:
        raise FormatError(
            f"{named(path)}: outcomes have {listed(widths)} bits; expected one number of sites in"
            " all settings. Read experiments of different size one by one."
        )
    counts = whole_counts(
        path,
        np.array(values),
        np.array(index),
        tuple(settings),
        options.shots_per_setting,
        names.__getitem__,
    )
    bits = np.array([row.encode() for row in rows]).view(np.uint8).reshape(len(rows), -1) - 48
    kept = counts > 0
    return Measurements(bits[kept], tuple(settings), np.array(index)[kept], counts=counts[kept])


def _count(path, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e300:
        raise FormatError(
            f"{named(path)}: the count of outcome {quoted(key)} is {quoted(value)}; expected a"
            " whole number."
        )
    return float(value)


# Keys, as bit strings that still run as the file writes them


def _bit_strings(path, histogram: Histogram, options: Options) -> list[str]:
    keys = _whole_bit_strings(path, histogram, options)
    if histogram.places is None or not keys:
        return keys
    if max(histogram.places) >= min(map(len, keys)):
        raise FormatError(
            f"{named(path)}: the metadata read classical bit {max(histogram.places)}, but the"
            f" outcome {quoted(min(keys, key=len))} has {min(map(len, keys))} bits; correct the"
            " clbits."
        )
    return ["".join(key[-1 - place] for place in reversed(histogram.places)) for key in keys]


def _whole_bit_strings(path, histogram: Histogram, options: Options) -> list[str]:
    keys = [str(key).replace(" ", "") for key in histogram.counts]
    numbers = any(isinstance(key, int) for key in histogram.counts)
    sites = options.sites if histogram.places is None else None
    width = histogram.width or sites
    if histogram.width and sites and histogram.width != sites:
        raise FormatError(
            f"{named(path)}: the header says {histogram.width} classical bits, but --sites says"
            f" {sites}; leave out --sites."
        )
    binary = not numbers and all(key and set(key) <= {"0", "1"} for key in keys)
    lengths = sorted({len(key) for key in keys})
    if binary and len(lengths) <= 1 and width in (None, *lengths):
        return keys
    if binary and lengths[-1] > 1:
        raise FormatError(
            f"{named(path)}: outcomes have {listed(lengths)} bits, where"
            f" {width or 'one number of sites'} is expected; write leading zeros in full."
        )
    return [_expanded(path, key, width) for key in keys]


def _expanded(path, key: str, width: int | None) -> str:
    """The bits of a hexadecimal or decimal key, most significant first."""
    hexadecimal = key[:2].lower() == "0x"
    digits = set(key[2:].lower() if hexadecimal else key)
    allowed = set("0123456789abcdef" if hexadecimal else "0123456789")
    if not digits or not digits <= allowed or len(key) > MOST_SITES:
        raise FormatError(
            f"{named(path)}: the outcome {quoted(key)} is neither bits such as 010 nor a"
            " hexadecimal or whole number; more than two levels cannot be given as counts."
        )
    if width is None and not hexadecimal and len(key) > 1 and key[0] == "0":
        other = next((digit for digit in key if digit not in "01"), "0")
        raise FormatError(
            f"{named(path)}: the outcome {quoted(key)} looks like bits and has the digit {other}; expected 0 and 1"
            " alone, as more than two levels cannot be given as counts."
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
