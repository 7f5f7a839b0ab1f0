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


_MANY_CHAINS = 32


def chain_mean_error(chains) -> float:
    """Standard error of the mean of all draws of these chains (chains, draws).

    Many chains are independent of each other however slowly each moves: the scatter of
    their means says all. Few long ones are judged by their autocorrelation.
    Vehtari et al., Bayesian Analysis 16, 667 (2021), section 4.
    """
    chains = np.asarray(chains, dtype=float)
    number, draws = chains.shape
    if number >= _MANY_CHAINS or draws < FEWEST_DRAWS:
        return float(chains.mean(axis=1).std(ddof=1) / np.sqrt(number))
    from arviz_stats.base import array_stats

    return float(array_stats.mcse(chains, chain_axis=0, draw_axis=1, method="mean"))


def in_chains(values, chains: int) -> np.ndarray:
    """Values drawn from all chains in turn, (chains, draws); the last draw may be cut short."""
    whole = len(values) // chains * chains
    return np.asarray(values)[:whole].reshape(-1, chains).T


def standard_error(values, chains: int | None = None) -> float:
    """Of the mean of values (samples,), drawn from `chains` in turn; independent where None."""
    if chains is not None:
        return chain_mean_error(in_chains(values, chains))
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def top_share(values) -> float:
    """Share of the variance that the most distant hundredth of the values holds; 0.08 for a Gaussian."""
    squares = np.sort((np.asarray(values, float) - np.mean(values)) ** 2)
    total = squares.sum()
    return float(squares[-max(1, len(squares) // 100) :].sum() / total) if total > 0 else 0.0


def tail_index(values) -> float:
    """α of P(|x − mean| > t) ~ t^−α, from the √n most distant values; infinite without a tail.

    Below 2 the variance need not exist. Hill, Ann. Stat. 3, 1163 (1975).
    """
    distance = np.sort(np.abs(np.asarray(values, float) - np.mean(values)))[::-1]
    number = int(np.sqrt(len(distance)))
    limit = distance[number]
    if limit <= 0:
        return float("inf") if distance[0] <= 0 else 0.0
    logarithm = float(np.mean(np.log(distance[:number] / limit)))
    return 1 / logarithm if logarithm > 0 else float("inf")


def heavy_tailed(values) -> bool:
    """Whether a few values are most of the variance, and more of them may be to come.

    Of Student's t with 1.5 degrees of freedom nearly always, with ten nearly never.
    """
    return top_share(values) > _MOST and tail_index(values) < _FINITE_VARIANCE


_MOST, _FINITE_VARIANCE = 0.5, 2.0


def finite(value) -> float | None:
    """A finite float, or None."""
    return None if value is None or not np.isfinite(value) else float(value)
