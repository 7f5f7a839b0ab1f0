"""What fits to other shots would have found, of a mixed state, or of a pure one with noise."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nqs.evaluation.mixed_likelihood import Description, most_likely
from nqs.measurement.calibration import rates_of
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import each_cell_once
from nqs.state.born import misread_by, rotations_of
from nqs.state.state import State

_PURPOSE = 0xB008


class Replicas(NamedTuple):
    """Of each refit the density matrix, (number, 2**sites, 2**sites), and where they are learnt beside it the
    white noise, (number,), and P(1 | 0) and P(0 | 1) of every site, (number, sites, 2)."""

    matrices: np.ndarray
    white: np.ndarray | None
    rates: np.ndarray | None


def replicas(
    state: State,
    data: Measurements,
    number: int,
    seed: int,
    heed: Callable[[], None] = lambda: None,
) -> Replicas:
    """The most likely states of shots that are drawn from a state in the settings of `data`, `number` times.

    Of the same description; of a network the most likely state of as many vectors stands for its own. Where
    calibration shots tell how sites are misread, they are drawn again as well. heed: called between refits.
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 6.5.
    """
    plan = rotations_of(data)
    rng = np.random.default_rng([seed, _PURPOSE])
    probability = each_cell_once(np.exp(state.log_table(plan)), data.settings)
    once = probability / probability.sum(axis=1, keepdims=True)
    begin = state.mixture()
    description = Description(
        min(begin.amplitudes.shape[1], 2**data.sites),
        begin.white is not None,
        begin.confusion is not None,
    )
    fits = []
    for _ in range(number):
        heed()
        counts = rng.multinomial(data.shots_per_setting, once).astype(float)
        again = plan
        known = data.calibration
        if known is not None and data.readout is not None and known.tells(data.readout):
            pairs = known.pairs_drawn_again(rng, data.undone_pairs)
            again = misread_by(plan, known.drawn_again(rng), pairs)
        fits.append(most_likely(counts, again, description, seed, also_from=begin, starts=0))
    mixtures = [fit.mixture for fit in fits]
    return Replicas(
        np.stack([m.density_matrix for m in mixtures]),
        np.array([float(m.white) for m in mixtures]) if description.white else None,
        np.stack([rates_of(m.confusion) for m in mixtures]) if description.readout else None,
    )
