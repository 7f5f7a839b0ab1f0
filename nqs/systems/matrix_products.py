"""States of any number of sites as products of matrices: known ones exactly, ground states by DMRG."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nqs.systems.known import product_angles
from nqs.systems.pauli import PauliSum

LARGEST_BOND = 128
_BONDS = (8, 16, 32, 64, LARGEST_BOND)
_TOLERANCE = 1e-8
"""Of the energy from sweep to sweep."""

_CUTOFF = 1e-11
"""Squared singular values below which bonds are cut off."""

Matrices = list[np.ndarray]
"""A_n[σ] of every site, (2, left, right); the first has one row, the last one column."""


class Lowest(NamedTuple):
    """energy: of the state. converged: whether the last sweep changed it by less than 1e-8."""

    matrices: Matrices
    energy: float
    converged: bool


def ghz(sites: int) -> Matrices:
    """(|00…0⟩ + |11…1⟩) / √2."""
    inner = np.zeros((2, 2, 2))
    inner[0, 0, 0] = inner[1, 1, 1] = 1
    return _ended([inner] * sites, np.full(2, 0.5**0.5), np.ones(2))


def w(sites: int) -> Matrices:
    """(|10…0⟩ + |01…0⟩ + … + |00…1⟩) / √N."""
    inner = np.zeros((2, 2, 2))
    inner[0] = np.eye(2)
    inner[1, 0, 1] = 1  # the one bit, of those before it there is none
    return _ended([inner] * sites, np.array([sites**-0.5, 0]), np.array([0, 1.0]))


def cluster(sites: int) -> Matrices:
    """∏ CZ |+⟩^N on an open chain: ψ(b) = (−1)^{Σ b_i b_{i+1}} / √2^N."""
    inner = np.zeros((2, 2, 2))
    for before in (0, 1):
        for bit in (0, 1):
            inner[bit, before, bit] = (-1) ** (before * bit) * 0.5**0.5
    return _ended([inner] * sites, np.array([1.0, 0]), np.ones(2))


def product(sites: int, seed: int = 0) -> Matrices:
    """⊗ [cos(θ_n/2) |0⟩ + e^{iφ_n} sin(θ_n/2) |1⟩], as `known.product` draws them."""
    theta, phi = product_angles(sites, seed).T
    amplitudes = np.stack([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)], axis=1)
    return [amplitude[:, None, None] for amplitude in amplitudes]


KNOWN: dict[str, Callable[[int, int], Matrices]] = {
    "ghz": lambda sites, seed: ghz(sites),
    "w": lambda sites, seed: w(sites),
    "cluster": lambda sites, seed: cluster(sites),
    "product": product,
}
"""Name → matrices of (sites, seed)."""


def dmrg(hamiltonian: PauliSum, seed: int = 0) -> Lowest:
    """Ground state of a sum of Pauli strings, by two-site DMRG of quimb.

    Bonds grow up to 128. ValueError where quimb is not installed.
    White, Phys. Rev. Lett. 69, 2863 (1992); Schollwöck, Ann. Phys. 326, 96 (2011).
    """
    try:
        import quimb.tensor as qtn
        from quimb.operator import SparseOperatorBuilder
    except ImportError:
        raise ValueError(
            "ground states beyond 20 sites come from quimb's DMRG, which is not installed; "
            "pip install 'nqs[dmrg]'."
        ) from None
    builder = SparseOperatorBuilder()
    letters = {(True, False): "x", (True, True): "y", (False, True): "z"}
    for x, z, coefficient in zip(
        hamiltonian.x, hamiltonian.z, hamiltonian.coefficients, strict=True
    ):
        places = np.flatnonzero(x | z)
        builder.add_term(
            float(coefficient), *((letters[bool(x[n]), bool(z[n])], int(n)) for n in places)
        )
    sites = hamiltonian.sites
    dtype = float if hamiltonian.real else complex
    start = qtn.MPS_rand_state(sites, _BONDS[0], seed=seed, dtype=dtype)
    operator = builder.build_mpo()
    found = qtn.DMRG2(operator, bond_dims=list(_BONDS), cutoffs=_CUTOFF, p0=start)
    converged = bool(found.solve(tol=_TOLERANCE, max_sweeps=24, verbosity=0))
    energy, state = float(found.energy.real), found.state
    state.normalize()
    if not np.isclose((state.H @ operator.apply(state)).real, energy, rtol=1e-5, atol=1e-8):
        state = state.conj()  # of a complex H it may be Hᵀ whose ground state comes out
    state.permute_arrays("lrp")
    matrices = []
    for site in range(sites):
        array = np.asarray(state[site].data)
        if site == 0:
            array = array[None]
        elif site == sites - 1:
            array = array[:, None]
        matrices.append(np.moveaxis(array, 2, 0))
    return Lowest(matrices, energy + hamiltonian.constant, converged)


def _ended(inner: Matrices, first: np.ndarray, last: np.ndarray) -> Matrices:
    """Open ends: what the first matrix begins with, and what the last one ends in."""
    found = list(inner)
    found[0] = (first @ found[0])[:, None, :]
    found[-1] = found[-1] @ last[:, None]
    return found
