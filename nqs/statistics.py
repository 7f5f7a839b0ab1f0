"""What chance can do: when it is no excuse, and what Markov chains are worth."""

import numpy as np

SIGNIFICANT = 0.01
"""A p-value below this raises an alarm."""

FEWEST_DRAWS = 4
"""A chain shorter than this says nothing about its own memory."""


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
