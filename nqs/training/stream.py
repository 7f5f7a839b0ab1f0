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

from nqs.state.partition import Partition
from nqs.state.reading import log_probabilities
from nqs.training.batches import Batch, Batches, picked, stacked
from nqs.training.fit import Progress, Recipe, noted, step
from nqs.training.flat import flattened
from nqs.training.natural import Local
from nqs.training.run import Run, log_row, reached, refuse_hopeless
from nqs.training.slopes import shot_slopes

STEPS_PER_DISPATCH = 20


@dataclass(frozen=True)
class BatchLikelihood:
    """−mean log P(outcome | setting) of a batch, nats per shot; log Z by its partition."""

    model: nn.Module
    partition: Partition

    def __call__(self, variables, batch: Batch, memory: Any = ()) -> Array:
        return self._of(variables, batch, self.partition.log_z(variables, memory))

    def judge(self, average, batch: Batch, memory: Any = ()) -> Array:
        """Of the running average, times the weights of the batch."""
        return self._of(average, batch, self.partition.judged(average, memory)[0])

    def _of(self, variables, batch: Batch, log_z: Array) -> Array:
        log_p = log_probabilities(self.model, variables, batch.reading)
        return jnp.sum(batch.weights) * log_z - jnp.sum(batch.weights * log_p)

    def local(self, variables, batch: Batch, memory: Any = ()) -> tuple[Array, Local]:
        """With the Fisher information that the shots themselves tell: its rows are √w ∂ log P."""
        vector, rebuilt = flattened(variables)
        root = jnp.sqrt(batch.weights)
        of_norm = jax.grad(lambda v: self.partition.log_z(rebuilt(v), memory))(vector)
        slopes = shot_slopes(self.model, variables, batch.reading) - of_norm
        return self(variables, batch, memory), Local(root[:, None] * slopes, -root)


@dataclass(frozen=True)
class _Remembering:
    """The likelihood of one step, with what its partition remembers."""

    objective: BatchLikelihood
    memory: Any

    def __call__(self, variables, batch: Batch) -> Array:
        return self.objective(variables, batch, self.memory)

    def local(self, variables, batch: Batch) -> tuple[Array, Local]:
        return self.objective.local(variables, batch, self.memory)


@partial(jax.jit, static_argnames=("objective", "recipe"))
def advance(
    objective: BatchLikelihood, recipe: Recipe, progress: Progress, batches: Any, steps: int
) -> tuple[Progress, Array]:
    """One step of every restart for each of the batches, the values (steps, restarts)."""

    number = jnp.arange(len(batches.weights))

    def one(p, i):
        lowered = _Remembering(objective, p.memory)
        p, value = step(lowered, recipe, picked(batches, i), steps, p)
        memory = objective.partition.followed(p.variables, p.average, p.memory, p.step)
        return p._replace(memory=memory), value

    progress, values = jax.lax.map(lambda p: jax.lax.scan(one, p, number), progress)
    return progress, values.T


def train_on(
    run: Run,
    phase: str,
    objective: BatchLikelihood,
    recipe: Recipe,
    start: Callable[[], Progress],
    batches: Batches,
    *,
    steps: int,
    judge: Callable[[Progress], np.ndarray],
    share: float = 1.0,
    enough: Callable[[Progress, list[dict]], bool] = lambda progress, rows: False,
) -> Progress:
    """Drive all restarts through a schedule of `steps`, from `start` or where the run left off.

    judge: held-out NLL (restarts,) of the running average; asked after every dispatch. enough: as
    of `run.train`. Raises as that does.
    """
    progress = run.phases.get(phase) or start()
    nodes = None

    def made(first: int) -> tuple[Batch, Any]:
        last = min(first + STEPS_PER_DISPATCH, steps)
        return stacked([batches.at(number) for number in range(first, last)], nodes)

    for first in range(0, reached(progress), STEPS_PER_DISPATCH):
        _, nodes = made(first)  # sums of single precision depend on the room that trees were given
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
            run.seconds_reading += time.monotonic() - begun
            last = min(at + STEPS_PER_DISPATCH, steps)
            if last < steps:
                coming = beside.submit(made, last)
            progress, values = advance(objective, recipe, progress, batch, steps)
            judged = judge(progress)
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
def _value(objective, variables, memory, batch):
    return jax.lax.map(lambda each: objective.judge(each[0], batch, each[1]), (variables, memory))


def log_z_errors(objective: BatchLikelihood, progress: Progress) -> np.ndarray:
    """Standard errors of the log Z that the judge saw last, (restarts,)."""
    return np.asarray(_log_z_errors(objective, progress.average, progress.memory))


@partial(jax.jit, static_argnames="objective")
def _log_z_errors(objective, average, memory):
    return jax.vmap(lambda v, m: objective.partition.judged(v, m)[1])(average, memory)


def judged_by(objective: BatchLikelihood, pieces: list[Batch]) -> Callable[[Progress], np.ndarray]:
    """NLL (restarts,) over all shots of the pieces, of the running average."""
    whole = sum(float(p.weights.sum()) for p in pieces)
    ready = jax.device_put(pieces)

    def judge(progress):
        average, memory = progress.average, progress.memory
        return np.asarray(sum(_value(objective, average, memory, p) for p in ready)) / whole

    return judge
