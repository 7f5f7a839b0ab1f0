"""Measurement files that people have: one format a file, recognised by content."""

import difflib
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from nqs.measurement.dataset import Measurements, joined
from nqs.measurement.file import SIGNATURE
from nqs.measurement.formats import (
    braket,
    cirq,
    coded_npy,
    counts,
    experiments,
    frequency_table,
    native,
    npz,
    occupations,
    pastaq,
    pennylane,
    qucumber,
    randommeas,
    shadows,
    table,
)
from nqs.measurement.formats.options import Options
from nqs.measurement.problems import FormatError, listed, named, quoted
from nqs.measurement.quarantine import look
from nqs.measurement.spool import NoRoom

__all__ = ["FORMATS", "FormatError", "Options", "choices", "read", "read_measurements"]

FORMATS: dict[str, ModuleType] = {
    "native": native,
    "frequency-table": frequency_table,
    "pastaq": pastaq,
    "coded-npy": coded_npy,
    "pennylane": pennylane,
    "randommeas": randommeas,
    "occupations": occupations,
    "cirq": cirq,
    "braket": braket,
    "qiskit-experiments": experiments,
    "qiskit": counts,
    "shadows": shadows,
    "table": table,
    "qucumber": qucumber,
    qucumber.PLUS_MINUS: qucumber,
}
"""Tried in this order; a second name of a module reads the same files in another way."""

READABLE = (
    "the native HDF5 file; text with a shot a line; counts in JSON or as Python prints them; CSV or"
    " TSV; JSON of Cirq and qiskit-experiments; shadows as text; HDF5 of PastaQ and tables of"
    " frequencies; .npz of PennyLane, RandomMeas.jl and occupations; coded .npy"
)
_WITH_BASES = (qucumber, braket)
_OF_FREQUENCIES = (counts, experiments, braket, table, frequency_table)
HEAD = 64 * 1024

Paths = str | os.PathLike | Sequence[str | os.PathLike]


def read_measurements(paths: Paths, **options) -> Measurements:
    """As `read`, with the options by name: format, select, shots_per_setting, sites, bases."""
    return read(paths, Options(**options))


def read(paths: Paths, options: Options | None = None) -> Measurements:
    """The shots in one file, or in several files of one experiment."""
    options = options or Options()
    files = _listed(paths)
    bases = [None] * len(files) if options.bases is None else _listed(options.bases)
    if len(bases) != len(files):
        raise FormatError(
            f"{len(bases)} bases files were given for {len(files)} files of samples"
            f" ({listed(path.name for path in files)}); give one for each, in the same order."
        )
    parts = [
        _read_one(path, replace(options, bases=its_bases))
        for path, its_bases in zip(files, bases, strict=True)
    ]
    try:
        return joined(parts)
    except (ValueError, NoRoom) as problem:
        raise FormatError(f"{listed(path.name for path in files)}: {problem}") from None


def choices(paths: Paths, options: Options | None = None) -> list[str]:
    """What `select` can be; empty where each file holds one experiment."""
    options = options or Options()
    found = []
    for path in _listed(paths):
        module = FORMATS[_format_of(path, options)]
        if hasattr(module, "choices"):
            found += module.choices(path, options)
    return found


def _listed(paths: Paths) -> list[Path]:
    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    if not given:
        raise FormatError("no measurement file was given; name at least one.")
    return [Path(p) for p in given]


def _read_one(path: Path, options: Options) -> Measurements:
    name = _format_of(path, options)
    _refuse_idle_options(path, name, options)
    try:
        data = FORMATS[name].read(path, replace(options, format=name))
    except FormatError:
        raise
    except MemoryError:
        raise FormatError(
            f"{named(path)}: the file needs more memory than this machine has; split it."
        ) from None
    except OSError as problem:
        raise FormatError(f"{named(path)}: cannot be read ({problem.strerror}).") from None
    except (ValueError, NoRoom) as problem:
        raise FormatError(f"{named(path)}: {problem}") from None
    if options.sites is not None and data.sites != options.sites:
        raise FormatError(
            f"{named(path)}: the file has {data.sites} sites, but --sites says {options.sites};"
            " correct or leave out --sites."
        )
    return data if data.source else replace(data, source=named(path.name))


def _format_of(path: Path, options: Options) -> str:
    """The name of the format to read a file in."""
    head = _head(path)
    if options.bases is not None:
        _head(Path(options.bases))  # type: ignore[arg-type]  # one a file by now
    if options.format is not None:
        if options.format not in FORMATS:
            near = difflib.get_close_matches(options.format, FORMATS, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise FormatError(
                f"{named(path)}: there is no format {quoted(options.format)}{hint}; expected one of"
                f" {', '.join(FORMATS)}."
            )
        return options.format
    for name, module in FORMATS.items():
        if module.recognise(path, head):
            return name
    if head.startswith(SIGNATURE):
        raise FormatError(
            f"{named(path)}: this HDF5 file holds {listed(look(path).shapes, 6) or 'no data'}, which"
            f" is no known layout; readable are {READABLE}. Write its shots as one of these."
        )
    if head.startswith(npz.SIGNATURE):
        held = listed((f"{name} {array.shape}" for name, array in npz.contents(path).items()), 6)
        raise FormatError(
            f"{named(path)}: this .npz archive holds {held or 'no arrays'}, which is no known"
            f" layout; readable are {READABLE}. Name its arrays as one of these does."
        )
    raise FormatError(
        f"{named(path)}: the file is in no known format (it begins with {quoted(head[:24])});"
        f" readable are {READABLE}. Convert it to one of these, or name it with --format."
    )


def _head(path: Path) -> bytes:
    """The first bytes of an ordinary file that holds something."""
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise FormatError(f"{named(path)}: this is a folder; name the files in it.")
        if not stat.S_ISREG(kind):
            raise FormatError(f"{named(path)}: this is no ordinary file; save the data in one.")
        with path.open("rb") as file:
            head = file.read(HEAD)
    except FileNotFoundError:
        raise FormatError(
            f"{named(path)}: there is no such file; check the name and the folder."
        ) from None
    except FormatError:
        raise
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "not a usable file name"
        raise FormatError(
            f"{named(path)}: the file cannot be opened ({reason}); check name and permissions."
        ) from None
    if not head.strip():
        raise FormatError(f"{named(path)}: the file is empty; expected shots of an experiment.")
    return head


def _refuse_idle_options(path: Path, name: str, options: Options) -> None:
    """An option that would change nothing is a misunderstanding: say so."""
    module = FORMATS[name]
    if options.bases is not None and module not in _WITH_BASES:
        raise FormatError(
            f"{named(path)}: --bases belongs to text samples, but this file is read as {name},"
            " which holds its settings; leave out --bases."
        )
    if options.select is not None and not hasattr(module, "choices"):
        raise FormatError(
            f"{named(path)}: --select picks one of several experiments, but this file is read as"
            f" {name} and holds one; leave out --select."
        )
    if options.shots_per_setting is not None:
        if options.shots_per_setting < 1:
            raise FormatError(f"{named(path)}: --shots-per-setting is at least 1.")
        if module not in _OF_FREQUENCIES:
            raise FormatError(
                f"{named(path)}: --shots-per-setting belongs to frequencies, but this file is read"
                f" as {name} and holds shots; leave it out."
            )
