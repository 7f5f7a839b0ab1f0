"""Configurations for one step of a variational training, drawn inside a compiled loop."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from nqs.state import levels
from nqs.state.levels import Levels
from nqs.state.listed import Listed, list_energies, log_weights
from nqs.state.local_energy import local_energies
from nqs.state.markov import random_bits, sweeps
from nqs.state.sampling import draw_directly
from nqs.systems.elements import Elements

_OTHERS = 0xBE10
"""Folded into the key of a step for the samples of lower states."""


class Drawn(NamedTuple):
    """Configurations and their local energies.

    bits: (samples, sites) int32. weights: (samples,), sum 1. energy: (samples,) complex.
    chains: to go on from. acceptance: share of proposals taken, or of the draws that are kept; 1 where
    nothing is proposed or left out.
    """

    bits: Array
    weights: Array
    energy: Array
    chains: Any
    acceptance: Array


@dataclass(frozen=True)
class Draws:
    """How configurations are drawn.

    method: "direct" from the conditionals of an autoregressive state; "unique" takes of so many
    `repeats` of them each distinct one once, with its weight, and no more than `samples`; "metropolis" and
    "exchange" by chains that go on from step to step, `sweeps` between two steps;
    "exact" from all of `Listed`; "all" takes each of `Listed` once, with its weight.
    ones: number of bits 1 in each part where the magnetisation is fixed.
    below: lower states that ψ is kept orthogonal to, as in `Levels`; autoregressive but for a list.
    """

    method: str
    samples: int
    sweeps: int = 1
    ones: tuple[int, ...] | None = None
    repeats: int = 0
    below: tuple[nn.Module, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether chains are carried on from step to step."""
        return self.method in ("metropolis", "exchange")


class Given(NamedTuple):
    """What the draws look up. states: for "exact" and "all". levels: variables of what lies below."""

    elements: Elements
    states: Listed | None = None
    levels: Levels | None = None


def begin(draws: Draws, sites: int, key: Array) -> Array:
    """Chains before the first step, (samples, sites); none where nothing is carried on."""
    if draws.moves:
        return random_bits(key, draws.samples, sites, draws.ones)
    return jnp.zeros((0, sites), jnp.int32)


def draw(
    draws: Draws,
    model: nn.Module,
    variables: Any,
    given: Given,
    blocks: tuple[int, ...],
    chains: Array,
    key: Array,
) -> Drawn:
    """Configurations distributed as |ψ|², or all of them with their weight, and their energies.

    blocks: `joined` of the flips.
    """
    if given.states is not None:
        return _from_list(draws, model, variables, given, chains, key)
    acceptance = jnp.ones(())
    weights = jnp.full(draws.samples, 1 / draws.samples)
    if draws.method == "unique":
        bits, weights, acceptance = _distinct(draws, model, variables, key)
    elif draws.method == "direct":
        bits = draw_directly(model, variables, key, draws.samples)[0].astype(jnp.int32)
    else:
        chains, acceptance = sweeps(
            draws.method, model, variables, chains, key, 0, draws.sweeps, given.elements
        )
        bits = chains
    energy = local_energies(model, variables, given.elements, bits, blocks=blocks)
    if given.levels is not None:
        other = jax.random.fold_in(key, _OTHERS)
        energy += levels.of_samples(draws.below, given.levels, model, variables, bits, other)
    return Drawn(bits, weights, energy, chains, acceptance)


def _distinct(draws, model, variables, key) -> tuple[Array, Array, Array]:
    """Rows, their weights, and the share of the draws that they stand for."""
    found: Any = model.apply(variables, key, draws.samples, draws.repeats, method="draw_distinct")
    bits, counts = found
    # rows of no sample repeat the commonest, which costs nothing: each distinct row is read once
    bits = jnp.where(counts[:, None] > 0, bits, bits[0])
    return bits, counts / counts.sum(), counts.sum() / draws.repeats


def _from_list(draws, model, variables, given: Given, chains, key) -> Drawn:
    states: Any = given.states
    log_psi, energy = list_energies(model, variables, states)
    if given.levels is not None:
        energy += levels.of_list(draws.below, given.levels, log_psi, states)
    log_p = log_weights(log_psi, states)
    if draws.method == "all":
        return Drawn(states.bits, jnp.exp(log_p), energy, chains, jnp.ones(()))
    which = jax.random.choice(key, len(log_p), (draws.samples,), p=jnp.exp(log_p))
    rows = min(draws.samples, len(states.bits))
    which, counts = jnp.unique(which, return_counts=True, size=rows, fill_value=0)
    return Drawn(states.bits[which], counts / draws.samples, energy[which], chains, jnp.ones(()))
