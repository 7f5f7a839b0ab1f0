"""Fidelity from shots alone: unbiased, with errors that cover, whatever is measured."""

from itertools import product

import numpy as np
import pytest
from exact import asymmetric_state, mixed_state, probabilities
from numpy.testing import assert_allclose

from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.shot_fidelity import fidelity_from_shots
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import basis_bits, outcome_probabilities
from nqs.state.simulate import simulate
from nqs.systems.known import ghz


def every(sites):
    return ["".join(letters) for letters in product("XYZ", repeat=sites)]


def at_random(tables, shots, seed):
    """Each shot in a setting of its own choice. tables: of every setting, its probabilities."""
    rng = np.random.default_rng(seed)
    settings, times = np.unique(rng.choice(list(tables), shots), return_counts=True)
    return drawn(tables, settings.tolist(), times, rng)


def drawn(tables, settings, times, rng):
    """So many shots in each setting."""
    sites = len(settings[0])
    outcome = [rng.choice(2**sites, n, p=tables[s]) for s, n in zip(settings, times, strict=True)]
    index = np.repeat(np.arange(len(settings)), times)
    bits = basis_bits(sites)[np.concatenate(outcome)]
    return Measurements(bits, tuple(settings), index)


def tables_of(rho, sites):
    return {setting: outcome_probabilities(rho, setting) for setting in every(sites)}


def test_infinitely_many_shots_give_the_fidelity():
    """Counts in proportion to the probabilities: the estimator is exact, and linear in ρ."""
    psi, rho = asymmetric_state(3, 1), mixed_state(3, 2)
    settings = every(3)
    counts = np.rint(1e9 * np.stack([probabilities(rho, s) for s in settings])).astype(int)
    rows, outcomes = np.nonzero(counts)
    data = Measurements(basis_bits(3)[outcomes], tuple(settings), rows, counts[rows, outcomes])
    found = fidelity_from_shots(psi, data)
    assert found.method == "direct"
    assert_allclose(found.fidelity.value, fidelity(psi, rho), atol=1e-7)
    assert_allclose(found.covered, 1)


@pytest.mark.parametrize("method", ["direct", "classical shadows"])
def test_errors_cover_in_180_to_198_of_200(method):
    """Binomial(200, 0.95) lies outside once in a thousand; seeds are fixed."""
    sites, inside = 4, 0
    psi, rho = asymmetric_state(sites, 3), mixed_state(sites, 4)
    rho = 0.7 * np.outer(psi, psi.conj()) + 0.3 * rho
    truth, tables = fidelity(psi, rho), tables_of(rho, sites)
    for seed in range(200):
        if method == "direct":
            data = drawn(tables, every(sites), [40] * 3**sites, np.random.default_rng(seed))
        else:  # in too few settings to have all strings
            data = at_random(tables, 150, seed)
        found = fidelity_from_shots(psi, data)
        assert found.method == method
        value, error = found.fidelity
        inside += abs(value - truth) < 1.96 * error
    assert 180 <= inside <= 198


def test_a_noisy_ghz_state_is_known_by_twenty_thousand_random_shots():
    sites, noise = 6, 0.05
    psi = ghz(sites)
    rho = (1 - noise) * np.outer(psi, psi.conj()) + noise * np.eye(2**sites) / 2**sites
    found = fidelity_from_shots(psi, at_random(tables_of(rho, sites), 20_000, 7))
    value, error = found.fidelity
    assert found.method == "direct"
    assert error < 0.01
    assert abs(value - fidelity(psi, rho)) < 3 * error


def test_stabilisers_need_their_own_settings_only():
    """GHZ of three sites: all of its strings are in five settings, and have no variance in it."""
    data = simulate(ghz(3), ["ZZZ", "XXX", "XYY", "YXY", "YYX"], 50, 1)
    found = fidelity_from_shots(ghz(3), data)
    assert_allclose(found.fidelity, (1, 0), atol=1e-12)
    with pytest.raises(ValueError, match=r"75\.0% of what fidelity"):
        fidelity_from_shots(ghz(3), simulate(ghz(3), ["ZZZ", "XXX", "XYY"], 50, 1))


def test_sites_that_are_not_measured_tell_nothing():
    data = simulate(ghz(2), ["ZZ", "XX", "YY", "XI"], 50, 1)
    assert_allclose(fidelity_from_shots(ghz(2), data).fidelity.value, 1)


def test_other_letters_and_readout_errors_are_refused():
    psi = ghz(2)
    data = simulate(psi, ["ZZ"], 5, 1, readout=(0.1, 0.2))
    with pytest.raises(ValueError, match="readout"):
        fidelity_from_shots(psi, data)
    with pytest.raises(ValueError, match="limit is 10 sites"):
        fidelity_from_shots(ghz(11), simulate(ghz(11), ["Z" * 11], 5, 1))
