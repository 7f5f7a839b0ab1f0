"""Expectation values of sums of Pauli strings in a state: exact from its vector, else from samples."""

from collections.abc import Sequence

import numpy as np

from nqs import statistics
from nqs.ansatz.autoregressive import Normalised
from nqs.evaluation.heldout import Estimate
from nqs.state.local_energy import ratios
from nqs.state.sampling import Samples
from nqs.state.state import State
from nqs.systems.pauli import PauliSum

SAMPLES = 8192
"""Drawn where a state is too large for a vector."""

_AT_ONCE = 2**22
"""Ratios of amplitudes held at a time: 64 MB."""

_CONSTANT = 1e-12
"""Spread of an estimator that has no variance but rounding, relative to its scale."""

_LOOKED_AT, _FEW = 256, 10
"""Samples that are compared, and how many of them may be different where all may be frozen."""

_UNSEEN = 2 * np.sqrt(2)
"""Standard error, over 1/samples, of a ±1 that was the same in all: Agresti and Coull (1998)."""


def expectation(state: np.ndarray, total: PauliSum) -> float:
    """⟨A⟩ in a normalised vector (2**sites,) or density matrix (2**sites, 2**sites), exact."""
    if state.ndim == 2:
        columns = (total.times(np.asarray(column, complex))[i] for i, column in enumerate(state.T))
        return float(sum(columns).real)
    vector = state
    return float(np.vdot(vector, total.times(np.asarray(vector, complex))).real)


def of_state(
    state: State, totals: Sequence[PauliSum], samples: int = SAMPLES, *, seed: int = 1
) -> list[Estimate]:
    """⟨A⟩ of each sum: exact as far as vectors and density matrices reach, beyond from `samples` that all of
    them share."""
    if state.dense:
        exact = state.exact()
        return [Estimate(expectation(exact, total), None) for total in totals]
    return of_whole(state, state.whole().sample(samples, seed), totals)


def of_whole(state: State, drawn: Samples, totals: Sequence[PauliSum]) -> list[Estimate]:
    """The same from samples of the pure state that a state is a part of: of a pure one, its own."""
    if not state.mixed:
        return of_samples(state, drawn, totals)
    whole, places = state.whole(), state.dilation.places(state.sites)
    found = of_samples(whole, drawn, [total.placed(places, whole.sites) for total in totals])
    left, constants = 1 - state.white(), [total.constant for total in totals]
    return [
        Estimate(c + left * (e.value - c), None if e.error is None else left * e.error)
        for e, c in zip(found, constants, strict=True)
    ]


def of_samples(state: State, drawn: Samples, totals: Sequence[PauliSum]) -> list[Estimate]:
    """⟨A⟩ of each sum as the mean of (A ψ)(σ) / ψ(σ) over samples of |ψ|², with its error.

    The error is None where the estimator has no variance.
    """
    if not totals:
        return []
    values = local_values(state, drawn.bits, totals)
    weights = _weights_of_all(state, drawn.bits)
    if weights is not None:
        return [Estimate(float(v), None) for v in weights @ values]
    return [_mean(column, drawn, total) for column, total in zip(values.T, totals, strict=True)]


def local_values(state: State, bits: np.ndarray, totals: Sequence[PauliSum]) -> np.ndarray:
    """Re (A ψ)(σ) / ψ(σ) at bits (samples, sites) for each sum, (samples, sums).

    A flip of the same sites is read once, whichever strings ask for it.
    """
    x = np.concatenate([total.x for total in totals])
    z = np.concatenate([total.z for total in totals])
    owner = np.repeat(np.arange(len(totals)), [len(total.x) for total in totals])
    phases = np.concatenate([total.coefficients for total in totals]) * (-1j) ** (x & z).sum(1)
    flips, group = np.unique(x, axis=0, return_inverse=True)
    group = group.reshape(-1)
    values = np.zeros((len(bits), len(totals))) + [total.constant for total in totals]
    at_once = max(1, _AT_ONCE // len(bits))
    for first in range(0, len(flips), at_once):
        psi = _ratios(state, flips[first : first + at_once], bits)
        strings = np.flatnonzero((group >= first) & (group < first + at_once))
        for some in np.array_split(strings, -(-len(strings) // at_once)):
            odd = (bits.astype(np.float32) @ z[some].T.astype(np.float32)) % 2
            local = ((1 - 2 * odd) * phases[some] * psi[:, group[some] - first]).real
            np.add.at(values.T, owner[some], local.T)
    return values


def _ratios(state: State, flips: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """As `ratios`, with 1 where nothing is flipped."""
    moved = flips.any(axis=1)
    psi = np.ones((len(bits), len(flips)), complex)
    if moved.any():
        psi[:, moved] = ratios(state.model, state.variables, flips[moved], bits)
    return psi


def _weights_of_all(state: State, bits: np.ndarray) -> np.ndarray | None:
    """Weight of each sample, where together they are every configuration that the state has."""
    if not isinstance(state.model, Normalised):
        return None
    rows, place, times = np.unique(bits, axis=0, return_inverse=True, return_counts=True)
    if 2 * len(rows) > len(bits):
        return None
    p = np.exp(2 * state.log_psi(rows).real)
    return (p / times)[place.reshape(-1)] if p.sum() > 1 - _CONSTANT else None


def _mean(values: np.ndarray, drawn: Samples, total: PauliSum) -> Estimate:
    mean = float(values.mean())
    scale = float(np.abs(total.coefficients).sum())
    if np.ptp(values) <= _CONSTANT * scale:
        # what does not depend on ψ may be constant for want of the samples that are rare
        depends = total.x.any() and len(np.unique(drawn.bits[:_LOOKED_AT], axis=0)) > _FEW
        return Estimate(mean, None if depends or not scale else _UNSEEN * scale / len(values))
    return Estimate(mean, statistics.standard_error(values, drawn.dependent))
