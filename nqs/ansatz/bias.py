"""Where a network begins: near the product state that single sites tell of."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def biased(variables: Any, log_odds: Array, phases: Array) -> Any:
    """Variables of a state whose every site is tilted: p(1)/p(0) and the phase of bit 1 are multiplied.

    log_odds, phases: (sites,). Of networks with a bias for each site, and of matrix-product
    states; others, and what has no phases, keep theirs. Exact, but for the norm.
    """
    found = dict(variables["params"])
    if "matrices" in found:
        # √p of both bits, so that the tilted product of a uniform one is normalised
        size = jnp.exp(0.5 * jax.nn.log_sigmoid(jnp.stack([-log_odds, log_odds], -1))) * 2**0.5
        factor = (size * jnp.exp(1j * jnp.stack([0 * phases, phases], -1)))[..., None, None]
        if "matrices_imaginary" in found:
            matrices = factor * (found["matrices"] + 1j * found["matrices_imaginary"])
            found |= {"matrices": matrices.real, "matrices_imaginary": matrices.imag}
        else:
            found["matrices"] = factor.real * found["matrices"]
        return {"params": found}
    # (where in the tree, what is added): the last are those of Boltzmann machines, the
    # marginals of two or ψ itself, of z = 1 − 2σ
    tilts = {
        ("amplitude_bias",): log_odds,
        ("phase_bias",): phases,
        ("amplitude", "visible_bias"): log_odds,
        ("phase", "visible_bias"): 2 * phases,
        ("visible_bias_real",): -0.25 * log_odds,
        ("visible_bias_imaginary",): -0.5 * phases,
    }
    for path, more in tilts.items():
        found = _added(found, path, more)
    return {"params": found}


def _added(tree: Any, path: tuple[str, ...], more: Array) -> Any:
    """The tree with `more` added to one leaf; as it was where there is none."""
    if not path:
        more = more if tree.shape[-1] == len(more) else _of_patches(more, tree.shape[-1])
        return tree + more.astype(tree.dtype)
    name, *rest = path
    if name not in tree:
        return tree
    return {**tree, name: _added(tree[name], tuple(rest), more)}


def _of_patches(more: Array, others: int) -> Array:
    """(patches, others) from (sites,): the sum over the bits 1 of every outcome of a patch but that
    of no bits."""
    length = (others + 1).bit_length() - 1
    bits = np.arange(1, others + 1)[:, None] >> np.arange(length)[::-1] & 1
    return more.reshape(-1, length) @ bits.T
