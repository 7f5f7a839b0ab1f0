"""Fidelity of states that are too large for vectors, from samples of both."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from nqs.ansatz.autoregressive import Normalised
from nqs.evaluation.heldout import Estimate
from nqs.state.sampling import Samples
from nqs.state.state import State

_BLOCKS = 64
_LEAST = 2.0
"""Errors that a fidelity has to be away from zero."""

_SEEN = 10.0
"""Samples on which a fidelity has to rest."""

_SECOND = 0x0B
"""Added to the seed for the samples of the second state."""


class OverlapTooSmall(ValueError):
    """The samples see nothing of the overlap."""


class Ratios(NamedTuple):
    """log φ − log ψ at samples of one of the two states, and the block each belongs to.

    values: (samples,) complex; ±∞ where one of them vanishes. blocks: (samples,) from 0 to
    `number` − 1, independent of each other.
    """

    values: np.ndarray
    blocks: np.ndarray


def sampled_fidelity(a: State, b: State, samples: int = 16384, *, seed: int = 1) -> Estimate:
    """|⟨a|b⟩|² of two states of any size, normalised or not, from `samples` of each.

    Error None where the samples find no difference at all. OverlapTooSmall where the
    fidelity is not two errors above zero, or below ten samples' worth.
    """
    if a.sites != b.sites:
        raise ValueError(f"the states have {a.sites} and {b.sites} sites; fidelity needs the same.")
    drawn = (a.sample(samples, seed), b.sample(samples, seed + _SECOND))
    number = min(_BLOCKS, *(d.chains for d in drawn))
    ratios = [Ratios(b.log_psi(d.bits) - a.log_psi(d.bits), _blocks(d, number)) for d in drawn]
    normalised = all(isinstance(s.model, Normalised) for s in (a, b))
    found = fidelity_of_ratios(*ratios, normalised=normalised)
    error = found.error or 0.0
    if found.value < max(_LEAST * error, _SEEN / samples):
        most = found.value + _LEAST * error + _SEEN / samples
        raise OverlapTooSmall(
            f"the overlap is too small for {samples:,} samples: the fidelity is below {most:.1g}; take more."
        )
    return found


def fidelity_of_ratios(of_a: Ratios, of_b: Ratios, *, normalised: bool) -> Estimate:
    """|⟨a|b⟩|² from log b − log a at samples of a and at samples of b.

    Both sets together are drawn from the mean of |a|² and |b|² (normalised), against
    which a* b has the weight e^{iθ} / cosh(δ/2) with δ = ln |b/a|² − ln r: never above 1, and
    equal to 1 where the states agree, so that no ratio can run away. r is the ratio of the norms,
    1 or by Bennett's method: J. Comput. Phys. 22, 245 (1976). The square of a mean is too
    large by its variance; leaving out one block at a time corrects that, and gives the error.
    """
    number = int(max(of_a.blocks.max(), of_b.blocks.max())) + 1
    log_r = 0.0 if normalised else _log_norms(of_a.values, of_b.values)
    both = [_at(r, log_r) for r in (of_a, of_b)]
    whole = abs(sum(weight.mean() for weight, _ in both) / 2) ** 2
    overlap, slope = (
        sum(_left_out(x[i], r.blocks, number) for x, r in zip(both, (of_a, of_b), strict=True)) / 2
        for i in (0, 1)
    )
    if not normalised:
        overlap = overlap + slope * _shift(of_a, of_b, log_r, number)
    parts = np.abs(overlap) ** 2
    value = number * whole - (number - 1) * parts.mean()
    error = float(np.sqrt((number - 1) * parts.var()))
    exact = error <= 1e-14
    return Estimate(float(np.clip(value, 0.0, 1.0)), None if exact else error)


def tamed(log_ratio: np.ndarray) -> np.ndarray:
    """Re b / a of pairs of amplitudes that exchange places, from log b − log a, or Re a / b where b was drawn: their
    mean over which of the two it was, cos θ / cosh ln |b / a|, has the same expectation and is never above 1."""
    log_ratio = np.asarray(log_ratio, complex)  # single precision would overflow
    there = np.isfinite(log_ratio.real)
    depth = np.where(there, np.clip(log_ratio.real, -700, 700), 0)
    return np.where(there, np.cos(np.where(there, log_ratio.imag, 0)) / np.cosh(depth), 0)


def _blocks(drawn: Samples, number: int) -> np.ndarray:
    """The block of every sample: its chain's, or any where all are independent."""
    return np.arange(len(drawn.bits)) % drawn.chains % number


def _at(ratios: Ratios, log_r: float) -> tuple[np.ndarray, np.ndarray]:
    """The weight of each sample, and its derivative by ln r."""
    delta = 2 * ratios.values.real - log_r
    there = np.isfinite(delta)
    half = np.where(there, np.clip(delta / 2, -700, 700), 0)
    turned = np.exp(1j * np.where(there, ratios.values.imag, 0))
    weight = np.where(there, turned / np.cosh(half), 0)
    return weight, weight * np.tanh(half) / 2


def _left_out(values: np.ndarray, blocks: np.ndarray, number: int) -> np.ndarray:
    """Mean of all values but those of one block, for each block in turn, (number,)."""
    if np.iscomplexobj(values):
        real, imaginary = (_left_out(part, blocks, number) for part in (values.real, values.imag))
        return real + 1j * imaginary
    inside = np.bincount(blocks, weights=values, minlength=number)
    return (values.sum() - inside) / (len(values) - np.bincount(blocks, minlength=number))


def _log_norms(at_a: np.ndarray, at_b: np.ndarray) -> float:
    """ln ⟨b|b⟩/⟨a|a⟩, where as many samples of a look like b's as the other way round."""
    one, other = 2 * at_a.real, 2 * at_b.real
    finite = np.concatenate([one, other])
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return 0.0

    def excess(log_r):
        return expit(one - log_r).mean() - expit(log_r - other).mean()

    return float(brentq(excess, finite.min() - 50, finite.max() + 50, xtol=1e-12))


def _shift(of_a: Ratios, of_b: Ratios, log_r: float, number: int) -> np.ndarray:
    """By how much ln r changes when a block is left out, (number,): one Newton step."""
    like_b = expit(2 * of_a.values.real - log_r)
    like_a = expit(log_r - 2 * of_b.values.real)
    excess = _left_out(like_b, of_a.blocks, number) - _left_out(like_a, of_b.blocks, number)
    slope = (like_b * (1 - like_b)).mean() + (like_a * (1 - like_a)).mean()
    return excess / slope if slope > 0 else np.zeros(number)
