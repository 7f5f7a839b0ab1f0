"""Sums of Pauli strings: what every Hamiltonian here is, known without loading JAX.

A string is i^|x∧z| X^x Z^z with two rows of bits, for Y = i X Z; it takes |σ⟩ to
i^|x∧z| (−1)^{z·σ} |σ ⊕ x⟩. Site 0 is the first bit and the most significant one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

_LETTERS = {"I": (0, 0), "X": (1, 0), "Y": (1, 1), "Z": (0, 1)}
_FACTOR = re.compile(r"([A-Za-z])(\d+)")


@dataclass(frozen=True)
class PauliSum:
    """H = constant + Σ_k coefficients_k · string_k, hermitian.

    x, z: (terms, sites) bool, each pair of rows once, none of them the identity.
    coefficients: (terms,) real. constant: Tr H / 2**sites.
    """

    x: np.ndarray
    z: np.ndarray
    coefficients: np.ndarray
    constant: float

    @classmethod
    def from_bits(cls, x, z, coefficients, constant: float = 0.0) -> "PauliSum":
        """Strings given by bits (terms, sites); equal ones are added up, zeros left out."""
        x, z = np.asarray(x, bool), np.asarray(z, bool)
        values = np.asarray(coefficients)
        if np.abs(values.imag).max(initial=0.0) > 1e-12:
            worst = values[np.argmax(np.abs(values.imag))]
            raise ValueError(f"the coefficient {worst} is not real: the sum is not hermitian.")
        if not np.isfinite(values.real).all():
            raise ValueError("a coefficient is not finite; correct it.")
        sites = x.shape[1]
        both, group = np.unique(np.concatenate([x, z], axis=1), axis=0, return_inverse=True)
        total = np.bincount(group.reshape(-1), weights=values.real, minlength=len(both))
        identity = ~both.any(axis=1)
        kept = (total != 0) & ~identity
        both = both[kept]
        return cls(
            both[:, :sites], both[:, sites:], total[kept], float(constant + total[identity].sum())
        )

    @classmethod
    def from_terms(
        cls, terms: Mapping[str, complex] | Iterable[tuple[complex, str]], sites: int | None = None
    ) -> "PauliSum":
        """Terms such as (0.5, "X0 Y3"); "" is the identity. As many sites as they name if not given."""
        pairs = [(c, t) for t, c in terms.items()] if isinstance(terms, Mapping) else list(terms)
        if not pairs:
            raise ValueError("the sum of Pauli strings is empty; give at least one term.")
        factors = [_factors(text, number) for number, (_, text) in enumerate(pairs)]
        named = 1 + max((site for found in factors for site in found), default=0)
        sites = named if sites is None else sites
        if named > sites:
            raise ValueError(f"a term names site {named - 1}; the system has {sites} sites from 0.")
        x = np.zeros((len(pairs), sites), bool)
        z = np.zeros((len(pairs), sites), bool)
        for row, found in enumerate(factors):
            for site, letter in found.items():
                x[row, site], z[row, site] = _LETTERS[letter]
        return cls.from_bits(x, z, [complex(c) for c, _ in pairs])

    # What it is

    @property
    def sites(self) -> int:
        return self.x.shape[1]

    @property
    def real(self) -> bool:
        """Whether every matrix element is real: an even number of Y in every string."""
        return not ((self.x & self.z).sum(axis=1) % 2).any()

    @property
    def flips(self) -> tuple[np.ndarray, np.ndarray]:
        """Distinct rows of x (groups, sites), the diagonal's first, and the group of every term."""
        rows = np.concatenate([np.zeros((1, self.sites), bool), self.x])
        distinct, group = np.unique(rows, axis=0, return_inverse=True)
        return distinct, group.reshape(-1)[1:]

    def conserves_magnetisation(self) -> bool:
        """Whether Σ Z commutes with H.

        Per flipped set, and for each pattern of Z outside it: the element must vanish on
        all bits of the set but those with as many ones before as after the flip.
        """
        distinct, group = self.flips
        for number in range(1, len(distinct)):
            inside = np.flatnonzero(distinct[number])
            if len(inside) > 16:
                raise ValueError(
                    f"a term flips {len(inside)} sites; a sector is checked for up to 16."
                )
            bits = _all_bits(len(inside))
            unbalanced = 2 * bits.sum(axis=1) != len(inside)
            terms = np.flatnonzero(group == number)
            outside = self.z[terms].copy()
            outside[:, inside] = False
            _, pattern = np.unique(outside, axis=0, return_inverse=True)
            for value in range(pattern.max() + 1):
                chosen = terms[pattern.reshape(-1) == value]
                signs = 1 - 2.0 * ((self.z[chosen][:, inside] @ bits.T.astype(int)) % 2)
                elements = (self.coefficients[chosen] * self._phases()[chosen]) @ signs
                if np.abs(elements[unbalanced]).max() > 1e-12:
                    return False
        return True

    # What it does

    def times(self, psi: np.ndarray, states: np.ndarray | None = None) -> np.ndarray:
        """H ψ on the basis states given by sorted index (all if left out), same shape.

        Elements that lead out of `states` are left out.
        """
        index = np.arange(psi.size) if states is None else states
        dtype = psi.dtype if self.real else np.result_type(psi, complex)
        result = self.constant * psi.astype(dtype)
        distinct, group = self.flips
        phases = self._phases()
        for number, flip in enumerate(distinct):
            terms = np.flatnonzero(group == number)
            if len(terms) == 0:
                continue
            element = np.zeros(psi.size, dtype)
            for k in terms:
                sign = 1 - 2 * _parity(index & _mask(self.z[k]))
                factor = self.coefficients[k] * phases[k]
                element += (factor.real if self.real else factor) * sign
            moved = element * psi
            if number == 0:
                result += moved
            elif states is None:
                result += moved[index ^ _mask(flip)]
            else:
                source = index ^ _mask(flip)
                place = np.minimum(np.searchsorted(states, source), len(states) - 1)
                result += np.where(states[place] == source, moved[place], 0)
        return result

    def _phases(self) -> np.ndarray:
        return 1j ** (self.x & self.z).sum(axis=1)


def _factors(text: str, number: int) -> dict[int, str]:
    """Site → letter of "X0 Y3"."""
    found: dict[int, str] = {}
    for word in text.split():
        match = _FACTOR.fullmatch(word)
        letter = match.group(1) if match else word[:1]
        if match is None or letter not in _LETTERS:
            raise ValueError(
                f"term {number} ({text[:60]!r}) holds {word[:20]!r}; expected I, X, Y or Z and a site, "
                "such as X0 Y3."
            )
        site = int(match.group(2))
        if site in found:
            raise ValueError(f"term {number} ({text[:60]!r}) names site {site} twice.")
        found[site] = letter
    return found


def _mask(row: np.ndarray) -> int:
    """The integer whose bits are a row, site 0 the most significant."""
    return int("".join("01"[int(bit)] for bit in row), 2)


def _parity(index: np.ndarray) -> np.ndarray:
    return (np.bitwise_count(index) & 1).astype(np.int8)


def _all_bits(sites: int) -> np.ndarray:
    return (np.arange(2**sites)[:, None] >> np.arange(sites - 1, -1, -1)) & 1
