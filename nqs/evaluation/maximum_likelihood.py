"""The exact pure maximum-likelihood state: what counting alone would say, no network involved."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nqs.evaluation.identifiability import blind_to_conjugation
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import each_cell_once
from nqs.state.born import Rotations, rotations_of, vector_log_probabilities
from nqs.state.reach import LIKELIEST_SITES

_STARTS = 6
"""On GHZ and cluster shots up to four of six random starts end in a poorer optimum."""

_BESIDE, _STEP = 4, 0.5
"""States looked for beside a given one, and how far away in radians they begin."""


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
    if data.sites > LIKELIEST_SITES:
        raise ValueError(f"exact maximum likelihood is limited to {LIKELIEST_SITES} sites.")
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
    plan = jax.device_put(rotations_of(data))
    counts = jax.device_put(counts)
    rng = np.random.default_rng([seed, 0x3A1E])
    first = [rng.normal(size=(2, 2**data.sites)) for _ in range(starts)]
    if also_from is not None:
        first.append(np.stack([also_from.real, also_from.imag]))

    found = [_climbed(start, counts, plan) for start in first]
    return min(found, key=lambda one: one.nll)


def as_likely(psi: np.ndarray, data: Measurements, directions: np.ndarray, seed: int) -> np.ndarray:
    """States (·, 2**sites) that explain shots of ψ in the settings of `data` as well as ψ does.

    Climbed to from beside ψ, along random sums of (directions, 2·2**sites) in (Re δψ, Im δψ), along
    which the likelihood is flat; those of other phases where all shots are in Z; and ψ* where no
    setting tells it from ψ.
    """
    rng, found = np.random.default_rng([seed, 0xA511]), []
    if data.only_z:
        turned = np.exp(2j * np.pi * rng.random((_BESIDE, psi.size)))
        return psi * turned
    if len(directions):
        plan = jax.device_put(rotations_of(data))
        once = each_cell_once(
            np.exp(vector_log_probabilities(jnp.asarray(psi), plan)), data.settings
        )
        expected = jax.device_put(once * data.shots_per_setting[:, None])
        for _ in range(_BESIDE):
            step = rng.normal(size=len(directions)) @ directions
            start = np.r_[psi.real, psi.imag] + _STEP * step / np.linalg.norm(step)
            found.append(_climbed(start.reshape(2, -1), expected, plan).vector)
    if blind_to_conjugation(data):
        found.append(psi.conj())
    return np.reshape(found, (len(found), psi.size))


def _climbed(start: np.ndarray, counts: Any, plan: Rotations) -> MaximumLikelihood:
    """The optimum that L-BFGS reaches from a vector given as (2, 2**sites), real and imaginary."""
    from scipy.optimize import minimize  # half a second, and shots in Z do without

    def value_and_slope(x):
        value, slope = _nll(x.reshape(2, -1), counts, plan)
        return float(value), np.asarray(slope, float).reshape(-1)

    x = (start / np.linalg.norm(start)).reshape(-1)
    options = {"maxiter": 5000, "maxfun": 10000, "ftol": 1e-14, "gtol": 1e-9, "maxcor": 30}
    best = minimize(value_and_slope, x, jac=True, method="L-BFGS-B", options=options)
    real, imaginary = best.x.reshape(2, -1)
    psi = real + 1j * imaginary
    return MaximumLikelihood(psi / np.linalg.norm(psi), float(best.fun))


@jax.jit
@partial(jax.value_and_grad, argnums=0)
def _nll(parts, counts, plan: Rotations):
    psi = parts[0] + 1j * parts[1]
    psi = psi / jnp.sqrt(jnp.sum(jnp.abs(psi) ** 2))
    return -jnp.sum(counts * vector_log_probabilities(psi, plan)) / jnp.sum(counts)
