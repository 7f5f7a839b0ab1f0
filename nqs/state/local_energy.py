"""Local energies E(σ) = Σ_σ' ⟨σ|H|σ'⟩ ψ(σ') / ψ(σ) of any state under a sum of Pauli strings."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.ansatz.autoregressive import Autoregressive
from nqs.state.pieces import ROWS, once_each
from nqs.systems.elements import Elements, diagonal, off_diagonal

_BLOCKS = 10
"""Blocks of sites of a shared reading: more share more and take longer to compile."""

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
    return _each(_energies, model, variables, e, bits, blocks, rows)


def surroundings(
    model: nn.Module, variables: Any, e: Elements, bits: Any, *, rows: int = ROWS
) -> Surroundings:
    """ψ and H ψ at bits (rows, sites), beside all that H connects them with."""
    return _each(_surroundings, model, variables, e, bits, None, rows)


def _each(what, model, variables, e: Elements, bits, blocks, rows):
    blocks = joined(np.asarray(e.flips)) if blocks is None else blocks
    at_once = _at_once(len(bits), 1 + len(e.flips), rows)
    return _compiled(what, model, at_once, blocks, variables, e, jnp.asarray(bits))


@partial(jax.jit, static_argnames=("what", "model", "at_once", "blocks"))
def _compiled(what, model, at_once, blocks, variables, e, bits):
    return once_each(partial(what, model, blocks, variables, e), bits, at_once)


def _at_once(samples: int, connected: int, rows: int) -> int:
    """Samples of a piece: all pieces equally long, and short ones where that costs nothing.

    Samples that repeat themselves save whole pieces only.
    """
    pieces = max(-(-samples * connected // rows), min(samples * connected // _WORTHWHILE, _PIECES))
    return -(-samples // max(pieces, 1))


def joined(flips: np.ndarray) -> tuple[int, ...]:
    """How many flips, sorted by first site, begin before the end of each block of sites."""
    sites = flips.shape[1]
    length = -(-sites // min(_BLOCKS, sites))
    first = flips.argmax(axis=1)
    return tuple(int((first < end).sum()) for end in range(length, sites + length, length))


def _energies(model, blocks, variables, e, bits) -> Array:
    log_psi, element = _connected(model, blocks, variables, e, bits)
    there = element != 0
    ratio = jnp.where(there, jnp.exp(jnp.where(there, log_psi[1:] - log_psi[0], 0)), 0)
    return diagonal(e, bits) + jnp.sum(element * ratio, axis=0)


def _surroundings(model, blocks, variables, e, bits) -> Surroundings:
    log_psi, element = _connected(model, blocks, variables, e, bits)
    log_psi = log_psi.at[1:].set(jnp.where(element != 0, log_psi[1:], -jnp.inf))
    log_psi = log_psi - log_psi[1:].real.max(axis=0, initial=-jnp.inf)
    psi = jnp.exp(log_psi)
    psi = psi / jnp.sqrt(jnp.sum(jnp.abs(psi[1:]) ** 2, axis=0))
    return Surroundings(psi[0], diagonal(e, bits) * psi[0] + jnp.sum(element * psi[1:], axis=0))


def _connected(model: Any, blocks, variables, e, bits) -> tuple[Array, Array]:
    """log ψ of bits and of all that a flip makes of them, (1 + groups, samples), and the elements."""
    if isinstance(model, Autoregressive):
        log_psi = model.apply(variables, bits, e.flips, blocks, method="flipped_log_psi")
    else:
        everything = jnp.concatenate([bits[None], jnp.bitwise_xor(bits[None], e.flips[:, None])])
        log_psi = model.apply(variables, everything.reshape(-1, bits.shape[1]))
        log_psi = log_psi.reshape(-1, len(bits))
    return jnp.asarray(log_psi), off_diagonal(e, bits).T
