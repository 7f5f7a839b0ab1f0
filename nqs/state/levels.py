"""Lower levels, to which a state is kept orthogonal: H + λ Σ_k |φ_k⟩⟨φ_k| has the next one as its lowest.

The local energy of the second part is λ Σ_k φ_k(σ)/ψ(σ) · ⟨φ_k|ψ⟩/⟨φ_k|φ_k⟩, whatever the norms
of ψ and φ_k are. Choo, Carleo, Regnault and Neupert, Phys. Rev. Lett. 121, 167204 (2018);
Pathak, Busemeyer, Rodrigues and Wagner, J. Chem. Phys. 154, 034101 (2021).
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from nqs.state.listed import Listed, log_weights
from nqs.state.pieces import in_turn
from nqs.state.sampling import draw_directly


class Levels(NamedTuple):
    """variables: of each lower state φ_k, normalised or not. strength: (), λ, above the gap."""

    variables: tuple[Any, ...]
    strength: Any


def of_samples(
    models: tuple[nn.Module, ...],
    levels: Levels,
    model: nn.Module,
    variables: Any,
    bits: Array,
    key: Array,
) -> Array:
    """Local energies at bits (samples, sites), (samples,), from as many fresh samples of each φ_k.

    models: of the φ_k, autoregressive.
    """
    here: Any = model.apply(variables, bits)
    total = jnp.zeros(len(bits), jnp.result_type(complex))
    for number, (lower, own) in enumerate(zip(models, levels.variables, strict=True)):
        drawn, _ = draw_directly(lower, own, jax.random.fold_in(key, number), len(bits))
        drawn = drawn.astype(jnp.int32)
        there: Any = model.apply(variables, drawn)
        of_lower: Any = lower.apply(own, jnp.concatenate([bits, drawn]))
        weights = jnp.full(len(bits), 1 / len(bits))
        total += _term(of_lower[: len(bits)] - here, there - of_lower[len(bits) :], weights)
    return levels.strength * total


def of_list(models: tuple[nn.Module, ...], levels: Levels, log_psi: Array, states: Listed) -> Array:
    """Local energies at all that is listed, (states,), by exact sums. log_psi: of ψ, (states,)."""
    total = jnp.zeros(len(log_psi), jnp.result_type(complex))
    for lower, own in zip(models, levels.variables, strict=True):
        log_phi = in_turn(partial(lower.apply, own), states.bits)
        weights = jnp.exp(log_weights(log_phi, states))
        total += _term(log_phi - log_psi, log_psi - log_phi, weights)
    return levels.strength * total


def _term(log_ratio: Array, log_inverse: Array, weights: Array) -> Array:
    """φ/ψ at some configurations, times the mean of ψ/φ at those of φ."""
    seen = weights > 0
    log_inverse = jnp.where(seen, log_inverse, -jnp.inf)
    scale = jnp.max(log_inverse.real)
    scale = jnp.where(jnp.isfinite(scale), scale, 0)  # ψ vanishes wherever φ does not
    overlap = jnp.sum(jnp.where(seen, weights * jnp.exp(log_inverse - scale), 0))
    return jnp.exp(log_ratio + scale) * overlap
