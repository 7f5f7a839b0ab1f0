"""What fits to other shots would have found, of a mixed state that is the most likely of its description."""

import numpy as np

from nqs.evaluation.mixed_likelihood import Description, most_likely
from nqs.jobs.mixed import Mixed
from nqs.measurement.effects import each_cell_once

_PURPOSE = 0xB008


def replicas(found: Mixed, number: int, seed: int) -> np.ndarray:
    """Density matrices (number, 2**sites, 2**sites), each of the most likely state of shots drawn from the fit.

    Of a network those of the most likely mixed state stand for its own. Efron and Tibshirani, An Introduction to
    the Bootstrap (1993), section 6.5.
    """
    data, plan = found.data, found.plan
    rng = np.random.default_rng([seed, _PURPOSE])
    probability = each_cell_once(np.exp(found.final.log_table(plan)), data.settings)
    once = probability / probability.sum(axis=1, keepdims=True)
    description = found.description or Description(2**data.sites)
    begin = found.final.mixture()
    matrices = []
    for _ in range(number):
        counts = rng.multinomial(data.shots_per_setting, once).astype(float)
        fit = most_likely(counts, plan, description, seed, also_from=begin, starts=0)
        matrices.append(fit.density_matrix)
    return np.stack(matrices)
