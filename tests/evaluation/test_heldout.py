"""Likelihoods carry errors that cover the truth, and equal states do not differ."""

import numpy as np
import pytest
from exact import asymmetric_state, mixed_state, probabilities
from numpy.testing import assert_allclose

from nqs.evaluation.heldout import (
    is_worse,
    mean_of_counts,
    mean_of_strata,
    nll,
    nll_difference,
)

SETTINGS = ("ZZ", "XY", "YX", "ZX")
SHOTS = (400, 50, 100, 3)
TRUTH = np.array([probabilities(asymmetric_state(2), s) for s in SETTINGS])
OTHER = np.array([probabilities(mixed_state(2), s) for s in SETTINGS])


def drawn(rng):
    return np.array([rng.multinomial(n, p) for n, p in zip(SHOTS, TRUTH, strict=True)])


def expected(per_shot) -> float:
    """Over shots as they are taken, (settings, outcomes) → number."""
    return float(np.array(SHOTS) @ (TRUTH * per_shot).sum(axis=1) / sum(SHOTS))


@pytest.mark.parametrize("what", ["likelihood", "difference"])
def test_two_errors_cover_the_truth_as_often_as_they_say(what):
    """2,000 repeats: 95.4 % within two errors; four deviations of a binomial, 1 in 16,000."""
    rng = np.random.default_rng(21)
    log_p, log_q = np.log(TRUTH), np.log(OTHER)
    truth = -expected(log_p) if what == "likelihood" else expected(log_p - log_q)
    covered, errors, values = 0, [], []
    for _ in range(2000):
        counts = drawn(rng)
        found = nll(log_p, counts) if what == "likelihood" else nll_difference(log_q, log_p, counts)
        covered += abs(found.value - truth) < 2 * found.error
        errors.append(found.error)
        values.append(found.value)
    assert abs(covered / 2000 - 0.9545) < 4 * np.sqrt(0.9545 * 0.0455 / 2000)
    assert_allclose(np.mean(errors), np.std(values), rtol=0.07)


def test_the_likelihood_is_that_of_the_rows_one_by_one():
    counts = drawn(np.random.default_rng(1))
    rows = np.repeat(np.log(OTHER).reshape(-1), counts.reshape(-1))
    found = nll(np.log(OTHER), counts)
    assert_allclose(found.value, -rows.mean(), rtol=1e-12)
    assert found.error > 0


def test_in_one_setting_the_error_is_the_usual_one():
    counts = np.array([[30.0, 50, 5, 15]])
    log_p = np.log([[0.3, 0.4, 0.1, 0.2]])
    rows = np.repeat(log_p[0], counts[0].astype(int))
    assert_allclose(nll(log_p, counts).error, rows.std(ddof=1) / 10, rtol=1e-12)


def test_a_state_does_not_differ_from_itself():
    counts = drawn(np.random.default_rng(2))
    assert nll_difference(np.log(TRUTH), np.log(TRUTH), counts) == (0.0, 0.0)
    assert not is_worse(np.log(TRUTH), np.log(TRUTH), counts, errors=0)


def test_the_difference_is_that_of_the_likelihoods_and_changes_sign():
    counts = drawn(np.random.default_rng(3))
    a, b = np.log(TRUTH), np.log(OTHER)
    forth, back = nll_difference(a, b, counts), nll_difference(b, a, counts)
    assert_allclose(forth.value, nll(a, counts).value - nll(b, counts).value, rtol=1e-12)
    assert_allclose(forth.value, -back.value)
    assert forth.error == back.error
    assert is_worse(b, a, counts, errors=2)
    assert not is_worse(a, b, counts, errors=2)


def test_a_pair_is_closer_than_two_separate_likelihoods():
    """The same shots under nearly the same states: most of the fluctuation is common."""
    counts, a = drawn(np.random.default_rng(4)), np.log(TRUTH)
    b = np.log(0.99 * TRUTH + 0.01 * OTHER)
    assert nll_difference(b, a, counts).error < 0.05 * nll(a, counts).error


def test_settings_without_shots_or_with_one_are_no_trouble():
    log_p = np.log(TRUTH)
    counts = np.zeros((4, 4))
    counts[0] = [10, 20, 5, 5]
    counts[1, 2] = 1
    found = mean_of_counts(log_p, counts)
    assert np.isfinite(found).all()
    alone = mean_of_counts(log_p[:1], counts[:1])
    assert_allclose(found.value * 41, alone.value * 40 + log_p[1, 2], rtol=1e-12)
    assert_allclose(found.error * 41, alone.error * 40 * np.sqrt(41 / 40), rtol=1e-12)


def test_errors_of_settings_with_one_shot_each():
    """Nothing repeats, so the spread of all shots stands in: never 0, as usual for the rest."""
    rng = np.random.default_rng(5)
    log_p = np.log(rng.dirichlet(np.ones(4), size=200))
    counts = np.zeros((200, 4))
    counts[np.arange(200), rng.integers(0, 4, 200)] = 1
    rows = log_p[counts > 0]
    assert_allclose(nll(log_p, counts).error, rows.std(ddof=1) / np.sqrt(200), rtol=1e-12)


def test_a_stratum_of_one_shot_borrows_its_spread():
    """Its own shot says nothing of it; no error is infinite, and none is left out."""
    rng = np.random.default_rng(5)
    many, share = rng.normal(size=1000), [0.99, 0.01]
    found = mean_of_strata([many, np.array([3.0])], share)
    expected = np.hypot(0.99 * many.std(ddof=1) / np.sqrt(1000), 0.01 * many.std(ddof=1))
    assert found.error == pytest.approx(expected)
    assert mean_of_strata([np.array([1.0]), np.array([2.0])], [0.5, 0.5]).error > 0
    assert mean_of_strata([np.array([-3.0])], [1.0]).error == pytest.approx(3.0)
