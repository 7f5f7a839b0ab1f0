"""Exact ground-state energies: free fermions for Ising chains, Lanczos for small systems."""

from typing import NamedTuple

import numpy as np

from nqs.systems.pauli import PauliSum
from nqs.systems.sectors import (
    INDEX_SITES,
    LISTED_STATES,
    Magnetisation,
    parts,
    sector,
    sector_size,
)

LANCZOS_STATES = LISTED_STATES
LANCZOS_BYTES = 4e9
"""Of the matrix elements looked up beforehand."""

_BETHE_STEPS = 1000


class GroundState(NamedTuple):
    """energy: lowest. states: (states,) sorted index of the basis states. psi: amplitudes on them."""

    energy: float
    states: np.ndarray
    psi: np.ndarray


def ising_chain_energy(J, h, *, periodic: bool = False) -> float:
    """Lowest energy of H = −Σ J_i Z_i Z_{i+1} − Σ h_i X_i, a chain of any length.

    J: (sites − 1,), or (sites,) where periodic, the closing bond last. h: (sites,).
    Free fermions: E = −Σ singular values of the matrix with h on the diagonal and −J
    below it. On a ring its corner is J where ∏ X = 1 and −J where ∏ X = −1; the sign
    of its determinant is the parity of the vacuum, and where that is not the sector's
    one fermion must be paid for.
    Lieb, Schultz and Mattis, Ann. Phys. 16, 407 (1961); Pfeuty, Ann. Phys. 57, 79 (1970).
    """
    J, h = np.atleast_1d(np.asarray(J, float)), np.atleast_1d(np.asarray(h, float))
    sites = len(h)
    if J.shape != (sites if periodic else sites - 1,):
        raise ValueError(
            f"{len(J)} bonds were given for {sites} sites; expected {sites - (not periodic)}."
        )
    matrix = np.diag(h) - np.diag(J[: sites - 1], -1)
    if not periodic:
        return -float(np.linalg.svd(matrix, compute_uv=False).sum())
    sectors = []
    for parity in (1, -1):  # of ∏ X
        ring = matrix.copy()
        ring[0, -1] += parity * J[-1]
        values = np.linalg.svd(ring, compute_uv=False)
        sign, _ = np.linalg.slogdet(ring)
        gap = 2 * values[-1] if sign * parity < 0 else 0.0
        sectors.append(-values.sum() + gap)
    return float(min(sectors))


def heisenberg_ring_energy(sites: int) -> float:
    """Lowest energy of H = Σ σ_i·σ_{i+1} on a ring of an even number of sites, in Pauli matrices.

    Rapidities of 2 arctan 2λ_j = 2π I_j / N + (2/N) Σ_k arctan(λ_j − λ_k), with I_j in a row around 0.
    Bethe, Z. Phys. 71, 205 (1931); Hulthén, Ark. Mat. Astron. Fys. 26A, 11 (1938).
    """
    if sites < 4 or sites % 2:
        raise ValueError(f"a ring of {sites} sites; expected an even number from 4.")
    numbers = np.arange(sites // 2) - (sites // 2 - 1) / 2
    rapidities = np.zeros(len(numbers))
    for _ in range(_BETHE_STEPS):
        scattered = np.arctan(rapidities[:, None] - rapidities[None]).sum(axis=1)
        moved = np.tan((np.pi * numbers + scattered) / sites) / 2
        change = np.abs(moved - rapidities).max()
        rapidities = moved
        if change < 1e-14:
            break
    return float(sites - (8 / (1 + 4 * rapidities**2)).sum())


def reachable(
    hamiltonian: PauliSum, magnetisation: Magnetisation | None, most: int = LANCZOS_STATES
) -> bool:
    """Whether a sector is within reach of Lanczos, and of no more than `most` states."""
    states = sector_size(hamiltonian.sites, magnetisation)
    if states > most or hamiltonian.sites > INDEX_SITES:
        return False
    return 24.0 * states * len(hamiltonian.flips[0]) <= LANCZOS_BYTES


def lanczos(
    hamiltonian: PauliSum,
    magnetisation: Magnetisation | None = None,
    *,
    start: np.ndarray | None = None,
    level: int = 0,
) -> GroundState:
    """Lowest eigenvector, within a sector of Σ Z where one is named; about 20 sites.

    start: vector to begin with, which settles what of a degenerate level is found. level: how many
    eigenvectors lie below the one that is returned.
    ValueError where H leaves the sector, or the sector has too many states.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    if magnetisation is not None and not hamiltonian.conserves_magnetisation(parts(magnetisation)):
        raise ValueError("this Hamiltonian does not conserve Σ Z; leave out the magnetisation.")
    number = sector_size(hamiltonian.sites, magnetisation)
    if not reachable(hamiltonian, magnetisation):
        raise ValueError(
            f"{number:,} basis states, each with up to {len(hamiltonian.flips[0]):,} elements, are too many "
            f"for Lanczos; the limit is {LANCZOS_STATES:,} states and {LANCZOS_BYTES:.0e} bytes. Name a "
            "magnetisation, or fewer sites."
        )
    states = sector(hamiltonian.sites, magnetisation)
    dtype = float if hamiltonian.real else complex
    times = hamiltonian.action(None if magnetisation is None else states)
    if level >= len(states):
        raise ValueError(f"{len(states)} basis states have no level {level}, counted from 0.")
    if len(states) <= 64:
        columns = [times(column) for column in np.eye(len(states), dtype=dtype)]
        values, vectors = np.linalg.eigh(np.stack(columns, axis=1))
        return GroundState(float(values[level]), states, vectors[:, level])
    operator = LinearOperator((len(states),) * 2, lambda psi: times(psi.reshape(-1)), dtype=dtype)
    if start is None:
        start = np.random.default_rng(0).normal(size=len(states))  # the same every time
    v0 = start.astype(dtype)
    values, vectors = eigsh(operator, k=1 + level, which="SA", v0=v0, ncv=24 + 2 * level)
    which = np.argsort(values)[level]
    return GroundState(float(values[which]), states, vectors[:, which])
