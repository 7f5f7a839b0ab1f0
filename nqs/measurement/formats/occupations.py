"""Occupations of atoms as .npz, (Lx, Ly, detunings, shots): all Z, sites row by row."""

import re
from pathlib import Path

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.formats import npz
from nqs.measurement.formats.lines import MOST_SITES
from nqs.measurement.formats.options import Options
from nqs.measurement.problems import FormatError, listed, named, quoted

RYDBERG = {"rydberg", "excited", "excitation", "excitations", "occupation", "occupations"}
GROUND = {"ground", "present", "presence", "atom", "atoms"}
"""Words in the name of an array that say what its ones are; bit 1 is the Rydberg state."""
AXIS = "detuning"


def recognise(path: Path, head: bytes) -> bool:
    return head.startswith(npz.SIGNATURE) and bool(_occupations(path))


def choices(path: Path, options: Options) -> list[str]:
    """The detunings of a file with several, as --select takes them."""
    names = _occupations(path)
    shape = names[next(iter(names))] if len(names) == 1 else ()
    return [f"{AXIS}={i}" for i in range(shape[2])] if len(shape) == 4 else []


def read(path: Path, options: Options) -> Measurements:
    name, shape = _only(path)
    place = _selected(path, options, shape)
    (values,) = npz.arrays(path, name)
    if place is not None:
        values = values[:, :, place]
    if 0 in values.shape:
        raise FormatError(
            f"{named(path)}: the array {quoted(name)} has shape {shape}; expected at least one site"
            " and one shot."
        )
    if values.ndim == 3:  # (Lx, Ly, shots) → a row for each shot
        values = values.reshape(-1, values.shape[2]).T
    if values.shape[1] > MOST_SITES:
        raise FormatError(
            f"{named(path)}: the array {quoted(name)} of shape {shape} has {values.shape[1]} sites;"
            f" the limit is {MOST_SITES}. Expected (Lx, Ly, detunings, shots) or (shots, sites)."
        )
    outcomes = npz.bits(f"{named(path)}, {quoted(name)}", values)
    excited = bool(_words(name) & RYDBERG)
    rows, sites = outcomes.shape
    return Measurements(
        outcomes if excited else 1 - outcomes,
        ("Z" * sites,),
        np.zeros(rows, np.uint32),
        source=_source(path, name, shape, place, excited),
        lattice=tuple(shape[:2]) if len(shape) > 2 else None,
    )


def _occupations(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays whose name says which level their ones are."""
    return {
        name: array.shape
        for name, array in npz.contents(path).items()
        if array.kind in "biuf" and len(array.shape) in (2, 3, 4) and _says_level(name)
    }


def _words(name: str) -> set[str]:
    return set(re.split("[^a-z]+", name.lower()))


def _says_level(name: str) -> bool:
    words = _words(name)
    return bool(words & RYDBERG) != bool(words & GROUND)


def _only(path: Path) -> tuple[str, tuple[int, ...]]:
    found = _occupations(path)
    if len(found) == 1:
        return next(iter(found.items()))
    held = listed(f"{name} {array.shape}" for name, array in npz.contents(path).items())
    raise FormatError(
        f"{named(path)}: {len(found) or 'none'} of its arrays ({held}) say which level their ones"
        " are; call one 'rydberg_data' where 1 is the Rydberg state, or 'ground_data' where 1 is"
        " the ground state, of shape (Lx, Ly, detunings, shots) or (shots, sites)."
    )


def _selected(path: Path, options: Options, shape: tuple[int, ...]) -> int | None:
    """Place on the axis of detunings; None where there is no such axis."""
    if len(shape) < 4:
        if options.select is not None:
            raise FormatError(
                f"{named(path)}: --select picks one of several experiments, but this file holds"
                " one; leave out --select."
            )
        return None
    if options.select is None and shape[2] == 1:
        return 0
    menu = f"{AXIS}=0 to {AXIS}={shape[2] - 1}"
    if options.select is None:
        raise FormatError(
            f"{named(path)}: it holds {shape[2]} experiments; pick one with --select, {menu}."
        )
    name, _, value = options.select.replace("/", "=").rpartition("=")
    if name == AXIS and value.isdecimal() and len(value) < 10 and int(value) < shape[2]:
        return int(value)
    raise FormatError(
        f"{named(path)}: no experiment is called {quoted(options.select)}; expected {menu}."
    )


def _source(path: Path, name: str, shape, place: int | None, excited: bool) -> str:
    """The file, what was picked of it, and how its ones are understood."""
    said = [named(path.name)]
    if place is not None:
        said[0] += f", {AXIS}={place}{_value(path, shape[2], place)}"
    level = "the Rydberg state" if excited else "the ground state, which is bit 0 here"
    said.append(f"1 in {quoted(name)} is {level}")
    if len(shape) > 2:
        said.append(f"sites row by row of {shape[0]} × {shape[1]}")
    for other, array in npz.contents(path).items():
        if place is not None and array.kind == "b" and array.shape == (shape[2], shape[3]):
            (flags,) = npz.arrays(path, other)
            said.append(f"the {flags[place].sum()} shots flagged in {quoted(other)} are kept")
    return "; ".join(said)


def _value(path: Path, detunings: int, place: int) -> str:
    """What the file says of one place on the axis of detunings, where it says something."""
    for name, array in npz.contents(path).items():
        if array.shape == (detunings,) and array.kind in "iuf":
            (values,) = npz.arrays(path, name)
            return f" ({quoted(name)} {values[place]:.6g})"
    return ""
