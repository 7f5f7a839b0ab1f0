"""Likelihoods of shots under fitted states: means, errors, and paired comparisons."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_ENOUGH_REPEATS = 10


class Estimate(NamedTuple):
    """A number and its standard error; error None where the number is exact."""

    value: float
    error: float | None


def mean_of_counts(per_shot: np.ndarray, counts: np.ndarray) -> Estimate:
    """Mean over shots of a quantity known for each outcome, with its standard error.

    per_shot, counts: (settings, outcomes). The error is taken within settings, for
    their number of shots was chosen and did not fluctuate.
    """
    shots = counts.sum()
    in_setting = counts.sum(axis=1, keepdims=True)
    centre = (counts * per_shot).sum(axis=1, keepdims=True) / np.maximum(in_setting, 1)
    squares = (counts * (per_shot - centre) ** 2).sum(axis=1, keepdims=True)
    # each setting's own variance; a setting of one shot says nothing of its own and
    # borrows that of the others, or that of all shots where hardly any setting repeats
    spare = np.maximum(in_setting - 1, 0)
    if spare.sum() >= _ENOUGH_REPEATS:
        pooled = squares.sum() / spare.sum()
    else:
        mean = (counts * per_shot).sum() / shots
        pooled = (counts * (per_shot - mean) ** 2).sum() / max(shots - 1, 1)
    variance = np.where(spare > 0, squares / np.maximum(spare, 1), pooled)
    error = np.sqrt((in_setting * variance).sum()) / shots
    return Estimate(float((counts * per_shot).sum() / shots), float(error))


def nll(log_p: np.ndarray, counts: np.ndarray) -> Estimate:
    """Negative log-likelihood in nats per shot."""
    mean, error = mean_of_counts(log_p, counts)
    return Estimate(-mean, error)


def mean_of_strata(values: Sequence[np.ndarray], shares: Sequence[float]) -> Estimate:
    """Mean over all shots of a number known of some shots of each stratum, with its error.

    values: (shots,) of each stratum. shares: the part of all shots that each has. A stratum of one
    shot borrows the variance of the others; where no stratum has two, that between them; and one
    shot alone is known no better than its size.
    """
    means = np.array([v.mean() for v in values])
    spare = np.array([len(v) - 1 for v in values])
    own = np.array([v.var(ddof=1) if len(v) > 1 else 0.0 for v in values])
    if spare.sum():
        common = float(spare @ own / spare.sum())
    else:
        common = float(means.var(ddof=1) if len(means) > 1 else means[0] ** 2)
    spread = np.where(spare > 0, own, common) / (spare + 1)
    weights = np.asarray(shares, float)
    variance = float(weights**2 @ spread)
    return Estimate(float(weights @ means), float(np.sqrt(variance)))


def nll_difference(log_p: np.ndarray, reference: np.ndarray, counts: np.ndarray) -> Estimate:
    """NLL minus the reference's on the same shots, with the paired error; positive is worse."""
    return mean_of_counts(reference - log_p, counts)


def is_worse(log_p: np.ndarray, reference: np.ndarray, counts: np.ndarray, errors: float) -> bool:
    """Whether a state explains the shots worse than another by that many paired errors."""
    difference = nll_difference(log_p, reference, counts)
    return difference.value > errors * (difference.error or 0.0)
