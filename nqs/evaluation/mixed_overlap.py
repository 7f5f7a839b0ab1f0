"""Overlaps Tr ρσ of states that are too large for density matrices, from samples of both."""

from typing import NamedTuple, Protocol

import numpy as np

from nqs.evaluation.heldout import Estimate
from nqs.evaluation.overlap import OverlapTooSmall, sampled_fidelity, tamed
from nqs.state.sampling import Samples
from nqs.state.state import State
from nqs.statistics import standard_error

_SECOND = 0x0D
"""Added to the seed for the samples of the second state."""

_ROUNDING = 1e-14

_TOLD = 0.01
"""Error of an overlap, relative to the purities, up to which likeness is told."""


class Drawable(Protocol):
    """What the pure state behind a mixed one has to say."""

    def sample(self, shots: int, seed: int) -> Samples: ...

    def log_psi(self, bits) -> np.ndarray: ...


class Part(NamedTuple):
    """A mixed state as a part of a pure one. whole: that one. places: (sites,) of the sites in it. white: s of
    ρ → (1 − s) ρ + s 1/2^N."""

    whole: Drawable
    places: np.ndarray
    white: float


class Vector:
    """A known state vector (2**sites,) that is asked like a state."""

    def __init__(self, vector: np.ndarray):
        self.vector = vector
        self.sites = int(np.log2(len(vector)))

    def sample(self, shots: int, seed: int) -> Samples:
        p = np.abs(self.vector) ** 2
        index = np.random.default_rng(seed).choice(len(p), shots, p=p / p.sum())
        bits = (index[:, None] >> np.arange(self.sites - 1, -1, -1)) & 1
        return Samples(bits.astype(np.uint8), "exact", shots, effective_samples=float(shots))

    def log_psi(self, bits) -> np.ndarray:
        index = np.asarray(bits, np.int64) @ (1 << np.arange(self.sites - 1, -1, -1))
        with np.errstate(divide="ignore"):
            return np.log(self.vector[index].astype(complex))


class Conjugate:
    """ψ* of a state that is asked for ψ."""

    def __init__(self, whole: Drawable):
        self.whole = whole

    def sample(self, shots: int, seed: int) -> Samples:
        return self.whole.sample(shots, seed)

    def log_psi(self, bits) -> np.ndarray:
        return self.whole.log_psi(bits).conj()


Known = State | np.ndarray | Part
"""A state of any kind, a vector, or what either is a part of."""


def conjugate_of(state: Known) -> Part:
    """ρ*."""
    found = part_of(state)
    return found._replace(whole=Conjugate(found.whole))


def part_of(state: Known) -> Part:
    """A state of any kind, or a vector, as a part of a pure state."""
    if isinstance(state, Part):
        return state
    if isinstance(state, np.ndarray):
        known = Vector(state)
        return Part(known, np.arange(known.sites), 0.0)
    return Part(state.whole(), state.dilation.places(state.sites), state.white())


def fidelity_of_samples(
    a: "State | np.ndarray", b: "State | np.ndarray", samples: int = 16384, seed: int = 1
) -> Estimate:
    """Of two states of any size, one of them pure. ValueError where neither is: Tr √(√ρ σ √ρ) is no mean of
    samples, `overlap` is."""
    mixed = [isinstance(state, State) and state.mixed for state in (a, b)]
    if all(mixed) or any(isinstance(state, np.ndarray) and state.ndim == 2 for state in (a, b)):
        raise ValueError(
            "the fidelity of two mixed states is no mean over samples; beyond density matrices one of them has to be "
            "pure."
        )
    if isinstance(a, State) and isinstance(b, State) and not any(mixed):
        return sampled_fidelity(a, b, samples, seed=seed)
    found = overlap(a, b, samples, seed=seed)
    if found.value < max(2 * (found.error or 0.0), 10 / samples):
        raise OverlapTooSmall(
            f"the overlap is too small for {samples:,} samples: the fidelity is below "
            f"{max(found.value, 0) + 2 * (found.error or 0) + 10 / samples:.1g}; take more."
        )
    return found


def overlap(a: Known, b: Known, samples: int = 16384, *, seed: int = 1) -> Estimate:
    """Tr ρσ with its error; the fidelity where one of the two is pure.

    A string of each is drawn, with the ancillas that it came with, and their sites are exchanged: the mean of
    the ratio of what the two pure states say then and before, `tamed`, is the overlap [Hastings et al., Phys.
    Rev. Lett. 104, 157201 (2010)].
    """
    one, other = part_of(a), part_of(b)
    drawn = one.whole.sample(samples, seed), other.whole.sample(samples, seed + _SECOND)
    values = _exchanged(one, other, drawn[0].bits, drawn[1].bits)
    kept = (1 - one.white) * (1 - other.white)
    value = kept * values.mean() + (1 - kept) / 2.0 ** len(one.places)
    chains = min((d.dependent for d in drawn if d.dependent), default=None)
    error = kept * standard_error(values, chains)
    return Estimate(float(value), None if error <= _ROUNDING else float(error))


def likeness(a: Known, b: Known, samples: int = 16384, *, seed: int = 1) -> float | None:
    """Tr ρσ / √(Tr ρ² Tr σ²) of two states of any kind: 1 where they are the same; None where samples tell their
    purities to no better than a hundredth."""
    both = overlap(a, b, samples, seed=seed)
    alone = [overlap(state, state, samples, seed=seed) for state in (a, b)]
    size = float(np.sqrt(max(alone[0].value, 0) * max(alone[1].value, 0)))
    if any((e.error or 0.0) > _TOLD * size for e in (both, *alone)) or not size:
        return None
    return float(np.clip(both.value / size, 0, 1))


def _exchanged(one: Part, other: Part, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Of each pair of strings whose sites are exchanged, (pairs,)."""
    new_left, new_right = left.copy(), right.copy()
    new_left[:, one.places], new_right[:, other.places] = (
        right[:, other.places],
        left[:, one.places],
    )
    before = one.whole.log_psi(left) + other.whole.log_psi(right)
    after = one.whole.log_psi(new_left) + other.whole.log_psi(new_right)
    return tamed(after - before)
