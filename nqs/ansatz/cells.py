"""Cells of recurrent states of arrays: what is known at a site, from the sites before and above it."""

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array


class Seen(NamedTuple):
    """What a cell is told.

    before, above: memories of the site before and of the one above, (batch, hidden), zero above the first
    row. bit_before, bit_above: their bits, (batch,). first_row: whether there is none above.
    edges: 1 / (1 + distance) of the first and last row and column, (4,).
    """

    before: Array
    above: Array
    bit_before: Array
    bit_above: Array
    first_row: Any
    edges: Array

    @property
    def both(self) -> Array:
        """(batch, 2 hidden)."""
        return jnp.concatenate([self.before, self.above], axis=1)


class Cell(NamedTuple):
    """parameters: hidden → initialiser and shape of each, by name. step: their values and what is seen →
    memory of the site, (batch, hidden)."""

    parameters: Callable[[int], dict[str, tuple[Callable, tuple[int, ...]]]]
    step: Callable[[dict[str, Array], Seen], Array]


_GLOROT, _ZEROS = nn.initializers.glorot_uniform(), nn.initializers.zeros


def _orthogonal(scale: float) -> Callable:
    """(…, 2 hidden, hidden), an orthogonal matrix for each of two memories that are added."""
    one = nn.initializers.orthogonal(scale)

    def stacked(key, shape, dtype):
        *many, twice, h = shape
        found = [one(k, (h, h), dtype) for k in jax.random.split(key, prod(many) * twice // h)]
        return jnp.concatenate(found).reshape(shape)

    return stacked


_GATES = 4


def _gated_parameters(h: int) -> dict[str, Any]:
    return {
        "read_before": (_GLOROT, (2, _GATES * h)),
        "read_above": (_GLOROT, (2, _GATES * h)),
        "read_edges": (_ZEROS, (4, _GATES * h)),
        "recur": (_orthogonal(0.5**0.5), (_GATES, 2 * h, h)),
        "recur_bias": (_ZEROS, (h,)),
    }


def _gated(p: dict[str, Array], seen: Seen) -> Array:
    """u (m h_before + (1 − m) h_above) + (1 − u) tanh(reading + r (C (h_before, h_above) + d)).

    An update u, a mixture m and a reset r of every unit, gates that read the same.
    """
    h, edges, both = seen.before.shape[1], seen.edges @ p["read_edges"], seen.both

    def chosen(table, bit):
        return table[0] + bit[:, None].astype(table.dtype) * (table[1] - table[0])

    def read(gate):  # a product for each gate, as in `Recurrent`
        part = slice(gate * h, (gate + 1) * h)
        read = edges[part] + chosen(p["read_before"][:, part], seen.bit_before)
        higher = chosen(p["read_above"][:, part], seen.bit_above)
        return read + jnp.where(seen.first_row, 0, higher), both @ p["recur"][gate]

    update, mixture, reset = (jax.nn.sigmoid(sum(read(gate))) for gate in range(3))
    told, remembered = read(3)
    proposal = jnp.tanh(told + reset * (remembered + p["recur_bias"]))
    kept = seen.above + mixture * (seen.before - seen.above)
    return proposal + update * (kept - proposal)


def _tensor_parameters(h: int) -> dict[str, Any]:
    return {
        "tensor": (_orthogonal(0.5), (2, 4, 2 * h, h)),
        "read_bits": (_GLOROT, (4, 2 * h)),
        "read_edges": (_ZEROS, (4, 2 * h)),
        "mix": (_orthogonal(0.5**0.5), (2 * h, h)),
    }


def _tensor(p: dict[str, Array], seen: Seen) -> Array:
    """u tanh(σ T (h_before, h_above) + σ R) + (1 − u) M (h_before, h_above), u = sigmoid(the same of its own).

    σ has one of two places for each of both bits, so that bits choose the matrices.
    Hibat-Allah, Melko and Carrasquilla, arXiv:2207.14314, equations 9 to 11; R and the edges beside them.
    """
    both, bits = seen.both, [seen.bit_before, seen.bit_above]
    told = jnp.stack([1 - bits[0], bits[0], 1 - bits[1], bits[1]], axis=1).astype(both.dtype)
    told = told * jnp.where(seen.first_row, jnp.array([1, 1, 0, 0]), 1).astype(both.dtype)
    read = jnp.split(told @ p["read_bits"] + seen.edges @ p["read_edges"], 2, axis=-1)
    proposal, gate = (
        sum(told[:, [k]] * (both @ matrices[k]) for k in range(4)) + more
        for matrices, more in zip(p["tensor"], read, strict=True)
    )
    kept = both @ p["mix"]
    return kept + jax.nn.sigmoid(gate) * (jnp.tanh(proposal) - kept)


CELLS = {
    "gated": Cell(_gated_parameters, _gated),
    "tensor": Cell(_tensor_parameters, _tensor),
}
