"""Errors of means: independent samples, Markov chains, and whether chains have forgotten their start."""

import numpy as np

FEWEST_DRAWS = 4
"""A chain shorter than this says nothing about its own memory."""


def mean_with_error(values, weights=None) -> tuple[float, float]:
    """Mean of independent samples and its standard error.

    values: (samples,) real. weights: (samples,) how often each was seen, whole
    numbers; one each if left out. The error of a single sample is NaN.
    """
    values = np.asarray(values, dtype=float)
    weights = np.ones_like(values) if weights is None else np.asarray(weights, dtype=float)
    number = weights.sum()
    mean = float(weights @ values / number)
    if number < 2:
        return mean, float("nan")
    variance = weights @ (values - mean) ** 2 / (number - 1)
    return mean, float(np.sqrt(variance / number))


def chain_mean_with_error(chains) -> tuple[float, float]:
    """Mean over Markov chains (chains, draws) and its standard error, memory included."""
    chains = np.asarray(chains, dtype=float)
    spread = chains.std(ddof=1) if chains.size > 1 else float("nan")
    return float(chains.mean()), float(spread / np.sqrt(effective_samples(chains)))


def effective_samples(chains) -> float:
    """Independent draws that would fix the mean as well as these chains (chains, draws) do.

    NaN below four draws a chain.
    Vehtari et al., Bayesian Analysis 16, 667 (2021), section 4.
    """
    from arviz_stats.base import array_stats  # imported late: it costs half a second

    chains = np.asarray(chains, dtype=float)
    if chains.shape[1] < FEWEST_DRAWS:
        return float("nan")
    return float(array_stats.ess(chains, chain_axis=0, draw_axis=1, method="mean"))


def split_r_hat(chains) -> float:
    """√(variance of all draws / variance within half chains), 1 where chains have mixed.

    chains: (chains, draws). Infinite where chains stand still in different
    places, 1 for a constant, NaN below four draws a chain.
    Gelman et al., Bayesian Data Analysis, 3rd ed., section 11.4.
    """
    chains = np.asarray(chains, dtype=float)
    half = chains.shape[1] // 2
    if half < FEWEST_DRAWS // 2:
        return float("nan")
    halves = np.concatenate([chains[:, :half], chains[:, -half:]])
    within = halves.var(axis=1, ddof=1).mean()
    between = halves.mean(axis=1).var(ddof=1)
    if within == 0:
        return 1.0 if between == 0 else float("inf")
    return float(np.sqrt((half - 1) / half + between / within))
