"""Local measurements: the one place that knows signs, phases and the order of bits.

Bit 0 is |0⟩, spin up, the +1 eigenstate of Z; outcome 0 is the +1 eigenstate
of every Pauli letter. Site 0 is the first letter of a setting and the most
significant bit of a basis state's index.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

UNMEASURED = "I"

PAULI_LETTERS = "XYZ"
FURTHER_LETTERS = "ABCDEFGHJKLMNOPQRSTUVWabcdefghijklmnopqrstuvwxyz"
"""Letters free for single-site measurements that are no Pauli operator."""

_TOLERANCE = 1e-8
_HALF = 1 / np.sqrt(2)

PAULI_EFFECTS: dict[str, np.ndarray] = {
    "X": np.array([[_HALF, _HALF], [_HALF, -_HALF]], dtype=complex),
    "Y": np.array([[_HALF, -1j * _HALF], [_HALF, 1j * _HALF]], dtype=complex),
    "Z": np.eye(2, dtype=complex),
}
"""Rows ⟨outcome| of each Pauli letter, shape (2, 2)."""


def _along(*directions: Any) -> np.ndarray:
    """Effects (1 + n·σ) / outcomes of unit Bloch vectors n that add up to nothing, (outcomes, 2, 2)."""
    x, y, z = np.array(directions, float).T[:, :, None, None]
    pauli = [projectors(PAULI_EFFECTS[c]) for c in PAULI_LETTERS]
    sigma_x, sigma_y, sigma_z = (plus - minus for plus, minus in pauli)
    return (np.eye(2) + x * sigma_x + y * sigma_y + z * sigma_z) / len(directions)


def named_effects(name: str) -> np.ndarray:
    """Effects of a measurement that has a name, (outcomes, 2, 2).

    tetrahedral: four that point to the corners of a tetrahedron. pauli-6: X, Y or Z at random, outcomes +X, −X,
    +Y, −Y, +Z, −Z. pauli-4: +X, +Y, +Z of these, and all others as one.
    Carrasquilla, Torlai, Melko and Aolita, Nat. Mach. Intell. 1, 155 (2019).
    """
    axes = np.eye(3)
    six = [sign * axis for axis in axes for sign in (1, -1)]
    if name == "tetrahedral":
        a, b = 1 / 3, 2 * np.sqrt(2) / 3
        c, s = np.cos(2 * np.pi / 3), np.sin(2 * np.pi / 3)
        return _along((0, 0, 1), (b, 0, -a), (b * c, b * s, -a), (b * c, -b * s, -a))
    if name == "pauli-6":
        return _along(*six)
    if name == "pauli-4":
        plus = _along(*six)[::2]
        return np.concatenate([plus, (np.eye(2) - plus.sum(axis=0))[None]])
    raise ValueError(f"unknown measurement {name!r}; expected tetrahedral, pauli-6 or pauli-4.")


def pieces_of(letter: str, effects: Mapping[str, np.ndarray] | None = None):
    """A letter's effects as outcomes of rank one: rows ⟨e|, (pieces, 2), Σ |e⟩⟨e| = 1, and the outcome that each
    belongs to, (pieces,)."""
    if not effects or letter not in effects:
        return rows_of(letter), np.arange(2)
    rows, outcome = [], []
    for number, operator in enumerate(np.asarray(effects[letter])):
        weights, vectors = np.linalg.eigh(operator)
        for weight, vector in zip(weights[::-1], vectors.T[::-1], strict=True):
            if weight > _TOLERANCE:
                rows.append(np.sqrt(weight) * vector.conj())
                outcome.append(number)
    return np.array(rows), np.array(outcome)


def generalised(settings: Sequence[str], effects: Mapping[str, np.ndarray]) -> bool:
    """Whether any letter of the settings is no measurement of two orthogonal outcomes."""
    return any(
        not _projective(np.asarray(effects[c])) for c in set("".join(settings)) & set(effects)
    )


def rotating_nothing(effects: Mapping[str, object] | None = None) -> frozenset[str]:
    """Letters of settings that leave a site as it is: Z and unmeasured, unless `effects` name them."""
    return frozenset({"Z", UNMEASURED} - set(effects or {}))


def basis_bits(sites: int) -> np.ndarray:
    """Every basis state in the order of its index, shape (2**sites, sites), uint8."""
    return index_bits(np.arange(2**sites), sites)


def index_bits(index: np.ndarray, sites: int) -> np.ndarray:
    """Bits of basis states given by index (…,), shape (…, sites), uint8; undoes `basis_index`."""
    index = np.asarray(index, dtype=np.int64)
    return ((index[..., None] >> np.arange(sites - 1, -1, -1)) & 1).astype(np.uint8)


def basis_index(bits: np.ndarray) -> np.ndarray:
    """Index of basis states given as bits (…, sites); at most 62 sites, int64."""
    sites = bits.shape[-1]
    weights = np.int64(1) << np.arange(sites - 1, -1, -1, dtype=np.int64)
    return bits.astype(np.int64) @ weights


def projectors(rows: np.ndarray) -> np.ndarray:
    """|outcome⟩⟨outcome| from rows ⟨outcome|, (outcomes, 2) → (outcomes, 2, 2)."""
    return rows.conj()[:, :, None] * rows[:, None, :]


def checked_effects(letter: str, operators: np.ndarray) -> np.ndarray:
    """The operators (outcomes, 2, 2) of one further letter; ValueError where they are no measurement.

    They are positive and sum to the identity, within 1e-8.
    """
    if len(letter) != 1 or letter not in FURTHER_LETTERS:
        raise ValueError(
            f"effects are named {letter!r}; expected one letter other than X, Y, Z and I, whose "
            "meaning is fixed."
        )
    operators = np.asarray(operators, dtype=complex)
    if operators.ndim != 3 or operators.shape[1:] != (2, 2) or len(operators) < 2:
        raise ValueError(
            f"effects of letter {letter!r} have shape {operators.shape}; expected (outcomes, 2, 2)."
        )
    if not (np.isfinite(operators).all() and _close(operators.sum(axis=0), np.eye(2))):
        raise ValueError(f"effects of letter {letter!r} do not sum to the identity.")
    hermitian = _close(operators, operators.conj().swapaxes(1, 2))
    if not hermitian or np.linalg.eigvalsh(operators).min() < -_TOLERANCE:
        raise ValueError(f"effects of letter {letter!r} are not all hermitian and positive.")
    return operators


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    return np.allclose(a, b, rtol=0, atol=_TOLERANCE)


def rows_of(letter: str, effects: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
    """Rows ⟨outcome| of one letter, shape (2, 2).

    `effects` may name further letters by their operators (2, 2, 2): projective,
    of rank one. An unmeasured site is read in Z and its outcome summed over
    afterwards. Generalised measurements with more outcomes raise ValueError.
    """
    if effects and letter in effects:
        return _rows_of_projectors(letter, np.asarray(effects[letter]))
    if letter == UNMEASURED:
        return PAULI_EFFECTS["Z"]
    if letter not in PAULI_EFFECTS:
        known = sorted({*PAULI_EFFECTS, UNMEASURED, *(effects or {})})
        raise ValueError(
            f"unknown measurement letter {letter!r}; expected one of {', '.join(known)}."
        )
    return PAULI_EFFECTS[letter]


def _rows_of_projectors(letter: str, operators: np.ndarray) -> np.ndarray:
    if not _projective(operators):
        raise ValueError(
            f"effects of letter {letter!r} are not two projectors of rank one that sum to 1 (shape "
            f"{operators.shape}); only projective single-site measurements can be fitted."
        )
    _, vectors = np.linalg.eigh(operators)  # projector: the last eigenvector carries it
    return vectors[:, :, -1].conj()


def _projective(operators: np.ndarray) -> bool:
    return bool(
        operators.shape == (2, 2, 2)
        and np.allclose(operators @ operators, operators, atol=1e-9)
        and np.allclose(np.trace(operators, axis1=1, axis2=2), 1, atol=1e-9)
        and np.allclose(operators.sum(axis=0), np.eye(2), atol=1e-9)
    )


def rotate(vector: np.ndarray, setting: str, effects=None) -> np.ndarray:
    """Amplitudes ⟨outcomes|ψ⟩ of all outcomes in one setting, shape (2**sites,)."""
    sites = len(setting)
    amplitudes = np.asarray(vector, dtype=complex)
    for site, letter in enumerate(setting):
        block = amplitudes.reshape(2**site, 2, -1)
        amplitudes = np.einsum("ob,lbr->lor", rows_of(letter, effects), block)
    return amplitudes.reshape(2**sites)


def outcome_probabilities(vector: np.ndarray, setting: str, effects=None) -> np.ndarray:
    """Born rule for a state vector (2**sites,) or density matrix (2**sites, 2**sites).

    Shape (2**sites,), or (outcomes**sites,) of the most outcomes of a letter; unmeasured sites are summed over and
    reported as outcome 0.
    """
    vector = np.asarray(vector)
    if generalised([setting], effects or {}):
        return _generalised(vector, setting, effects)
    if vector.ndim == 1:
        probability = np.abs(rotate(vector, setting, effects)) ** 2
    else:
        probability = _diagonal(vector, setting, effects).clip(min=0)
    for site, letter in enumerate(setting):
        if letter == UNMEASURED:
            block = probability.reshape(2**site, 2, -1)
            summed = np.zeros_like(block)
            summed[:, 0] = block.sum(axis=1)
            probability = summed
    return probability.reshape(-1)


def _diagonal(matrix: np.ndarray, setting: str, effects=None) -> np.ndarray:
    """⟨outcomes|ρ|outcomes⟩ of all outcomes, (2**sites,).

    Site by site: its row and column indices become one index of outcomes, so
    each step halves what is left and the first one costs most.
    """
    reduced = np.asarray(matrix, dtype=complex)[None]
    for letter in setting:
        rows = rows_of(letter, effects)
        outcomes, size, _ = reduced.shape
        block = reduced.reshape(outcomes, 2, size // 2, 2, size // 2)
        reduced = np.stack(
            [np.einsum("b,pblcr,c->plr", row, block, row.conj(), optimize=True) for row in rows], 1
        ).reshape(2 * outcomes, size // 2, size // 2)
    return np.real(reduced).reshape(-1)


def _generalised(state: np.ndarray, setting: str, effects) -> np.ndarray:
    """Tr ρ ⊗ E of all outcomes, (outcomes**sites,), 0 where a letter has fewer."""
    levels = max(len(effects[c]) for c in set(setting) & set(effects))
    rho = np.outer(state, state.conj()) if state.ndim == 1 else state
    reduced = np.asarray(rho, complex)[None]
    for letter in setting:
        operators = np.zeros((levels, 2, 2), complex)
        if letter in effects:
            operators[: len(effects[letter])] = effects[letter]
        elif letter == UNMEASURED:
            operators[0] = np.eye(2)
        else:
            operators[:2] = projectors(rows_of(letter))
        outcomes, size, _ = reduced.shape
        block = reduced.reshape(outcomes, 2, size // 2, 2, size // 2)
        reduced = np.einsum("ocb,pblcr->polr", operators, block, optimize=True)
        reduced = reduced.reshape(levels * outcomes, size // 2, size // 2)
    return np.real(reduced).reshape(-1).clip(min=0)


def each_cell_once(probability: np.ndarray, settings: Sequence[str]) -> np.ndarray:
    """A copy of (settings, outcomes**sites) where other outcomes than 0 of an unmeasured site, which are no cells
    of their own, are 0."""
    probability = probability.copy()
    levels = round(probability.shape[1] ** (1 / len(settings[0])))
    for row, setting in zip(probability, settings, strict=True):
        for site, letter in enumerate(setting):
            if letter == UNMEASURED:
                row.reshape(levels**site, levels, -1)[:, 1:] = 0
    return probability


def pauli_matrix(letter: str) -> np.ndarray:
    """The operator a letter measures: +1 on outcome 0, −1 on outcome 1, shape (2, 2)."""
    plus, minus = projectors(rows_of(letter))
    return plus - minus


def signed_sums(values: np.ndarray) -> np.ndarray:
    """Σ_o values(o) ∏_{i ∈ S} (−1)^{o_i} for every subset S of sites, (2**sites,).

    Of the probabilities of one setting: the expectation of the letters on S alone. S is
    given by bits as outcomes are.
    """
    for site in range(int(np.log2(len(values)))):
        block = values.reshape(2**site, 2, -1)
        values = np.stack([block[:, 0] + block[:, 1], block[:, 0] - block[:, 1]], axis=1)
    return values.reshape(-1)
