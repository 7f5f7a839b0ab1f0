"""Hamiltonians by name, as sums of Pauli strings in Pauli matrices (not spins of 1/2)."""

from collections.abc import Sequence

import numpy as np

from nqs.systems.lattices import Lattice
from nqs.systems.pauli import PauliSum, refuse_too_many_terms

Couplings = float | Sequence[float] | np.ndarray


def ising(lattice: Lattice, J: Couplings = 1.0, h: Couplings = 1.0, g: Couplings = 0.0) -> PauliSum:
    """H = −Σ_(ij) J_ij Z_i Z_j − Σ_i h_i X_i − Σ_i g_i Z_i, in Pauli matrices.

    J: one number, or one for each edge in lattice order. h, g: one, or one for each site.
    Pfeuty, Ann. Phys. 57, 79 (1970).
    """
    parts = [
        _pairs(lattice, "ZZ", -_each("J", J, len(lattice.edges), "edge")),
        _singles(lattice, "X", -_each("h", h, lattice.sites, "site")),
        _singles(lattice, "Z", -_each("g", g, lattice.sites, "site")),
    ]
    return _sum(parts)


def xxz(
    lattice: Lattice,
    J: Couplings = 1.0,
    delta: float = 1.0,
    hx: Couplings = 0.0,
    hz: Couplings = 0.0,
) -> PauliSum:
    """H = Σ_(ij) J_ij (X_i X_j + Y_i Y_j + Δ Z_i Z_j) − Σ hx_i X_i − Σ hz_i Z_i, in Pauli matrices.

    Four times the energy of spins 1/2. No sign is rotated away: J > 0 is
    antiferromagnetic and its ground state has Marshall's signs.
    Yang and Yang, Phys. Rev. 150, 321 (1966).
    """
    couplings = _each("J", J, len(lattice.edges), "edge")
    parts = [
        _pairs(lattice, "XX", couplings),
        _pairs(lattice, "YY", couplings),
        _pairs(lattice, "ZZ", delta * couplings),
        _singles(lattice, "X", -_each("hx", hx, lattice.sites, "site")),
        _singles(lattice, "Z", -_each("hz", hz, lattice.sites, "site")),
    ]
    return _sum(parts)


def heisenberg(lattice: Lattice, J: Couplings = 1.0) -> PauliSum:
    """H = Σ_(ij) J_ij (X_i X_j + Y_i Y_j + Z_i Z_j), in Pauli matrices: four times S·S.

    Bethe, Z. Phys. 71, 205 (1931).
    """
    return xxz(lattice, J)


def j1j2(lattice: Lattice, J1: float = 1.0, J2: float = 0.5) -> PauliSum:
    """H = J1 Σ_nearest σ_i·σ_j + J2 Σ_next σ_i·σ_j, in Pauli matrices: four times S·S.

    Next nearest by distance: across the diagonals of a square, two steps along a chain.
    Chandra and Douçot, Phys. Rev. B 38, 9335 (1988).
    """
    further = Lattice("edges", lattice.sites, lattice.neighbours(2))
    return _sum([heisenberg(lattice, J1), heisenberg(further, J2)])


def rydberg(
    lattice: Lattice,
    omega: float = 1.0,
    delta: float = 1.0,
    V: float = 7.0,
    cutoff: float | None = None,
) -> PauliSum:
    """H = −(Ω/2) Σ X_i − δ Σ n_i + Σ_{i<j} (V/r_ij⁶) n_i n_j, n = (1 − Z)/2, ħ = 1.

    Bit 1 is the Rydberg state. r in units of the spacing; pairs further apart than
    `cutoff` are left out, none without one.
    Bernien et al., Nature 551, 579 (2017).
    """
    distance = lattice.distances()
    near = np.triu(distance > 0) & (distance <= (np.inf if cutoff is None else cutoff + 1e-9))
    pairs = np.argwhere(near)
    strength = V / distance[near] ** 6
    # n_i n_j = (1 − Z_i − Z_j + Z_i Z_j)/4, n_i = (1 − Z_i)/2
    field = np.full(lattice.sites, delta / 2)
    np.subtract.at(field, pairs, strength[:, None] / 4)
    constant = strength.sum() / 4 - lattice.sites * delta / 2
    graph = Lattice("edges", lattice.sites, pairs)
    drive = np.full(lattice.sites, -omega / 2)
    return _sum(
        [
            _singles(lattice, "X", drive),
            _singles(lattice, "Z", field),
            _pairs(graph, "ZZ", strength / 4),
        ],
        constant,
    )


def _each(name: str, value: Couplings, number: int, what: str) -> np.ndarray:
    """One number for each edge or site."""
    values = np.asarray(value, dtype=float)
    if values.shape not in {(), (number,)}:
        raise ValueError(
            f"{name} has {values.size} numbers of shape {values.shape}; expected one, or one for each "
            f"of the {number} {what}s."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds a number that is not finite; correct it.")
    return np.broadcast_to(values, (number,))


def _pairs(lattice: Lattice, letters: str, strengths: np.ndarray) -> PauliSum:
    """Σ strength · letter_i letter_j over the edges."""
    refuse_too_many_terms(len(lattice.edges), lattice.sites)
    on = np.zeros((len(lattice.edges), lattice.sites), bool)
    on[np.arange(len(on))[:, None], lattice.edges] = True
    return _of(letters[0], on, strengths)


def _singles(lattice: Lattice, letter: str, strengths: np.ndarray) -> PauliSum:
    return _of(letter, np.eye(lattice.sites, dtype=bool), strengths)


def _of(letter: str, on: np.ndarray, strengths: np.ndarray) -> PauliSum:
    """The same letter wherever `on` (terms, sites) says."""
    nowhere = np.zeros_like(on)
    x = on if letter in "XY" else nowhere
    z = on if letter in "YZ" else nowhere
    return PauliSum.from_bits(x, z, strengths)


def _sum(parts: Sequence[PauliSum], constant: float = 0.0) -> PauliSum:
    return PauliSum.from_bits(
        np.concatenate([p.x for p in parts]),
        np.concatenate([p.z for p in parts]),
        np.concatenate([p.coefficients for p in parts]),
        constant + sum(p.constant for p in parts),
    )
