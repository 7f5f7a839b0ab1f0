"""What the settings leave open: directions of the state that the shots do not pin down."""

from typing import NamedTuple

import numpy as np

from nqs.evaluation.fidelity import fidelity
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import UNMEASURED, rows_of

LARGEST_SITES = 10
SAME_STATE = 0.99
"""Fidelity above which two fits count as one state."""

SAME_AS_CONJUGATE = 0.95
"""Fidelity of ψ with ψ* above which there is no conjugate to exclude. Lower than for two
fits: the phases of a real state are small in a fit to few shots, but of either sign."""

_PINNED = 0.3
"""Radians: a direction of the state is fixed when the shots hold it at least this tightly."""


class Rank(NamedTuple):
    """How many of the real directions of a pure state are fixed; rank None where not computed."""

    rank: int | None
    directions: int


def fisher_rank(psi: np.ndarray, data: Measurements) -> Rank:
    """Directions, of 2·2**sites − 2, that the settings and shots of `data` fix at ψ.

    Counts eigenvalues of the shots' Fisher matrix above 1/0.3². A cell that
    expects no shot has a Fisher term along one quadrature of its amplitude only,
    by the accident of which tiny number the fit left there; but seeing nothing in
    it bounds both, each with half the weight, and that is what is counted.
    """
    directions = 2 * psi.size - 2
    if data.only_z and not any(UNMEASURED in s for s in data.settings):
        return Rank(psi.size - 1, directions)  # all moduli, no phase
    if data.sites > LARGEST_SITES:
        return Rank(None, directions)
    values = np.linalg.eigvalsh(fisher_matrix(psi, data))
    # two null directions, norm and global phase, are no directions of the state
    fixed = int((values > _PINNED**-2).sum())
    return Rank(min(fixed, directions), directions)


def fisher_matrix(psi: np.ndarray, data: Measurements) -> np.ndarray:
    """Fisher information of all shots about (Re δψ, Im δψ), (2·2**sites, 2·2**sites).

    With a = ⟨outcome|ψ⟩ and δa = ⟨outcome|δψ⟩ a cell adds 4 n Re(e^{−iθ} δa)²
    = 2n|δa|² + 2n Re((e^{−iθ} δa)²), θ = arg a. The first term sums to 2n|δψ|²
    over a setting. Components along ψ and iψ are projected out. Unmeasured sites
    and readout errors are passed over, which can only overstate the rank.
    """
    dimension = psi.size
    symmetric = np.zeros((dimension, dimension), complex)
    shots = data.shots_per_setting
    for setting, taken in zip(data.settings, shots, strict=True):
        unitary = np.ones((1, 1), complex)
        for letter in setting:
            unitary = np.kron(unitary, rows_of(letter, data.effects))
        amplitude = unitary @ psi
        probability = np.abs(amplitude) ** 2
        empty = probability < min(0.5 / max(taken, 1), 0.02 / dimension)
        weight = np.where(empty, 0, taken * np.exp(-2j * np.angle(amplitude)))
        symmetric += (unitary.T * weight) @ unitary
    real, imaginary = symmetric.real, symmetric.imag
    fisher = 2 * np.block([[real, -imaginary], [-imaginary, -real]])
    fisher[np.diag_indices(2 * dimension)] += 2 * shots.sum()
    along = np.stack([np.r_[psi.real, psi.imag], np.r_[-psi.imag, psi.real]])
    outside = np.eye(2 * dimension) - along.T @ along
    return outside @ fisher @ outside


def least_agreement(chosen: np.ndarray, others: list[np.ndarray]) -> float:
    """Smallest fidelity of other fits, equally good, with the chosen one; 1 where there are none."""
    return min((fidelity(chosen, other) for other in others), default=1.0)


def blind_to_conjugation(data: Measurements) -> bool:
    """True where ψ and ψ* give the same probabilities in every setting: no effect is complex."""
    letters = set("".join(data.settings))
    return all(np.allclose(rows_of(c, data.effects).imag, 0) for c in letters)
