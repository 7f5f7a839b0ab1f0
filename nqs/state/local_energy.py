"""Local energies E(σ) = Σ_σ' ⟨σ|H|σ'⟩ ψ(σ') / ψ(σ) of any state under a sum of Pauli strings."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.state.pieces import ROWS, once_each
from nqs.systems.elements import Elements, diagonal, off_diagonal

_BLOCKS, _SHORT = 10, 10
"""Blocks of sites of a shared reading: more share more and take longer to compile. Sites that are
read from the beginning every time: so few cost less than to compile more."""

_WORTHWHILE, _PIECES = 2**13, 4
"""Configurations that fill the processor, and pieces of them that samples are cut into at least."""


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
    rows: int = ROWS,
) -> Array:
    """Local energies of bits (samples, sites), complex, (samples,); each distinct row is read once.

    blocks: `joined` of the flips, to be given inside a compiled function. rows:
    configurations evaluated at once, connected ones included. Where an element is
    zero its configuration does not matter, even where ψ vanishes.
    """
    return _each(_energies, model, variables, e, e.flips, bits, blocks, rows)


def surroundings(
    model: nn.Module, variables: Any, e: Elements, bits: Any, *, rows: int = ROWS
) -> Surroundings:
    """ψ and H ψ at bits (rows, sites), beside all that H connects them with."""
    return _each(_surroundings, model, variables, e, e.flips, bits, None, rows)


def ratios(
    model: nn.Module, variables: Any, flips: np.ndarray, bits: Any, *, rows: int = ROWS
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
    at_once = _at_once(len(bits), 1 + len(flips), rows)
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
    log_psi, element = _flipped(model, blocks, variables, e.flips, bits), off_diagonal(e, bits).T
    there = element != 0
    ratio = jnp.where(there, jnp.exp(jnp.where(there, log_psi[1:] - log_psi[0], 0)), 0)
    return diagonal(e, bits) + jnp.sum(element * ratio, axis=0)


def _surroundings(model, blocks, variables, e, bits) -> Surroundings:
    log_psi, element = _flipped(model, blocks, variables, e.flips, bits), off_diagonal(e, bits).T
    log_psi = log_psi.at[1:].set(jnp.where(element != 0, log_psi[1:], -jnp.inf))
    log_psi = log_psi - log_psi[1:].real.max(axis=0, initial=-jnp.inf)
    psi = jnp.exp(log_psi)
    psi = psi / jnp.sqrt(jnp.sum(jnp.abs(psi[1:]) ** 2, axis=0))
    return Surroundings(psi[0], diagonal(e, bits) * psi[0] + jnp.sum(element * psi[1:], axis=0))


def _ratios(model, blocks, variables, flips, bits) -> Array:
    log_psi = _flipped(model, blocks, variables, flips, bits)
    return jnp.exp(log_psi[1:] - log_psi[0]).T


def _flipped(model: Any, blocks, variables, flips, bits) -> Array:
    """log ψ of bits and of all that a flip makes of them, (1 + groups, samples)."""
    if hasattr(model, "flipped_log_psi"):
        return jnp.asarray(model.apply(variables, bits, flips, blocks, method="flipped_log_psi"))
    everything = jnp.concatenate([bits[None], jnp.bitwise_xor(bits[None], flips[:, None])])
    log_psi = model.apply(variables, everything.reshape(-1, bits.shape[1]))
    return jnp.asarray(log_psi).reshape(-1, len(bits))
