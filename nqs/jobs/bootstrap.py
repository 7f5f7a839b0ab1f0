"""Parametric bootstrap: what fits to other shots of the same state would have found."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import each_cell_once
from nqs.state.born import rotations
from nqs.state.state import State, vectors
from nqs.training.fit import STEPS_PER_JUDGEMENT, Recipe, advance, begin
from nqs.training.likelihood import NegativeLogLikelihood, Shots

_PURPOSE = 0xB007
STEPS = 400
_RATE = 0.3
"""Of the rate that the state was trained with: it need not go far."""

_AT_ONCE = 2**22
"""Probabilities of all replicas that are fitted side by side."""

_OWN = Shots(plan=None, train=0, held_out=None)  # type: ignore[arg-type]  # axes in place of arrays


def replicas(
    state: State, data: Measurements, number: int, seed: int, *, rate: float, steps: int = STEPS
) -> np.ndarray:
    """Vectors (number, 2**sites) of the state fitted again, each to shots drawn from it.

    Every replica has as many shots in each setting as `data`, and begins at the state. Replicas
    are trained side by side in one program. rate: that the state was trained with.
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), sections 6.5 and 10.
    """
    plan = rotations(data.settings, data.effects, data.readout)
    tables = _drawn(np.exp(state.log_table(plan)), data, number, seed)
    at_once = max(1, min(number, _AT_ONCE // tables[0].size))
    objective = NegativeLogLikelihood(state.model, state.sites)
    recipe = Recipe(_RATE * rate)
    found = []
    for first in range(0, number, at_once):
        some = jnp.asarray(tables[first : first + at_once])
        start = jax.tree.map(partial(_repeated, len(some)), state.variables)
        batch = Shots(plan, some, jnp.zeros_like(some[0]))
        progress, _ = advance(
            objective,
            recipe,
            begin(start),
            batch,
            jnp.asarray(steps),
            -(-steps // STEPS_PER_JUDGEMENT),
            axes=_OWN,
        )
        found.append(vectors(state.model, progress.variables, state.sites))
    return np.concatenate(found)


def _repeated(times: int, leaf):
    return jnp.broadcast_to(jnp.asarray(leaf)[None], (times, *np.shape(leaf)))


def _drawn(probability: np.ndarray, data: Measurements, number: int, seed: int) -> np.ndarray:
    """Counts (number, settings, 2**sites) of as many shots in each setting as were taken.

    Outcomes that differ at unmeasured sites alone share one cell, which is drawn at outcome 0.
    """
    rng = np.random.default_rng([seed, _PURPOSE])
    once = each_cell_once(probability, data.settings)
    once /= once.sum(axis=1, keepdims=True)
    shots = data.shots_per_setting
    return np.stack([rng.multinomial(shots, once) for _ in range(number)]).astype(float)
