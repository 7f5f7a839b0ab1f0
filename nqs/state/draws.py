"""Configurations for one step of a variational training, drawn inside a compiled loop."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.ansatz.symmetric import shifts
from nqs.measurement.effects import index_bits
from nqs.state.local_energy import in_turn, local
from nqs.state.markov import random_bits, sweeps
from nqs.state.sampling import draw_directly
from nqs.systems.elements import Elements, diagonal, elements, off_diagonal
from nqs.systems.exact import sector
from nqs.systems.pauli import PauliSum

METHODS = ("direct", "metropolis", "exchange", "exact", "all")


class Listed(NamedTuple):
    """Every configuration that matters, one of each orbit of a symmetry.

    bits: (states, sites) int32. log_length: (states,) log of the length of each orbit.
    diagonal: (states,) ⟨σ|H|σ⟩. elements: (states, groups) ⟨σ|H|σ'⟩ ψ(σ') / ψ(orbit of σ'),
    the latter ±1. neighbours: (states, groups) which orbit σ' belongs to.
    """

    bits: Any
    log_length: Any
    diagonal: Any
    elements: Any
    neighbours: Any


class Drawn(NamedTuple):
    """Configurations and their local energies.

    bits: (samples, sites) int32. weights: (samples,), sum 1. energy: (samples,) complex.
    chains: to go on from. acceptance: share of proposals taken, 1 where nothing is proposed.
    """

    bits: Array
    weights: Array
    energy: Array
    chains: Any
    acceptance: Array


@dataclass(frozen=True)
class Draws:
    """How configurations are drawn, by one of METHODS.

    "direct" from the conditionals of an autoregressive state; "metropolis" and
    "exchange" by chains that go on from step to step, `sweeps` between two steps;
    "exact" from all of `Listed`; "all" takes each of `Listed` once, with its weight.
    ones: number of bits 1 where the magnetisation is fixed.
    """

    method: str
    samples: int
    sweeps: int = 1
    ones: int | None = None


def listed(
    total: PauliSum,
    magnetisation: int | None = None,
    *,
    size: tuple[int, ...] | None = None,
    flip: bool = False,
    rotated: tuple[int, ...] = (),
) -> Listed:
    """All basis states of a sector of Σ Z; with a size, one of each orbit.

    size: of a periodic lattice whose translations leave H and |ψ| as they are; flip:
    whether flipping all spins does, too. rotated: sites of ψ's Marshall sign.
    """
    states = sector(total.sites, magnetisation)
    e = elements(total)
    length = np.ones(len(states))
    if size is not None:
        least, length = _orbits(states, size, flip)
        states = least
    bits: Any = index_bits(states, total.sites).astype(np.int32)
    place_value = 1 << np.arange(total.sites - 1, -1, -1)
    connected = states[:, None] ^ (e.flips @ place_value)
    element = np.asarray(off_diagonal(e, bits))
    inside = element != 0
    least = connected if size is None else _least(connected, size, flip)
    which = np.searchsorted(states, np.where(inside, least, states[0]))
    turned = int(place_value[list(rotated)].sum()) if rotated else 0
    odd = np.bitwise_count((connected ^ states[which]) & turned) % 2
    return Listed(
        bits=bits,
        log_length=np.log(length),
        diagonal=np.asarray(diagonal(e, bits)),
        elements=np.where(inside, element * (1 - 2.0 * odd), 0),
        neighbours=which.astype(np.int32),
    )


def _orbits(states, size, flip) -> tuple[np.ndarray, np.ndarray]:
    """The least index of every orbit and its length; states are closed under the symmetries."""
    return np.unique(_least(states, size, flip), return_counts=True)


def _least(states: np.ndarray, size: tuple[int, ...], flip: bool) -> np.ndarray:
    """The least index that translations, and flips if `flip`, make of each state."""
    sites = int(np.prod(size))
    place_value = 1 << np.arange(sites - 1, -1, -1)
    least = states.copy()
    for moved in shifts(size):
        image = np.zeros_like(states)
        for site, place in enumerate(moved):
            image |= ((states // place_value[site]) & 1) * place_value[place]
        np.minimum(least, image, out=least)
        if flip:
            np.minimum(least, 2**sites - 1 - image, out=least)
    return least


def begin(draws: Draws, sites: int, key: Array) -> Array:
    """Chains before the first step, (samples, sites); none where nothing is carried on."""
    if draws.method in ("metropolis", "exchange"):
        return random_bits(key, draws.samples, sites, draws.ones)
    return jnp.zeros((0, sites), jnp.int32)


def draw(
    draws: Draws,
    model: nn.Module,
    variables: Any,
    e: Elements,
    blocks: tuple[int, ...],
    states: Listed | None,
    chains: Array,
    key: Array,
) -> Drawn:
    """Configurations distributed as |ψ|², or all of them with their weight, and their energies.

    blocks: `joined` of the flips of e. states: for "exact" and "all", None for others.
    """
    if states is not None:
        return _from_list(draws, model, variables, states, chains, key)
    acceptance = jnp.ones(())
    if draws.method == "direct":
        bits = draw_directly(model, variables, key, draws.samples)[0].astype(jnp.int32)
    else:
        chains, acceptance = sweeps(draws.method, model, variables, chains, key, 0, draws.sweeps)
        bits = chains
    energy = local(model, variables, e, bits, blocks=blocks).energy
    return Drawn(bits, jnp.full(len(bits), 1 / len(bits)), energy, chains, acceptance)


def _from_list(draws, model, variables, states: Listed, chains, key) -> Drawn:
    log_psi, energy = list_energies(model, variables, states)
    log_p = log_weights(log_psi, states)
    if draws.method == "all":
        return Drawn(states.bits, jnp.exp(log_p), energy, chains, jnp.ones(()))
    which = jax.random.choice(key, len(log_p), (draws.samples,), p=jnp.exp(log_p))
    rows = min(draws.samples, len(states.bits))
    which, counts = jnp.unique(which, return_counts=True, size=rows, fill_value=0)
    return Drawn(states.bits[which], counts / draws.samples, energy[which], chains, jnp.ones(()))


def list_energies(model: nn.Module, variables: Any, states: Listed) -> tuple[Array, Array]:
    """log ψ and local energy of every orbit, (states,) each: ψ is evaluated once on each."""
    log_psi = in_turn(partial(model.apply, variables), jnp.asarray(states.bits))
    log_psi = log_psi.astype(jnp.result_type(complex))
    ratio = jnp.exp(log_psi[states.neighbours] - log_psi[:, None])
    present = states.elements != 0
    return log_psi, states.diagonal + jnp.sum(
        jnp.where(present, states.elements * ratio, 0), axis=1
    )


def log_weights(log_psi: Array, states: Listed) -> Array:
    """log of |ψ|² · length of every orbit, normalised, (states,)."""
    return jax.nn.log_softmax(2 * log_psi.real + states.log_length)
