"""Local energies E(σ) = Σ_σ' ⟨σ|H|σ'⟩ ψ(σ') / ψ(σ) of any state under a sum of Pauli strings."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.ansatz.autoregressive import Autoregressive
from nqs.systems.elements import Elements, diagonal, off_diagonal

_BLOCKS = 10
"""Blocks of sites of a shared reading: more share more and take longer to compile."""

_ROWS = 2**14
"""Configurations read at once, so that memory does not grow with the samples."""


def local_energies(
    model: nn.Module, variables: Any, e: Elements, bits: Array, *, rows: int = _ROWS
) -> Array:
    """Local energies of bits (samples, sites), complex, (samples,).

    rows: configurations evaluated at once, connected ones included. Where an
    element is zero its configuration does not matter, even where ψ vanishes.
    """
    flips = np.asarray(e.flips)
    at_once = min(max(1, rows // (1 + len(flips))), len(bits))
    return _in_turn(model, at_once, joined(flips), variables, e, jnp.asarray(bits))


def joined(flips: np.ndarray) -> tuple[int, ...]:
    """How many flips, sorted by first site, begin before the end of each block of sites."""
    sites = flips.shape[1]
    length = -(-sites // min(_BLOCKS, sites))
    first = flips.argmax(axis=1)
    return tuple(int((first < end).sum()) for end in range(length, sites + length, length))


@partial(jax.jit, static_argnames=("model", "at_once", "blocks"))
def _in_turn(model, at_once, blocks, variables, e, bits):
    one = partial(_batch, model, blocks, variables, e)
    whole = len(bits) // at_once * at_once
    parts = jax.lax.map(one, bits[:whole].reshape(-1, at_once, bits.shape[1])).reshape(-1)
    return parts if whole == len(bits) else jnp.concatenate([parts, one(bits[whole:])])


def _batch(model, blocks, variables, e, bits):
    if isinstance(model, Autoregressive):
        log_psi = model.apply(variables, bits, e.flips, blocks, method="flipped_log_psi")
    else:
        everything = jnp.concatenate([bits[None], jnp.bitwise_xor(bits[None], e.flips[:, None])])
        log_psi = model.apply(variables, everything.reshape(-1, bits.shape[1]))
        log_psi = log_psi.reshape(-1, len(bits))
    element = off_diagonal(e, bits).T
    ratio = jnp.exp(jnp.where(element == 0, 0, log_psi[1:] - log_psi[0]))
    return diagonal(e, bits) + jnp.sum(element * ratio, axis=0)
