"""The teacher of tomography: how probable the shots are under the state."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from nqs.measurement.dataset import Measurements
from nqs.state.born import Rotations, log_probabilities, rotations


class Shots(NamedTuple):
    """Shots as the likelihood reads them: a plan of rotations and two tables of counts.

    train, held_out: (settings, 2**sites) how often each outcome was seen.
    """

    plan: Rotations
    train: Array
    held_out: Array


OWN_SHOTS: Any = Shots(plan=None, train=0, held_out=0)  # type: ignore[arg-type]
"""Axes of `Shots`, as of `jax.vmap`, where every restart has counts of its own in one plan."""


def shots(train: Measurements, held_out: Measurements | None = None) -> Shots:
    """Shots of both parts over the same settings, in the same order."""
    if held_out is not None and held_out.settings != train.settings:
        raise ValueError("train and held-out shots must list the same settings in the same order.")
    table = train.table()
    return Shots(
        plan=rotations(train.settings, train.effects, train.readout),
        train=jnp.asarray(table),
        held_out=jnp.asarray(0 * table if held_out is None else held_out.table()),
    )


@dataclass(frozen=True)
class NegativeLogLikelihood:
    """−mean log P(outcome | setting) in nats per shot, exact, log Z included.

    One evaluation of all 2**sites amplitudes a step, whatever the number of shots.
    """

    model: nn.Module
    sites: int

    def __call__(self, variables, batch: Shots) -> Array:
        """Over the training shots, a scalar."""
        return self._mean(variables, batch.plan, batch.train)

    def judge(self, variables, batch: Shots) -> Array:
        """Over the shots held out, a scalar; NaN where there are none."""
        return self._mean(variables, batch.plan, batch.held_out)

    def _mean(self, variables, plan, counts):
        log_p = log_probabilities(self.model, variables, self.sites, plan)
        return -jnp.sum(counts * log_p) / jnp.sum(counts)
