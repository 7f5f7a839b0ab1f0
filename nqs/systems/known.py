"""States known in closed form, or nearly so; complex, (2**sites,), site 0 most significant."""

from collections.abc import Callable

import numpy as np

from nqs.systems.exact import lanczos
from nqs.systems.hamiltonians import ising
from nqs.systems.lattices import Lattice, chain

MOST_SITES = 24
"""A vector of 24 sites takes 256 MiB."""


def ghz(sites: int) -> np.ndarray:
    """(|00…0⟩ + |11…1⟩) / √2."""
    psi = _zeros(sites)
    psi[[0, -1]] = np.sqrt(0.5)
    return psi


def w(sites: int) -> np.ndarray:
    """(|10…0⟩ + |01…0⟩ + … + |00…1⟩) / √N."""
    psi = _zeros(sites)
    psi[1 << np.arange(sites)] = 1 / np.sqrt(sites)
    return psi


def cluster(sites: int) -> np.ndarray:
    """∏_i CZ_{i,i+1} |+⟩^N on an open chain: ψ(b) = (−1)^{Σ_i b_i b_{i+1}} / √2^N.

    Briegel and Raussendorf, Phys. Rev. Lett. 86, 910 (2001).
    """
    psi = _zeros(sites) + 2 ** (-sites / 2)
    for left in range(sites - 1):
        psi.reshape(2**left, 2, 2, -1)[:, 1, 1] *= -1
    return psi


def product(sites: int, seed: int = 0, *, angles=None) -> np.ndarray:
    """⊗_n [cos(θ_n/2) |0⟩ + e^{iφ_n} sin(θ_n/2) |1⟩].

    angles: (sites, 2) of θ_n, φ_n in radians; without them each site's Bloch
    vector is uniform on the sphere.
    """
    if angles is None:
        angles = product_angles(sites, seed)
    angles = np.asarray(angles, dtype=float)
    if angles.shape != (sites, 2):
        raise ValueError(f"angles have shape {angles.shape}; expected ({sites}, 2) of θ and φ.")
    _refuse_too_many(sites)
    psi = np.ones(1, complex)
    for theta, phi in angles:
        psi = np.kron(psi, [np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)])
    return psi


def product_angles(sites: int, seed: int = 0) -> np.ndarray:
    """θ_n and φ_n of Bloch vectors that are uniform on the sphere, (sites, 2)."""
    rng = np.random.default_rng(seed)
    theta, phi = np.arccos(rng.uniform(-1, 1, sites)), rng.uniform(0, 2 * np.pi, sites)
    return np.stack([theta, phi], axis=1)


def random_state(sites: int, seed: int = 0) -> np.ndarray:
    """Uniform over all pure states (Haar): complex normal amplitudes, normalised."""
    _refuse_too_many(sites)
    rng = np.random.default_rng(seed)
    real, imaginary = rng.normal(size=(2, 2**sites))
    psi = real + 1j * imaginary
    return psi / np.linalg.norm(psi)


def ising_ground_state(sites: int, J=1.0, h=1.0, periodic: bool = False) -> np.ndarray:
    """Lowest eigenvector of H = −Σ_i J_i Z_i Z_{i+1} − Σ_i h_i X_i, by Lanczos.

    J: a number, or one for each bond of the chain, the closing one last.
    h: a number, or one for each site. With every h > 0 all amplitudes are
    positive (Perron and Frobenius).
    """
    _refuse_too_many(sites)
    row = chain(sites, periodic) if sites > 1 else Lattice("site", 1, np.zeros((0, 2), int))
    # the same start every time, without which the sign of ψ would be left to chance
    psi = lanczos(ising(row, J, h), start=np.ones(2**sites)).psi
    return (psi * np.sign(psi.sum() or 1)).astype(complex)


KNOWN: dict[str, Callable[[int, int], np.ndarray]] = {
    "ghz": lambda sites, seed: ghz(sites),
    "w": lambda sites, seed: w(sites),
    "cluster": lambda sites, seed: cluster(sites),
    "product": lambda sites, seed: product(sites, seed),
    "random": lambda sites, seed: random_state(sites, seed),
    "ising": lambda sites, seed: ising_ground_state(sites),
}
"""Name → vector of (sites, seed); the seed matters to `product` and `random` only."""


def known(name: str, sites: int, seed: int = 0) -> np.ndarray:
    """The state called `name`; ValueError names the menu where unknown."""
    if name not in KNOWN:
        raise ValueError(f"unknown state {name!r}; choose one of {', '.join(KNOWN)}.")
    return KNOWN[name](sites, seed)


def _zeros(sites: int) -> np.ndarray:
    _refuse_too_many(sites)
    return np.zeros(2**sites, complex)


def _refuse_too_many(sites: int) -> None:
    if not 1 <= sites <= MOST_SITES:
        raise ValueError(
            f"a state of {sites} sites has 2^{sites} amplitudes; expected 1 to {MOST_SITES} sites."
        )
