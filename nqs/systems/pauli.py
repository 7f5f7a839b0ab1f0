"""Sums of Pauli strings: what every Hamiltonian here is, known without loading JAX.

A string is i^|x∧z| X^x Z^z with two rows of bits, for Y = i X Z; it takes |σ⟩ to
i^|x∧z| (−1)^{z·σ} |σ ⊕ x⟩. Site 0 is the first bit and the most significant one.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_LETTERS = {"I": (0, 0), "X": (1, 0), "Y": (1, 1), "Z": (0, 1)}
_CANCELLED = 1e-15
"""What is left of terms that cancel, relative to their sizes."""

MOST_SITES = 10_000
_MOST_BITS = 10**9
"""Terms times sites."""

_MOST_FLIPPED = 16
"""Sites that one term flips up to which its elements are looked through."""

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
        if np.abs(values.imag).max(initial=0.0) > 1e-12 * np.abs(values).max(initial=0.0):
            worst = values[np.argmax(np.abs(values.imag))]
            raise ValueError(f"the coefficient {worst} is not real: the sum is not hermitian.")
        if not np.isfinite(values.real).all():
            raise ValueError("a coefficient is not finite; correct it.")
        sites = x.shape[1]
        both = np.concatenate([x, z], axis=1)
        first, group = _distinct(both)
        both = both[first]
        total = np.bincount(group, weights=values.real, minlength=len(both))
        size = np.bincount(group, weights=np.abs(values.real), minlength=len(both))
        identity = ~both.any(axis=1)
        kept = (np.abs(total) > _CANCELLED * size) & ~identity
        both = both[kept]
        return cls(
            both[:, :sites], both[:, sites:], total[kept], float(constant + total[identity].sum())
        )

    def placed(self, places: np.ndarray, sites: int) -> "PauliSum":
        """The same of a system that has its sites at `places` among `sites`."""
        x, z = np.zeros((2, len(self.x), sites), bool)
        x[:, places], z[:, places] = self.x, self.z
        return PauliSum(x, z, self.coefficients, self.constant)

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
        refuse_too_many_sites(max(named, sites))
        refuse_too_many_terms(len(pairs), sites)
        if named > sites:
            raise ValueError(f"a term names site {named - 1}; the system has {sites} sites from 0.")
        x = np.zeros((len(pairs), sites), bool)
        z = np.zeros((len(pairs), sites), bool)
        for row, found in enumerate(factors):
            for site, letter in found.items():
                x[row, site], z[row, site] = _LETTERS[letter]
        return cls.from_bits(x, z, [complex(c) for c, _ in pairs])

    def on(self, sites: int) -> "PauliSum":
        """The same sum on more sites."""
        more = ((0, 0), (0, sites - self.sites))
        x, z = np.pad(self.x, more), np.pad(self.z, more)
        return PauliSum.from_bits(x, z, self.coefficients, self.constant)

    # What it is

    @property
    def sites(self) -> int:
        return self.x.shape[1]

    @property
    def scale(self) -> float:
        """The largest coefficient, to which rounding is relative; 0 without any."""
        return float(np.abs(self.coefficients).max(initial=0.0))

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

    def sha256(self) -> str:
        """Of the strings and coefficients."""
        digest = hashlib.sha256(np.float64(self.constant).tobytes())
        for part in (np.packbits(self.x, axis=1), np.packbits(self.z, axis=1), self.coefficients):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()

    def terms(self) -> list[tuple[float, str]]:
        """As `from_terms` takes them; the identity first, with as many sites as there are."""
        letters = np.array(["I", "Z", "X", "Y"])[2 * self.x + self.z]
        rows = [" ".join(f"{c}{i}" for i, c in enumerate(row) if c != "I") for row in letters]
        named = [(float(c), row) for c, row in zip(self.coefficients, rows, strict=True)]
        return [(self.constant, f"I{self.sites - 1}"), *named]

    def conserves_magnetisation(self, parts: int = 1) -> bool:
        """Whether Σ Z commutes with H; False as well where a term flips more than 16 sites.

        parts: equal parts of the sites, in a row, of each of which it does.

        Per flipped set, and for each pattern of Z outside it: the element must vanish on
        all bits of the set but those with as many ones before as after the flip.
        """
        distinct, group = self.flips
        values = self.coefficients * self._phases()
        for number in range(1, len(distinct)):
            inside = np.flatnonzero(distinct[number])
            if len(inside) > _MOST_FLIPPED:
                return False
            bits = _all_bits(len(inside))
            part = inside * parts // self.sites == np.arange(parts)[:, None]
            unbalanced = (2 * bits @ part.T != part.sum(axis=1)).any(axis=1)
            terms = np.flatnonzero(group == number)
            outside = self.z[terms].copy()
            outside[:, inside] = False
            _, pattern = np.unique(outside, axis=0, return_inverse=True)
            for value in range(pattern.max() + 1):
                chosen = terms[pattern.reshape(-1) == value]
                signs = 1 - 2.0 * ((self.z[chosen][:, inside] @ bits.T.astype(int)) % 2)
                elements = values[chosen] @ signs
                if np.abs(elements[unbalanced]).max() > 1e-12 * self.scale:
                    return False
        return True

    # What it does

    def times(self, psi: np.ndarray) -> np.ndarray:
        """H ψ on all basis states, (2**sites,)."""
        return self.action()(psi)

    def action(self, states: np.ndarray | None = None) -> Callable[[np.ndarray], np.ndarray]:
        """ψ ↦ H ψ on the basis states given by sorted index, all if left out.

        Elements that lead out of `states` are left out. What does not depend on ψ is
        looked up here, once.
        """
        index = np.arange(2**self.sites) if states is None else states
        distinct, group = self.flips
        values = self.coefficients * self._phases()
        values = values.real if self.real else values
        moves = []
        for number, flip in enumerate(distinct):
            element: Any = 0.0
            for k in np.flatnonzero(group == number):
                sign = 1 - 2 * _parity(index & _mask(self.z[k])) if self.z[k].any() else 1
                element = element + values[k] * sign
            if number == 0:
                diagonal = self.constant + element
                continue
            source = index ^ _mask(flip)
            if states is not None:
                source, inside = _found(source, states)
                element = element * inside
            # ⟨σ|H|σ'⟩ is the conjugate of ⟨σ'|H|σ⟩, which stands in `element` at σ
            moves.append((source, np.conj(element)))

        def times(psi: np.ndarray) -> np.ndarray:
            result = diagonal * psi
            for source, element in moves:
                result = result + element * psi[source]
            return result

        return times

    def _phases(self) -> np.ndarray:
        return 1j ** (self.x & self.z).sum(axis=1)


def _distinct(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each distinct row of bits (rows, columns) is first, in order, and which each row is."""
    packed = np.ascontiguousarray(np.packbits(rows, axis=1))
    # as one piece of bytes: numpy's own way has a field for each column
    whole = packed.view(f"V{packed.shape[1]}").reshape(-1)
    _, first, group = np.unique(whole, return_index=True, return_inverse=True)
    return first, group.reshape(-1)


def refuse_too_many_sites(sites: int) -> None:
    """ValueError beyond what arrays of all terms and sites are good for."""
    if sites > MOST_SITES:
        raise ValueError(f"the system has {sites:,} sites; the limit is {MOST_SITES:,}.")


def refuse_too_many_terms(terms: int, sites: int) -> None:
    """ValueError where their bits would take gigabytes."""
    if terms * sites > _MOST_BITS:
        raise ValueError(
            f"{terms:,} terms of {sites:,} sites are too many; the limit is {_MOST_BITS:.1g} for "
            "their product. Take fewer, such as with a cutoff."
        )


def with_sites(word: str) -> str:
    """ "XIY" as "X0 Y2"; the last site is named in any case, as it says how many there are."""
    last = len(word) - 1
    return " ".join(f"{c}{i}" for i, c in enumerate(word) if c != "I" or i == last)


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


def _found(wanted: np.ndarray, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place of each wanted state among sorted `states`, and whether it is one of them."""
    place = np.minimum(np.searchsorted(states, wanted), len(states) - 1)
    return place, states[place] == wanted


def _parity(index: np.ndarray) -> np.ndarray:
    return (np.bitwise_count(index) & 1).astype(np.int8)


def _all_bits(sites: int) -> np.ndarray:
    return (np.arange(2**sites)[:, None] >> np.arange(sites - 1, -1, -1)) & 1
