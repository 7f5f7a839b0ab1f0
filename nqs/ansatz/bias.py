"""Where a network begins: near the product state that single sites tell of."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def biased(variables: Any, log_odds: Array, phases: Array) -> Any:
    """Variables of a state whose every site is tilted: p(1)/p(0) and the phase of bit 1 are multiplied.

    log_odds, phases: (sites,). Of networks with a bias for each site, and of matrix-product
    states; others, and what has no phases, keep theirs. Exact for product states.
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
    for name, more in (("amplitude_bias", log_odds), ("phase_bias", phases)):
        if name in found:
            found[name] = found[name] + more.astype(found[name].dtype)
    return {"params": found}
