"""The teacher of ground states: draws, local energies and a step, many times in one compiled loop."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from nqs.state.draws import Draws, Given, begin, draw
from nqs.state.markov import sweeps
from nqs.training.descent import (
    Recipe,
    Sampled,
    learning_rate,
    memory_of,
    moved,
    surprise,
    temperature,
    trusted,
)

STEPS_PER_DISPATCH = 10
_PURPOSE = 0x6E17

_BURN_IN = 100
"""Sweeps of chains that begin anew at a state that is trained already."""


@dataclass(frozen=True)
class Teacher:
    """What stays the same during a training; hashable, so that a compiled loop is found again.

    blocks: `joined` of the Hamiltonian's flips. seed: of every draw.
    """

    model: nn.Module
    draws: Draws
    recipe: Recipe
    blocks: tuple[int, ...]
    seed: int


class Descent(NamedTuple):
    """All that training carries from step to step.

    memory: of the optimiser. chains: (samples, sites) bits of Markov chains.
    steps: of the whole schedule. skipped: steps not taken as numbers were not finite.
    halvings: how often the rate was halved after a failure. first, lowest: mean energy of
    the first and of the best dispatch. good: the variables that the best one began with.
    """

    step: Any
    steps: Any
    variables: Any
    memory: Any
    chains: Any
    skipped: Any
    halvings: Any
    first: Any
    lowest: Any
    good: Any


class Curve(NamedTuple):
    """What is only reported, (steps,) each: mean and variance of E_loc, and of the chains."""

    energy: Array
    variance: Array
    acceptance: Array


@partial(jax.jit, static_argnames=("teacher", "sites"))
def started(teacher: Teacher, variables: Any, sites: int, steps: Any) -> Descent:
    """Before the first step."""
    key = jax.random.fold_in(jax.random.key(teacher.seed), _PURPOSE)
    zero = jnp.zeros((), jnp.int32)
    return Descent(
        step=zero,
        steps=jnp.asarray(steps, jnp.int32),
        variables=variables,
        memory=memory_of(teacher.recipe, variables),
        chains=begin(teacher.draws, sites, key),
        skipped=zero,
        halvings=zero,
        first=jnp.full((), jnp.inf, jnp.float64),
        lowest=jnp.full((), jnp.inf, jnp.float64),
        good=variables,
    )


@partial(jax.jit, static_argnames="teacher")
def fresh_chains(teacher: Teacher, d: Descent) -> Array:
    """Chains that begin anew and find the last good state, other ones after every failure."""
    key = jax.random.fold_in(jax.random.key(teacher.seed), _PURPOSE)
    start, walk = jax.random.split(jax.random.fold_in(key, 1 + d.halvings))
    draws, model = teacher.draws, teacher.model
    chains = begin(draws, d.chains.shape[1], start)
    if draws.moves:
        chains, _ = sweeps(draws.method, model, d.good, chains, walk, 0, _BURN_IN)
    return chains


@partial(jax.jit, static_argnames="teacher")
def descend(teacher: Teacher, given: Given, descent: Descent) -> tuple[Descent, Curve]:
    """Ten steps; those beyond the end of the schedule change nothing."""
    key = jax.random.fold_in(jax.random.key(teacher.seed), _PURPOSE + 1)
    one = partial(_step, teacher, given, key)
    return jax.lax.scan(lambda d, _: one(d), descent, None, length=STEPS_PER_DISPATCH)


def _step(teacher, given, key, d: Descent):
    key = jax.random.fold_in(key, d.step)
    drawn = draw(teacher.draws, teacher.model, d.variables, given, teacher.blocks, d.chains, key)
    energy = jnp.sum(drawn.weights * drawn.energy)
    deviation = drawn.energy - energy
    variance = jnp.sum(drawn.weights * jnp.abs(deviation) ** 2)
    rate = learning_rate(teacher.recipe, d.step, d.steps) * 0.5**d.halvings
    weights, clip = drawn.weights, teacher.recipe.clip
    if teacher.draws.moves:
        weights, clip = trusted(drawn.energy, clip), math.inf
    residual = _clipped(drawn.energy, weights, clip)
    if teacher.recipe.temperature:
        heat = temperature(teacher.recipe, d.step, d.steps)
        residual += heat * surprise(teacher.model, d.variables, drawn.bits, weights)
    sampled = Sampled(drawn.bits, weights, residual)
    variables, memory = moved(
        teacher.recipe, teacher.model, d.variables, sampled, d.memory, d.step, rate
    )
    active = d.step < d.steps
    take = active & jnp.isfinite(variance) & _finite(variables) & _finite(memory)
    after = d._replace(
        step=d.step + active,
        variables=_where(take, variables, d.variables),
        memory=_where(take, memory, d.memory),
        chains=jnp.where(active, drawn.chains, d.chains),
        skipped=d.skipped + (active & ~take),
    )
    return after, Curve(energy.real, variance, drawn.acceptance)


def _clipped(energy: Array, weights: Array, clip: float) -> Array:
    """Deviations from the mean, none larger than `clip` standard deviations; their mean is zero."""
    deviation = energy - jnp.sum(weights * energy)
    if math.isinf(clip):
        return deviation
    size = jnp.abs(deviation)
    limit = clip * jnp.sqrt(jnp.sum(weights * size**2))
    clipped = deviation * jnp.where(size > limit, limit / jnp.maximum(size, 1e-300), 1.0)
    return clipped - jnp.sum(weights * clipped)


def _finite(tree: Any) -> Array:
    return jnp.all(jnp.array([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


def _where(condition: Array, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda n, o: jnp.where(condition, n, o), new, old)
