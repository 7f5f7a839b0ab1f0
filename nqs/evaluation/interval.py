"""From the scatter of a number to its bias, its error and its interval."""

from typing import NamedTuple

import numpy as np

_TWO_SIDED = 1.959964
"""Standard errors of 95 % of a Gaussian."""


class Interval(NamedTuple):
    """error: one standard deviation of the value. low, high: of 95 %."""

    value: float
    error: float
    low: float
    high: float


def corrected(
    fitted: float,
    replicas: np.ndarray,
    *,
    least: float = -np.inf,
    most: float = np.inf,
    as_wide: bool = False,
) -> Interval:
    """The number that a fit found, and what fits to other shots of it found, (replicas,).

    A replica is as far from the fit as the fit is from the truth, in the same direction: value and
    interval are mirrored at the fit, 2 · fitted − replicas, and cut off at what is possible. as_wide: whether an
    interval is moved there instead, so that it is no narrower at a boundary than inside: a fit to shots of a
    state at the boundary lies inside, and what is mirrored would lie beyond.
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), sections 10.6 and 13.
    """
    mirrored = 2 * fitted - np.asarray(replicas, float)
    low, high = np.quantile(mirrored, [0.025, 0.975], method="weibull")
    if as_wide:
        low, high = low - max(high - most, 0.0), high + max(least - low, 0.0)
    value, low, high = np.clip([mirrored.mean(), low, high], least, most)
    return Interval(float(value), float(np.std(replicas, ddof=1)), float(low), float(high))


def normal(
    value: float, error: float, *, bias: float = 0.0, least: float = -np.inf, most: float = np.inf
) -> Interval:
    """Of a number that scatters as a Gaussian, cut off at what is possible.

    The interval holds that of the number as it is and that without its bias.
    """
    both = np.array([value, value - bias])
    ends = both.min() - _TWO_SIDED * error, both.max() + _TWO_SIDED * error
    low, high = np.clip(ends, least, most)
    return Interval(float(np.clip(value, least, most)), error, float(low), float(high))
