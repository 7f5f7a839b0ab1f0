"""What fits to other shots would have found: by bootstrap, or by the Fisher matrix where that will do."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nqs.evaluation.fidelity import is_positive
from nqs.evaluation.fisher import covariance
from nqs.evaluation.maximum_likelihood import as_likely
from nqs.evaluation.scatter import Fisher, Refits, Scatter
from nqs.jobs.selection import restart
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import each_cell_once
from nqs.state.born import Rotations, rotations
from nqs.state.reach import ERROR_SITES, ERROR_WORK
from nqs.state.state import State, initial_variables, vectors
from nqs.training.fit import STEPS_PER_JUDGEMENT, Progress, Recipe, advance, begin, equal_travel
from nqs.training.likelihood import NegativeLogLikelihood, Shots

_PURPOSE = 0xB007
_STEPS = 400
_RATE = 0.3
"""Of the rate that the state was trained with: from the state itself a refit need not go far."""

_JUDGEMENTS = 10
"""Of a dispatch, whatever the length of a fit: one program is compiled."""

_AT_ONCE = 2**22
"""Probabilities of all replicas that are fitted side by side."""

_OWN = Shots(plan=None, train=0, held_out=0)  # type: ignore[arg-type]  # axes in place of arrays


def scatter(
    state: State, data: Measurements, summary: dict[str, Any], number: int, seed: int
) -> Scatter | None:
    """Statistical errors of a tomography: of `number` refits, or at no cost where it is 0.

    None where the fit was stopped early, or has more sites than a Fisher matrix is made of: its
    errors are then known from refits alone. summary: of the tomography.
    """
    refuse_one(number)
    early = summary["training"]["best_step"] < summary["training"]["steps"]
    small = data.sites <= ERROR_SITES and len(data.settings) * 4**data.sites <= ERROR_WORK
    if not number and (early or not small):
        return None
    psi = state.vector()
    positive = data.only_z and is_positive(psi)  # by assumption, which the verdict says
    matrix, flat = np.empty((0, 0)), np.empty((0, 2 * psi.size))
    if small:
        psi, matrix, flat = covariance(psi, data, real=positive)
    others = psi[None] if positive else as_likely(psi, data, flat, seed)
    searched = small or data.only_z
    if number:
        again = replicas(state, data, number, seed, refit(state, summary))
        return Refits(psi, others, searched, again)
    return Fisher(psi, others, searched, matrix)


def refuse_one(number: int) -> None:
    """ValueError for a bootstrap that has no spread."""
    if number == 1:
        raise ValueError("a bootstrap of 1 refit has no spread; take 100.")


class Refit(NamedTuple):
    """How a replica is found: the variables it begins at, its rate and its steps.

    held_out: the share of its shots that tells it when to stop; 0 where it takes all steps.
    """

    start: Any
    rate: float
    steps: int
    held_out: float = 0.0
    search: int = 0


def refit(state: State, summary: dict[str, Any]) -> Refit:
    """The fit that found the state, once more.

    One that came to rest is repeated from where it rested. One that was stopped early owes what it
    is to its path, and is repeated whole: begun at its end, it would overfit.
    summary: of the tomography.
    """
    training, data = summary["training"], summary["data"]
    rate, steps, best = training["rate"], training["steps"], training["best_step"]
    if best >= steps:
        return Refit(state.variables, _RATE * rate, _STEPS)
    starts = initial_variables(state.model, state.sites, summary["seed"], training["restarts"])
    start = restart(starts, training["best_restart"])
    held_out = data["held_out_shots"] / data["shots"]
    return Refit(start, rate, steps, held_out, min(steps, 2 * best + 200))


def replicas(state: State, data: Measurements, number: int, seed: int, how: Refit) -> np.ndarray:
    """Vectors (number, 2**sites) of fits to other shots, each to shots drawn from the state.

    Every replica has as many shots in each setting as `data`. Replicas are trained side by side
    in one program. Efron and Tibshirani, An Introduction to the Bootstrap (1993), sections 6.5
    and 10.
    """
    plan = rotations(data.settings, data.effects, data.readout)
    rng = np.random.default_rng([seed, _PURPOSE])
    probability = each_cell_once(np.exp(state.log_table(plan)), data.settings)
    at_once = max(1, min(number, _AT_ONCE // probability.size))
    found = []
    for first in range(0, number, at_once):
        times = min(at_once, number - first)
        drawn = _drawn(probability, data.shots_per_setting, times, rng)
        found.append(_refitted(state, plan, drawn, how, rng))
    return np.concatenate(found)


def _refitted(state: State, plan: Rotations, drawn: np.ndarray, how: Refit, rng) -> np.ndarray:
    """Vectors of fits to counts (replicas, settings, 2**sites)."""
    objective, recipe = NegativeLogLikelihood(state.model, state.sites), Recipe(how.rate)
    start = begin(jax.tree.map(partial(_repeated, len(drawn)), how.start))
    steps = np.full(len(drawn), how.steps)

    def fitted(train: np.ndarray, held_out: np.ndarray, longest: int) -> Progress:
        batch = Shots(plan, jnp.asarray(train), jnp.asarray(held_out))
        progress, each = start, jnp.asarray(steps)
        for _ in range(-(-longest // (_JUDGEMENTS * STEPS_PER_JUDGEMENT))):
            progress, _ = advance(objective, recipe, progress, batch, each, _JUDGEMENTS, axes=_OWN)
        return progress

    if how.held_out:
        held_out = _part(drawn, how.held_out, rng)
        search = fitted(drawn - held_out, held_out, how.search)
        steps = np.array([equal_travel(int(best), how.steps) for best in search.best_step])
    progress = fitted(drawn, np.zeros_like(drawn), int(steps.max()))
    return vectors(state.model, progress.variables, state.sites)


def _repeated(times: int, leaf):
    return jnp.broadcast_to(jnp.asarray(leaf)[None], (times, *np.shape(leaf)))


def _drawn(probability: np.ndarray, shots: np.ndarray, number: int, rng) -> np.ndarray:
    """Counts (number, settings, 2**sites) of as many shots in each setting as were taken.

    Outcomes that differ at unmeasured sites alone share one cell, which is drawn at outcome 0.
    """
    once = probability / probability.sum(axis=1, keepdims=True)
    return np.stack([rng.multinomial(shots, once) for _ in range(number)]).astype(float)


def _part(counts: np.ndarray, share: float, rng) -> np.ndarray:
    """That share of the shots of every setting, drawn without putting back."""
    flat = counts.astype(int).reshape(-1, counts.shape[-1])
    wanted = np.round(share * flat.sum(axis=1)).astype(int)
    drawn = [
        rng.multivariate_hypergeometric(row, n, method="marginals")
        for row, n in zip(flat, wanted, strict=True)
    ]
    return np.reshape(drawn, counts.shape).astype(float)
