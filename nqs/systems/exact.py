"""Exact ground-state energies: free fermions for Ising chains, Lanczos for small systems."""

from math import comb
from typing import NamedTuple

import numpy as np

from nqs.systems.pauli import PauliSum

LANCZOS_STATES = 2**21


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


def sector_size(sites: int, magnetisation: int | None) -> int:
    """Number of basis states with Σ Z = magnetisation, of all where None."""
    if magnetisation is None:
        return 2**sites
    return comb(sites, (sites - magnetisation) // 2)


def sector(sites: int, magnetisation: int | None) -> np.ndarray:
    """Sorted index of the basis states with Σ Z = magnetisation, all where None."""
    if sites > 26:
        raise ValueError(f"{sites} sites have 2^{sites} basis states; the limit is 26 sites.")
    index = np.arange(2**sites)
    if magnetisation is None:
        return index
    if abs(magnetisation) > sites or (magnetisation - sites) % 2:
        raise ValueError(
            f"no basis state of {sites} sites has Σ Z = {magnetisation}; expected "
            f"{-sites}, {2 - sites}, … {sites}."
        )
    return index[np.bitwise_count(index) == (sites - magnetisation) // 2]


def lanczos(
    hamiltonian: PauliSum, magnetisation: int | None = None, *, start: np.ndarray | None = None
) -> GroundState:
    """Lowest eigenvector, within a sector of Σ Z where one is named; about 20 sites.

    start: vector to begin with, which settles what of a degenerate level is found.
    ValueError where H leaves the sector, or the sector has too many states.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    if magnetisation is not None and not hamiltonian.conserves_magnetisation():
        raise ValueError("this Hamiltonian does not conserve Σ Z; leave out the magnetisation.")
    states = sector(hamiltonian.sites, magnetisation)
    if len(states) > LANCZOS_STATES:
        raise ValueError(
            f"{len(states):,} basis states are too many for Lanczos; the limit is "
            f"{LANCZOS_STATES:,}. Name a magnetisation, or fewer sites."
        )
    dtype = float if hamiltonian.real else complex
    times = hamiltonian.action(None if magnetisation is None else states)
    if len(states) <= 64:
        columns = [times(column) for column in np.eye(len(states), dtype=dtype)]
        values, vectors = np.linalg.eigh(np.stack(columns, axis=1))
        return GroundState(float(values[0]), states, vectors[:, 0])
    operator = LinearOperator((len(states),) * 2, lambda psi: times(psi.reshape(-1)), dtype=dtype)
    if start is None:
        start = np.random.default_rng(0).normal(size=len(states))  # the same every time
    values, vectors = eigsh(operator, k=1, which="SA", v0=start.astype(dtype), ncv=24)
    return GroundState(float(values[0]), states, vectors[:, 0])
