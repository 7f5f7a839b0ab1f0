"""Small objectives with known answers, so that a training loop compiles in a second."""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np


class Bowl(NamedTuple):
    """train, held_out: where the minima lie, (dim,); broken: where x[0] beyond it gives NaN."""

    train: np.ndarray
    held_out: np.ndarray
    broken: float = np.inf


@dataclass(frozen=True)
class Quadratic:
    """½ Σ k (x − minimum)², a different stiffness for each direction."""

    def __call__(self, variables, batch):
        x = variables["params"]["x"]
        value = self._value(x, batch.train)
        return jnp.where(x[0] > batch.broken, jnp.nan, value)

    def judge(self, variables, batch):
        return self._value(variables["params"]["x"], batch.held_out)

    def _value(self, x, minimum):
        return 0.5 * jnp.sum(jnp.arange(1.0, x.size + 1) * (x - minimum) ** 2)


@dataclass(frozen=True)
class NoJudge(Quadratic):
    """The same where nothing was held out."""

    def judge(self, variables, batch):
        return jnp.nan * jnp.sum(variables["params"]["x"])


def starts(restarts: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    return {"params": {"x": jnp.asarray(rng.normal(size=(restarts, 3)))}}


BOWL = Bowl(np.array([0.5, -1.0, 2.0]), np.array([0.4, -0.8, 1.5]))
