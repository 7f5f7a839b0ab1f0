"""Goodness of fit where outcomes hardly repeat: are the shots as likely as the state's own?"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from nqs.statistics import standard_error


class Typical(NamedTuple):
    """z: of each group of settings, (mean −log P of shots − that of own samples) / error; None
    where it has fewer than two shots."""

    z: list[float | None]
    p_value: float | None


def typicality(
    shots: Sequence[np.ndarray],
    own: Sequence[np.ndarray],
    slack: float = 0.0,
    chains: int | None = None,
    ratio: float = 0.0,
) -> Typical:
    """Compares −log P of shots with that of samples of the state, group by group.

    shots, own: log P of each, (shots,) and (samples,) for every group. A state that holds what
    the shots do not, or the other way round, gives its own samples another mean. Groups with
    fewer than two shots say nothing. slack: nats by which fitting alone moves a mean, d / 2n for
    d parameters fitted to n shots; counted as an error. chains: from which samples were drawn in
    turn; None where they are independent. ratio: shots for each of those that the state was fitted to, where these
    are others; its own mean is then known no better than those told it, and counted as that uncertain.
    """
    z: list[float | None] = []
    for measured, drawn in zip(shots, own, strict=True):
        if min(len(measured), len(drawn)) < 2:
            z.append(None)
            continue
        own_variance = standard_error(drawn, _whole(drawn, chains)) ** 2
        variance = (1 + ratio) * standard_error(measured) ** 2 + own_variance
        difference = drawn.mean() - measured.mean()
        variance += slack**2
        # where every outcome is equally likely there is nothing to compare
        z.append(float(difference / np.sqrt(variance)) if variance > 1e-20 else 0.0)
    told = [value for value in z if value is not None]
    return Typical(z, float(chdtrc(len(told), np.square(told).sum())) if told else None)


def _whole(drawn: np.ndarray, chains: int | None) -> int | None:
    """Chains whose means can be compared; None where each gave one sample, so that all are independent."""
    return None if chains is None or len(drawn) < 2 * chains else chains
