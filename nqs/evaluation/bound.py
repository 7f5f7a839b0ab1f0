"""A likelihood that is known as a bound: how far from it the truth is."""

from collections.abc import Sequence

import numpy as np

from nqs.evaluation.heldout import Estimate, mean_of_strata


def bias(
    few: Sequence[np.ndarray], many: Sequence[np.ndarray], shares: Sequence[float], ratio: float
) -> Estimate:
    """By how much −log P of `many` draws is too high in the mean, nats per shot.

    few, many: log P (shots,) of each stratum, by `ratio` times fewer draws and by those. The log of an unbiased
    estimate is too small by half its relative variance, which falls like the number of draws or faster, so that this
    is what is left, or more: Nowozin, ICLR 2018 ("Debiasing evidence approximations").
    """
    found = mean_of_strata([m - f for f, m in zip(few, many, strict=True)], shares)
    scale = 1 / (ratio - 1)
    return Estimate(found.value * scale, (found.error or 0.0) * scale)
