"""Systems that know their own answers, by dense algebra that shares nothing with `nqs`."""

from functools import reduce
from itertools import product

import numpy as np
from scipy.stats import chi2

PAULI = {
    "I": np.eye(2, dtype=complex),
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1.0 + 0j, -1.0]),
}

FALSE_ALARM = 1e-4
"""How often a chi-square test here fails by chance; seeds are fixed, so never twice differently."""


def kron(factors):
    """Tensor product, first factor most significant."""
    return reduce(np.kron, factors)


def pauli(word: str) -> np.ndarray:
    """Dense Pauli string such as "XIY", (2**sites, 2**sites)."""
    return kron([PAULI[letter] for letter in word])


def ising(sites: int, J=1.0, h=1.0, periodic=False) -> np.ndarray:
    """H = −J Σ Z_i Z_{i+1} − h Σ X_i, dense."""

    def word(letters: dict[int, str]) -> str:
        return "".join(letters.get(site, "I") for site in range(sites))

    bonds = [(i, (i + 1) % sites) for i in range(sites if periodic else sites - 1)]
    total = -J * sum(pauli(word({i: "Z", j: "Z"})) for i, j in bonds)
    return total - h * sum(pauli(word({i: "X"})) for i in range(sites))


def asymmetric_state(sites: int, seed: int = 0) -> np.ndarray:
    """A normalised complex vector without any symmetry, (2**sites,)."""
    rng = np.random.default_rng(1000 + seed)
    psi = rng.normal(size=2**sites) + 1j * rng.normal(size=2**sites)
    psi *= rng.uniform(0.2, 2, 2**sites)  # uneven, so that a wrong order of bits shows
    return psi / np.linalg.norm(psi)


def mixed_state(sites: int, seed: int = 0) -> np.ndarray:
    """A complex density matrix of full rank, (2**sites, 2**sites)."""
    rng = np.random.default_rng(2000 + seed)
    size = (2**sites, 2**sites)
    a = rng.normal(size=size) + 1j * rng.normal(size=size)
    rho = a @ a.conj().T
    return rho / np.trace(rho)


def pauli_projectors(letter: str) -> np.ndarray:
    """(1 ± P) / 2 for outcomes 0 and 1; twice the identity where nothing is measured."""
    if letter == "I":
        return np.stack([PAULI["I"], PAULI["I"]])
    return np.stack([(PAULI["I"] + PAULI[letter]) / 2, (PAULI["I"] - PAULI[letter]) / 2])


def random_projectors(seed: int) -> np.ndarray:
    """Two orthogonal projectors on random complex directions, (2, 2, 2)."""
    rng = np.random.default_rng(3000 + seed)
    unitary, _ = np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))
    return np.stack([np.outer(column, column.conj()) for column in unitary.T])


def probabilities(state, setting, effects=None, readout=None) -> np.ndarray:
    """Tr ρ ⊗_n E_n(outcome) of every outcome in index order, (2**sites,).

    state: vector or density matrix. effects: letter → (2, 2, 2) beside the Paulis.
    readout: (sites, 2, 2) P(read | true), which mixes the effects of a site.
    Where a site is not measured both its outcomes carry the marginal.
    """
    rho = np.outer(state, state.conj()) if state.ndim == 1 else state
    sites = []
    for site, letter in enumerate(setting):
        operators = (effects or {}).get(letter)
        operators = pauli_projectors(letter) if operators is None else operators
        if readout is not None and letter != "I":
            operators = np.einsum("rt,tij->rij", readout[site], operators)
        sites.append(operators)
    return np.array([np.trace(rho @ kron(e)).real for e in product(*sites)])


def chance(counts, probability) -> float:
    """Chi-square probability of counts at least this far from the expected ones.

    Outcomes expected less than five times are counted together.
    """
    counts, expected = np.asarray(counts, float), np.sum(counts) * np.asarray(probability)
    rare = expected < 5
    if rare.any():
        counts = np.append(counts[~rare], counts[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
        counts, expected = counts[expected > 0], expected[expected > 0]
    return float(chi2.sf(((counts - expected) ** 2 / expected).sum(), max(len(counts) - 1, 1)))


def frequencies(bits) -> np.ndarray:
    """How often each outcome was seen, (2**sites,), site 0 most significant."""
    sites = bits.shape[1]
    words = ["".join(map(str, row)) for row in bits.tolist()]
    return np.bincount([int(word, 2) for word in words], minlength=2**sites)
