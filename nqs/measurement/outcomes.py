"""Shots as outcomes of one informationally complete measurement a site, and what these say of Pauli strings."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import PAULI_LETTERS, pauli_matrix, rows_of

_CHANCE = 1e-6
"""Below which settings were not taken at random."""

_TESTED_PAIRS = 2000

_SMALLEST = 1e-6
"""Singular value of effects that leave a direction of a site open, relative to the largest."""


class Outcomes(NamedTuple):
    """Rows of outcomes 0 … K − 1, (rows, sites) uint8, how often each was seen, (rows,), and the effects of every
    site, (sites, K, 2, 2)."""

    symbols: np.ndarray
    counts: np.ndarray
    effects: np.ndarray

    @property
    def levels(self) -> int:
        return self.effects.shape[1]


def outcomes_of(data: Measurements) -> Outcomes:
    """Of one setting of generalised measurements; or of X, Y and Z chosen at random, where letter and bit together are
    one of six outcomes. ValueError where the shots are neither, or leave a direction of a site open."""
    if len(data.settings) == 1 and set(data.settings[0]) <= set(data.effects):
        levels = data.levels
        effects = np.zeros((data.sites, levels, 2, 2), complex)
        for own, letter in zip(effects, data.settings[0], strict=True):
            own[: len(data.effects[letter])] = data.effects[letter]
        found = Outcomes(np.asarray(data.outcomes, np.uint8), data.counts, effects)
    elif set("".join(data.settings)) <= set(PAULI_LETTERS) - set(data.effects):
        _refuse_chosen(data)
        found = _of_random_bases(data)
    else:
        raise ValueError(
            "ansatz 'outcome' models outcomes of one measurement a site: one setting whose letters are all in "
            "/effects, or X, Y and Z on every site chosen at random. Choose another ansatz for these settings."
        )
    for site, own in enumerate(found.effects):
        pauli_values(own, site)
    return found


def _of_random_bases(data: Measurements) -> Outcomes:
    letter = np.array([[PAULI_LETTERS.index(c) for c in s] for s in data.settings], np.uint8)
    symbols = 2 * letter[data.setting_index] + np.asarray(data.outcomes, np.uint8)
    rows = np.stack([rows_of(c) for c in PAULI_LETTERS])
    true = rows.conj()[..., :, None] * rows[..., None, :] / 3  # (letter, outcome, 2, 2)
    if data.readout is None:
        each = np.broadcast_to(true, (data.sites, *true.shape))
    else:
        each = np.einsum("nrt,ltab->nlrab", data.readout, true)
    return Outcomes(symbols, data.counts, each.reshape(data.sites, 6, 2, 2))


def _refuse_chosen(data: Measurements) -> None:
    """ValueError where the letters of sites, or of pairs of them, are not as often as each other."""
    letter = np.array([[PAULI_LETTERS.index(c) for c in s] for s in data.settings])
    shots = data.shots_per_setting
    pairs = list(combinations(range(data.sites), 2)) or [(0, 0)]
    if len(pairs) > _TESTED_PAIRS:
        chosen = np.random.default_rng(0).choice(len(pairs), _TESTED_PAIRS, replace=False)
        pairs = [pairs[n] for n in chosen]
    for i, j in pairs:
        both = 3 * letter[:, i] + letter[:, j] if i != j else letter[:, i]
        seen = np.bincount(both, weights=shots, minlength=9 if i != j else 3)
        expected = seen.sum() / len(seen)
        misfit = ((seen - expected) ** 2).sum() / expected
        if chi2.sf(misfit, len(seen) - 1) < _CHANCE / len(pairs):
            raise ValueError(
                f"ansatz 'outcome' takes the letter of a setting for a part of its outcome, and the letters of sites "
                f"{i} and {j} are not as often as each other: settings have to be drawn at random for every shot, "
                "or all 3^sites taken alike. Choose another ansatz."
            )


def pauli_values(effects: np.ndarray, site: int = 0) -> np.ndarray:
    """What each outcome counts in the mean that is ⟨1⟩, ⟨X⟩, ⟨Y⟩ or ⟨Z⟩, (4, K): the least such numbers.

    ValueError where the effects (K, 2, 2) leave one of them open.
    """
    paulis = [np.eye(2), *(pauli_matrix(letter) for letter in PAULI_LETTERS)]
    told = np.einsum("kab,pba->kp", effects, np.stack(paulis)).real / 2
    sizes = np.linalg.svd(told, compute_uv=False)
    if len(effects) < 4 or sizes[-1] < _SMALLEST * sizes[0]:
        raise ValueError(
            f"the outcomes of site {site} do not tell all of X, Y and Z; ansatz 'outcome' needs such that do, "
            "tetrahedral, pauli-4 or pauli-6 ones for example."
        )
    return np.linalg.pinv(told)


def bits_of(levels: int) -> int:
    """Bits that hold one of so many outcomes."""
    return int(levels - 1).bit_length()


def coded(symbols: np.ndarray, levels: int) -> np.ndarray:
    """Outcomes (rows, sites) as bits (rows, sites · bits), the most significant first."""
    places = np.arange(bits_of(levels) - 1, -1, -1)
    bits = (symbols[..., None] >> places) & 1
    return bits.reshape(len(symbols), -1).astype(np.uint8)


def decoded(bits: np.ndarray, levels: int) -> np.ndarray:
    """The outcomes that bits stand for, (rows, sites); some may be none of the levels."""
    each = bits_of(levels)
    weights = 1 << np.arange(each - 1, -1, -1)
    return (bits.reshape(len(bits), -1, each) @ weights).astype(np.uint8)
