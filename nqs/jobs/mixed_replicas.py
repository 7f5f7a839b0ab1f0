"""What fits to other shots would have found, of a mixed state, or of a pure one with noise."""

from collections.abc import Callable

import numpy as np

from nqs.evaluation.mixed_likelihood import Description, most_likely
from nqs.jobs.mixed import Mixed
from nqs.measurement.effects import each_cell_once

_PURPOSE = 0xB008


def replicas(
    found: Mixed, number: int, seed: int, heed: Callable[[], None] = lambda: None
) -> np.ndarray:
    """Density matrices (number, 2**sites, 2**sites), each of the most likely state of shots drawn from the fit.

    Of the same description; of a network the most likely state of as many vectors stands for its own. Where
    calibration shots tell how sites are misread, they are drawn again as well. heed: called between refits.
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 6.5.
    """
    data, plan = found.data, found.plan
    rng = np.random.default_rng([seed, _PURPOSE])
    probability = each_cell_once(np.exp(found.final.log_table(plan)), data.settings)
    once = probability / probability.sum(axis=1, keepdims=True)
    begin = found.final.mixture()
    description = found.description or Description(
        min(begin.amplitudes.shape[1], 2**data.sites),
        begin.white is not None,
        begin.confusion is not None,
    )
    matrices = []
    for _ in range(number):
        heed()
        counts = rng.multinomial(data.shots_per_setting, once).astype(float)
        again = plan
        if found.calibrated and data.calibration is not None:
            again = plan._replace(readout=data.calibration.drawn_again(rng))
        fit = most_likely(counts, again, description, seed, also_from=begin, starts=0)
        matrices.append(fit.density_matrix)
    return np.stack(matrices)
