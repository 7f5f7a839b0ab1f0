"""Training on more shots than one step looks at: batches made on the host while the last ones are learnt."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from nqs.state.reading import log_probabilities
from nqs.training.batches import Batch, Batches, picked, stacked
from nqs.training.fit import Progress, Recipe, begin, noted, step
from nqs.training.natural import Local
from nqs.training.run import Run, log_row, reached, refuse_hopeless
from nqs.training.slopes import shot_slopes

STEPS_PER_DISPATCH = 20


@dataclass(frozen=True)
class BatchLikelihood:
    """−mean log P(outcome | setting) of a batch, nats per shot, of a normalised state."""

    model: nn.Module

    def __call__(self, variables, batch: Batch) -> Array:
        log_p = log_probabilities(self.model, variables, batch.reading)
        return -jnp.sum(batch.weights * log_p)

    def local(self, variables, batch: Batch) -> tuple[Array, Local]:
        """With the Fisher information that the shots themselves tell: its rows are √w ∂ log P."""
        root = jnp.sqrt(batch.weights)
        slopes = shot_slopes(self.model, variables, batch.reading)
        return self(variables, batch), Local(root[:, None] * slopes, -root)


@partial(jax.jit, static_argnames=("objective", "recipe"))
def advance(
    objective: Any, recipe: Recipe, progress: Progress, batches: Any, steps: int
) -> tuple[Progress, Array]:
    """One step of every restart for each of the batches, the values (steps, restarts)."""

    number = jnp.arange(len(batches.weights))

    def one(progress):
        return jax.lax.scan(
            lambda p, i: step(objective, recipe, picked(batches, i), steps, p),
            progress,
            number,
        )

    progress, values = jax.lax.map(one, progress)
    return progress, values.T


def train_on(
    run: Run,
    phase: str,
    objective: Any,
    recipe: Recipe,
    variables: Any,
    batches: Batches,
    *,
    steps: int,
    judge: Callable[[Any], np.ndarray],
    share: float = 1.0,
    enough: Callable[[Progress, list[dict]], bool] = lambda progress, rows: False,
) -> Progress:
    """Drive all restarts through a schedule of `steps`, from `variables` or where the run left off.

    judge: held-out NLL (restarts,) of variables with the restarts in front; asked after every
    dispatch of the running average. enough: as of `run.train`. Raises as that does.
    """
    progress = run.phases.get(phase) or begin(variables, recipe.optimiser)
    nodes = None

    def made(first: int) -> tuple[Batch, Any]:
        last = min(first + STEPS_PER_DISPATCH, steps)
        return stacked([batches.at(number) for number in range(first, last)], nodes)

    with ThreadPoolExecutor(1) as beside:
        coming = beside.submit(made, reached(progress))
        compiled = False
        while (at := reached(progress)) < steps:
            refuse_hopeless(run, progress, recipe.rate)
            if enough(progress, [row for row in run.rows if row["phase"] == phase]):
                break
            if run.out_of_time(share):
                break
            begun = time.monotonic()
            batch, nodes = coming.result()
            last = min(at + STEPS_PER_DISPATCH, steps)
            if last < steps:
                coming = beside.submit(made, last)
            progress, values = advance(objective, recipe, progress, batch, steps)
            judged = judge(progress.average)
            progress = noted(progress, judged)
            values = np.asarray(values)
            spent = time.monotonic() - begun
            if not compiled and not run.seconds_compiling:
                run.seconds_compiling = spent
            else:
                run.seconds += spent
            compiled = True
            run.log(log_row(phase, last, steps, values.mean(axis=0), np.asarray(judged)))
            run.phases[phase] = progress
            run.heed()
    run.phases[phase] = progress
    run.heed(now=True)
    refuse_hopeless(run, progress, recipe.rate)
    return progress


@partial(jax.jit, static_argnames="objective")
def _value(objective, variables, batch):
    return jax.lax.map(lambda v: objective(v, batch), variables)


def judged_by(objective: Any, pieces: list[Batch]) -> Callable[[Any], np.ndarray]:
    """NLL (restarts,) over all shots of the pieces, of variables with the restarts in front."""
    whole = sum(float(p.weights.sum()) for p in pieces)
    ready = jax.device_put(pieces)

    def judge(variables):
        return np.asarray(sum(_value(objective, variables, p) for p in ready)) / whole

    return judge
