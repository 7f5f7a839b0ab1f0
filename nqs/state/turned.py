"""Shots in a rotated setting of a state that is too large for a vector."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.ansatz import mps
from nqs.measurement.effects import PAULI_EFFECTS, UNMEASURED, basis_bits
from nqs.measurement.kinds import refuse_too_many_terms
from nqs.state import branches, products
from nqs.state.reading import padded, roomy

_STRINGS = 2**15


def turned_variables(variables: Any, setting: str, effects: Mapping | None = None) -> Any:
    """Variables of a matrix-product state whose bits are the outcomes of a setting that measures every site."""
    (rows,) = products.rows_of_settings([setting], effects)
    return mps.turned(variables, jnp.asarray(rows[:, :, 0]))


def read_anew(
    model: nn.Module,
    variables: Any,
    setting: str,
    bits: np.ndarray,
    key: Array,
    effects: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:
    """Outcomes of a setting, (shots, sites) uint8, from outcomes in Z.

    With the other sites as they were read, the rotated ones are in a pure state of 2^k
    amplitudes, from which they are drawn. ValueError where those are too many.
    """
    # an unmeasured site has been read as well; nobody looks at its outcome
    setting = setting.replace(UNMEASURED, "Z")
    refuse_too_many_terms([setting], effects)
    rotated, by_site = branches.rotated([setting], effects), branches.shares_beginnings(model)
    return _read_anew(model, variables, rotated, bits, key, by_site=by_site)


def redrawn(
    model: nn.Module, variables: Any, places: np.ndarray, bits: np.ndarray, key: Array
) -> np.ndarray:
    """Some sites of samples of |ψ|² drawn again, given the others; samples as before."""
    rows = np.broadcast_to(PAULI_EFFECTS["Z"], (1, len(places), 2, 2))
    none = np.zeros((1, 0), np.int64)
    # whatever places they are, it is one program for as many of them
    rotated = branches.Rotated(np.asarray(places)[None], rows, none)
    return _read_anew(model, variables, rotated, bits, key, by_site=False)


def _read_anew(model, variables, rotated: branches.Rotated, bits, key, *, by_site) -> np.ndarray:
    # a power of two for few shots, so that few sizes are compiled
    at_once = min(max(1, _STRINGS // rotated.terms), 2 ** (len(bits) - 1).bit_length())
    drawn = bits.copy()
    nodes = None if by_site else [at_once * rotated.terms]
    for first in range(0, len(bits), at_once):
        part = bits[first : first + at_once]
        filled = np.concatenate([part, np.repeat(part[:1], at_once - len(part), axis=0)])
        spelt = [(rotated, filled, np.zeros(at_once, np.int64))]
        written = branches.written_out(spelt, by_site, bits.shape[1])
        nodes = roomy([len(block.parents) for block in written.tree], nodes)
        outcome = _drawn(
            model,
            variables,
            padded(written.tree, nodes),
            written.groups[0].which[:, 0],
            rotated.rows[0],
            jax.random.fold_in(key, first),
        )
        pattern = basis_bits(rotated.places.shape[1])[np.asarray(outcome)[: len(part)]]
        drawn[first : first + at_once, rotated.places[0]] = pattern
    return drawn


@partial(jax.jit, static_argnames="model")
def _drawn(model, variables, tree, which, rows, key):
    """Index of the outcome of the rotated sites of every shot, (shots,)."""
    log_psi = branches.tree_log_psi(model, variables, tree)[which]
    psi = jnp.exp(log_psi - log_psi.real.max(axis=1, keepdims=True))
    for place, row in enumerate(rows):
        block = psi.reshape(len(psi), 2**place, 2, -1)
        psi = jnp.einsum("ob,slbr->slor", row, block).reshape(psi.shape)
    return jax.random.categorical(key, 2 * jnp.log(jnp.abs(psi)))
