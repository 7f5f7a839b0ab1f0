"""Does a little noise explain what no pure state does? Likelihood-ratio tests of one number each."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.special import chdtrc

from nqs.evaluation.maximum_likelihood import MaximumLikelihood
from nqs.measurement.dataset import Measurements
from nqs.state.born import Rotations, observed, rotations_of, vector_log_probabilities

_BEGIN = 0.01
_MOST = 0.45


class NoiseTest(NamedTuple):
    """strength: most likely size of the noise. p_value: of shots without it doing as well."""

    name: str
    strength: float
    p_value: float


def white_noise(probability: Array, strength: Array, plan: Rotations) -> Array:
    """ρ → (1 − s) ρ + s 1/2^N, on outcome probabilities (settings, 2**sites)."""
    of_noise = observed(jnp.full_like(probability, 1 / probability.shape[1]), plan)
    return (1 - strength) * probability + strength * of_noise


def readout_flips(probability: Array, strength: Array, plan: Rotations) -> Array:
    """Every site read wrongly with the same probability s, on probabilities (settings, 2**sites).

    On top of the readout errors that the plan knows of.
    """
    settings = probability.shape[0]
    for site in range(int(np.log2(probability.shape[1]))):
        block = probability.reshape(settings, 2**site, 2, -1)
        block = (1 - strength) * block + strength * block[:, :, ::-1]
        probability = block.reshape(settings, -1)
    return probability


ALTERNATIVES: dict[str, Callable[[Array, Array, Rotations], Array]] = {
    "white noise": white_noise,
    "readout flips": readout_flips,
}


def noise_tests(data: Measurements, pure: MaximumLikelihood) -> list[NoiseTest]:
    """Each alternative against the most likely pure state `pure` of the same shots.

    State and strength are fitted together. With the strength at its boundary when
    there is no noise, twice the gain in log-likelihood is 0 half of the time and
    χ² with one degree of freedom otherwise [Chernoff, Ann. Math. Stat. 25, 573
    (1954)]. All power goes into one direction, where χ² over all cells spreads it
    over hundreds.
    """
    from scipy.optimize import minimize

    plan = jax.device_put(rotations_of(data))
    counts = jax.device_put(data.table())
    begin = np.r_[pure.vector.real, pure.vector.imag, _BEGIN]
    bounds = [(None, None)] * (begin.size - 1) + [(0.0, _MOST)]
    tests = []
    for name, alternative in ALTERNATIVES.items():

        def value_and_slope(x, alternative=alternative):
            value, slope = _nll(x, counts, plan, alternative)
            return float(value), np.asarray(slope, float)

        options = {"maxiter": 3000, "maxfun": 6000, "ftol": 1e-14, "gtol": 1e-9, "maxcor": 30}
        found = minimize(
            value_and_slope, begin, jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        gain = 2 * data.shots * (pure.nll - float(found.fun))
        better = gain > 1e-6  # less is the optimiser's last digit
        tests.append(
            NoiseTest(
                name,
                float(found.x[-1]) if better else 0.0,
                float(0.5 * chdtrc(1, gain)) if better else 1.0,
            )
        )
    return tests


@partial(jax.jit, static_argnames="alternative")
@partial(jax.value_and_grad, argnums=0)
def _nll(x, counts, plan: Rotations, alternative):
    half = (x.size - 1) // 2
    psi = x[:half] + 1j * x[half:-1]
    psi = psi / jnp.sqrt(jnp.sum(jnp.abs(psi) ** 2))
    probability = alternative(jnp.exp(vector_log_probabilities(psi, plan)), x[-1], plan)
    return -jnp.sum(counts * jnp.log(probability)) / jnp.sum(counts)
