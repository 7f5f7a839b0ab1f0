"""Local energies E(σ) = Σ_σ' ⟨σ|H|σ'⟩ ψ(σ') / ψ(σ) of any state under a sum of Pauli strings."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.state.pieces import once_each, rows_at_once
from nqs.systems.elements import Elements, diagonal, off_diagonal

_BLOCKS, _SHORT = 10, 10
"""Blocks of sites of a shared reading: more share more and take longer to compile. Sites that are
read from the beginning every time: so few cost less than to compile more."""

_WORTHWHILE, _PIECES = 2**13, 4
"""Configurations that fill the processor, and pieces of them that samples are cut into at least."""

_PART, _PARTS = 2**10, 8
"""Connected configurations of a part, of which no more parts are read than are needed, and most parts."""


class Surroundings(NamedTuple):
    """ψ and H ψ at configurations σ', in units of the neighbourhood Σ |ψ(σ'')|² = 1.

    The sum runs over the σ'' ≠ σ' that H connects with σ'. here: (rows,) ψ(σ'). image: (rows,)
    (H ψ)(σ'). Finite where ψ(σ') is zero; not finite where all of the neighbourhood is.
    """

    here: Array
    image: Array


def local_energies(
    model: nn.Module,
    variables: Any,
    e: Elements,
    bits: Any,
    *,
    blocks: tuple[int, ...] | None = None,
    rows: int | None = None,
) -> Array:
    """Local energies of bits (samples, sites), complex, (samples,); each distinct row is read once.

    blocks: `joined` of the flips, to be given inside a compiled function. rows:
    configurations evaluated at once, connected ones included. Where an element is
    zero its configuration does not matter, even where ψ vanishes.
    """
    return _each(_energies, model, variables, e, e.flips, bits, blocks, rows)


def surroundings(
    model: nn.Module, variables: Any, e: Elements, bits: Any, *, rows: int | None = None
) -> Surroundings:
    """ψ and H ψ at bits (rows, sites), beside all that H connects them with."""
    return _each(_surroundings, model, variables, e, e.flips, bits, None, rows)


def ratios(
    model: nn.Module, variables: Any, flips: np.ndarray, bits: Any, *, rows: int | None = None
) -> np.ndarray:
    """ψ(σ ⊕ flips_g) / ψ(σ) at bits (samples, sites) for each of flips (groups, sites) bool.

    Complex, (samples, groups); 0 where ψ vanishes at what a flip makes.
    """
    order = np.argsort(np.asarray(flips).argmax(axis=1), kind="stable")  # as states are read
    flips = np.asarray(flips)[order]
    bits = jnp.asarray(bits, jnp.int32)
    found = np.asarray(_each(_ratios, model, variables, flips, flips, bits, None, rows))
    return found[:, np.argsort(order)]


def _each(what, model, variables, known, flips, bits, blocks, rows):
    """`what` at each of bits: `known` is what it needs beside the state."""
    blocks = joined(np.asarray(flips)) if blocks is None else blocks
    at_once = _at_once(len(bits), 1 + len(flips), rows or rows_at_once())
    return _compiled(what, model, at_once, blocks, variables, known, jnp.asarray(bits))


@partial(jax.jit, static_argnames=("what", "model", "at_once", "blocks"))
def _compiled(what, model, at_once, blocks, variables, known, bits):
    return once_each(partial(what, model, blocks, variables, known), bits, at_once)


def _at_once(samples: int, connected: int, rows: int) -> int:
    """Samples of a piece: all pieces equally long, and short ones where that costs nothing.

    Samples that repeat themselves save whole pieces only.
    """
    pieces = max(-(-samples * connected // rows), min(samples * connected // _WORTHWHILE, _PIECES))
    return -(-samples // max(pieces, 1))


def joined(flips: np.ndarray) -> tuple[int, ...]:
    """How many flips, sorted by first site, begin before the end of each block of sites."""
    sites = flips.shape[1]
    length = sites if sites <= _SHORT else -(-sites // _BLOCKS)
    first = flips.argmax(axis=1)
    return tuple(int((first < end).sum()) for end in range(length, sites + length, length))


def _energies(model, blocks, variables, e, bits) -> Array:
    element = off_diagonal(e, bits).T
    there = element != 0
    log_psi = _flipped(model, blocks, variables, e.flips, bits, there)
    ratio = jnp.where(there, jnp.exp(jnp.where(there, log_psi[1:] - log_psi[0], 0)), 0)
    return diagonal(e, bits) + jnp.sum(element * ratio, axis=0)


def _surroundings(model, blocks, variables, e, bits) -> Surroundings:
    element = off_diagonal(e, bits).T
    there = element != 0
    log_psi = _flipped(model, blocks, variables, e.flips, bits, there)
    log_psi = log_psi.at[1:].set(jnp.where(there, log_psi[1:], -jnp.inf))
    log_psi = log_psi - log_psi[1:].real.max(axis=0, initial=-jnp.inf)
    psi = jnp.exp(log_psi)
    psi = psi / jnp.sqrt(jnp.sum(jnp.abs(psi[1:]) ** 2, axis=0))
    return Surroundings(psi[0], diagonal(e, bits) * psi[0] + jnp.sum(element * psi[1:], axis=0))


def _ratios(model, blocks, variables, flips, bits) -> Array:
    everywhere = jnp.ones((len(flips), len(bits)), bool)
    log_psi = _flipped(model, blocks, variables, flips, bits, everywhere)
    return jnp.exp(log_psi[1:] - log_psi[0]).T


def _flipped(model: Any, blocks, variables, flips, bits, there) -> Array:
    """log ψ of bits and of what a flip makes of them, (1 + groups, samples).

    there: (groups, samples) of which it is asked for; of others it may be anything.
    """
    if hasattr(model, "flipped_log_psi"):
        return jnp.asarray(model.apply(variables, bits, flips, blocks, method="flipped_log_psi"))
    here: Any = model.apply(variables, bits)
    samples, total = len(bits), there.size
    if not total:
        return here[None]
    parts = max(1, min(total // _PART, _PARTS))
    size = -(-total // parts)
    wanted = jnp.nonzero(there.reshape(-1), size=parts * size, fill_value=total)[0]

    def part(count, found):
        which = jax.lax.dynamic_slice_in_dim(wanted, count * size, size)
        group, sample = jnp.divmod(jnp.minimum(which, total - 1), samples)
        log_psi: Any = model.apply(variables, bits[sample] ^ flips[group])
        return found.at[which].set(log_psi, mode="drop")

    needed = -(-there.sum() // size)
    found = jax.lax.fori_loop(0, needed, part, jnp.zeros(total, here.dtype))
    return jnp.concatenate([here[None], found.reshape(there.shape)])
