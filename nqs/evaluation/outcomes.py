"""What outcomes of informationally complete measurements say, and whether any state would have them."""

from typing import NamedTuple

import numpy as np

from nqs.evaluation.heldout import Estimate
from nqs.measurement.effects import PAULI_LETTERS, pauli_matrix
from nqs.measurement.outcomes import pauli_values
from nqs.state.outcomes import OutcomeModel
from nqs.statistics import standard_error
from nqs.systems.pauli import PauliSum

_WINDOW = 3
"""Neighbouring sites that are looked at together where there are too many for one matrix."""

MATRIX_SITES = 8
"""Sites up to which all outcomes are made one matrix."""


class Physicality(NamedTuple):
    """How far outcomes are from those of a state.

    least: the smallest eigenvalue of the operator that they stand for, 0 or more of a state; with its error where
    it comes from samples. sites: those of that operator.
    """

    least: Estimate
    sites: tuple[int, ...]


def values_of(effects: np.ndarray) -> np.ndarray:
    """What each outcome counts for 1, X, Y and Z at every site, (sites, 4, K)."""
    return np.stack([pauli_values(own, site) for site, own in enumerate(effects)])


def expectation(
    symbols: np.ndarray, values: np.ndarray, total: PauliSum, counts: np.ndarray | None = None
) -> Estimate:
    """⟨A⟩ of a sum of Pauli strings from rows of outcomes (rows, sites), with its error."""
    said = np.full(len(symbols), float(total.constant))
    for x, z, c in zip(total.x, total.z, total.coefficients, strict=True):
        product = np.full(len(symbols), float(c))
        for site in np.flatnonzero(x | z):
            letter = "IXZY"[int(x[site]) + 2 * int(z[site])]
            product *= values[site, 1 + PAULI_LETTERS.index(letter), symbols[:, site]]
        said += product
    if counts is None:
        return Estimate(float(said.mean()), standard_error(said, None))
    shots = counts.sum()
    mean = float(counts @ said / shots)
    variance = float(counts @ (said - mean) ** 2 / max(shots - 1, 1))
    return Estimate(mean, float(np.sqrt(variance / shots)))


def duals_of(values: np.ndarray) -> np.ndarray:
    """The operators whose mean over outcomes is the density matrix of a site, (sites, K, 2, 2)."""
    paulis = np.stack([np.eye(2), *(pauli_matrix(letter) for letter in PAULI_LETTERS)]) / 2
    return np.einsum("spk,pab->skab", values, paulis)


def operator_of(table: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The operator that has these probabilities (K, …, K), (2**sites, 2**sites), of unit trace; positive or not."""
    found = table.astype(complex)
    for dual in duals_of(values):
        found = np.tensordot(found, dual, axes=(0, 0))  # the axes of this site go to the end
    sites = len(values)
    order = [*range(0, 2 * sites, 2), *range(1, 2 * sites, 2)]
    rho = found.transpose(order).reshape(2**sites, 2**sites)
    return rho / np.trace(rho).real


def physicality(model: OutcomeModel, samples: int, seed: int) -> Physicality:
    """Of all sites where their outcomes can be listed; else of the neighbours where it is worst, from samples: half
    of them say in which direction, the others how much."""
    values, table = values_of(model.effects), None
    if model.sites <= MATRIX_SITES:
        table = model.table()
    if table is not None:
        least = float(np.linalg.eigvalsh(operator_of(table, values))[0])
        return Physicality(Estimate(least, None), tuple(range(model.sites)))
    drawn = model.sample(2 * samples, seed)
    worst = None
    for first in range(max(model.sites - _WINDOW + 1, 1)):
        sites = tuple(range(first, min(first + _WINDOW, model.sites)))
        own = _witness(drawn[:, sites], values[list(sites)])
        if worst is None or own.value / (own.error or 1) < worst.least.value / (
            worst.least.error or 1
        ):
            worst = Physicality(own, sites)
    assert worst is not None
    return worst


def _witness(symbols: np.ndarray, values: np.ndarray) -> Estimate:
    """⟨v|ρ|v⟩ of the eigenvector v of least value of one half, from the other half of rows of outcomes."""
    half, levels = len(symbols) // 2, values.shape[2]
    table = np.zeros((levels,) * len(values))
    np.add.at(table, tuple(symbols[:half].T), 1 / half)
    _, vectors = np.linalg.eigh(operator_of(table, values))
    v = vectors[:, 0]
    every = np.zeros((levels,) * len(values))
    for outcome in np.ndindex(*every.shape):
        operator: np.ndarray = np.ones((1, 1), complex)
        for own, k in zip(duals_of(values), outcome, strict=True):
            operator = np.kron(operator, own[k])
        every[outcome] = np.vdot(v, operator @ v).real
    said = every[tuple(symbols[half:].T)]
    return Estimate(float(said.mean()), standard_error(said, None))
