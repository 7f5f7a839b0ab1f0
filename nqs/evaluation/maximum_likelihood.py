"""The exact pure maximum-likelihood state: what counting alone would say, no network involved."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nqs.measurement.dataset import Measurements
from nqs.state.born import Rotations, rotations, vector_log_probabilities

LARGEST_SITES = 8
_STARTS = 6
"""On GHZ and cluster shots up to four of six random starts end in a poorer optimum."""


class MaximumLikelihood(NamedTuple):
    """vector: (2**sites,) normalised; nll: nats per shot on the shots it was fitted to."""

    vector: np.ndarray
    nll: float


def pure_maximum_likelihood(
    data: Measurements, seed: int, *, also_from: np.ndarray | None = None, starts: int = _STARTS
) -> MaximumLikelihood:
    """Most likely pure state of the shots, over all 2**sites free amplitudes.

    L-BFGS from several random vectors and, where given, from `also_from`. Shots in
    Z alone have a closed answer: the roots of the relative frequencies.
    """
    if data.sites > LARGEST_SITES:
        raise ValueError(f"exact maximum likelihood is limited to {LARGEST_SITES} sites.")
    counts = data.table()
    if (
        data.only_z
        and len(data.settings) == 1
        and "I" not in data.settings[0]
        and data.readout is None
    ):
        frequencies = counts[0] / counts.sum()
        seen = frequencies[frequencies > 0]
        return MaximumLikelihood(np.sqrt(frequencies) + 0j, float(-(seen * np.log(seen)).sum()))
    from scipy.optimize import minimize  # half a second, and shots in Z do without

    plan = jax.device_put(rotations(data.settings, data.effects, data.readout))
    counts = jax.device_put(counts)
    rng = np.random.default_rng([seed, 0x3A1E])
    first = [rng.normal(size=(2, 2**data.sites)) for _ in range(starts)]
    if also_from is not None:
        first.append(np.stack([also_from.real, also_from.imag]))

    def value_and_slope(x):
        value, slope = _nll(x.reshape(2, -1), counts, plan)
        return float(value), np.asarray(slope, float).reshape(-1)

    results = []
    for start in first:
        x = (start / np.linalg.norm(start)).reshape(-1)
        options = {"maxiter": 5000, "maxfun": 10000, "ftol": 1e-14, "gtol": 1e-9, "maxcor": 30}
        results.append(minimize(value_and_slope, x, jac=True, method="L-BFGS-B", options=options))
    best = min(results, key=lambda found: found.fun)
    psi = best.x.reshape(2, -1)
    psi = psi[0] + 1j * psi[1]
    return MaximumLikelihood(psi / np.linalg.norm(psi), float(best.fun))


@jax.jit
@partial(jax.value_and_grad, argnums=0)
def _nll(parts, counts, plan: Rotations):
    psi = parts[0] + 1j * parts[1]
    psi = psi / jnp.sqrt(jnp.sum(jnp.abs(psi) ** 2))
    return -jnp.sum(counts * vector_log_probabilities(psi, plan)) / jnp.sum(counts)
