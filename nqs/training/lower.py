"""Lowering an energy: the loop on the host that logs, saves, watches over the steps and rolls back."""

import math
import time
from typing import Any

import jax
import numpy as np

from nqs.state.draws import Given
from nqs.training.descent import memory_of
from nqs.training.run import NumericalFailure, Run
from nqs.training.variational import (
    STEPS_PER_DISPATCH,
    Curve,
    Descent,
    Teacher,
    descend,
    fresh_chains,
    started,
)

_MOST_HALVINGS = 3
_LOST = 0.2
"""Share of the way down from the first energy that may be lost before it counts as exploded."""


def lower(
    run: Run,
    phase: str,
    teacher: Teacher,
    given: Given,
    variables: Any,
    *,
    steps: int,
    share: float = 1.0,
    of_limit: float = 1.0,
    ceiling: float = math.inf,
) -> Descent:
    """Drive a schedule of `steps` from `variables`, or from where the run left off.

    share: of the budget that is used when this phase ends. A budget that would end before
    shortens the schedule, so that the rate still comes to rest. ceiling: no state has an energy above it.
    NaN, an exploded energy or chains that stand still bring the last good
    state back at half the rate; NumericalFailure after three times. Interrupted on a signal.
    """
    d = run.phases.get(phase) or started(teacher, variables, given.elements.flips.shape[1], steps)
    first, spent, begun_at = True, 0.0, int(d.step)
    while int(d.step) < int(d.steps) and not run.out_of_time(share, of_limit=of_limit):
        d = _plain(d)
        begun, before = time.monotonic(), d
        d, curve = descend(teacher, given, d)
        curve = jax.tree.map(np.asarray, curve)
        seconds = time.monotonic() - begun
        if first:
            run.seconds_compiling += seconds  # and the first dispatch with it
            begun_at = int(d.step)
        else:
            run.seconds += seconds
            spent += seconds
        first = False
        run.log(_row(phase, before, d, curve))
        problem = _problem(teacher, before, d, curve, ceiling)
        d = _marked(before, d, curve) if problem is None else _back(run, teacher, d, problem)
        done = int(d.step) - begun_at
        if done > 0:
            left = run.budget_left(share)
            if left is not None:
                d = _fitted(d, steps, int(left / (spent / done)))
        run.phases[phase] = d
        run.heed()
    run.phases[phase] = d
    run.heed(now=True)
    return d


_SCALARS = ("step", "steps", "skipped", "halvings", "first", "lowest")


def _plain(d: Descent) -> Descent:
    """Its scalars as numbers of NumPy: one that knows of a device mesh is another type to JAX,
    which would compile the loop again."""
    return d._replace(**{name: np.asarray(getattr(d, name))[()] for name in _SCALARS})


def _marked(before: Descent, d: Descent, curve: Curve) -> Descent:
    """With the lowest energy so far, and the variables that had it, kept."""
    energy = _mean(curve.energy)
    first = np.float64(before.first if np.isfinite(before.first) else energy)
    if energy < float(before.lowest):
        return d._replace(first=first, lowest=np.float64(energy), good=before.variables)
    return d._replace(first=first)


def _problem(
    teacher: Teacher, before: Descent, d: Descent, curve: Curve, ceiling: float
) -> str | None:
    """What went wrong in these steps, if anything.

    A variance that exploded too would excuse any energy, but not for one above the ceiling in most steps.
    """
    taken = int(d.step) - int(before.step)
    if int(d.skipped) - int(before.skipped) > taken / 2:
        return "numbers that are not finite"
    if teacher.draws.moves and not curve.acceptance.any():
        return "chains that stand still"
    lowest = float(before.lowest)
    margin = 5 * np.sqrt(_mean(curve.variance)) + _LOST * (float(before.first) - lowest)
    lost = np.isfinite(lowest) and _mean(curve.energy) > lowest + margin
    if lost or np.median(curve.energy[np.isfinite(curve.energy)]) > ceiling:
        return "an energy that exploded"
    return None


def _mean(numbers: Any) -> float:
    """Of those that are finite: a step that was not taken does not count."""
    return float(numbers[np.isfinite(numbers)].mean())


def _back(run: Run, teacher: Teacher, d: Descent, problem: str) -> Descent:
    """The last good state, at half the rate, its momentum forgotten and its chains begun anew."""
    if int(d.halvings) >= _MOST_HALVINGS:
        run.save()
        raise NumericalFailure(
            f"{problem} came back {_MOST_HALVINGS} times, within {int(d.step)} steps; the rate is "
            f"{teacher.recipe.rate:g}, try a tenth of it, or a larger training.shift."
        )
    return d._replace(
        variables=d.good,
        memory=memory_of(teacher.recipe, d.good),
        chains=fresh_chains(teacher, d),
        halvings=d.halvings + 1,
    )


def _fitted(d: Descent, steps: int, affordable: int) -> Descent:
    """The schedule of `steps`, or a shorter one that can be afforded."""
    reachable = int(d.step) + max(affordable, STEPS_PER_DISPATCH)
    return d._replace(steps=np.int32(min(reachable, steps)))


def _row(phase: str, before: Descent, d: Descent, curve: Curve) -> dict:
    taken = int(d.step) - int(before.step)
    energy, variance = curve.energy[:taken].mean(), curve.variance[:taken].mean()
    return {
        "phase": phase,
        "step": int(d.step),
        "steps": int(d.steps),
        "energy": float(energy) if np.isfinite(energy) else None,
        "variance": float(variance) if np.isfinite(variance) else None,
        "acceptance": float(curve.acceptance[:taken].mean()),
    }
