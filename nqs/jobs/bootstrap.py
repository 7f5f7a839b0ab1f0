"""What fits to other shots would have found: by bootstrap, or by the Fisher matrix where that will do."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from nqs.evaluation.fidelity import is_positive
from nqs.evaluation.fisher import covariance
from nqs.evaluation.maximum_likelihood import as_likely
from nqs.evaluation.scatter import Fisher, Refits, Scatter
from nqs.jobs.selection import repeated, restart
from nqs.jobs.stopping import folds, one_part
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import each_cell_once
from nqs.state.born import Rotations, rotations
from nqs.state.reach import ERROR_SITES, ERROR_WORK
from nqs.state.state import State, initial_variables, vectors
from nqs.training.fit import STEPS_PER_JUDGEMENT, Progress, Recipe, advance, begin, equal_travel
from nqs.training.likelihood import OWN_SHOTS, NegativeLogLikelihood, Shots

_PURPOSE = 0xB007
_STEPS = 400
_RATE = 0.3
"""Of the rate that the state was trained with: from the state itself a refit need not go far."""

_JUDGEMENTS = 10
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
        again = replicas(state, data, number, seed, refit(state, summary))
        return Refits(psi, others, searched, again)
    return Fisher(psi, others, searched, matrix)


def refuse_one(number: int) -> None:
    """ValueError for a bootstrap that has no spread."""
    if number == 1:
        raise ValueError("a bootstrap of 1 refit has no spread; take 100.")


class Refit(NamedTuple):
    """How a replica is found: the variables it begins at, its rate, and its schedule of `steps`.

    last: steps of the schedule that are taken. folds: where shots held out tell when to stop,
    in how many parts they are held out in turn, or 1 where one part of that `share` is; the stop
    is looked for within `last`. 0 where nothing tells.
    """

    start: Any
    rate: float
    steps: int
    last: int
    folds: int = 0
    share: float = 0.0


def refit(state: State, summary: dict[str, Any]) -> Refit:
    """The fit that found the state, once more.

    One that came to rest is repeated from where it rested. One that was stopped early owes what it
    is to its path, and is repeated whole: begun at its end, it would overfit.
    summary: of the tomography.
    """
    training, data = summary["training"], summary["data"]
    rate, steps, stop = training["rate"], training["steps"], training["stop"]
    if not _stopped_early(training):
        return Refit(state.variables, _RATE * rate, _STEPS, _STEPS)
    starts = initial_variables(state.model, state.sites, summary["seed"], training["restarts"])
    start = restart(starts, training["final_restart"])
    if stop is None:  # a state of the search, which took so many steps
        return Refit(start, rate, steps, training["best_step"])
    share = data["held_out_shots"] / data["shots"]
    return Refit(start, rate, steps, min(steps, 2 * stop + 200), training["folds"], share)


def _stopped_early(training: dict[str, Any]) -> bool:
    stop = training["best_step"] if training["stop"] is None else training["stop"]
    return stop < training["steps"]


def replicas(state: State, data: Measurements, number: int, seed: int, how: Refit) -> np.ndarray:
    """Vectors (number, 2**sites) of fits to other shots, each to shots drawn from the state.

    Every replica has as many shots in each setting as `data`. Replicas are trained side by side
    in one program. Efron and Tibshirani, An Introduction to the Bootstrap (1993), sections 6.5
    and 10.
    """
    plan = rotations(data.settings, data.effects, data.readout)
    rng = np.random.default_rng([seed, _PURPOSE])
    probability = each_cell_once(np.exp(state.log_table(plan)), data.settings)
    at_once = max(1, min(number, _AT_ONCE // (probability.size * max(how.folds, 1))))
    found = []
    for first in range(0, number, at_once):
        times = min(at_once, number - first)
        drawn = _drawn(probability, data.shots_per_setting, times, rng)
        found.append(_refitted(state, plan, drawn, how, rng))
    return np.concatenate(found)


def _refitted(state: State, plan: Rotations, drawn: np.ndarray, how: Refit, rng) -> np.ndarray:
    """Vectors of fits to counts (replicas, settings, 2**sites)."""
    fit = partial(_fitted, NegativeLogLikelihood(state.model, state.sites), plan, how)
    steps, last = np.full(len(drawn), how.steps), how.last
    if how.folds:
        steps = _told(fit, drawn, how, rng)
        last = int(steps.max())
    progress, _ = fit(drawn, np.zeros_like(drawn), steps, last)
    return vectors(state.model, progress.variables, state.sites)


def _fitted(
    objective: NegativeLogLikelihood,
    plan: Rotations,
    how: Refit,
    train: np.ndarray,
    held_out: np.ndarray,
    steps: np.ndarray,
    last: int,
) -> tuple[Progress, np.ndarray]:
    """The first `last` steps of schedules of `steps`, and held-out NLL (judgements, replicas)."""
    batch = Shots(plan, jnp.asarray(train), jnp.asarray(held_out))
    progress, each, judged = begin(repeated(how.start, len(train))), jnp.asarray(steps), []
    for _ in range(-(-last // (_JUDGEMENTS * STEPS_PER_JUDGEMENT))):
        progress, curve = advance(
            objective, Recipe(how.rate), progress, batch, each, _JUDGEMENTS, OWN_SHOTS
        )
        judged.append(np.asarray(curve.judged))
    return progress, np.concatenate(judged)


def _told(fit: Callable, drawn: np.ndarray, how: Refit, rng) -> np.ndarray:
    """Length of the schedule of each replica, (replicas,), as its own shots held out tell it."""
    held_out = folds(drawn, rng, how.folds) if how.folds > 1 else one_part(drawn, how.share, rng)
    flat = (-1, *drawn.shape[1:])  # replicas of the first fold, of the second, …
    steps = np.full(how.folds * len(drawn), how.steps)
    train = drawn - held_out
    _, judged = fit(train.reshape(flat), held_out.reshape(flat), steps, how.last)
    pooled = judged.reshape(len(judged), how.folds, len(drawn)).mean(axis=1)
    best = np.argmin(np.where(np.isnan(pooled), np.inf, pooled), axis=0)
    return np.array([equal_travel(STEPS_PER_JUDGEMENT * (1 + int(i)), how.steps) for i in best])


def _drawn(probability: np.ndarray, shots: np.ndarray, number: int, rng) -> np.ndarray:
    """Counts (number, settings, 2**sites) of as many shots in each setting as were taken.

    Outcomes that differ at unmeasured sites alone share one cell, which is drawn at outcome 0.
    """
    once = probability / probability.sum(axis=1, keepdims=True)
    return np.stack([rng.multinomial(shots, once) for _ in range(number)]).astype(float)
