"""Exact maximum likelihood: better on its shots than the truth, flat there, and right in the limit."""

from dataclasses import replace

import numpy as np
import pytest
from exact import asymmetric_state, probabilities
from numpy.testing import assert_allclose

from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.maximum_likelihood import pure_maximum_likelihood
from nqs.measurement.dataset import Measurements
from nqs.state.simulate import chosen_settings, simulate

ALL = chosen_settings("all", 2, 1)
TRUTH = asymmetric_state(2, 3)


def dense_nll(psi, data) -> float:
    """Nats per shot by projectors; unmeasured outcomes were merged into 0."""
    table = data.table()
    log_p = np.log([probabilities(psi, s, readout=data.readout) for s in data.settings])
    return float(-(table * log_p).sum() / table.sum())


@pytest.fixture(scope="module")
def fits():
    sets = [simulate(TRUTH, ALL, 100, seed) for seed in range(5)]
    return [(data, pure_maximum_likelihood(data, 1)) for data in sets]


def test_its_likelihood_is_that_of_its_state(fits):
    for data, found in fits:
        assert_allclose(np.linalg.norm(found.vector), 1, rtol=1e-14)
        assert_allclose(found.nll, dense_nll(found.vector, data), rtol=1e-12)


def test_it_is_better_on_its_shots_than_the_truth(fits):
    """By χ²/2 per shot of six directions: between 0.1 and 15 in five data sets (all but 1 in 200)."""
    gains = [data.shots * (dense_nll(TRUTH, data) - found.nll) for data, found in fits]
    assert min(gains) > 0.1
    assert max(gains) < 15


def test_no_direction_leads_further_down(fits):
    data, found = fits[0]
    steps = np.eye(4, dtype=complex)
    for direction in [*steps, *(1j * steps)]:

        def at(t, direction=direction):
            psi = found.vector + t * direction
            return dense_nll(psi / np.linalg.norm(psi), data)

        assert abs(at(1e-4) - at(-1e-4)) / 2e-4 < 1e-6
        assert at(0.02) >= found.nll - 1e-13
        assert at(-0.02) >= found.nll - 1e-13


def test_every_seed_ends_at_the_same_maximum(fits):
    data, found = fits[1]
    other = pure_maximum_likelihood(data, 99)
    assert_allclose(other.nll, found.nll, atol=1e-9)
    assert fidelity(other.vector, found.vector) > 1 - 1e-6


def test_the_same_seed_gives_the_same_vector(fits):
    data, found = fits[0]
    assert np.array_equal(pure_maximum_likelihood(data, 1).vector, found.vector)


def test_with_many_shots_it_is_the_truth():
    """Infidelity about 6 / (4 · shots) = 2e-7; a hundred times that never happens."""
    data = simulate(TRUTH, ALL, 1_000_000, 2)
    assert fidelity(pure_maximum_likelihood(data, 1).vector, TRUTH) > 1 - 2e-5


def test_declared_readout_errors_are_undone():
    """10 % and 20 % flips: with them declared the truth comes out, without them another state."""
    data = simulate(TRUTH, ALL, 200_000, 2, readout=(0.1, 0.2))
    assert fidelity(pure_maximum_likelihood(data, 1).vector, TRUTH) > 1 - 1e-3
    undeclared = pure_maximum_likelihood(replace(data, readout=None), 1)
    assert fidelity(undeclared.vector, TRUTH) < 1 - 3e-3


def test_shots_in_z_have_the_roots_of_their_frequencies():
    data = simulate(TRUTH, ("ZZ",), 500, 1)
    found = pure_maximum_likelihood(data, 1)
    share = data.table()[0] / 500
    assert_allclose(found.vector, np.sqrt(share), atol=1e-15)
    assert_allclose(found.nll, dense_nll(found.vector, data), rtol=1e-12)
    # readout errors of size zero send the same shots the long way, to the same answer
    exact = Measurements(
        data.outcomes, data.settings, data.setting_index, data.counts, readout=[np.eye(2)] * 2
    )
    again = pure_maximum_likelihood(exact, 1)
    assert_allclose(again.nll, found.nll, atol=1e-9)
    assert_allclose(np.abs(again.vector), np.sqrt(share), atol=1e-4)


def test_an_outcome_never_seen_has_no_amplitude():
    data = Measurements(np.array([[0, 1], [1, 1]]), ("ZZ",), np.zeros(2, int), np.array([3, 1]))
    found = pure_maximum_likelihood(data, 1)
    assert_allclose(found.vector, [0, np.sqrt(0.75), 0, 0.5])
    assert_allclose(found.nll, -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))


def test_a_good_start_is_not_left_for_a_worse_end(fits):
    data, found = fits[2]
    from_there = pure_maximum_likelihood(data, 7, also_from=found.vector, starts=1)
    assert from_there.nll <= found.nll + 1e-12


def test_too_many_sites_are_refused():
    data = Measurements(np.zeros((1, 9), int), ("Z" * 9,), np.zeros(1, int))
    with pytest.raises(ValueError, match="8 sites"):
        pure_maximum_likelihood(data, 1)
