"""Local energies E(σ) = Σ_σ' ⟨σ|H|σ'⟩ ψ(σ') / ψ(σ) of any state under a sum of Pauli strings."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.ansatz.autoregressive import Autoregressive
from nqs.systems.elements import Elements, diagonal, off_diagonal

_BLOCKS = 10
"""Blocks of sites of a shared reading: more share more and take longer to compile."""

ROWS = 2**14
"""Configurations read at once, so that memory does not grow with the samples."""


class Local(NamedTuple):
    """energy: (samples,) E(σ), complex. around: (samples,) Σ |ψ(σ')/ψ(σ)|² over σ' ≠ σ
    that H connects with σ.
    """

    energy: Array
    around: Array


def local_energies(
    model: nn.Module, variables: Any, e: Elements, bits: Array, *, rows: int = ROWS
) -> Array:
    """Local energies of bits (samples, sites), complex, (samples,).

    rows: configurations evaluated at once, connected ones included. Where an
    element is zero its configuration does not matter, even where ψ vanishes.
    """
    return local(model, variables, e, bits, rows=rows).energy


def local(
    model: nn.Module,
    variables: Any,
    e: Elements,
    bits: Array,
    *,
    blocks: tuple[int, ...] | None = None,
    rows: int = ROWS,
) -> Local:
    """Local energies of bits (samples, sites), and how much of |ψ|² lies around them.

    blocks: `joined` of the flips, to be given inside a compiled function.
    """
    blocks = joined(np.asarray(e.flips)) if blocks is None else blocks
    at_once = min(max(1, rows // (1 + len(e.flips))), len(bits))
    return _local(model, at_once, blocks, variables, e, jnp.asarray(bits))


def joined(flips: np.ndarray) -> tuple[int, ...]:
    """How many flips, sorted by first site, begin before the end of each block of sites."""
    sites = flips.shape[1]
    length = -(-sites // min(_BLOCKS, sites))
    first = flips.argmax(axis=1)
    return tuple(int((first < end).sum()) for end in range(length, sites + length, length))


@partial(jax.jit, static_argnames=("model", "at_once", "blocks"))
def _local(model, at_once, blocks, variables, e, bits) -> Local:
    return in_turn(partial(_batch, model, blocks, variables, e), bits, at_once)


def in_turn(function: Callable[[Array], Any], rows: Array, at_once: int = ROWS) -> Any:
    """`function` of all rows, a tree of arrays with the rows in front, `at_once` at a time."""
    if len(rows) <= at_once:
        return function(rows)
    whole = len(rows) // at_once * at_once
    parts = jax.lax.map(function, rows[:whole].reshape(-1, at_once, *rows.shape[1:]))
    parts = jax.tree.map(lambda part: part.reshape(-1, *part.shape[2:]), parts)
    if whole == len(rows):
        return parts
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), parts, function(rows[whole:]))


def _batch(model, blocks, variables, e, bits) -> Local:
    if isinstance(model, Autoregressive):
        log_psi = model.apply(variables, bits, e.flips, blocks, method="flipped_log_psi")
    else:
        everything = jnp.concatenate([bits[None], jnp.bitwise_xor(bits[None], e.flips[:, None])])
        log_psi = model.apply(variables, everything.reshape(-1, bits.shape[1]))
        log_psi = log_psi.reshape(-1, len(bits))
    element = off_diagonal(e, bits).T
    connected = element != 0
    ratio = jnp.where(connected, jnp.exp(jnp.where(connected, log_psi[1:] - log_psi[0], 0)), 0)
    energy = diagonal(e, bits) + jnp.sum(element * ratio, axis=0)
    return Local(energy, jnp.sum(jnp.abs(ratio) ** 2, axis=0))
