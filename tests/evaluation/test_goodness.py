"""Clean shots fit their state as often as the p-value says; noisy ones are found out."""

from dataclasses import replace

import numpy as np
import pytest
from exact import asymmetric_state, probabilities
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import chdtrc
from scipy.stats import kstest

from nqs.evaluation.goodness import (
    Goodness,
    Pooled,
    combined,
    fresh_test,
    likelihood_ratio_test,
    pool,
    pool_groups,
    simulated_test,
)
from nqs.evaluation.identifiability import fisher_rank
from nqs.evaluation.maximum_likelihood import pure_maximum_likelihood
from nqs.evaluation.noise import NoiseTest, noise_tests
from nqs.state.simulate import chosen_settings, simulate

ALL = chosen_settings("all", 2, 1)
TRUTH = asymmetric_state(2, 3)
ALARM = 0.01


def table(psi, settings=ALL):
    return np.array([probabilities(psi, s) for s in settings])


def judged(data, truth=TRUTH):
    """G² of the exact fit, begun at the truth to be quick, and the fit itself."""
    found = pure_maximum_likelihood(data, 1, also_from=truth, starts=0)
    rank = fisher_rank(found.vector, data).rank
    p = table(found.vector, data.settings)
    return likelihood_ratio_test(data.table(), p, rank=rank, slack=0, seed=1), found


def judged_twice(data):
    """G² and the noise tests beside it."""
    goodness, found = judged(data)
    return goodness, noise_tests(data, found)


def noisy(seed, **noise):
    """2 % of the readings flipped, or white noise: undeclared."""
    return replace(simulate(TRUTH, ALL, 1500, seed, **noise), readout=None)


@pytest.fixture(scope="module")
def fitted():
    return [judged(simulate(TRUTH, ALL, 400, seed))[0] for seed in range(40)]


@pytest.fixture(scope="module")
def clean():
    return [judged_twice(noisy(100 + seed)) for seed in range(20)]


@pytest.fixture(scope="module")
def flipped():
    return [judged_twice(noisy(seed, readout=(0.02, 0.02))) for seed in range(20)]


@pytest.fixture(scope="module")
def depolarised():
    return [judged_twice(noisy(seed, depolarising=0.06)) for seed in range(10)]


def test_p_values_of_clean_shots_are_uniform(fitted):
    """Kolmogorov and Smirnov, 40 data sets; fails by chance once in 1,000."""
    assert kstest([goodness.p_value for goodness in fitted], "uniform").pvalue > 1e-3


def test_p_values_are_uniform_where_most_cells_expect_few_shots():
    """Three sites, 27 settings of 20 shots: 40 data sets; fails by chance once in 1,000."""
    truth, settings = asymmetric_state(3), chosen_settings("all", 3, 1)
    found = [judged(simulate(truth, settings, 20, seed), truth)[0] for seed in range(40)]
    assert kstest([goodness.p_value for goodness in found], "uniform").pvalue > 1e-3


def test_clean_shots_raise_an_alarm_seldom(clean):
    """At 1 %, more than two of 20 by chance once in 1,000."""
    assert sum(combined(*found)[0] < ALARM for found in clean) <= 2


def test_flipped_readings_are_found_out(flipped):
    assert sum(combined(*found)[0] < ALARM for found in flipped) >= 18


def test_white_noise_is_found_out(depolarised):
    assert sum(combined(*found)[0] < ALARM for found in depolarised) >= 9


@pytest.mark.parametrize(("name", "strength"), [("readout flips", 0.02), ("white noise", 0.06)])
def test_the_strength_of_the_noise_is_what_it_was(name, strength, request):
    """Mean within four and a half of its errors (1 in 700 by chance, Student) and close at that."""
    sets = request.getfixturevalue("flipped" if name == "readout flips" else "depolarised")
    found = [next(t.strength for t in tests if t.name == name) for _, tests in sets]
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert abs(np.mean(found) - strength) < 4.5 * error
    assert error < 0.1 * strength


def test_without_noise_half_of_the_strengths_are_zero(clean):
    """Chernoff: at the boundary with probability one half; outside 3 to 17 of 20 by chance once in 2,500."""
    for name in ("readout flips", "white noise"):
        tests = [next(t for t in tests if t.name == name) for _, tests in clean]
        zero = sum(t.strength == 0 for t in tests)
        assert 3 <= zero <= 17
        # half of χ² with one degree of freedom: a gain of nothing at all has p = ½
        assert all(t.p_value == 1 if t.strength == 0 else t.p_value < 0.5 for t in tests)


def test_declared_readout_errors_are_no_noise():
    """The alarm of the flips above is silent where they were declared; 1 in 100 by chance each."""
    alarms = 0
    for seed in range(5):
        data = simulate(TRUTH, ALL, 1500, seed, readout=(0.02, 0.02))
        found = pure_maximum_likelihood(data, 1, also_from=TRUTH, starts=0)
        alarms += min(test.p_value for test in noise_tests(data, found)) < ALARM / 2
    assert alarms <= 1


def test_noise_does_as_its_name_says_to_probabilities():
    """On dense probabilities of an asymmetric state, a site unmeasured among them."""
    from nqs.evaluation.noise import readout_flips, white_noise
    from nqs.state.born import rotations

    settings, s = ("XZY", "ZIX"), 0.07
    psi = asymmetric_state(3)
    rho = np.outer(psi, psi.conj())
    pure = np.array([probabilities(psi, name) for name in settings])
    mixed = [probabilities((1 - s) * rho + s * np.eye(8) / 8, name) for name in settings]
    plan = rotations(settings)
    assert_allclose(white_noise(pure, s, plan), mixed, atol=1e-15)
    flips = np.array([[[1 - s, s], [s, 1 - s]]] * 3)
    read = [probabilities(psi, name, readout=flips) for name in settings]
    assert_allclose(readout_flips(pure, s, plan), read, atol=1e-15)
    misread = np.array([[[0.98, 0.1], [0.02, 0.9]]] * 3)  # declared: acts on the noise as well
    pure = np.array([probabilities(psi, name, readout=misread) for name in settings])
    mixed = [
        probabilities((1 - s) * rho + s * np.eye(8) / 8, name, readout=misread) for name in settings
    ]
    assert_allclose(white_noise(pure, s, rotations(settings, readout=misread)), mixed, atol=1e-15)


# Pooling


def tables():
    rng = np.random.default_rng(8)
    for cells in (2, 4, 8, 64):
        for shots in (1, 6, 30, 500):
            p = rng.dirichlet(np.full(cells, 0.3))
            yield p, rng.multinomial(shots, p)
    yield np.array([1.0, 0, 0, 0]), np.array([40, 0, 0, 0])


def test_pooled_cells_expect_five_or_are_one_and_keep_the_sums():
    for p, counts in tables():
        pooled = pool(counts, p)
        assert_allclose(pooled.observed.sum(), counts.sum())
        assert_allclose(pooled.expected.sum(), counts.sum())
        assert len(pooled.expected) == 1 or pooled.expected.min() >= 5


def test_pooling_merges_from_the_least_expected_and_no_more_than_needed():
    for p, counts in tables():
        expected = p * counts.sum()
        groups = pool_groups(expected)
        assert (np.diff(groups[np.argsort(expected, kind="stable")]) >= 0).all()
        assert set(groups) == set(range(groups.max() + 1))
        large = np.sort(expected)[np.cumsum(np.sort(expected)) - np.sort(expected) >= 5]
        alone = np.bincount(groups)[groups[expected >= 5]] == 1
        assert alone.sum() >= len(large[large >= 5]) - 1
    assert_array_equal(pool_groups(np.array([10.0, 6, 7])), [2, 0, 1])
    assert_array_equal(pool_groups(np.array([2.0, 30, 1, 3, 4])), [0, 1, 0, 0, 1])


def test_groups_do_not_look_at_what_came_out():
    """Else the statistic would not be χ²; the groups of equal expectations are equal."""
    p = np.array([0.02, 0.5, 0.08, 0.4])
    a, b = pool(np.array([3, 40, 7, 50]), p), pool(np.array([0, 90, 0, 10]), p)
    assert_array_equal(a.expected, b.expected)


def test_chi2_is_the_sum_over_cells():
    pooled = Pooled(np.array([12.0, 8]), np.array([10.0, 10]))
    assert pooled.chi2 == pytest.approx(0.8)


# What is asked for


def test_a_fit_that_can_follow_the_shots_is_not_tested_by_them():
    """Z alone: 2^N − 1 directions for as many outcomes; G² would be the slack itself."""
    p = np.abs(asymmetric_state(5)) ** 2
    counts = np.random.default_rng(1).multinomial(2000, p)[None]
    for slack in (0, 5, 30):
        assert likelihood_ratio_test(counts, p[None], rank=31, slack=slack, seed=1) is None
    assert likelihood_ratio_test(counts, p[None], rank=12, slack=0, seed=1) is not None


LEVEL = np.full((40, 4), 0.25)
"""Probabilities of cells of which each will hold thousands of shots."""


def level(deviation):
    """Shots with which G² is Σ deviation² / 7500 over 160 cells."""
    return np.tile(7500 + deviation * np.array([1, -1, 1, -1]), (40, 1))


def test_what_a_fit_leaves_unused_gives_degrees_of_freedom_back():
    """With many shots in every cell G² has one for each, less one of each setting."""
    total = 160 * 60**2 / 7500
    for slack, used in ((0, 40), (15, 25), (40, 0), (500, 0), (-30, 40)):
        found = likelihood_ratio_test(level(60), LEVEL, rank=40, slack=slack, seed=1)
        assert found.chi2_per_dof * (120 - used) == pytest.approx(total, rel=0.02)


@pytest.mark.parametrize("used", [0, 25, 50])
def test_with_many_shots_the_p_value_is_that_of_chi_squared(used):
    """Two standard deviations above the mean, where a variance that is wrong shows."""
    deviation = round(np.sqrt((120 - used + 2 * np.sqrt(2 * (120 - used))) * 7500 / 160))
    counts = level(deviation)
    found = likelihood_ratio_test(counts, LEVEL, rank=50, slack=50 - used, seed=1)
    assert found.p_value == pytest.approx(chdtrc(120 - used, 160 * deviation**2 / 7500), rel=0.5)


def test_settings_without_shots_and_outcomes_that_cannot_be_change_nothing():
    p, counts = np.array([[0.2, 0.3, 0.5, 0]] * 9), np.array([[22, 25, 53, 0]] * 9)
    found = likelihood_ratio_test(counts, p, rank=2, slack=0, seed=1)
    more = [np.concatenate([table, last]) for table, last in ((counts, 0 * counts), (p, p))]
    assert likelihood_ratio_test(*more, rank=2, slack=0, seed=1)[:3] == found[:3]
    assert 0 < found.p_value < 1


def test_an_outcome_that_the_state_excludes_is_an_alarm():
    p, counts = np.array([[0.5, 0.5, 0, 0]] * 9), np.array([[40, 55, 5, 0]] * 9)
    assert likelihood_ratio_test(counts, p, rank=2, slack=0, seed=1).p_value == 0


def test_simulated_p_values_of_a_state_not_fitted_are_uniform():
    """Kolmogorov and Smirnov, 60 data sets of few shots; fails by chance once in 1,000."""
    rng = np.random.default_rng(5)
    p = table(TRUTH)
    found = [
        simulated_test(np.array([rng.multinomial(30, row) for row in p]), p, seed)
        for seed in range(60)
    ]
    assert kstest([g.p_value for g in found], "uniform").pvalue > 1e-3
    assert all(g.method == "simulated from the fitted state" for g in found)


@pytest.mark.parametrize("ratio", [1, 8])
def test_p_values_of_shots_that_a_state_was_not_fitted_to_are_uniform(ratio):
    """Frequencies of some shots against others of the same table, all directions free; Kolmogorov and Smirnov of 200,
    which fails by chance once in 1,000. Without the error of the fit nearly all would be rejected."""
    rng = np.random.default_rng(7)
    p, shots = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.1, 0.6]]), 4000
    said, blind = [], []
    for seed in range(200):
        fitted = np.array([rng.multinomial(shots, row) for row in p]) / shots
        fresh = np.array([rng.multinomial(ratio * shots, row) for row in p])
        told = {"ratio": float(ratio), "seed": seed}
        said.append(fresh_test(fresh, fitted, directions=6, **told))
        blind.append(fresh_test(fresh, fitted, directions=0, **told))
    assert kstest(said, "uniform").pvalue > 1e-3
    assert np.mean(np.array(blind) < 0.05) > 0.2


def test_simulated_tests_find_another_state_out():
    rng = np.random.default_rng(6)
    counts = np.array([rng.multinomial(30, row) for row in table(TRUTH.conj())])
    assert simulated_test(counts, table(TRUTH), 1).p_value < 0.01


def test_too_few_shots_say_nothing():
    counts = np.eye(4)[:3]
    assert simulated_test(counts, np.full((3, 4), 0.25), 1)[:3] == (None, None, "too few shots")


def test_several_tests_count_by_their_number():
    """Three p-values, the smallest times three, never above one."""
    tests = [NoiseTest("white noise", 0.1, 0.02), NoiseTest("readout flips", 0.0, 1.0)]
    goodness = Goodness(1.0, 0.4, "likelihood ratio", [])
    p_value, method = combined(goodness, tests)
    assert p_value == pytest.approx(0.06)
    assert all(name in method for name in ("likelihood ratio", "white noise", "readout flips"))
    assert combined(goodness, []) == (0.4, "likelihood ratio")
    assert combined(goodness._replace(p_value=None), tests)[0] is None
    assert combined(goodness, [tests[1]])[0] == pytest.approx(0.8)
    assert combined(goodness._replace(p_value=0.9), [tests[1]])[0] == 1.0
