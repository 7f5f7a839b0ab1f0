"""log Z of a state: exact as far as a vector reaches, beyond by annealing from a product state."""

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from nqs.ansatz.autoregressive import Normalised
from nqs.state import born
from nqs.state.annealing import annealed, log_density
from nqs.state.partition import HOTTER
from nqs.state.reach import VECTOR_SITES
from nqs.state.sampling import chain_method
from nqs.state.state import State

CHAINS = {"gibbs": 1024, "metropolis": 256, "exchange": 256}
_FEWEST, _MORE, _MOST = 256, 4, 4096
"""Temperatures: so many times more until the error is small enough."""

_PURPOSE = 0xA15A


class Norm(NamedTuple):
    """ln Σ |ψ|² and its standard error, None where it is exact.

    effective_samples: independent chains that their weights are worth, of `chains`.
    """

    value: float
    error: float | None
    chains: int | None = None
    temperatures: int | None = None
    effective_samples: float | None = None


def log_norm(
    state: State,
    log_odds: np.ndarray,
    seed: int,
    wanted: float,
    late: Callable[[float], bool] = lambda seconds: False,
) -> Norm:
    """ln Σ |ψ|², nought of a normalised state.

    log_odds: (sites,) of bit 1, of a product state near ψ. wanted: an error that is small enough.
    late: asked before each attempt but the first, with the seconds that it will take; no more are
    made once it says so.
    """
    if isinstance(state.dilation.whole, Normalised):
        return Norm(0.0, None)
    if state.sites <= VECTOR_SITES:
        return Norm(float(_exact(state.model, state.variables, state.sites)), None)
    temperatures = _FEWEST
    while True:
        begun = time.monotonic()
        found = annealed_norm(state, log_odds, seed, temperatures)
        if (found.error or 0.0) <= wanted or temperatures >= _MOST:
            return found
        if late(_MORE * (time.monotonic() - begun)):
            return found
        temperatures *= _MORE


def annealed_norm(state: State, log_odds: np.ndarray, seed: int, temperatures: int) -> Norm:
    """The same by annealed importance sampling, with so many temperatures.

    The mean of independent weights, and its error by their scatter.
    Salakhutdinov and Murray, ICML (2008), p. 872.
    """
    method = chain_method(state.model)
    key = jax.random.fold_in(jax.random.key(seed), _PURPOSE)
    terms = _weights(
        method,
        state.model,
        state.variables,
        HOTTER * np.asarray(log_odds),
        key,
        CHAINS[method],
        temperatures,
    )
    return of_weights(np.asarray(terms), temperatures)


def of_weights(log_weights: np.ndarray, temperatures: int | None = None) -> Norm:
    """ln of the sum of independent weights, (chains,), and its error."""
    chains, largest = len(log_weights), log_weights.max()
    weights = np.exp(log_weights - largest)
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    error = float(np.sqrt(max(chains / effective - 1, 0.0) / (chains - 1)))
    value = float(np.log(weights.sum()) + largest)
    return Norm(value, error, chains, temperatures, effective)


@partial(jax.jit, static_argnames=("method", "model", "chains", "temperatures"))
def _weights(method, model, variables, log_odds, key, chains, temperatures):
    found = annealed(method, model, variables, log_odds, key, chains, temperatures)
    return found.log_weight + log_density(model, variables, found.bits)


@partial(jax.jit, static_argnames=("model", "sites"))
def _exact(model, variables, sites):
    return jax.nn.logsumexp(2 * born.all_log_psi(model, variables, sites).real)
