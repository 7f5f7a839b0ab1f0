"""The most likely state of any rank, with or without noise: physical maximum likelihood, no network involved."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nqs.measurement.calibration import rates_of
from nqs.state.born import Mixture, Rotations, mixture_log_probabilities
from nqs.state.reach import MATRIX_LIKELIEST_SITES

_STARTS = 6
"""Of few vectors: on GHZ and cluster shots up to four of six random starts end in a poorer optimum."""

_FEW = 2
"""Vectors up to which the optimum depends on where one starts; of many the likelihood has one alone."""

_FIRST, _MOST_WHITE, _MOST_MISREAD = 0.05, 0.95, 0.15
"""Noise at the start, and the most of either kind: begun at nothing it would stay there, and errors beyond
what any device has would stand for a mixed state."""

_USUAL_ERROR = 0.05
"""Readout error that is expected where nothing was calibrated: the mean of an exponential prior."""


class Description(NamedTuple):
    """What kind of state explains the shots.

    rank: number of vectors. white: whether white noise is mixed to them. readout: whether every site is
    misread with two probabilities of its own, beside what the file declares.
    """

    rank: int = 1
    white: bool = False
    readout: bool = False

    @property
    def label(self) -> str:
        """In words: the kind first, and last what tells it from others of its kind."""
        kind = "pure" if self.rank == 1 else f"mixed of rank {self.rank}"
        more = [
            name for name, there in (("noise", self.white), ("misreading", self.readout)) if there
        ]
        return f"{kind} with {' and '.join(more)}" if more else kind

    def parameters(self, sites: int) -> int:
        """Real numbers that tell such states apart."""
        size, rank = 2**sites, min(self.rank, 2**sites)
        return 2 * size * rank - rank**2 - 1 + self.white + 2 * sites * self.readout


class MostLikely(NamedTuple):
    """mixture: of arrays of NumPy, its amplitudes (2**sites, rank). nll: nats per shot, of its own shots."""

    mixture: Mixture
    nll: float

    @property
    def density_matrix(self) -> np.ndarray:
        """ρ, (2**sites, 2**sites), the white noise a part of it."""
        return self.mixture.density_matrix

    def log_table(self, plan: Rotations) -> np.ndarray:
        """log P of every outcome in every setting, (settings, 2**sites)."""
        return np.asarray(_table(self.mixture, plan))


def most_likely(
    counts: np.ndarray,
    plan: Rotations,
    description: Description,
    seed: int,
    *,
    also_from: Mixture | None = None,
    starts: int | None = None,
) -> MostLikely:
    """The most likely state of a description, over all its amplitudes.

    counts: (settings, 2**sites) of the outcomes of `plan`. L-BFGS on ρ = A A† / Tr A A†, from several random A where that has few vectors, and from `also_from`, to
    which vectors that it lacks are added. Readout errors that are learnt have an exponential prior.
    Hradil, Phys. Rev. A 55, R1561 (1997); Burer and Monteiro, Math. Program. 95, 329 (2003).
    """
    sites = len(plan.levels)
    if sites > MATRIX_LIKELIEST_SITES:
        raise ValueError(
            f"the most likely state of all is looked for up to {MATRIX_LIKELIEST_SITES} sites."
        )
    plan, counts = jax.device_put((plan, counts))
    rng = np.random.default_rng([seed, 0x3A2E, *map(int, description)])
    shape = (2**sites, description.rank)
    few = description.rank <= _FEW
    number = (_STARTS if few else 1) if starts is None else starts
    first = [_flat(_random(rng, shape), None, description, sites) for _ in range(number)]
    if also_from is not None:
        a = _largest(np.asarray(also_from.amplitudes), shape[1])
        more = 0.1 * _random(rng, (shape[0], shape[1] - a.shape[1])) / np.sqrt(a.size)
        first.append(_flat(np.hstack([a, more]), also_from, description, sites))
    found = [_climbed(start, counts, plan, description, sites) for start in first]
    return min(found, key=lambda one: one.nll)


def _largest(a: np.ndarray, rank: int) -> np.ndarray:
    """The vectors of the largest eigenvalues of A A†, at most `rank` of them."""
    if a.shape[1] <= rank:
        return a
    vectors, sizes, _ = np.linalg.svd(a, full_matrices=False)
    return (vectors * sizes)[:, :rank]


def _random(rng, shape) -> np.ndarray:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def _flat(a: np.ndarray, known: Mixture | None, description: Description, sites: int) -> np.ndarray:
    """All numbers of a start in a row; noise as it is known, else a little of it."""
    noise: list[Any] = []
    if description.white:
        told = None if known is None else known.white
        noise.append([_FIRST if told is None else max(float(told), 1e-3)])
    if description.readout:
        told = None if known is None else known.confusion
        flips = np.full((sites, 2), _FIRST / 2)
        if told is not None:
            flips = rates_of(told).clip(1e-3)
        noise.append(flips.reshape(-1))
    a = a / np.linalg.norm(a)
    return np.concatenate([a.real.reshape(-1), a.imag.reshape(-1), *noise])


def _climbed(
    start: np.ndarray, counts: Any, plan: Rotations, description: Description, sites: int
) -> MostLikely:
    from scipy.optimize import minimize

    free = 2 * 2**sites * description.rank

    def value_and_slope(x):
        value, slope = _objective(x, counts, plan, description)
        return float(value), np.asarray(slope, float)

    bounds = [(None, None)] * free + [(0.0, _MOST_WHITE)] * description.white
    bounds += [(0.0, _MOST_MISREAD)] * (len(start) - len(bounds))
    options = {"maxiter": 5000, "maxfun": 10000, "ftol": 1e-14, "gtol": 1e-9, "maxcor": 30}
    best = minimize(
        value_and_slope, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    mixture = jax.tree.map(np.asarray, _mixture(jnp.asarray(best.x), sites, description))
    value = -float((counts * _table(mixture, plan)).sum() / counts.sum())
    return MostLikely(mixture, value)


def _mixture(x, sites: int, description: Description) -> Mixture:
    size, rank = 2**sites, description.rank
    real, imaginary = x[: size * rank], x[size * rank : 2 * size * rank]
    a = (real + 1j * imaginary).reshape(size, rank)
    noise = x[2 * size * rank :]
    white = noise[0] if description.white else None
    confusion = None
    if description.readout:
        up, down = (
            noise[len(noise) - 2 * sites :].reshape(sites, 2).T
        )  # as `of_rates`, to be differentiated
        confusion = jnp.stack([jnp.stack([1 - up, down], 1), jnp.stack([up, 1 - down], 1)], 1)
    return Mixture(a / jnp.sqrt(jnp.sum(jnp.abs(a) ** 2)), white, confusion)


@partial(jax.jit, static_argnames="description")
@partial(jax.value_and_grad, argnums=0)
def _objective(x, counts, plan: Rotations, description: Description):
    sites = len(plan.levels)
    mixture = _mixture(x, sites, description)
    value = -jnp.sum(counts * mixture_log_probabilities(mixture, plan))
    if description.readout:
        value += jnp.sum(x[len(x) - 2 * sites :]) / _USUAL_ERROR
    return value / jnp.sum(counts)


_table = jax.jit(mixture_log_probabilities)
