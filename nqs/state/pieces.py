"""Functions of many rows, evaluated some at a time, and equal rows once."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

ROWS = 2**14
"""Configurations read at once, so that memory does not grow with their number."""

_MANY = 2**17
"""The same for a graphics card, which takes as long for few."""


def rows_at_once() -> int:
    """Configurations to be read at once where networks are evaluated for many samples."""
    return ROWS if jax.default_backend() == "cpu" else _MANY


def in_turn(function: Callable[[Any], Any], rows: Any, at_once: int = ROWS) -> Any:
    """`function` of all rows, both trees of arrays with the rows in front, `at_once` at a time."""
    number = len(jax.tree.leaves(rows)[0])
    if number <= at_once:
        return function(rows)
    whole = number // at_once * at_once
    times = whole // at_once  # said, as −1 would not do for rows of no numbers
    first = jax.tree.map(lambda x: x[:whole].reshape(times, at_once, *x.shape[1:]), rows)
    parts = jax.lax.map(function, first)
    parts = jax.tree.map(lambda part: part.reshape(-1, *part.shape[2:]), parts)
    if whole == number:
        return parts
    rest = function(jax.tree.map(lambda x: x[whole:], rows))
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), parts, rest)


def once_each(function: Callable[[Array], Any], bits: Array, at_once: int) -> Any:
    """`function` of all rows of bits, each distinct row evaluated once, `at_once` at a time."""
    first, place, number = distinct(bits)
    pieces = -(-len(bits) // at_once)
    first = jnp.concatenate([first, jnp.zeros(pieces * at_once - len(bits), first.dtype)])

    def piece(count, found):
        part = jax.lax.dynamic_slice_in_dim(first, count * at_once, at_once)
        return jax.tree.map(
            lambda whole, new: jax.lax.dynamic_update_slice_in_dim(whole, new, count * at_once, 0),
            found,
            function(bits[part]),
        )

    shapes = jax.eval_shape(function, bits[first[:at_once]])
    empty = jax.tree.map(lambda x: jnp.zeros((len(first), *x.shape[1:]), x.dtype), shapes)
    found = jax.lax.fori_loop(0, -(-number // at_once), piece, empty)
    return jax.tree.map(lambda whole: whole[place], found)


def distinct(bits: Array) -> tuple[Array, Array, Array]:
    """Where each distinct row of bits (rows, sites) is met first, which of them every row is, their number.

    Both lists are (rows,) long; the first is filled up with 0.
    """
    rows, sites = bits.shape
    words = -(-sites // 32)
    padded = jnp.pad(bits.astype(jnp.uint32), ((0, 0), (0, 32 * words - sites)))
    packed = (padded.reshape(rows, words, 32) << jnp.arange(32, dtype=jnp.uint32)).sum(
        axis=2, dtype=jnp.uint32
    )
    order = jnp.lexsort(packed.T)
    packed = packed[order]
    new = jnp.concatenate([jnp.ones(1, bool), (packed[1:] != packed[:-1]).any(axis=1)])
    which = jnp.cumsum(new) - 1
    first = order[jnp.nonzero(new, size=rows, fill_value=0)[0]]
    return first, jnp.zeros_like(which).at[order].set(which), which[-1] + 1
