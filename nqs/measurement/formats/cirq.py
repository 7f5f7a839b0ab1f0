"""Cirq's JSON of a Result: packed bits of (repetitions, instances, qubits), first qubit first."""

import io
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.formats import npz
from nqs.measurement.formats.histograms import checked_setting
from nqs.measurement.formats.json_text import parsed_json, start
from nqs.measurement.formats.lines import MOST_SITES
from nqs.measurement.formats.options import Options
from nqs.measurement.problems import FormatError, listed, named, quoted

RESULTS = ("ResultDict", "Result", "TrialResult")
_NUMBER = re.compile(r"-?\d+")


def recognise(path: Path, head: bytes) -> bool:
    return start(head)[:1] in (b"{", b"[") and b'"cirq_type"' in head


def read(path: Path, options: Options) -> Measurements:
    settings: list[str] = []
    parts: list[np.ndarray] = []
    found = list(_results(path, parsed_json(path)))
    for setting, result in found:
        outcomes, letters = _measured(path, result, told=setting is not None or len(found) == 1)
        if setting is not None and len(setting) != outcomes.shape[1]:
            raise FormatError(
                f"{named(path)}: setting {quoted(setting)} names {len(setting)} sites, but its"
                f" result has {outcomes.shape[1]} qubits; each qubit is one site, each letter too."
            )
        settings.append(setting or letters)
        parts.append(outcomes)
    widths = sorted({part.shape[1] for part in parts})
    if len(widths) != 1:
        raise FormatError(
            f"{named(path)}: its results have {listed(widths) or 'no'} qubits; expected one number"
            " in all of them. Read experiments of different size one by one."
        )
    names = tuple(dict.fromkeys(settings))
    index = np.repeat([names.index(s) for s in settings], [len(part) for part in parts])
    return Measurements(np.concatenate(parts), names, index)


def _results(path: Path, found: Any) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Each result in the file, with its setting where the file is an object of settings."""
    if isinstance(found, dict) and found.get("cirq_type") in RESULTS:
        yield None, found
    elif isinstance(found, list):
        for inner in found:  # one list a circuit, where several were run
            yield from _results(path, inner)
    elif isinstance(found, dict) and found and "cirq_type" not in found:
        for setting, result in found.items():
            for _, inner in _results(path, result):
                yield checked_setting(path, setting), inner
    else:
        raise FormatError(
            f"{named(path)}: it holds {quoted(found, 40)} where a result of Cirq is expected; save"
            ' the results of a run with cirq.to_json, or as {"XZY": result}.'
        )


def _measured(path: Path, result: dict[str, Any], told: bool) -> tuple[np.ndarray, str]:
    """Outcomes (repetitions, qubits) of all keys of one run, and their letters.

    A key that is spelled in letters of settings, one for each of its qubits, is the setting.
    """
    records = result.get("records", result.get("measurements"))
    if not isinstance(records, dict) or not records:
        raise FormatError(
            f"{named(path)}: a result of Cirq holds no records; measure the qubits with a key."
        )
    columns = {key: _record(path, key, records[key]) for key in _ordered(records)}
    repetitions = {len(column) for column in columns.values()}
    if len(repetitions) > 1:
        raise FormatError(
            f"{named(path)}: the keys {listed(columns)} have {listed(sorted(repetitions))}"
            " repetitions; expected one number, as in a single run."
        )
    spelled = {
        key: set(key) <= set("XYZ") and len(key) == column.shape[1]
        for key, column in columns.items()
    }
    silent = [key for key in spelled if not spelled[key]]
    if silent and not told:
        raise FormatError(
            f"{named(path)}: it holds several results, and the key {quoted(silent[0])}"
            " does not say in which setting it was taken; name the key by its letters, or write an"
            ' object {"XZY": result}.'
        )
    letters = "".join(
        key if spelled[key] else "Z" * column.shape[1] for key, column in columns.items()
    )
    return np.concatenate(list(columns.values()), axis=1), letters


def _ordered(records: dict[str, Any]) -> list[str]:
    """Keys in the order of the file; by number where only their numbers differ, as q(0), q(1).

    Cirq writes keys in the order in which they were measured.
    """
    keys = list(records)
    if len({_NUMBER.sub("#", key) for key in keys}) > 1:
        return keys
    return sorted(keys, key=lambda key: [int(n[:9]) for n in _NUMBER.findall(key)])


def _record(path: Path, key: str, record: Any) -> np.ndarray:
    """Outcomes of one key, (repetitions, qubits) uint8."""
    where = f"{named(path)}, key {quoted(key)}"
    record = record if isinstance(record, dict) else {}
    digits, shape = record.get("packed_digits"), record.get("shape")
    if not isinstance(digits, str):
        raise FormatError(f"{where}: it has no packed_digits; save the result with cirq.to_json.")
    try:
        packed = bytes.fromhex(digits)
    except ValueError:
        raise FormatError(
            f"{where}: its packed_digits are no hexadecimal numbers; the file is damaged, fetch or"
            " write it again."
        ) from None
    if record.get("binary") is True:
        values = _unpacked(where, packed, shape)
    else:
        try:
            values = npz.stored_array(io.BytesIO(packed), len(packed))
        except npz.Unusable as problem:
            raise FormatError(f"{where}: its array {problem}.") from None
    if values.ndim == 3 and values.shape[1] > 1:
        raise FormatError(
            f"{where}: it was measured {values.shape[1]} times in each repetition; only one"
            " measurement at the end of the circuit can be read."
        )
    if values.ndim not in (2, 3) or 0 in values.shape or values.shape[-1] > MOST_SITES:
        raise FormatError(
            f"{where}: its shape is {quoted(values.shape)}; expected repetitions, instances and"
            f" qubits, at least one of each and at most {MOST_SITES} qubits."
        )
    return npz.bits(where, values.reshape(len(values), -1))


def _unpacked(where: str, packed: bytes, shape: Any) -> np.ndarray:
    if not isinstance(shape, list) or not all(type(n) is int and 0 < n < 2**40 for n in shape):
        raise FormatError(
            f"{where}: its shape is {quoted(shape)}; expected repetitions, instances and qubits, at"
            " least one of each."
        )
    size = math.prod(shape)
    if len(packed) != -(-size // 8):
        raise FormatError(
            f"{where}: its shape {quoted(shape)} asks for {size:,} bits, but {8 * len(packed):,}"
            " are packed; the file is damaged, fetch or write it again."
        )
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=size).reshape(shape)
