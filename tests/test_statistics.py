"""Errors of means cover the truth as often as they say, and R̂ tells chains that have not mixed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from nqs.statistics import effective_samples, split_r_hat


def remembering_chains(rng, chains, draws, memory):
    """Stationary Gaussian chains of unit variance, correlation memory^t between draws."""
    x = np.empty((chains, draws))
    x[:, 0] = rng.normal(size=chains)
    for t in range(1, draws):
        x[:, t] = memory * x[:, t - 1] + np.sqrt(1 - memory**2) * rng.normal(size=chains)
    return x


@pytest.mark.parametrize(
    ("chains", "draws", "memory"), [(4, 400, 0.8), (64, 16, 0.0), (16, 64, 0.5)]
)
def test_error_bars_of_chains_cover_the_mean(chains, draws, memory):
    """95 % intervals cover at least 91 % of 400 times, 3.7 standard deviations below 380.

    The naive error covers half of the time at memory 0.8, and 75 % at 0.5.
    """
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        x = remembering_chains(rng, chains, draws, memory)
        error = x.std(ddof=1) / np.sqrt(effective_samples(x))
        covered += abs(x.mean()) < 1.96 * error
    assert covered >= 364


@pytest.mark.parametrize("memory", [0.0, 0.6, 0.9])
def test_effective_samples_know_the_autocorrelation_time(memory):
    """N (1 − a) / (1 + a) for correlations a^t; estimated within 15 %."""
    x = remembering_chains(np.random.default_rng(1), 16, 2000, memory)
    assert_allclose(effective_samples(x), x.size * (1 - memory) / (1 + memory), rtol=0.15)


def test_r_hat_is_one_for_mixed_chains_and_grows_with_their_distance():
    """Means of variance d² beside a unit variance within: R̂ = √(1 + d²)."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(64, 200))
    assert_allclose(split_r_hat(x), 1, atol=0.01)
    shift = np.repeat([-2.0, 2.0], 32)[:, None]
    assert_allclose(split_r_hat(x + shift), np.sqrt(5), rtol=0.03)
    assert split_r_hat(x + np.linspace(0, 4, 200)) > 1.3  # all drift alike: the halves differ


def test_chains_that_stand_still_have_not_mixed():
    assert split_r_hat(np.repeat([[0.0], [1.0]], 10, axis=1)) == np.inf
    assert split_r_hat(np.ones((4, 10))) == 1
    assert np.isnan(split_r_hat(np.ones((4, 3))))
    assert np.isnan(effective_samples(np.ones((4, 3))))
