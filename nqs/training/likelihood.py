"""The teacher of tomography: how probable the shots are under the state."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import basis_bits
from nqs.state.born import (
    Rotations,
    all_log_psi,
    log_probabilities,
    normalised,
    probability_slopes,
    rotations_of,
)
from nqs.training.natural import Local
from nqs.training.slopes import log_psi_slopes


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
        plan=rotations_of(train),
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

    def local(self, variables, batch: Shots) -> tuple[Array, Local]:
        """Over the training shots, with the Fisher information of all outcomes of their settings.

        Its rows are √(w P) ∂ log P of every cell. Where these and the parameters are more than the
        real directions of the state, the rows are those directions, and what the cells tell of
        them is the metric.
        """
        psi = normalised(all_log_psi(self.model, variables, self.sites))
        changes = _changes(self.model, variables, psi, self.sites)
        jacobian = jnp.concatenate([changes.real, changes.imag])
        directions, parameters = jacobian.shape
        axes = jnp.concatenate([jnp.eye(psi.size), 1j * jnp.eye(psi.size)])
        along = changes.T if parameters <= directions else axes
        probability, slopes = probability_slopes(psi, along, batch.plan)
        share = batch.train / jnp.sum(batch.train)
        # a cell of outcomes that differ at unmeasured sites alone stands in the table many times
        weight = jnp.sum(share, axis=1) / jnp.sum(probability, axis=1)
        root = jnp.sqrt(weight[:, None] / probability)
        cells = (root * slopes).reshape(len(along), -1)
        slope = -(share / jnp.where(root > 0, root * probability, 1.0)).reshape(-1)
        value = -jnp.sum(share * jnp.log(probability))
        if parameters <= directions:
            return value, Local(cells.T, slope)
        if slope.size <= directions:
            return value, Local(cells.T @ jacobian, slope)
        return value, Local(jacobian, cells @ slope, cells @ cells.T)

    def _mean(self, variables, plan, counts):
        log_p = log_probabilities(self.model, variables, self.sites, plan)
        return -jnp.sum(counts * log_p) / jnp.sum(counts)


def _changes(model, variables, psi: Array, sites: int) -> Array:
    """∂ψ of every parameter, (2**sites, parameters) complex, without what changes norm and phase."""
    bits = jnp.asarray(basis_bits(sites), jnp.int32)
    parts = jnp.swapaxes(log_psi_slopes(model, variables, bits), 0, 1)
    slopes = parts[0] + (1j * parts[1] if len(parts) > 1 else 0)
    return psi[:, None] * (slopes - (jnp.abs(psi) ** 2) @ slopes)
