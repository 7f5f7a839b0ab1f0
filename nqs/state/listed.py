"""Exact sums: every configuration of a sector, or one of each orbit of the symmetries."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.groups import space_group
from nqs.measurement.effects import index_bits
from nqs.state.pieces import in_turn
from nqs.systems.elements import diagonal, elements, off_diagonal
from nqs.systems.pauli import PauliSum
from nqs.systems.sectors import Magnetisation, sector


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


def listed(
    total: PauliSum,
    magnetisation: Magnetisation | None = None,
    *,
    size: tuple[int, ...] | None = None,
    point: bool = False,
    flip: bool = False,
    odd: bool = False,
    rotated: tuple[int, ...] = (),
) -> Listed:
    """All basis states of a sector of Σ Z; with a size, one of each orbit.

    size: of a periodic lattice whose translations leave H and |ψ| as they are; point: whether its
    rotations and reflections do, flip: whether flipping all spins does, too; odd: whether that changes
    the sign of ψ, which is 0 where one of the others does the same. rotated: sites of ψ's Marshall sign.
    """
    group = None if size is None else space_group(size, point)
    states = sector(total.sites, magnetisation)
    e = elements(total)
    length = np.ones(len(states))
    if group is not None:
        states, length = _orbits(states, group, flip)
        if odd:
            opposite = _least(2**total.sites - 1 - states, group, flip)
            states, length = states[opposite != states], length[opposite != states]
    bits: Any = index_bits(states, total.sites).astype(np.int32)
    place_value = 1 << np.arange(total.sites - 1, -1, -1)
    connected = states[:, None] ^ (e.flips @ place_value)
    element = np.asarray(off_diagonal(e, bits))
    least = connected if group is None else _least(connected, group, flip)
    which = np.minimum(np.searchsorted(states, least), len(states) - 1)
    inside = states[which] == least  # what rounding leaves of elements out of the sector is not
    turned = int(place_value[list(rotated)].sum()) if rotated else 0
    negative = np.bitwise_count((connected ^ states[which]) & turned) % 2
    return Listed(
        bits=bits,
        log_length=np.log(length),
        diagonal=np.asarray(diagonal(e, bits)),
        elements=np.where(inside, element * (1 - 2.0 * negative), 0),
        neighbours=which.astype(np.int32),
    )


def _orbits(states, group, flip) -> tuple[np.ndarray, np.ndarray]:
    """The least index of every orbit and its length; states are closed under the symmetries."""
    return np.unique(_least(states, group, flip), return_counts=True)


def _least(states: np.ndarray, group: np.ndarray, flip: bool) -> np.ndarray:
    """The least index that permutations, and flips if `flip`, make of each state."""
    sites = group.shape[1]
    place_value = 1 << np.arange(sites - 1, -1, -1)
    least = states.copy()
    for moved in group:
        image = np.zeros_like(states)
        for site, place in enumerate(moved):
            image |= ((states // place_value[site]) & 1) * place_value[place]
        np.minimum(least, image, out=least)
        if flip:
            np.minimum(least, 2**sites - 1 - image, out=least)
    return least


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
