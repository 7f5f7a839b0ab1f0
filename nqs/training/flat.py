"""The parameters of a state as one real vector."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree


def flattened(variables: Any) -> tuple[Array, Callable[[Array], Any]]:
    """All parameters in a row, a complex one as two, and the way back to the tree."""
    leaves, structure = jax.tree.flatten(variables)
    complex_ = [jnp.iscomplexobj(leaf) for leaf in leaves]

    def split(leaf, two):
        return jnp.stack([leaf.real, leaf.imag]) if two else leaf

    vector, unravel = ravel_pytree([split(x, c) for x, c in zip(leaves, complex_, strict=True)])

    def rebuilt(vector):
        found = zip(unravel(vector), complex_, strict=True)
        return jax.tree.unflatten(structure, [x[0] + 1j * x[1] if c else x for x, c in found])

    return vector, rebuilt
