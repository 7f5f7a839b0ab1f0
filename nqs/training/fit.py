"""Many optimisation steps per dispatch, of several restarts at once, inside one compiled loop."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from nqs.training.flat import flattened
from nqs.training.natural import direction, within
from nqs.training.objective import Objective

STEPS_PER_JUDGEMENT = 10
_WARM_UP = 0.05
_LAST_RATE = 0.01
_CLIP = 1.0
_SECOND_MOMENT = 0.99


class Progress(NamedTuple):
    """All that training carries from step to step; every leaf has the restarts in front.

    average: running mean of the variables, the state that is judged.
    best: the average that the judge liked most so far.
    skipped: steps not taken because a gradient was not finite.
    memory: what the objective remembers of the way; nothing of most.
    """

    step: Array
    variables: Any
    moments: Any
    average: Any
    best: Any
    best_judged: Array
    best_step: Array
    skipped: Array
    memory: Any = ()


class Curve(NamedTuple):
    """What is only reported: (judgements, restarts) each."""

    value: Array
    judged: Array


@dataclass(frozen=True)
class Recipe:
    """How the steps are taken: "adam", its gradient clipped, or "natural", within a trust region.

    The rate warms up and decays as a cosine. together: restarts differentiated in one batch;
    False takes them in turn, in a fraction of the memory. memory: weight kept at every step by
    the running average that is judged; of 0.9 it lasts ten steps, enough to smooth out the jitter
    of a large rate of Adam. Natural gradients alone: momentum of SPRING; shift of the Fisher
    matrix, its decay a step and its floor, as of `direction`; trust: the largest
    rate · √(δᵀFδ), the change of log P in one step.
    """

    rate: float = 0.02
    together: bool = True
    memory: float = 0.9
    optimiser: str = "adam"
    momentum: float = 0.0
    shift: float = 0.1
    shift_decay: float = 0.9
    least_shift: float = 1e-3
    trust: float = 0.5


_adam = optax.chain(optax.clip_by_global_norm(_CLIP), optax.scale_by_adam(b2=_SECOND_MOMENT))


def _adam_step(recipe: Recipe, objective, batch, scale, p: "Progress"):
    value, gradient = jax.value_and_grad(objective)(p.variables, batch)
    # JAX gives ∂x − i∂y for a complex parameter; the ascent is its conjugate
    updates, moments = _adam.update(jax.tree.map(jnp.conj, gradient), p.moments)
    return value, jax.tree.map(lambda u: scale * u, updates), moments


def _natural_memory(variables: Any) -> Array:
    return jnp.zeros(flattened(variables)[0].shape, jnp.result_type(float))


def _natural_step(recipe: Recipe, objective, batch, scale, p: "Progress"):
    value, local = objective.local(p.variables, batch)
    shift = jnp.maximum(recipe.shift * recipe.shift_decay**p.step, recipe.least_shift)
    found = direction(local, p.moments, recipe.momentum, shift)
    found *= within(scale * local.size(found), recipe.trust)
    vector, rebuilt = flattened(p.variables)
    return value, rebuilt((scale * found).astype(vector.dtype)), found


class _Optimiser(NamedTuple):
    begin: Callable
    step: Callable


OPTIMISERS = {
    "adam": _Optimiser(_adam.init, _adam_step),
    "natural": _Optimiser(_natural_memory, _natural_step),
}
"""begin: variables → memory. step: → value, what is taken off the variables, memory."""


def learning_rate(rate: float, step: Any, steps: Any, xp: Any = jnp) -> Any:
    """Rate at a step of `steps`: linear warm-up over 5 %, then a cosine down to 1 %.

    xp: the array library, numpy where nothing is to be compiled.
    """
    warm = xp.maximum(_WARM_UP * steps, 1)
    phase = xp.clip((step - warm) / xp.maximum(steps - warm, 1), 0, 1)
    decay = _LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + xp.cos(xp.pi * phase))
    return rate * xp.minimum(1, (step + 1) / warm) * decay


def equal_travel(best_step: int, steps: int) -> int:
    """Length of a complete schedule that travels as far as the first `best_step` of `steps`.

    Distance is the sum of the rates. A state that early stopping chose at a high
    rate is thereby reached again at a rate that has come to rest.
    """
    travelled = np.cumsum(learning_rate(1.0, np.arange(steps), steps, np))
    mean_rate = travelled[-1] / steps
    wanted = travelled[min(max(best_step, 1), steps) - 1] / mean_rate
    blocks = int(np.ceil(wanted / STEPS_PER_JUDGEMENT))
    return min(max(blocks, 4) * STEPS_PER_JUDGEMENT, steps)


@partial(jax.jit, static_argnames="optimiser")
def begin(variables: Any, optimiser: str = "adam", memory: Any = ()) -> Progress:
    """Progress before the first step, from variables and memory with the restarts in front."""
    restarts = jax.tree.leaves(variables)[0].shape[0]
    return Progress(
        step=jnp.zeros(restarts, jnp.int32),
        variables=variables,
        moments=jax.vmap(OPTIMISERS[optimiser].begin)(variables),
        average=variables,
        best=variables,
        best_judged=jnp.full(restarts, jnp.inf, jnp.result_type(float)),
        best_step=jnp.zeros(restarts, jnp.int32),
        skipped=jnp.zeros(restarts, jnp.int32),
        memory=memory,
    )


@partial(jax.jit, static_argnames=("objective", "recipe", "judgements", "axes"))
def advance(
    objective: Objective,
    recipe: Recipe,
    progress: Progress,
    batch: Any,
    steps: int | Array,
    judgements: int,
    axes: Any = None,
) -> tuple[Progress, Curve]:
    """`judgements` × 10 steps of every restart, towards a schedule of `steps` in all.

    Steps beyond the end of the schedule change nothing. A step whose value or
    gradient is not finite is skipped and counted. steps: a number, or (restarts,) where
    each has its own. axes: where each restart has data of its own, the axes of `batch` that
    hold it, as of `jax.vmap`.
    """
    one = partial(_judged_block, objective, recipe)
    if not recipe.together:
        one = jax.custom_batching.sequential_vmap(one)
    each = jax.vmap(one, in_axes=(0 if jnp.ndim(steps) else None, axes, 0))
    return jax.lax.scan(lambda p, _: each(steps, batch, p), progress, None, length=judgements)


def _judged_block(objective, recipe, steps, batch, progress):
    def one(p, _):
        return step(objective, recipe, batch, steps, p)

    active = progress.step < steps
    progress, values = jax.lax.scan(one, progress, None, length=STEPS_PER_JUDGEMENT)
    judged = objective.judge(progress.average, batch)
    progress = _noted(progress, jnp.where(active, judged, jnp.inf))
    return progress, Curve(value=values[-1], judged=judged)


def _noted(progress: Progress, judged: Array) -> Progress:
    """The average kept where it was judged better than the best so far, of one restart."""
    better = judged < progress.best_judged
    return progress._replace(
        best=_where(better, progress.average, progress.best),
        best_judged=jnp.where(better, judged, progress.best_judged),
        best_step=jnp.where(better, progress.step, progress.best_step),
    )


noted = jax.jit(jax.vmap(_noted))
"""The same of all restarts, judged (restarts,)."""


def step(
    objective: Any, recipe: Recipe, batch: Any, steps: int | Array, p: Progress
) -> tuple[Progress, Array]:
    """One step of one restart, towards a schedule of `steps` in all, and the value before it."""
    scale = learning_rate(recipe.rate, p.step, steps)
    value, update, moments = OPTIMISERS[recipe.optimiser].step(recipe, objective, batch, scale, p)
    squares = sum(jnp.sum(jnp.abs(leaf) ** 2) for leaf in jax.tree.leaves(update))
    finite = jnp.isfinite(value) & jnp.isfinite(squares)
    active = p.step < steps
    take = finite & active
    variables = _where(take, jax.tree.map(jnp.subtract, p.variables, update), p.variables)
    mix = jnp.where(active, 1 - recipe.memory, 0.0)
    average = jax.tree.map(lambda a, x: a + mix * (x - a), p.average, variables)
    progress = p._replace(
        step=p.step + active,
        variables=variables,
        moments=_where(take, moments, p.moments),
        average=average,
        skipped=p.skipped + (active & ~finite),
    )
    return progress, value


def _where(condition, new, old):
    return jax.tree.map(lambda n, o: jnp.where(condition, n, o), new, old)
