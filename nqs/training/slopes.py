"""First derivatives of what single bit strings and single shots say, in rows."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from nqs.ansatz.prior import said_of
from nqs.state.pieces import in_turn
from nqs.state.reading import Reading, alone
from nqs.training.flat import flattened

_ENTRIES, _MANY = 2**24, 2**28
"""Numbers that differentiating takes at once, roughly, so that memory does not grow with the rows; the
same for a graphics card, which takes as long for few."""

_KEPT = 100
"""Numbers that a network keeps of each bit for the way back, roughly."""


def entries_at_once() -> int:
    """Numbers that differentiating takes at once, roughly."""
    return _ENTRIES if jax.default_backend() == "cpu" else _MANY


def is_real(model: Any) -> bool:
    """Whether only log |ψ| depends on the parameters."""
    return getattr(model, "real", False)


def log_psi_slopes(model: Any, variables: Any, bits: Array) -> Array:
    """∂ Re log ψ and ∂ Im log ψ of each row of bits, (rows, 2, parameters); (rows, 1, …) of the first
    alone where the other is 0."""
    vector, rebuilt = flattened(variables)

    def parts(vector, row):
        log_psi: Any = model.apply(rebuilt(vector), row[None])
        log_psi = log_psi[0]
        return log_psi.real[None] if is_real(model) else jnp.stack([log_psi.real, log_psi.imag])

    entries = max(2 * vector.size, said_of(model, "numbers_differentiated", 0))
    return _in_rows(parts, vector, bits, entries)


def shot_slopes(model: Any, variables: Any, reading: Reading) -> Array:
    """∂ log P of each shot, (shots, parameters)."""
    vector, rebuilt = flattened(variables)
    found = []
    for log_probability, shots in alone(model, reading):
        read = sum(leaf[0].size for leaf in jax.tree.leaves(shots))

        def log_p(vector, shot, log_probability=log_probability):
            return log_probability(rebuilt(vector), shot)

        found.append(_in_rows(log_p, vector, shots, vector.size + _KEPT * read))
    return jnp.concatenate(found)


def _in_rows(function: Callable, vector: Array, rows: Any, entries: int) -> Array:
    """∂ function(vector, row) of each row of a tree, (rows, *outputs, parameters), some at a time."""
    every = jax.vmap(jax.jacrev(function), in_axes=(None, 0))
    return in_turn(partial(every, vector), rows, max(1, entries_at_once() // entries))
