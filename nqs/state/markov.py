"""Markov chains over bits: Gibbs sweeps of Boltzmann machines, Metropolis flips and exchanges."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from nqs.systems.elements import Elements, connected

_FAR = 0.25
"""Of the exchanges of chains that know a Hamiltonian, those between any two sites."""


def gibbs_sweep(model: Any, variables: Any, bits: Array, key: Array) -> tuple[Array, Array]:
    """All hidden units given the bits, then all bits given them: |ψ|² is the marginal."""
    for_hidden, for_visible = jax.random.split(key)
    field = model.apply(variables, bits.astype(float), method="hidden_field")
    hidden = jax.random.bernoulli(for_hidden, jax.nn.sigmoid(field)).astype(field.dtype)
    field = model.apply(variables, hidden, method="visible_field")
    bits = jax.random.bernoulli(for_visible, jax.nn.sigmoid(field))
    return bits.astype(jnp.int32), jnp.ones(())


def sector_of(model: Any) -> tuple[int, ...] | None:
    """Number of bits 1 in each part of every configuration where a state has only such, else None."""
    return getattr(model, "ones", None)


def is_boltzmann(model: Any) -> bool:
    """Whether |ψ|² is the marginal of hidden units that can be drawn in one go."""
    return hasattr(model, "hidden_field") and hasattr(model, "visible_field")


def _flip(key: Array, bits: Array, parts: int) -> tuple[Array, Array]:
    """One bit of each chain turned over, and whether any is."""
    chains, sites = bits.shape
    site = jax.random.randint(key, (chains,), 0, sites + 1)
    return jnp.where(jnp.arange(sites) == site[:, None], 1 - bits, bits), site < sites


def _exchange(key: Array, bits: Array, parts: int) -> tuple[Array, Array]:
    """A 1 of each chain, anywhere, and a 0 of the same part exchanged, and whether any are."""
    chains, sites = bits.shape
    lots = jax.random.uniform(key, (2, chains, sites + 1))
    one = jnp.argmax(jnp.where(bits == 1, lots[0, :, :-1], -1.0), axis=1)
    places = jnp.arange(sites)
    beside = (bits == 0) & (places * parts // sites == (one * parts // sites)[:, None])
    zero = jnp.argmax(jnp.where(beside, lots[1, :, :-1], -1.0), axis=1)
    moved = (lots[0, :, -1] > 1 / (sites + 1)) & bits.any(axis=1) & beside.any(axis=1)
    turned = (places == one[:, None]) ^ (places == zero[:, None])
    return jnp.where(turned & moved[:, None], 1 - bits, bits), moved


def _along(e: Elements, key: Array, bits: Array, there: Array) -> tuple[Array, Array]:
    """Each chain moved to any configuration that H connects it with, and whether there is one.

    there: (chains, groups), which of the flips of H do.
    """
    lots = jnp.where(there, jax.random.uniform(key, there.shape), -1.0)
    moved = there.any(axis=1)
    flips = jnp.asarray(e.flips)[jnp.argmax(lots, axis=1)]
    return jnp.where(flips & moved[:, None], 1 - bits, bits), moved


def _metropolis_sweep(
    move: Callable[[Array, Array, int], tuple[Array, Array]],
    model: Any,
    variables: Any,
    bits: Array,
    key: Array,
    e: Elements | None = None,
) -> tuple[Array, Array]:
    """As many proposals as there are sites, and the share of them that was taken.

    One of these proposals in sites + 1 moves nothing: where all are accepted, the parity of
    a chain would otherwise return after every second sweep. e: of a Hamiltonian, along whose
    elements three proposals of four go instead: ψ changes less between neighbours.
    """

    parts = len(sector_of(model) or (0,))

    def log_density(bits):
        return 2 * model.apply(variables, bits).real

    def propose(number, carry):
        bits, log_p, there, taken, proposed = carry
        keys = jax.random.split(jax.random.fold_in(key, number), 4)
        for_move, for_choice, for_kind, for_near = keys
        new, moved = move(for_move, bits, parts)
        threshold = jnp.log(jax.random.uniform(for_choice, (len(bits),)))
        if e is None:
            new_there = there
        else:
            far = jax.random.uniform(for_kind, (len(bits),)) < _FAR
            near, near_moved = _along(e, for_near, bits, there)
            new, moved = jnp.where(far[:, None], new, near), jnp.where(far, moved, near_moved)
            new_there = connected(e, new)
            # of more ways back each is chosen less often
            ways, ways_back = (jnp.maximum(t.sum(axis=1), 1) for t in (there, new_there))
            threshold += jnp.where(far, 0.0, jnp.log(ways_back / ways))
        new_log_p = log_density(new)
        # a chain that begins where ψ vanishes walks freely until it finds the state
        accept = (threshold < new_log_p - log_p) | ~jnp.isfinite(log_p)
        return (
            jnp.where(accept[:, None], new, bits),
            jnp.where(accept, new_log_p, log_p),
            jnp.where(accept[:, None], new_there, there),
            taken + jnp.sum(accept & moved),
            proposed + jnp.sum(moved),
        )

    none = jnp.zeros((), int)
    there = jnp.zeros((len(bits), 0), bool) if e is None else connected(e, bits)
    start = (bits, log_density(bits), there, none, none)
    bits, _, _, taken, proposed = jax.lax.fori_loop(0, bits.shape[1], propose, start)
    return bits, taken / jnp.maximum(proposed, 1)


SWEEPS: dict[str, Callable[..., tuple[Array, Array]]] = {
    "gibbs": gibbs_sweep,
    "metropolis": partial(_metropolis_sweep, _flip),
    "exchange": partial(_metropolis_sweep, _exchange),
}
"""One sweep of all chains: (model, variables, bits (chains, sites), key) → (bits, acceptance)."""


def random_bits(key: Array, chains: int, sites: int, ones: tuple[int, ...] | None = None) -> Array:
    """Where chains begin, (chains, sites) int32: fair coins, or `ones` bits 1 at random places of
    each part."""
    if ones is None:
        return jax.random.bernoulli(key, shape=(chains, sites)).astype(jnp.int32)
    first = (jnp.arange(sites // len(ones)) < jnp.array(ones)[:, None]).astype(jnp.int32)
    first = jnp.broadcast_to(first, (chains, *first.shape))
    return jax.random.permutation(key, first, axis=2, independent=True).reshape(chains, sites)


def sweeps(
    method: str,
    model: Any,
    variables: Any,
    bits: Array,
    key: Array,
    first: Any,
    number: int,
    e: Elements | None = None,
) -> tuple[Array, Array]:
    """`number` sweeps and their mean acceptance.

    The key of each is folded from its place after `first`, so that it can be found again.
    e: of a Hamiltonian where one is known, along which exchanges go.
    """
    known = {"e": e} if method == "exchange" else {}

    def one(count, carry):
        bits, accepted = carry
        bits, share = SWEEPS[method](
            model, variables, bits, jax.random.fold_in(key, count), **known
        )
        return bits, accepted + share

    nothing = jnp.zeros(())
    bits, accepted = jax.lax.fori_loop(first, first + number, one, (bits, nothing))
    return bits, accepted / number
