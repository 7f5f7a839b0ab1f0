"""Fisher information of shots about a pure state, and the covariance of fits that follows from it."""

from collections.abc import Iterable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import UNMEASURED, rows_of
from nqs.state.born import observed, rotations_of

PINNED = 0.3
"""Radians: a direction of the state is fixed when the shots hold it at least this tightly."""


_FLAT = 1e-2
"""Information, in radians⁻², of a direction that the shots say nothing of."""


class Covariance(NamedTuple):
    """Of the fits to other shots about ψ, in (Re δψ, Im δψ).

    matrix: of the directions that the shots hold at all, (2·2**sites, 2·2**sites), none of them
    further than one radian. open: the others, (directions, 2·2**sites), orthonormal.
    """

    psi: np.ndarray
    matrix: np.ndarray
    open: np.ndarray


def covariance(psi: np.ndarray, data: Measurements, *, real: bool) -> Covariance:
    """Of the most likely of all pure states, to first order: the inverse of the Fisher matrix.

    real: whether ψ, up to its global phase, was known to be real.
    """
    psi = psi / np.linalg.norm(psi)
    if real:
        largest = psi[np.argmax(np.abs(psi))]
        psi = (psi * largest.conj() / abs(largest)).real.astype(complex)
    fisher, along = fisher_matrix(psi, data), _norm_and_phase(psi)
    if real:
        fisher, along = fisher[: psi.size, : psi.size], along[:1, : psi.size]
    # norm and phase are no directions of the state: set apart, they do not count as open
    values, vectors = np.linalg.eigh(fisher + along.T @ along / PINNED**3)
    vectors -= along.T @ (along @ vectors)
    held = values > _FLAT
    variances = np.minimum(1 / values[held], 1)
    matrix = np.zeros((2 * psi.size, 2 * psi.size))
    matrix[: len(fisher), : len(fisher)] = (vectors[:, held] * variances) @ vectors[:, held].T
    left = np.zeros((int((~held).sum()), 2 * psi.size))
    left[:, : len(fisher)] = vectors[:, ~held].T
    return Covariance(psi, matrix, left)


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
    along = _norm_and_phase(psi)
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
    plan = rotations_of(data, (setting,))

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


def _norm_and_phase(psi: np.ndarray) -> np.ndarray:
    """The changes of ψ that are none of the state, (2, 2·2**sites)."""
    return np.stack([np.r_[psi.real, psi.imag], np.r_[-psi.imag, psi.real]])
