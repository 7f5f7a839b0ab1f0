"""What fits to other shots would have found: by bootstrap, or by the Fisher matrix where that will do."""

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nqs.evaluation.fidelity import is_positive
from nqs.evaluation.fisher import covariance
from nqs.evaluation.maximum_likelihood import as_likely
from nqs.evaluation.scatter import Fisher, Refits, Scatter
from nqs.jobs.mixed_replicas import replicas as replicas_of_mixtures
from nqs.jobs.recipes import natural
from nqs.jobs.selection import repeated, restart
from nqs.jobs.stopping import one_part
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import each_cell_once
from nqs.state.born import Rotations, rotations_of
from nqs.state.reach import ERROR_SITES, ERROR_WORK, MATRIX_LIKELIEST_SITES
from nqs.state.state import State, initial_variables, vectors
from nqs.training.fit import (
    STEPS_PER_JUDGEMENT,
    Curve,
    Progress,
    Recipe,
    advance,
    begin,
    equal_travel,
)
from nqs.training.likelihood import OWN_SHOTS, NegativeLogLikelihood, Shots

_PURPOSE = 0xB007
_STEPS = {"adam": 400, "natural": 30}
_RATE = {"adam": 0.3, "natural": 1.0}
"""Of the rate that the state was trained with: from the state itself a refit need not go far."""

_JUDGEMENTS = {"adam": 10, "natural": 1}
"""Of a dispatch, whatever the length of a fit: one program is compiled."""

_AT_ONCE = 2**22
"""Probabilities of all replicas that are fitted side by side."""


def scatter(
    state: State, data: Measurements, summary: dict[str, Any], number: int, seed: int
) -> Scatter | None:
    """Statistical errors of a tomography: of `number` refits, or at no cost where it is 0.

    None where the fit was stopped early, or has more sites than a Fisher matrix is made of: its
    errors are then known from refits alone. summary: of the tomography.
    """
    refuse_one(number)
    if state.mixed:
        if not number:
            return None
        if data.sites > MATRIX_LIKELIEST_SITES:
            raise ValueError(
                f"refits of mixed states reach to {MATRIX_LIKELIEST_SITES} sites; leave the bootstrap out."
            )
        rho = state.density_matrix()
        return Refits(
            rho, rho[None], True, replicas_of_mixtures(state, data, number, seed).matrices
        )
    early = _stopped_early(summary["training"])
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
        again = replicas(state, data, number, seed, refit(state, data, summary))
        return Refits(psi, others, searched, again)
    return Fisher(psi, others, searched, matrix)


def refuse_one(number: int) -> None:
    """ValueError for a bootstrap that has no spread."""
    if number == 1:
        raise ValueError("a bootstrap of 1 refit has no spread; take 100.")


class Refit(NamedTuple):
    """How a replica is found: its recipe, its schedule of `steps`, and where it begins.

    starts: variables with the restarts in front, of which the most likely is kept. last: steps of
    the schedule that are taken. share: of the shots that is held out to tell when to stop, which
    is then looked for within `last`, from the first start; 0 where the schedule is known.
    """

    starts: Any
    recipe: Recipe
    steps: int
    last: int
    share: float = 0.0


def refit(state: State, data: Measurements, summary: dict[str, Any]) -> Refit:
    """The fit that found the state, once more.

    One that came to rest is repeated from where it rested. One that was stopped early owes what it
    is to its path, and is repeated whole: begun at its end, it would overfit. One part of the
    shots tells a stop that differs from sample to sample, and tells it again; what all shots told
    in turn is taken as known. summary: of the tomography.
    """
    training = summary["training"]
    recipe, steps, stop = _recipe(training), training["steps"], training.get("stop")
    if not _stopped_early(training):
        recipe = replace(recipe, rate=_RATE[recipe.optimiser] * recipe.rate)
        steps = _STEPS[recipe.optimiser]
        return Refit(repeated(state.variables, 1), recipe, steps, steps)
    starts = initial_variables(state.model, state.sites, summary["seed"], training["restarts"])
    if stop is None:  # a state of the search, which took so many steps
        first = repeated(restart(starts, training["best_restart"]), 1)
        return Refit(first, recipe, steps, training["best_step"])
    order = np.roll(np.arange(training["restarts"]), -training["final_restart"])
    # phases have minima that a single start may end in
    starts = jax.tree.map(lambda leaf: leaf[order[:1] if data.only_z else order], starts)
    if training["folds"] > 1:
        return Refit(starts, recipe, training["refit_steps"], training["refit_steps"])
    share = summary["data"]["held_out_shots"] / data.shots
    return Refit(starts, recipe, steps, min(steps, 2 * stop + 200), share)


def _recipe(training: dict[str, Any]) -> Recipe:
    if training.get("optimiser") != "natural":  # not there in an older run: Adam
        return Recipe(training["rate"])
    return natural(training["rate"], training["shift"], training["trust"])


def _stopped_early(training: dict[str, Any]) -> bool:
    stop = training.get("stop")  # None, or not there in an older run: that of the search
    return (training["best_step"] if stop is None else stop) < training["steps"]


def replicas(state: State, data: Measurements, number: int, seed: int, how: Refit) -> np.ndarray:
    """Vectors (number, 2**sites) of fits to other shots, each to shots drawn from the state.

    Every replica has as many shots in each setting as `data`. Replicas are trained side by side
    in one program. Efron and Tibshirani, An Introduction to the Bootstrap (1993), sections 6.5
    and 10.
    """
    plan = rotations_of(data)
    rng = np.random.default_rng([seed, _PURPOSE])
    probability = each_cell_once(np.exp(state.log_table(plan)), data.settings)
    at_once = max(1, min(number, _AT_ONCE // (probability.size * _restarts(how.starts))))
    found = []
    for first in range(0, number, at_once):
        times = min(at_once, number - first)
        drawn = _drawn(probability, data.shots_per_setting, times, rng)
        found.append(_refitted(state, plan, drawn, how, rng))
    return np.concatenate(found)


def _restarts(starts: Any) -> int:
    return len(jax.tree.leaves(starts)[0])


def _refitted(state: State, plan: Rotations, drawn: np.ndarray, how: Refit, rng) -> np.ndarray:
    """Vectors of fits to counts (replicas, settings, 2**sites)."""
    fit = partial(_fitted, NegativeLogLikelihood(state.model, state.sites), plan, how.recipe)
    steps, last = np.full(len(drawn), how.steps), how.last
    if how.share:
        (held_out,) = one_part(drawn, how.share, rng)
        first = repeated(restart(how.starts, 0), 1)
        _, curve = fit(first, drawn - held_out, held_out, steps, how.last)
        judged = np.where(np.isnan(curve.judged), np.inf, curve.judged)
        stops = STEPS_PER_JUDGEMENT * (1 + np.argmin(judged, axis=0))
        steps = np.array([equal_travel(int(stop), how.steps) for stop in stops])
        last = int(steps.max())
    times = _restarts(how.starts)
    train = np.repeat(drawn, times, axis=0)
    progress, curve = fit(how.starts, train, np.zeros_like(train), np.repeat(steps, times), last)
    ends = np.where(np.isnan(curve.value[-1]), np.inf, curve.value[-1]).reshape(-1, times)
    chosen = np.arange(len(drawn)) * times + ends.argmin(axis=1)
    variables = jax.tree.map(lambda leaf: leaf[chosen], progress.variables)
    return vectors(state.model, variables, state.sites)


def _fitted(
    objective: NegativeLogLikelihood,
    plan: Rotations,
    recipe: Recipe,
    starts: Any,
    train: np.ndarray,
    held_out: np.ndarray,
    steps: np.ndarray,
    last: int,
) -> tuple[Progress, Curve]:
    """The first `last` steps of schedules of `steps`, begun at the starts in turn."""
    batch = Shots(plan, jnp.asarray(train), jnp.asarray(held_out))
    turn = np.arange(len(train)) % _restarts(starts)
    begun = jax.tree.map(lambda leaf: jnp.asarray(leaf)[turn], starts)
    progress = begin(begun, recipe.optimiser)
    each, curves, judgements = jnp.asarray(steps), [], _JUDGEMENTS[recipe.optimiser]
    for _ in range(-(-last // (judgements * STEPS_PER_JUDGEMENT))):
        progress, curve = advance(objective, recipe, progress, batch, each, judgements, OWN_SHOTS)
        curves.append(curve)
    return progress, jax.tree.map(lambda *parts: np.concatenate(parts), *curves)


def _drawn(probability: np.ndarray, shots: np.ndarray, number: int, rng) -> np.ndarray:
    """Counts (number, settings, 2**sites) of as many shots in each setting as were taken.

    Outcomes that differ at unmeasured sites alone share one cell, which is drawn at outcome 0.
    """
    once = probability / probability.sum(axis=1, keepdims=True)
    return np.stack([rng.multinomial(shots, once) for _ in range(number)]).astype(float)
