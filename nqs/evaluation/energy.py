"""The energy of a state: fresh samples, or an exact sum, with an error one can trust."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from nqs import statistics
from nqs.evaluation.heldout import Estimate
from nqs.state.listed import Listed, list_energies, log_weights
from nqs.state.local_energy import local_energies, surroundings
from nqs.state.sampling import Samples
from nqs.state.state import State
from nqs.systems.elements import Elements, off_diagonal

_CHECKED = 256
"""Samples whose local energies are computed in double precision as well."""

_PART = 2**23
"""Sites of connected configurations that are read between two looks at signals; a dozen seconds."""

_HARMLESS = 0.1
"""Share of the statistical error that rounding may have."""

_AROUND = 2048
"""Configurations one step away from the samples behind the second look at the variance."""


@dataclass(frozen=True)
class Energy:
    """⟨H⟩ and the variance of H in a state, with what their errors rest on.

    energy, variance: error None where they are exact sums. samples: drawn; 0 for an
    exact sum. distinct: different ones among them. effective_samples, r_hat, acceptance:
    of the local energies' chains, None where samples are independent. top_share: of
    the variance in the furthest hundredth; heavy_tailed: whether more may be to come.
    around: the variance again, by a second look that also goes where the state is small,
    error None where that is an exact sum; None where all of this is. rounding: error of
    the mean by single precision, as 256 samples show it, 0 where all was double. drawn, local: the
    samples and their local energies; None where there are none.
    """

    energy: Estimate
    variance: Estimate
    samples: int
    distinct: int
    effective_samples: float | None
    r_hat: float | None
    acceptance: float | None
    top_share: float
    heavy_tailed: bool
    around: Estimate | None
    rounding: float
    drawn: Samples | None = None
    local: np.ndarray | None = None

    def v_score(self, sites: int, infinite_temperature: float) -> Estimate | None:
        """N · Var / (E − E∞)² [Wu et al., Science 386, 296 (2024)]; None where E = E∞."""
        if self.energy.value == infinite_temperature:
            return None
        scale = sites / (self.energy.value - infinite_temperature) ** 2
        error = None if self.variance.error is None else self.variance.error * scale
        return Estimate(self.variance.value * scale, error)


def summed_energy(state: State, states: Listed) -> Energy:
    """By an exact sum over all of `states`."""
    energy, variance = _summed(state, states)
    return Energy(
        energy=Estimate(energy, None),
        variance=Estimate(variance, None),
        samples=0,
        distinct=len(states.bits),
        effective_samples=None,
        r_hat=None,
        acceptance=None,
        top_share=0.0,
        heavy_tailed=False,
        around=None,
        rounding=0.0,
    )


def _summed(state: State, states: Listed) -> tuple[float, float]:
    """Energy and variance."""
    weights, energies = (np.asarray(x) for x in _all(state.model, state.variables, states))
    energy = float((weights * energies).sum().real)
    return energy, float((weights * np.abs(energies - energy) ** 2).sum())


@partial(jax.jit, static_argnames="model")
def _all(model, variables, states):
    log_psi, energies = list_energies(model, variables, states)
    return jnp.exp(log_weights(log_psi, states)), energies


def sampled_energy(
    state: State,
    drawn: Samples,
    e: Elements,
    *,
    quick: nn.Module | None = None,
    states: Listed | None = None,
    seed: int,
) -> Energy:
    """From samples of the state, each distinct one evaluated once.

    quick: the same ansatz in single precision, used where 256 samples in both show its
    rounding to be below a tenth of the statistical error. states: all that can be drawn,
    where they are listed: the second look at the variance is then their exact sum. seed: of
    that look otherwise.
    """
    energies, rounding = _quickly(state, quick, e, drawn.bits)
    values = energies.real
    mean = float(values.mean())
    squares = np.abs(energies - mean) ** 2
    chains = drawn.dependent
    error, spread = (statistics.standard_error(x, chains) for x in (values, squares))
    effective, r_hat = None, None
    if chains is not None:
        effective = _effective(values, error)
        r_hat = statistics.split_r_hat(statistics.in_chains(values, chains))
    return Energy(
        energy=Estimate(mean, error),
        variance=Estimate(float(squares.mean()), spread),
        samples=len(values),
        distinct=len(np.unique(drawn.bits, axis=0)),
        effective_samples=effective,
        r_hat=r_hat,
        acceptance=drawn.acceptance,
        top_share=statistics.top_share(values),
        heavy_tailed=statistics.heavy_tailed(values),
        around=_variance_around(state, e, drawn.bits, energies, seed)
        if states is None
        else Estimate(_summed(state, states)[1], None),
        rounding=rounding,
        drawn=drawn,
        local=values,
    )


def _effective(values: np.ndarray, error: float) -> float:
    """Independent samples that would have this error of the mean; no more than there are."""
    return float(min(values.var(ddof=1) / error**2, len(values)) if error > 0 else len(values))


def _quickly(state, quick, e, bits) -> tuple[np.ndarray, float]:
    """Local energies of bits (samples, sites), and a bound on the error of their mean by rounding."""
    if quick is None:
        return _evaluated(state.model, state.variables, e, bits), 0.0
    rounded = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), state.variables)
    energies = _evaluated(quick, rounded, e, bits)
    chosen = np.linspace(0, len(bits) - 1, min(_CHECKED, len(bits))).astype(int)
    exactly = _evaluated(state.model, state.variables, e, bits[chosen])
    off = (energies[chosen] - exactly).real
    rounding = float(abs(off.mean()) + 2 * off.std() / np.sqrt(len(off)))
    if not rounding <= _HARMLESS * statistics.standard_error(energies.real):
        return _evaluated(state.model, state.variables, e, bits), 0.0
    return energies, rounding


def _evaluated(model: nn.Module, variables: Any, e: Elements, bits: np.ndarray) -> np.ndarray:
    bits = bits.astype(np.int32)
    parts = min(max(1, bits.size * len(e.flips) // _PART), len(bits))
    size = -(-len(bits) // parts)
    found = []
    for first in range(0, len(bits), size):  # all of one shape, so that they share a program
        part = bits[first : first + size]
        full = np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
        found.append(np.asarray(local_energies(model, variables, e, full))[: len(part)])
    return np.concatenate(found)


def _variance_around(state, e: Elements, bits: Any, energies: np.ndarray, seed: int) -> Estimate:
    """The variance of H from configurations σ' that H connects with the samples.

    A sample σ of |ψ|² and one of the G flips, each as likely, lead to σ' with
    q(σ') = Σ_f |ψ(σ' ⊕ f)|² / G, so Var = ⟨|(H ψ)(σ') − E ψ(σ')|² / q(σ')⟩. Samples of
    |ψ|² never see where ψ vanishes and H ψ does not; these do. A frozen chain has no
    variance by the first estimate and all of it by this one. Samples that H connects with
    nothing lead nowhere and are led to from nowhere: they stand for themselves.
    """
    rng = np.random.default_rng([seed, 0xA5])
    groups, mean = len(e.flips), energies.real.mean()
    chosen = rng.integers(0, len(bits), min(_AROUND, len(bits)))
    rows, deviation = bits[chosen], np.abs(energies[chosen] - mean) ** 2
    if not groups:
        return Estimate(float(deviation.mean()), statistics.standard_error(deviation))
    flip = rng.integers(0, groups, len(rows))
    moved = (rows ^ np.asarray(e.flips)[flip]).astype(np.int32)
    connected = np.asarray(off_diagonal(e, moved))[np.arange(len(rows)), flip] != 0
    alone = ~(np.asarray(off_diagonal(e, rows.astype(np.int32))) != 0).any(axis=1)
    found = surroundings(state.model, state.variables, e, moved)
    term = groups * np.abs(np.asarray(found.image) - mean * np.asarray(found.here)) ** 2
    # what is not finite lies where no sample of ψ can come from
    term = np.where(connected & np.isfinite(term), term, np.where(alone, deviation, 0.0))
    return Estimate(float(term.mean()), statistics.standard_error(term))
