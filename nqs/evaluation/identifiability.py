"""What the settings leave open: directions of the state that the shots do not pin down."""

from collections.abc import Iterable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from nqs.evaluation.fidelity import fidelity
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import UNMEASURED, rows_of
from nqs.state.born import observed, rotations
from nqs.state.reach import FISHER_SITES, FISHER_WORK

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

    Counts eigenvalues of the shots' Fisher matrix above 1/0.3²; None where that is out
    of reach, or where the settings that can be looked at do not fix everything alone. A cell that
    expects no shot has a Fisher term along one quadrature of its amplitude only,
    by the accident of which tiny number the fit left there; but seeing nothing in
    it bounds both, each with half the weight, and that is what is counted.
    """
    directions = 2 * psi.size - 2
    if data.only_z and not any(UNMEASURED in s for s in data.settings):
        return Rank(psi.size - 1, directions)  # all moduli, no phase
    if data.sites > FISHER_SITES:
        return Rank(None, directions)
    # information only adds up: once the settings with most shots fix everything, all do
    order = np.argsort(-data.shots_per_setting, kind="stable")
    within_reach = min(len(order), max(1, FISHER_WORK >> (2 * data.sites)))
    fisher, done, fixed = np.zeros((2 * psi.size, 2 * psi.size)), 0, 0
    for upto in sorted({n for n in (16, 64, 256) if n < within_reach} | {within_reach}):
        fisher += fisher_matrix(psi, data, order[done:upto])
        # two null directions, norm and global phase, are no directions of the state
        fixed, done = int((np.linalg.eigvalsh(fisher) > _PINNED**-2).sum()), upto
        if fixed >= directions:
            return Rank(directions, directions)
    return Rank(fixed if done == len(order) else None, directions)


def fisher_matrix(
    psi: np.ndarray, data: Measurements, settings: Iterable[int] | None = None
) -> np.ndarray:
    """Fisher information of the shots about (Re δψ, Im δψ), (2·2**sites, 2·2**sites).

    settings: rows of data.settings, all if left out. Components along ψ and iψ, norm
    and global phase, are projected out.
    """
    fisher, shots = np.zeros((2 * psi.size, 2 * psi.size)), data.shots_per_setting
    for number in range(len(data.settings)) if settings is None else settings:
        setting, taken = data.settings[number], int(shots[number])
        unitary = np.ones((1, 1), complex)
        for letter in setting:
            unitary = np.kron(unitary, rows_of(letter, data.effects))
        if UNMEASURED in setting or data.readout is not None:
            fisher += taken * _of_mixed_cells(psi, unitary, setting, data, taken)
        else:
            fisher += taken * _of_pure_cells(psi, unitary, taken)
    along = np.stack([np.r_[psi.real, psi.imag], np.r_[-psi.imag, psi.real]])
    outside = np.eye(2 * psi.size) - along.T @ along
    return outside @ fisher @ outside


def _of_pure_cells(psi: np.ndarray, unitary: np.ndarray, taken: int) -> np.ndarray:
    """Information of one shot where every cell is one amplitude a = ⟨outcome|ψ⟩.

    A cell adds 4 Re(e^{−iθ} δa)² = 2|δa|² + 2 Re((e^{−iθ} δa)²), θ = arg a; the first
    term sums to 2|δψ|².
    """
    amplitude = unitary @ psi
    seen = ~_empty(np.abs(amplitude) ** 2, taken)
    weight = np.where(seen, np.exp(-2j * np.angle(amplitude)), 0)
    symmetric = (unitary.T * weight) @ unitary
    real, imaginary = symmetric.real, symmetric.imag
    information = 2 * np.block([[real, -imaginary], [-imaginary, -real]])
    information[np.diag_indices(2 * psi.size)] += 2
    return information


def _of_mixed_cells(
    psi: np.ndarray, unitary: np.ndarray, setting: str, data: Measurements, taken: int
) -> np.ndarray:
    """Information of one shot where a cell sums several amplitudes: δp² / p."""
    amplitude = unitary @ psi
    plan = rotations((setting,), data.effects, data.readout)

    def read_out(rows):  # (…, 2**sites) over outcomes
        return np.asarray(observed(jnp.asarray(rows), plan))

    probability = read_out(np.abs(amplitude[None]) ** 2)[0]
    turned = amplitude.conj()[:, None] * unitary
    slope = read_out(2 * np.concatenate([turned.real, -turned.imag], axis=1).T)
    empty = _empty(probability, taken)
    once = np.ones(1, bool)
    for letter in setting:  # a marginal stands at both outcomes; count it at outcome 0
        once = np.kron(once, [True, letter != UNMEASURED]).astype(bool)
    cells = once & ~empty
    information = (slope[:, cells] / probability[cells]) @ slope[:, cells].T
    hidden = unitary[empty].T.conj() @ unitary[empty]
    real, imaginary = hidden.real, hidden.imag
    return information + 2 * np.block([[real, -imaginary], [imaginary, real]])


def _empty(probability: np.ndarray, taken: int) -> np.ndarray:
    """Cells that expect no shot: far below one, and far below the average cell."""
    return probability < min(0.5 / max(taken, 1), 0.02 / probability.size)


def least_agreement(chosen: np.ndarray, others: list[np.ndarray]) -> float | None:
    """Smallest fidelity of other fits, equally good, with the chosen one; None without others."""
    return min((fidelity(chosen, other) for other in others), default=None)


def blind_to_conjugation(data: Measurements) -> bool:
    """True where ψ and ψ* give the same probabilities in every setting: no effect is complex."""
    letters = set("".join(data.settings))
    return all(np.allclose(rows_of(c, data.effects).imag, 0) for c in letters)
