"""HDF5 table of relative frequencies (experiments, settings, 2^N), settings in an attribute."""

from pathlib import Path

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import basis_bits
from nqs.measurement.file import SIGNATURE
from nqs.measurement.formats.counting import whole_counts
from nqs.measurement.formats.options import Options
from nqs.measurement.problems import FormatError, listed, named, quoted
from nqs.measurement.quarantine import look, read_tree

SETTINGS, EXPERIMENTS = "tomo_order", "state_order"
WHOLE_WITHIN = 1e-6


def recognise(path: Path, head: bytes) -> bool:
    return head.startswith(SIGNATURE) and bool(_tables(path))


def choices(path: Path, options: Options) -> list[str]:
    """Names of all experiments in the file, as --select takes them."""
    return [f"{table}/{name}" for table, names in _tables(path).items() for name in names]


def read(path: Path, options: Options) -> Measurements:
    if not _tables(path):
        raise FormatError(
            f"{named(path)}: no data set has frequencies in 3 axes and the attribute {SETTINGS};"
            " this is no frequency table."
        )
    table, experiment = _selected(path, options)
    if options.shots_per_setting is None:
        raise FormatError(
            f"{named(path)}: it holds relative frequencies, which do not say how many shots were"
            " taken; add --shots-per-setting N."
        )
    tree = read_tree(path)
    frequencies = tree.arrays[f"/{table}"]
    if frequencies.ndim == 3:
        frequencies = frequencies[experiment]
    settings = tuple(str(s) for s in np.atleast_1d(tree.attributes[f"/{table}"][SETTINGS]))
    sites = _checked_sites(path, table, settings, frequencies.shape)
    flat = frequencies.reshape(-1)
    index = np.repeat(np.arange(len(settings)), 2**sites)
    sums = frequencies.sum(axis=1)
    if not np.allclose(sums, 1, atol=1e-6):
        row = int(np.argmax(~np.isclose(sums, 1, atol=1e-6)))
        raise FormatError(
            f"{named(path)}, {quoted(table)} row {row + 1} ({quoted(settings[row])}): the"
            f" frequencies sum to {sums[row]:.8g}; expected 1. Correct or remove the row."
        )
    counts = whole_counts(
        path,
        flat,
        index,
        settings,
        options.shots_per_setting,
        lambda i: f"{quoted(table)} row {i // 2**sites + 1}, column {i % 2**sites + 1}",
        tolerance=WHOLE_WITHIN * options.shots_per_setting,
    )
    kept = counts > 0
    bits = np.tile(basis_bits(sites), (len(settings), 1))
    return Measurements(bits[kept], settings, index[kept], counts=counts[kept])


def _tables(path: Path) -> dict[str, list[str]]:
    """Data sets that are frequency tables, each with the names of its experiments."""
    tree = look(path)
    found = {}
    for name, shape in tree.shapes.items():
        attributes = tree.attributes[name]
        if SETTINGS not in attributes or tree.kinds[name] != "f" or len(shape) not in (2, 3):
            continue
        count = shape[0] if len(shape) == 3 else 1
        names = [str(n) for n in np.atleast_1d(attributes.get(EXPERIMENTS, []))]
        usable = len(names) == count and len(set(names)) == count
        found[name.lstrip("/")] = names if usable else [str(i) for i in range(count)]
    return found


def _selected(path: Path, options: Options) -> tuple[str, int]:
    """The table and the row of experiments in it that `select` means."""
    tables = _tables(path)
    menu = choices(path, options)
    if options.select is None and len(menu) == 1:
        return next(iter(tables)), 0
    if options.select is None:
        raise FormatError(
            f"{named(path)}: it holds {len(menu)} experiments; pick one with --select, one of"
            f" {listed(menu, 60)}."
        )
    table, _, name = options.select.replace("=", "/").strip("/").rpartition("/")
    names = tables.get(table, [])
    if name in names:
        return table, names.index(name)
    if name.isdecimal() and len(name) < 10 and int(name) < len(names):
        return table, int(name)
    raise FormatError(
        f"{named(path)}: no experiment is called {quoted(options.select)}; expected one of"
        f" {listed(menu, 60)}, or the place of one from 0, such as"
        f" {listed([next(iter(tables)) + '/0'])}."
    )


def _checked_sites(path: Path, table: str, settings: tuple[str, ...], shape) -> int:
    sites = len(settings[0]) if settings else 0
    if sites > 26 or shape != (len(settings), 2**sites) or sites == 0:
        raise FormatError(
            f"{named(path)}, {quoted(table)}: {len(settings)} settings such as"
            f" {listed(settings[:1])} ask for {len(settings)} rows of 2^{sites} frequencies, but"
            f" the shape is {shape}; correct {SETTINGS}."
        )
    return sites
