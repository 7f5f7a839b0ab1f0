"""Whether shots are as likely as a state's own samples."""

import numpy as np
from scipy.stats import kstest

from nqs.evaluation.typical import typicality


def log_p(p, shots, rng):
    """log P of shots of a biased coin that a state holds for one of p."""
    bits = rng.random((shots, 12)) < p
    return np.where(bits, np.log(0.3), np.log(0.7)).sum(axis=1)


def test_right_states_are_rarely_alarmed_and_wrong_ones_always():
    """p is uniform where the state is right: below 0.01 in at most 8 of 200, but once in 10,000."""
    rng = np.random.default_rng(0)
    right = [
        typicality(
            [log_p(0.3, 400, rng) for _ in range(3)], [log_p(0.3, 400, rng) for _ in range(3)]
        )
        for _ in range(200)
    ]
    assert sum(found.p_value < 0.01 for found in right) <= 8
    wrong = typicality([log_p(0.35, 2000, rng)], [log_p(0.3, 2000, rng)])
    assert wrong.p_value < 1e-4
    assert wrong.z[0] > 4  # a shot less likely than the state's own


def test_what_fitting_moves_is_no_alarm():
    rng = np.random.default_rng(1)
    shots, own = [log_p(0.32, 4000, rng)], [log_p(0.3, 4000, rng)]
    assert typicality(shots, own).p_value < 1e-3
    assert typicality(shots, own, slack=0.5).p_value > 0.1


def test_shots_that_a_state_was_not_fitted_to_differ_by_its_own_error_too():
    """Coins whose p a few shots told, and five times as many others: p is uniform, by Kolmogorov and Smirnov of 100
    (fails by chance once in 1,000); without that error half of the right states are rejected."""
    rng = np.random.default_rng(2)

    def shot(ones, p):
        return ones * np.log(p) + (12 - ones) * np.log1p(-p)

    said, blind = [], []
    for _ in range(100):
        p = rng.binomial(12, 0.3, 300).mean() / 12
        fresh, own = shot(rng.binomial(12, 0.3, 1500), p), shot(rng.binomial(12, p, 1500), p)
        said.append(typicality([fresh], [own], ratio=5).p_value)
        blind.append(typicality([fresh], [own]).p_value)
    assert kstest(said, "uniform").pvalue > 1e-3
    assert np.mean(np.array(blind) < 0.05) > 0.2


def test_groups_without_a_spread_say_nothing():
    same = np.full(10, -3.0)
    assert typicality([same], [same]).z == [0.0]
    assert typicality([same[:1]], [same]).p_value is None
    assert typicality([same[:1], same], [same, same]).z == [None, 0.0]
