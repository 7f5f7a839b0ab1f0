"""Entanglement entropies of a state: exact from its vector, Rényi-2 from samples of two copies."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from nqs.evaluation.heldout import Estimate
from nqs.evaluation.overlap import tamed
from nqs.state.sampling import Samples
from nqs.state.state import State

_BLOCKS = 64
_LEAST = 3.0
"""Errors that a purity has to be away from zero."""

_SECOND = 0x0C
"""Added to the seed for the second copy."""

_ROUNDING = 1e-14


class PurityTooSmall(ValueError):
    """The samples see nothing of the purity."""


class Entropies(NamedTuple):
    """Of a part of the sites, in nats: −Tr ρ ln ρ and −ln Tr ρ²."""

    von_neumann: float
    renyi2: float


def entropies(vector: np.ndarray, part: Iterable[int]) -> Entropies:
    """Entanglement of the sites in `part` with the rest, of a normalised vector (2**sites,)."""
    p = _spectrum(vector, _checked(part, int(np.log2(vector.size))))
    seen = p[p > 0]
    purity = float((p**2).sum())
    return Entropies(_not_negative(-(seen * np.log(seen)).sum()), _not_negative(-np.log(purity)))


def mutual_information(vector: np.ndarray, a: Iterable[int], b: Iterable[int]) -> float:
    """S(A) + S(B) − S(A ∪ B) of von Neumann entropies, in nats, of two parts without a common site."""
    a, b = _apart(a, b)
    one, other, both = (entropies(vector, part).von_neumann for part in (a, b, a | b))
    return one + other - both


def _apart(a: Iterable[int], b: Iterable[int]) -> tuple[set[int], set[int]]:
    a, b = set(a), set(b)
    if a & b:
        raise ValueError(f"site {min(a & b)} is in both parts; mutual information needs two.")
    return a, b


def _spectrum(vector: np.ndarray, part: list[int]) -> np.ndarray:
    """Eigenvalues of the reduced density matrix of `part`, or of the rest where that is smaller."""
    sites = int(np.log2(vector.size))
    rest = [site for site in range(sites) if site not in part]
    tensor = vector.reshape((2,) * sites).transpose(part + rest)
    matrix = tensor.reshape(2 ** len(part), -1)
    # singular values, as a product of the matrix with itself would lose those below 1e-8
    return np.linalg.svd(matrix, compute_uv=False) ** 2


def renyi2(
    state: State, parts: Sequence[Iterable[int]], samples: int = 16384, *, seed: int = 1
) -> list[Estimate]:
    """−ln Tr ρ² of each part in nats, from `samples` of two copies of a state of any size.

    Both copies serve all parts. PurityTooSmall where a purity is not three errors above zero.
    """
    one, other = state.sample(samples, seed), state.sample(samples, seed + _SECOND)
    return [renyi2_of_samples(state, one, other, part) for part in parts]


def renyi2_of_samples(state: State, one: Samples, other: Samples, part: Iterable[int]) -> Estimate:
    """−ln Tr ρ² of a part in nats, from independent samples of two copies, with its error.

    A pair σ, σ' has the amplitude a = ψ(σ)ψ(σ'), and b once the part is swapped; Tr ρ² is the mean of
    Re b / a [Hastings et al., Phys. Rev. Lett. 104, 157201 (2010)], `tamed` so that no ratio can run away. The
    logarithm of a mean is biased by its variance; leaving out one block at a time corrects
    that and gives the error.
    """
    return _jackknifed([(1, _purity(state, one, other, part))])


def renyi2_of_part(state: State, one: Samples, other: Samples, part: Iterable[int]) -> Estimate:
    """The same of a part of a state that may be mixed, from samples of two copies of its `whole`."""
    if not state.mixed:
        return renyi2_of_samples(state, one, other, part)
    sites = _checked(part, state.sites)
    places = state.dilation.places(state.sites)[sites]
    found = renyi2_of_samples(state.whole(), one, other, places)
    left = (1 - state.white()) ** 2  # of a purity, where white noise is added
    purity = left * np.exp(-found.value) + (1 - left) / 2.0 ** len(sites)
    error = None if found.error is None else found.error * left * np.exp(-found.value) / purity
    return Estimate(-float(np.log(purity)), error)


def renyi2_information(
    state: State, one: Samples, other: Samples, a: Iterable[int], b: Iterable[int]
) -> Estimate:
    """S₂(A) + S₂(B) − S₂(A ∪ B) of a pure state in nats, from samples of two copies, with its error.

    What two parts have in common, as Rényi-2 entropies see it; unlike that of von Neumann entropies
    it may be below zero.
    """
    a, b = _apart(a, b)
    return _jackknifed(
        [(sign, _purity(state, one, other, p)) for sign, p in ((1, a), (1, b), (-1, a | b))]
    )


class _Purity(NamedTuple):
    """A purity, and what it is without one block of the samples in turn, (blocks,)."""

    value: float
    left_out: np.ndarray

    @property
    def error(self) -> float:
        return float(np.sqrt((len(self.left_out) - 1) * self.left_out.var()))


def _purity(state: State, one: Samples, other: Samples, part: Iterable[int]) -> _Purity:
    sites = _checked(part, state.sites)
    values = _swapped(state, one.bits, other.bits, sites)
    blocks = np.arange(len(values)) % min(one.chains, other.chains) % _BLOCKS
    number = int(blocks.max()) + 1
    sums = np.bincount(blocks, weights=values, minlength=number)
    counts = np.bincount(blocks, minlength=number)
    found = _Purity(float(values.mean()), (values.sum() - sums) / (len(values) - counts))
    if found.error > _ROUNDING and found.value < _LEAST * found.error:
        raise PurityTooSmall(
            f"the purity of {len(sites)} of {state.sites} sites is below "
            f"{found.value + 2 * found.error:.1g}, too small for {len(values):,} samples; take more."
        )
    return found


def _jackknifed(purities: Sequence[tuple[int, _Purity]]) -> Estimate:
    """Σ sign · (−ln purity) without the bias of a logarithm, and its error.

    Efron, The Jackknife, the Bootstrap and Other Resampling Plans (1982), chapters 2 and 3.
    """
    value = -sum(sign * np.log(purity.value) for sign, purity in purities)
    if all(purity.error <= _ROUNDING for _, purity in purities):
        alone = len(purities) == 1
        return Estimate(_not_negative(value) if alone else float(value), None)
    with np.errstate(invalid="ignore"):
        parts = -sum(sign * np.log(purity.left_out) for sign, purity in purities)
    number = len(parts)
    corrected = number * value - (number - 1) * parts.mean()
    return Estimate(float(corrected), float(np.sqrt((number - 1) * parts.var())))


def _swapped(state: State, one: np.ndarray, other: np.ndarray, part: list[int]) -> np.ndarray:
    """The mean value of each pair and of the pair that swapping the part makes of it, (pairs,)."""
    exchanged = one.copy(), other.copy()
    exchanged[0][:, part], exchanged[1][:, part] = other[:, part], one[:, part]
    before = state.log_psi(one) + state.log_psi(other)
    after = state.log_psi(exchanged[0]) + state.log_psi(exchanged[1])
    return tamed(after - before)


def _checked(part: Iterable[int], sites: int) -> list[int]:
    """The sites of a part in order; ValueError where they are not some of `sites`."""
    found = sorted(set(part))
    if not found or found[0] < 0 or found[-1] >= sites:
        raise ValueError(f"the part {found} is not made of sites from 0 to {sites - 1}.")
    return found


def _not_negative(value: float) -> float:
    """What rounding left below zero is zero."""
    return max(float(value), 0.0)
