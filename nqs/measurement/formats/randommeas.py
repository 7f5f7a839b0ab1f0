"""RandomMeas.jl .npz: outcomes (settings, shots, sites) and a unitary for each setting and site.

Its outcome 1 is the first basis state, so bits are inverted against everyone else.
"""

from pathlib import Path

import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import FURTHER_LETTERS, PAULI_EFFECTS, projectors
from nqs.measurement.formats import npz
from nqs.measurement.formats.lines import MOST_SITES
from nqs.measurement.formats.options import Options
from nqs.measurement.problems import FormatError, named

RESULTS = "measurement_results"
UNITARIES = ("measurement_settings", "measurement_setting", "local_unitaries", "local_unitary")
UNITARY_WITHIN = 1e-4
SAME_WITHIN = 1e-5
"""Length of the difference of two unit vectors below which two measurements are one."""


def recognise(path: Path, head: bytes) -> bool:
    return head.startswith(npz.SIGNATURE) and RESULTS in npz.contents(path)


def read(path: Path, options: Options) -> Measurements:
    (results,) = npz.arrays(path, RESULTS)
    if results.ndim == 2:
        results = results[None]
    if results.ndim != 3 or 0 in results.shape or results.shape[2] > MOST_SITES:
        raise FormatError(
            f"{named(path)}: {RESULTS} have shape {results.shape}; expected (settings, shots,"
            f" sites), at least one of each and at most {MOST_SITES} sites."
        )
    count, shots, sites = results.shape
    bits = _bits(path, results)
    directions = _directions(path, count, sites)
    letters, flips, effects = _named(path, directions)
    bits ^= flips[:, None, :]
    distinct, index = np.unique(["".join(row) for row in letters], return_inverse=True)
    return Measurements(
        bits.reshape(-1, sites),
        tuple(distinct.tolist()),
        np.repeat(index.reshape(-1), shots),
        effects=effects,
        source=f"{named(path.name)}; 1 in {RESULTS} is the first basis state, bit 0 here",
    )


def _bits(path: Path, results: np.ndarray) -> np.ndarray:
    """Bits of outcomes numbered 1, 0 as the program writes them, or 1, 2 as it once did."""
    if results.dtype.kind in "iu" and results.max() == 2 and results.min() >= 1:
        return (results - 1).astype(np.uint8)
    return 1 - npz.bits(f"{named(path)}, {RESULTS}", results)


def _directions(path: Path, count: int, sites: int) -> np.ndarray:
    """Bloch vector of outcome 0 of every setting and site, (settings, sites, 3)."""
    held = npz.contents(path)
    name = next((name for name in UNITARIES if name in held), None)
    if name is None and count == 1:
        return np.broadcast_to([0.0, 0.0, 1.0], (1, sites, 3))
    if name is None:
        raise FormatError(
            f"{named(path)}: it holds {count} settings but not the unitaries of them; export the"
            f" group with its settings, as the array {UNITARIES[0]!r}."
        )
    (unitaries,) = npz.arrays(path, name)
    if unitaries.ndim == 3 and count == 1:
        unitaries = unitaries[None]
    if unitaries.shape != (count, sites, 2, 2) or unitaries.dtype.kind not in "cfiu":
        raise FormatError(
            f"{named(path)}: {name} have shape {unitaries.shape} and type {unitaries.dtype};"
            f" expected a unitary matrix for each setting and site, ({count}, {sites}, 2, 2)."
        )
    unitaries = unitaries.astype(complex)
    overlaps = unitaries @ unitaries.conj().swapaxes(-1, -2)
    off = ~(np.abs(overlaps - np.eye(2)).max(axis=(-1, -2)) < UNITARY_WITHIN)
    if off.any():
        setting, site = (int(i) for i in np.argwhere(off)[0])
        raise FormatError(
            f"{named(path)}: the matrix of setting {setting + 1}, site {site + 1} in {name} is not"
            " unitary; only projective measurements can be read. Correct or remove the setting."
        )
    first, second = unitaries[..., 0, 0], unitaries[..., 0, 1]
    coherence = first.conj() * second
    vectors = np.stack(
        [2 * coherence.real, -2 * coherence.imag, np.abs(first) ** 2 - np.abs(second) ** 2], -1
    )
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _named(path: Path, directions: np.ndarray):
    """Letters (settings, sites), where outcomes are exchanged, and what further letters mean."""
    letters = np.full(directions.shape[:2], "?")
    flips = np.zeros(directions.shape[:2], np.uint8)
    effects: dict[str, np.ndarray] = {}
    for letter, rows in PAULI_EFFECTS.items():
        axis = _bloch_vector(projectors(rows)[0])
        for sign, flip in ((1, 0), (-1, 1)):
            same = _close(directions, sign * axis)
            letters[same], flips[same] = letter, flip
    left = letters == "?"
    while left.any():
        if len(effects) == len(FURTHER_LETTERS):
            rounded = np.round(directions[~np.isin(letters, list(PAULI_EFFECTS))], 5)
            raise FormatError(
                f"{named(path)}: its unitaries are {len(np.unique(rounded, axis=0))} distinct bases"
                f" besides X, Y and Z, and {len(FURTHER_LETTERS)} can be told apart by letters;"
                " keep fewer settings, or measure in random Pauli bases."
            )
        vector = directions[left][0]
        letter = FURTHER_LETTERS[len(effects)]
        letters[left & _close(directions, vector)] = letter
        effects[letter] = np.stack([_projector(vector), _projector(-vector)])
        left = letters == "?"
    return letters, flips, effects


def _close(directions: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return np.linalg.norm(directions - vector, axis=-1) < SAME_WITHIN


def _bloch_vector(projector: np.ndarray) -> np.ndarray:
    x, y = 2 * projector[0, 1].real, -2 * projector[0, 1].imag
    return np.array([x, y, (projector[0, 0] - projector[1, 1]).real])


def _projector(vector: np.ndarray) -> np.ndarray:
    """(1 + n·σ)/2 of a unit vector n."""
    x, y, z = vector
    return np.array([[1 + z, x - 1j * y], [x + 1j * y, 1 - z]]) / 2
