"""Goodness of fit: do the shots look like the fitted state, setting by setting?"""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc, rel_entr

from nqs.evaluation.noise import NoiseTest

LEAST_EXPECTED = 5.0
_SIMULATIONS = 400
_DRAWN_CELLS = 2 * 10**7
"""Numbers drawn in a second."""

_FEWEST_DRAWS = 100
"""Of a setting: the mean is then known to a tenth of the scatter of G²."""

_TINY = 1e-300


class Pooled(NamedTuple):
    """Cells of one setting merged until each expects at least five shots, (cells,) each."""

    observed: np.ndarray
    expected: np.ndarray

    @property
    def chi2(self) -> float:
        return float(((self.observed - self.expected) ** 2 / self.expected).sum())


class Goodness(NamedTuple):
    """chi2_per_dof and p_value: None where the shots are too few to tell.

    method: how they were found: χ² is G² of the likelihood ratio, or Pearson's over merged cells
    where p is simulated. per_setting: Pooled of every setting with shots, for Pearson's of each.
    """

    chi2_per_dof: float | None
    p_value: float | None
    method: str
    per_setting: list[Pooled]


def pool(counts: np.ndarray, probability: np.ndarray) -> Pooled:
    """Merge the cells of one setting, least expected first, until each expects five shots."""
    groups = pool_groups(probability * counts.sum())
    return Pooled(_grouped(counts, groups), _grouped(probability * counts.sum(), groups))


def pool_groups(expected: np.ndarray) -> np.ndarray:
    """Group of every cell, (cells,): in rising order of expectation, five shots or more each."""
    order = np.argsort(expected, kind="stable")
    groups = np.empty(len(expected), np.int64)
    group, filled = 0, 0.0
    for position, cell in enumerate(order):
        groups[cell] = group
        filled += expected[cell]
        if filled >= LEAST_EXPECTED:
            if expected[order[position + 1 :]].sum() < LEAST_EXPECTED:
                groups[order[position + 1 :]] = group
                break
            group, filled = group + 1, 0.0
    return groups


def _grouped(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    return np.bincount(groups, weights=values)


def likelihood_ratio_test(
    counts: np.ndarray, probability: np.ndarray, *, rank: int, slack: float, seed: int
) -> Goodness | None:
    """G² = 2 Σ n ln(n / expected) over all cells: what the shots gain by probabilities of their own.

    counts, probability: (settings, outcomes). A fit that ends at the maximum of the likelihood
    lowers G² by one for each direction of its Fisher `rank`, also where cells expect few shots
    (which is not so of Pearson's sum over merged cells). One that stopped before it is worse by
    `slack` = 2·shots·(NLL − NLL at the maximum), expected to be one for each direction left
    unused: rank − slack are used, none at least. Mean and variance before the fit are those of
    shots drawn from the state, for G² of rare outcomes is not χ² (Koehler, J. Am. Stat. Assoc. 81,
    483 (1986)); the p-value is that of the scaled χ² that has both (Satterthwaite, Biometrics
    Bull. 2, 110 (1946)). None where the fit could follow more than half of what shots scatter by:
    then G² is little more than the slack.
    """
    kept = counts.sum(axis=1) > 0
    counts, probability = counts[kept], probability[kept]
    total, mean, variance = _before_the_fit(counts, probability, seed)
    if mean < max(2 * rank, 1) or variance < max(4 * rank, 1):
        return None
    used = min(max(rank - slack, 0.0), rank)
    dof = mean - used
    pooled = [pool(c, p) for c, p in zip(counts, probability, strict=True)]
    p_value = _scaled_tail(total, dof, variance - 2 * used)
    return Goodness(total / dof, p_value, "likelihood ratio", pooled)


def fresh_test(
    counts: np.ndarray, probability: np.ndarray, *, directions: int, ratio: float, seed: int
) -> float:
    """p-value of G², as above, of shots that the state was not fitted to.

    It errs itself, along `directions`, by what its own shots left open, of which there were 1 / `ratio` for each of
    these: along them what is left of the shots scatters by 1 + ratio times as much. Exact where both were taken in
    the same settings by an efficient fit; one that is held back, by stopping early or as ρ is positive, errs by less,
    and the test is cautious.
    """
    kept = counts.sum(axis=1) > 0
    total, mean, variance = _before_the_fit(counts[kept], probability[kept], seed)
    free = min(float(directions), mean)
    return _scaled_tail(total, mean + free * ratio, variance + 2 * free * ((1 + ratio) ** 2 - 1))


def _before_the_fit(
    counts: np.ndarray, probability: np.ndarray, seed: int
) -> tuple[float, float, float]:
    """G² of shots, and its mean and variance over shots drawn from the state."""
    rng = np.random.default_rng([seed, 0x6522])
    draws = int(np.clip(_DRAWN_CELLS // max(counts.size, 1), _FEWEST_DRAWS, _SIMULATIONS))
    total, mean, variance = 0.0, 0.0, 0.0
    for row, p in zip(counts, probability, strict=True):
        shots, p = int(row.sum()), p / p.sum()
        drawn = _likelihood_ratio(rng.multinomial(shots, p, size=draws), shots * p)
        total += float(_likelihood_ratio(row, shots * p))
        mean += float(drawn.mean())
        variance += float(drawn.var(ddof=1))
    return total, mean, variance


def _scaled_tail(total: float, mean: float, variance: float) -> float:
    """Chance of more than `total` by a scaled χ² of this mean and variance; 1 where nothing scatters."""
    if mean <= 0 or variance <= 0:
        return 1.0
    scale = variance / (2 * mean)
    return float(chdtrc(mean / scale, total / scale))


def _likelihood_ratio(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """2 Σ n ln(n / expected) over the cells in the last axis."""
    return 2 * (rel_entr(counts, np.maximum(expected, _TINY))).sum(axis=-1)


def simulated_test(counts: np.ndarray, probability: np.ndarray, seed: int) -> Goodness:
    """χ² against data sets drawn from the fitted state itself, not fitted again.

    Not fitting again makes the test cautious: shots that the state was fitted to
    lie closer to it than fresh ones.
    """
    rng = np.random.default_rng([seed, 0xC412])
    kept = counts.sum(axis=1) > 0
    counts, probability = counts[kept], probability[kept]
    pooled, simulated = [], np.zeros(_SIMULATIONS)
    for row, p in zip(counts, probability, strict=True):
        p = p / p.sum()
        shots = int(row.sum())
        groups = pool_groups(p * shots)
        expected = _grouped(p * shots, groups)
        pooled.append(Pooled(_grouped(row, groups), expected))
        draws = rng.multinomial(shots, expected / expected.sum(), size=_SIMULATIONS)
        simulated += ((draws - expected) ** 2 / expected).sum(axis=1)
    total = sum(p.chi2 for p in pooled)
    free = sum(len(p.expected) - 1 for p in pooled)
    if free < 1:
        return Goodness(None, None, "too few shots", pooled)
    p_value = (1 + (simulated >= total).sum()) / (1 + _SIMULATIONS)
    return Goodness(total / free, float(p_value), "simulated from the fitted state", pooled)


def combined(goodness: Goodness, noise: list[NoiseTest]) -> tuple[float | None, str]:
    """One p-value of several tests, and how it was found: the smallest times their number.

    [Bonferroni; valid however the tests depend on one another.]
    """
    if goodness.p_value is None or not noise:
        return goodness.p_value, goodness.method
    p_values = [goodness.p_value, *(test.p_value for test in noise)]
    names = ", ".join([goodness.method, *(test.name for test in noise)])
    return min(1.0, len(p_values) * min(p_values)), f"smallest of {len(p_values)} tests: {names}"
