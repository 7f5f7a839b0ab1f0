"""The Born rule of a matrix-product state: the probability of any product outcome in one contraction."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from nqs.ansatz.mps import MatrixProduct
from nqs.measurement.effects import UNMEASURED, rotating_nothing, rows_of
from nqs.state.dilation import Dilation


class Products(NamedTuple):
    """Shots of settings.

    bits: (shots, sites). index: (shots,) setting of each. rows: (settings, sites, 2, pieces, 2), of every site
    what an outcome stands for: E = Σ row† row, one ⟨outcome| where it is measured without errors.
    """

    bits: Any
    index: Any
    rows: Any


def contracted(form: Dilation, settings: Sequence[str], effects: Mapping | None = None) -> bool:
    """Whether the probability of every outcome costs as much as that of a bit string.

    So it is for a matrix-product state; a positive one is the modulus of a product, and its bits alone are.
    """
    if not isinstance(form.whole, MatrixProduct):
        return False
    return form.whole.phase or set("".join(settings)) <= rotating_nothing(effects)


def rows_of_settings(
    settings: Sequence[str],
    effects: Mapping[str, np.ndarray] | None = None,
    readout: np.ndarray | None = None,
) -> np.ndarray:
    """What the outcomes of every site of every setting stand for, (settings, sites, 2, pieces, 2) complex.

    readout: (sites, 2, 2) P(read r | true t) as [site, r, t].
    """
    letters = sorted(set("".join(settings)))
    pieces = 1 if readout is None and UNMEASURED not in letters else 2
    sites = len(settings[0])
    known = np.zeros((len(letters), sites, 2, pieces, 2), complex)
    for of_letter, letter in zip(known, letters, strict=True):
        rows = np.eye(2) if letter == UNMEASURED else rows_of(letter, effects)
        if letter == UNMEASURED:
            of_letter[:] = np.eye(2)
        elif readout is None:
            of_letter[:, :, 0] = rows
        else:
            of_letter[:] = np.sqrt(readout)[..., None] * rows
    index = np.array([[letters.index(c) for c in setting] for setting in settings])
    return known[index, np.arange(sites)]


def log_probabilities(form: Dilation, variables: Any, shots: Products) -> Array:
    """log P of each shot in ψ, (shots,), normalised. variables: of ψ."""
    return of_rows(form, variables, seen(shots))


def of_rows(form: Dilation, variables: Any, rows: Array) -> Array:
    """The same of what each shot stands for, (shots, sites, pieces, 2)."""
    whole: Any = form.whole
    if form.kept is None and rows.shape[2] == 1:
        return 2 * whole.apply(variables, rows[:, :, 0], method="log_amplitudes").real
    every = whole.sites // rows.shape[1]
    return whole.apply(variables, rows, every, method="log_probabilities")


def seen(shots: Products) -> Array:
    """What each shot stands for at every site, (shots, sites, pieces, 2)."""
    outcome = jnp.asarray(shots.bits, jnp.int32)
    sites = jnp.arange(outcome.shape[1])
    return shots.rows[shots.index[:, None], sites, outcome]
