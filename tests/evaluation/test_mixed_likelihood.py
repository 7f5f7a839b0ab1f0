"""The most likely state of a description: where nothing is noisy it is known, and nothing is more likely."""

from itertools import product

import numpy as np
import pytest
from exact import asymmetric_state, mixed_state, probabilities
from numpy.testing import assert_allclose

from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.mixed import purity
from nqs.evaluation.mixed_likelihood import Description, most_likely
from nqs.state.born import rotations

SITES = 2
SETTINGS = tuple("".join(c) for c in product("XYZ", repeat=SITES))
PLAN = rotations(SETTINGS)
FLIPS = np.array([[[0.98, 0.05], [0.02, 0.95]], [[0.97, 0.03], [0.03, 0.97]]])


def expected(state, readout=None, shots=1000.0):
    """Counts without any scatter."""
    return shots * np.array([probabilities(state, s, readout=readout) for s in SETTINGS])


def test_a_mixed_state_is_found_from_counts_without_scatter():
    rho = mixed_state(SITES)
    found = most_likely(expected(rho), PLAN, Description(4), seed=1)
    assert_allclose(found.density_matrix, rho, atol=1e-5)
    assert_allclose(np.exp(found.log_table(PLAN)), expected(rho, shots=1.0), atol=1e-6)


def test_white_noise_is_told_from_a_pure_state():
    psi = asymmetric_state(SITES)
    rho = 0.9 * np.outer(psi, psi.conj()) + 0.1 * np.eye(4) / 4
    found = most_likely(expected(rho), PLAN, Description(1, white=True), seed=1)
    assert found.mixture.white == pytest.approx(0.1, abs=1e-4)
    assert fidelity(found.density_matrix, rho) == pytest.approx(1, abs=1e-6)


def test_readout_errors_are_told_where_the_state_is_pure():
    """Of three sites, whose numbers are many more than the errors."""
    psi = asymmetric_state(3, 2)
    settings = tuple("".join(c) for c in product("XYZ", repeat=3))
    readout = np.concatenate([FLIPS, FLIPS[:1]])
    counts = 1e6 * np.array([probabilities(psi, s, readout=readout) for s in settings])
    found = most_likely(counts, rotations(settings), Description(1, readout=True), seed=1)
    assert_allclose(found.mixture.confusion, readout, atol=2e-3)
    assert fidelity(found.density_matrix, psi) == pytest.approx(1, abs=1e-4)


def test_declared_readout_errors_are_undone():
    rho = mixed_state(SITES, 3)
    plan = rotations(SETTINGS, None, FLIPS)
    found = most_likely(expected(rho, FLIPS), plan, Description(4), seed=1)
    assert_allclose(found.density_matrix, rho, atol=1e-5)


def test_more_vectors_are_never_less_likely():
    rng = np.random.default_rng(5)
    p = np.array([probabilities(mixed_state(SITES, 4), s) for s in SETTINGS])
    counts = rng.multinomial(50, p / p.sum(1, keepdims=True)).astype(float)
    begin, values = None, []
    for rank in (1, 2, 3, 4):
        found = most_likely(counts, PLAN, Description(rank), seed=1, also_from=begin)
        begin = found.mixture
        values.append(found.nll)
    assert (np.diff(values) < 1e-9).all()


def test_pure_fits_are_pure():
    found = most_likely(expected(mixed_state(SITES)), PLAN, Description(1), seed=1)
    assert purity(found.density_matrix) == pytest.approx(1)


@pytest.mark.parametrize(
    ("description", "parameters"),
    [
        (Description(), 2 * 8 - 2),
        (Description(8), 63),
        (Description(2, white=True), 4 * 8 - 4 - 1 + 1),
        (Description(1, readout=True), 14 + 6),
    ],
)
def test_real_numbers_that_tell_states_apart(description, parameters):
    assert description.parameters(3) == parameters
