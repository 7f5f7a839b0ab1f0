"""The Born rule of a matrix-product state: the amplitude of any product outcome in one contraction."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from nqs.measurement.effects import UNMEASURED, rows_of


class Products(NamedTuple):
    """Shots of settings that measure every site.

    bits: (shots, sites). index: (shots,) setting of each. rows: (settings, sites, 2, 2)
    ⟨outcome| of every site.
    """

    bits: Any
    index: Any
    rows: Any


def contracted(model: Any, settings: Sequence[str], effects: Mapping | None = None) -> bool:
    """Whether the amplitude of every outcome costs as much as that of a bit string.

    So it is for a matrix-product state where every site is measured; a positive one is the
    modulus of a product, and its bits alone are.
    """
    if not hasattr(model, "log_amplitudes") or any(UNMEASURED in s for s in settings):
        return False
    return model.phase or (set("".join(settings)) == {"Z"} and "Z" not in (effects or {}))


def rows_of_settings(
    settings: Sequence[str], effects: Mapping[str, np.ndarray] | None = None
) -> np.ndarray:
    """⟨outcome| of every site of every setting, (settings, sites, 2, 2) complex."""
    letters = {c: rows_of(c, effects) for c in sorted(set("".join(settings)))}
    return np.array([[letters[c] for c in setting] for setting in settings])


def log_probabilities(model: Any, variables: Any, shots: Products) -> Array:
    """log P of each shot, (shots,), normalised."""
    return 2 * model.apply(variables, seen(shots), method=model.log_amplitudes).real


def seen(shots: Products) -> Array:
    """⟨outcome| of every site of each shot, (shots, sites, 2)."""
    outcome = jnp.asarray(shots.bits, jnp.int32)
    sites = jnp.arange(outcome.shape[1])
    return shots.rows[shots.index[:, None], sites, outcome]
