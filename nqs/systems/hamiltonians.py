"""Hamiltonians by name, as sums of Pauli strings in Pauli matrices (not spins of 1/2)."""

from collections.abc import Mapping, Sequence

import numpy as np

from nqs.systems.lattices import Lattice
from nqs.systems.pauli import PauliSum, refuse_too_many_terms

Couplings = float | Sequence[float] | np.ndarray


def ising(
    lattice: Lattice,
    J: Couplings = 1.0,
    h: Couplings = 1.0,
    g: Couplings = 0.0,
    alpha: float | None = None,
) -> PauliSum:
    """H = −Σ_(ij) J_ij Z_i Z_j − Σ_i h_i X_i − Σ_i g_i Z_i, in Pauli matrices.

    J: one number, or one for each edge in lattice order. h, g: one, or one for each site.
    alpha: J_ij = J / r_ij^α of every pair instead of the edges.
    Pfeuty, Ann. Phys. 57, 79 (1970); with alpha: Koffel et al., Phys. Rev. Lett. 109, 267203 (2012).
    """
    bonds, couplings = _bonds(lattice, {"J": J}, alpha)
    parts = [
        _pairs(bonds, "ZZ", -couplings["J"]),
        _singles(lattice, "X", -_each("h", h, lattice.sites, "site")),
        _singles(lattice, "Z", -_each("g", g, lattice.sites, "site")),
    ]
    return _sum(parts)


def xyz(
    lattice: Lattice,
    Jx: Couplings = 1.0,
    Jy: Couplings = 1.0,
    Jz: Couplings = 1.0,
    hx: Couplings = 0.0,
    hy: Couplings = 0.0,
    hz: Couplings = 0.0,
    alpha: float | None = None,
) -> PauliSum:
    """H = Σ_(ij) (Jx X_i X_j + Jy Y_i Y_j + Jz Z_i Z_j) − Σ_i h_i·σ_i, in Pauli matrices.

    alpha: J_ij = J / r_ij^α of every pair instead of the edges. No sign is rotated away.
    Baxter, Ann. Phys. 70, 323 (1972).
    """
    bonds, couplings = _bonds(lattice, {"Jx": Jx, "Jy": Jy, "Jz": Jz}, alpha)
    fields = {"hx": hx, "hy": hy, "hz": hz}
    pairs = [_pairs(bonds, 2 * k[1].upper(), strength) for k, strength in couplings.items()]
    singles = [
        _singles(lattice, k[1].upper(), -_each(k, field, lattice.sites, "site"))
        for k, field in fields.items()
    ]
    return _sum(pairs + singles)


def xxz(
    lattice: Lattice,
    J: Couplings = 1.0,
    delta: float = 1.0,
    hx: Couplings = 0.0,
    hz: Couplings = 0.0,
    alpha: float | None = None,
) -> PauliSum:
    """H = Σ_(ij) J_ij (X_i X_j + Y_i Y_j + Δ Z_i Z_j) − Σ hx_i X_i − Σ hz_i Z_i, in Pauli matrices.

    Four times the energy of spins 1/2. No sign is rotated away: J > 0 is
    antiferromagnetic and its ground state has Marshall's signs. alpha: J_ij = J / r_ij^α of
    every pair instead of the edges.
    Yang and Yang, Phys. Rev. 150, 321 (1966).
    """
    bonds, couplings = _bonds(lattice, {"J": J}, alpha)
    J = couplings["J"]
    return xyz(bonds, J, J, delta * J, hx, 0.0, hz)


def heisenberg(lattice: Lattice, J: Couplings = 1.0, alpha: float | None = None) -> PauliSum:
    """H = Σ_(ij) J_ij (X_i X_j + Y_i Y_j + Z_i Z_j), in Pauli matrices: four times S·S.

    alpha: J_ij = J / r_ij^α of every pair instead of the edges. Bethe, Z. Phys. 71, 205 (1931).
    """
    return xxz(lattice, J, alpha=alpha)


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


def cluster(lattice: Lattice, J: float = 1.0, hx: Couplings = 0.0, hz: Couplings = 0.0) -> PauliSum:
    """H = −J Σ_i X_i ∏_{j next to i} Z_j − Σ hx_i X_i − Σ hz_i Z_i.

    Without fields its ground state is the graph state of the lattice, at −J for each site.
    Hein, Eisert and Briegel, Phys. Rev. A 69, 062311 (2004).
    """
    next_to = np.zeros((lattice.sites, lattice.sites), bool)
    next_to[lattice.edges[:, 0], lattice.edges[:, 1]] = True
    own = np.eye(lattice.sites, dtype=bool)
    stabilisers = PauliSum.from_bits(own, next_to | next_to.T, np.full(lattice.sites, -J))
    return _sum([stabilisers, *_along_x_and_z(lattice.sites, hx, hz)])


def toric(
    lattice: Lattice,
    Jx: float = 1.0,
    Jz: float = 1.0,
    hx: Couplings = 0.0,
    hz: Couplings = 0.0,
) -> PauliSum:
    """H = −Jx Σ_vertices ∏ X − Jz Σ_faces ∏ Z − Σ hx_e X_e − Σ hz_e Z_e; a qubit on every edge.

    lattice: a square one, whose edges in their order are the qubits. Without fields the ground
    states of a periodic one lie at −Jx for each vertex and −Jz for each face.
    Kitaev, Ann. Phys. 303, 2 (2003).
    """
    if len(lattice.size) != 2 or lattice.lengths is None or min(lattice.size) < 3:
        raise ValueError(
            f"the toric code lies on the edges of a square of three rows and columns at least; this is "
            f"a {lattice.name} of size {list(lattice.size)}."
        )
    number = {frozenset(pair): n for n, pair in enumerate(lattice.edges.tolist())}
    edges = len(number)
    stars = np.zeros((lattice.sites, edges), bool)
    stars[lattice.edges.T, np.arange(edges)] = True
    place = np.arange(lattice.sites).reshape(lattice.size)
    corners = [
        place,
        np.roll(place, -1, 1),
        np.roll(place, (-1, -1), (0, 1)),
        np.roll(place, -1, 0),
    ]
    faces = []
    for around in np.stack([c.reshape(-1) for c in corners], axis=1).tolist():
        sides = [frozenset(s) for s in zip(around, [*around[1:], around[0]], strict=True)]
        if all(side in number for side in sides):  # an open square has no faces across its ends
            faces.append(np.isin(np.arange(edges), [number[side] for side in sides]))
    x, z = np.zeros((len(faces), edges), bool), np.zeros_like(stars)
    return _sum(
        [
            PauliSum.from_bits(stars, z, np.full(len(stars), -Jx)),
            PauliSum.from_bits(x, np.array(faces), np.full(len(faces), -Jz)),
            *_along_x_and_z(edges, hx, hz),
        ]
    )


def _along_x_and_z(sites: int, hx: Couplings, hz: Couplings) -> list[PauliSum]:
    graph = Lattice("edges", sites, np.zeros((0, 2), np.int64))
    fields = (("X", "hx", hx), ("Z", "hz", hz))
    return [_singles(graph, c, -_each(name, field, sites, "site")) for c, name, field in fields]


def _bonds(
    lattice: Lattice, couplings: Mapping[str, Couplings], alpha: float | None
) -> tuple[Lattice, dict[str, np.ndarray]]:
    """Pairs that interact, and how strongly: edges, or with `alpha` all pairs by their distance."""
    if alpha is None:
        number = len(lattice.edges)
        return lattice, {k: _each(k, J, number, "edge") for k, J in couplings.items()}
    distance = lattice.distances()
    pairs = np.argwhere(np.triu(distance > 0))
    falloff = distance[tuple(pairs.T)] ** -alpha
    found = {}
    for name, J in couplings.items():
        if np.ndim(J):
            raise ValueError(
                f"{name} is one for each edge, and alpha couples every pair; give one."
            )
        found[name] = _each(name, J, 1, "pair")[0] * falloff
    return Lattice("edges", lattice.sites, pairs), found


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
