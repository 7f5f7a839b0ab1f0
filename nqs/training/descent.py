"""Steps towards the lowest energy: natural gradients with momentum, or Adam."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import Array

from nqs.training.flat import flattened
from nqs.training.natural import Local, direction, within
from nqs.training.slopes import is_real, log_psi_slopes

_WARM_UP = 20
"""Steps before momentum sets in: the first directions are not worth keeping."""

_FARTHEST = 0.005
"""Share of the samples that the spread of energies leaves out."""

_KEPT = 0.995
"""Of the squares that MARCH remembers, at every step."""


@dataclass(frozen=True)
class Recipe:
    """How the steps are taken.

    optimiser: "natural", "march" or "adam". rate: of the first `plateau` of the schedule; then
    it falls geometrically to last_rate · rate. temperature: of an energy less temperature times
    entropy, that falls linearly to nothing at the share `cooled` of the schedule. Natural gradients
    alone: momentum of SPRING; shift and its decay a step and floor, relative to the mean of the
    diagonal of T or J†J, whichever is smaller; trust: the largest rate · ‖J δ‖, the change of log ψ in one step.
    clip: standard deviations of E_loc beyond which residuals are clipped, or samples of chains count less.
    """

    optimiser: str = "natural"
    rate: float = 0.1
    last_rate: float = 0.1
    plateau: float = 0.3
    momentum: float = 0.9
    shift: float = 1e-2
    shift_decay: float = 0.98
    least_shift: float = 1e-4
    trust: float = 0.1
    clip: float = 5.0
    temperature: float = 0.0
    cooled: float = 0.5


class Sampled(NamedTuple):
    """What a direction is made of.

    weights: (samples,), sum 1. residual: (samples,) E_loc less its mean, complex.
    """

    bits: Array
    weights: Array
    residual: Array


def learning_rate(recipe: Recipe, step: Array, steps: Array) -> Array:
    """The rate at a step of a schedule of `steps`."""
    falling = jnp.clip((step / steps - recipe.plateau) / (1 - recipe.plateau), 0, 1)
    return recipe.rate * recipe.last_rate**falling


def temperature(recipe: Recipe, step: Array, steps: Array) -> Array:
    """The temperature at a step of a schedule of `steps`."""
    return recipe.temperature * jnp.clip(1 - step / (recipe.cooled * steps), 0, 1)


def surprise(model: nn.Module, variables: Any, bits: Array, weights: Array) -> Array:
    """log p − its mean, p = |ψ|² of any norm, (samples,): T times it, beside E_loc, is what an entropy
    −Σ p log p at a temperature T adds to a residual.

    Hibat-Allah, Inack, Wiersema, Melko and Carrasquilla, Nat. Mach. Intell. 3, 952 (2021).
    """
    log_psi: Any = model.apply(variables, bits)
    log_p = 2 * log_psi.real
    return log_p - jnp.sum(weights * log_p)


def trusted(energy: Array, clip: float) -> Array:
    """Weights of samples of chains, sum 1, less of those whose energy is far off.

    Beside a configuration that no chain has found yet, and where |ψ| has grown without bound, E_loc is
    10¹⁰ as well. Beyond `clip` standard deviations of all but the farthest half per cent, a sample
    counts by the square of how many times farther it is, as if its residual and derivatives were so
    many times smaller.
    """
    middle = jnp.median(energy.real) + 1j * jnp.median(energy.imag)
    distance = jnp.abs(energy - middle)
    near = jnp.sort(distance)[: math.ceil((1 - _FARTHEST) * len(energy))]
    limit = clip * jnp.sqrt(jnp.mean(near**2))
    limit = jnp.where(limit > 0, limit, jnp.inf)
    weights = jnp.minimum(1, limit / jnp.maximum(distance, 1e-300)) ** 2
    return weights / weights.sum()


def memory_of(recipe: Recipe, variables: Any) -> Any:
    """What the optimiser carries before its first step."""
    return OPTIMISERS[recipe.optimiser].begin(flattened(variables)[0])


def _begin_natural(vector: Array) -> Array:
    return jnp.zeros(vector.shape, jnp.result_type(float))


def _natural(recipe: Recipe, model: nn.Module, variables, drawn: Sampled, memory, step, rate):
    """(J†J + λ)⁻¹ J†ε with SPRING's momentum, and its step, within the trust region.

    Rows of J are √p (∂ log ψ − mean), real and imaginary parts below each other;
    whichever of J†J and T = J J† is smaller is solved, in double precision.
    Chen and Heyl, Nat. Phys. 20, 1476 (2024); Goldshlager, Abrahamsen and Lin,
    J. Comput. Phys. 516, 113351 (2024).
    """
    local = _local(model, variables, drawn, memory.dtype)
    found = direction(local, memory, *_regularised(recipe, step))
    found = found * within(rate * local.size(found), recipe.trust)
    return rate * found, found


class Moments(NamedTuple):
    """What MARCH remembers: the last direction, and the squares of its changes, (parameters,) each."""

    first: Array
    second: Array


def _begin_march(vector: Array) -> Moments:
    return Moments(_begin_natural(vector), _begin_natural(vector))


def _march(recipe: Recipe, model: nn.Module, variables, drawn: Sampled, memory, step, rate):
    """As `_natural`, where what is new of each parameter may be the larger the more it changed before.

    Gu et al., arXiv:2507.02644: the shift weighs changes in units of the fourth root of the sum of
    their squares, those of long ago forgotten.
    """
    local = _local(model, variables, drawn, memory.first.dtype)
    roots = memory.second**0.25
    scales = jnp.where(roots.max() > 0, roots + 1e-8 * roots.max(), 1.0)
    found = direction(local, memory.first, *_regularised(recipe, step), scales)
    found = found * within(rate * local.size(found), recipe.trust)
    second = _KEPT * memory.second + (found - memory.first) ** 2
    return rate * found, Moments(found, second)


def _local(model: Any, variables, drawn: Sampled, dtype: Any) -> Local:
    root = jnp.sqrt(drawn.weights)
    parts = [drawn.residual.real] if is_real(model) else [drawn.residual.real, drawn.residual.imag]
    return Local(
        _centred_jacobian(model, variables, drawn).astype(dtype),
        jnp.concatenate([root * part for part in parts]),
    )


def _regularised(recipe: Recipe, step: Array) -> tuple[Array, Array]:
    """Momentum and shift of a step."""
    momentum = jnp.where(step < _WARM_UP, 0.0, recipe.momentum)
    return momentum, jnp.maximum(recipe.shift * recipe.shift_decay**step, recipe.least_shift)


def _centred_jacobian(model: Any, variables, drawn: Sampled) -> Array:
    # (parts, samples, parameters)
    rows = jnp.swapaxes(log_psi_slopes(model, variables, drawn.bits), 0, 1)
    weights = drawn.weights.astype(rows.dtype)
    rows = rows - jnp.einsum("s,qsp->qp", weights, rows)[:, None]
    return (jnp.sqrt(weights)[:, None] * rows).reshape(-1, rows.shape[-1])


_scaled = optax.scale_by_adam()


def _adam(recipe: Recipe, model: nn.Module, variables, drawn: Sampled, memory, step, rate):
    """The gradient 2 Re Σ p ε* ∂ log ψ, scaled by its moments."""
    vector, rebuilt = flattened(variables)

    def pull(vector):
        log_psi: Any = model.apply(rebuilt(vector), drawn.bits)
        force = jax.lax.stop_gradient(drawn.weights * drawn.residual.conj())
        return 2 * jnp.sum((force * log_psi).real)

    gradient = jax.grad(pull)(vector)
    update, memory = _scaled.update(gradient, memory)
    return rate * update, memory


class _Optimiser(NamedTuple):
    begin: Callable
    step: Callable


OPTIMISERS = {
    "natural": _Optimiser(_begin_natural, _natural),
    "march": _Optimiser(_begin_march, _march),
    "adam": _Optimiser(_scaled.init, _adam),
}
"""begin: a flat vector → its memory. step: → (what is taken off the parameters, memory)."""


def moved(recipe: Recipe, model: nn.Module, variables, drawn: Sampled, memory, step, rate):
    """Variables and memory after one step."""
    vector, rebuilt = flattened(variables)
    update, memory = OPTIMISERS[recipe.optimiser].step(
        recipe, model, variables, drawn, memory, step, rate
    )
    return rebuilt((vector - update).astype(vector.dtype)), memory
