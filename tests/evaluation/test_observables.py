"""Expectation values of Pauli sums are those of the dense operator, also from samples."""

from itertools import product

import numpy as np
import pytest
from exact import asymmetric_state, pauli
from lively import lively
from numpy.testing import assert_allclose

from nqs.evaluation.correlations import (
    of_exact,
    structure_factor,
    structure_factor_of_shots,
    structure_factors,
)
from nqs.evaluation.correlations import (
    of_samples as moments_of_samples,
)
from nqs.evaluation.observables import expectation, of_samples, of_state
from nqs.measurement.effects import basis_bits
from nqs.state.simulate import simulate
from nqs.state.state import State
from nqs.systems.observable import observable


def text(word: str) -> str:
    return " ".join(f"{letter}{site}" for site, letter in enumerate(word) if letter != "I") or "1"


def test_every_string_of_three_sites_agrees_with_dense_algebra():
    psi = asymmetric_state(3)
    for letters in product("IXYZ", repeat=3):
        word = "".join(letters)
        dense = np.vdot(psi, pauli(word) @ psi).real
        found = expectation(psi, observable(text(word), 3))
        assert_allclose(found, dense, atol=1e-14, err_msg=word)


def test_the_order_of_factors_means_nothing_and_that_of_sites_much():
    psi = asymmetric_state(3)

    def value(words):
        return expectation(psi, observable(words, 3))

    assert value("X0 Z2") == value("  Z2   X0 ")
    assert abs(value("X0 Z2") - value("Z0 X2")) > 1e-3


TEXTS = ["X0 Y3", "Z0 Z1", "0.5 X2 Z9 - Z2*Y1 + 2", "X11 X3 Z4", "-Y5", "Z7"]


@pytest.mark.parametrize("name", ["recurrent", "rbm"])
def test_samples_agree_with_vectors(name):
    """Strings with shared flips, sums and diagonals at once. Four errors: once in 3,000."""
    state = lively(name, 12, seed=1, strength=0.3)
    totals = [observable(words, 12) for words in TEXTS]
    exact = of_state(state, totals)
    found = of_samples(state, state.sample(4000, 3), totals)
    for truth, (value, error) in zip(exact, found, strict=True):
        assert truth.error is None
        assert 0 < error < 0.1
        assert abs(value - truth.value) < 4 * error


def constant(sites, log_odds, phases):
    """A recurrent state of independent sites."""
    state = lively("recurrent", sites, strength=0.0)
    parameters = {k: np.zeros_like(v) for k, v in state.variables["params"].items()}
    parameters["amplitude_bias"] = np.full(sites, log_odds)
    parameters["phase_bias"] = np.asarray(phases, float)
    return State(state.model, {"params": parameters}, sites)


def test_stabilisers_have_no_error():
    """X on sites that all point along ±X, and Z on a basis state of thirty sites."""
    phases = np.pi * (np.arange(30) % 2)
    state = constant(30, 0.0, phases)
    found = of_state(state, [observable("X0 X2", 30), observable("X1 X2", 30)], 200)
    assert_allclose([e.value for e in found], [1, -1])
    assert [e.error for e in found] == [None, None]
    state = constant(30, -80.0, phases)
    found = of_state(state, [observable("Z0 Z5", 30), observable("X0", 30)], 200)
    assert_allclose([e.value for e in found], [1, 0], atol=1e-12)
    assert [e.error for e in found] == [None, None]


def test_what_is_rare_is_not_excluded_by_samples_without_it():
    """Odds of one in a thousand: 200 samples may all agree, and know no better."""
    state = constant(30, -9.0, np.zeros(30))
    value, error = of_state(state, [observable("Z0", 30)], 200, seed=2)[0]
    assert value == 1
    assert abs(value - np.tanh(4.5)) < error


def test_moments_of_samples_are_those_of_the_vector():
    """3·12 + 66 numbers: one beyond four and a half errors once in a thousand runs."""
    state = lively("recurrent", 12, seed=2, strength=0.3)
    exact = of_exact(state.vector())
    found = moments_of_samples(state, state.sample(4000, 3))
    off = np.abs(found.site - exact.site) / found.site_error
    assert off.max() < 4.5
    above = np.triu_indices(12, 1)
    off = np.abs(found.pair[2] - exact.pair[2])[above] / found.pair_error[2][above]
    assert off.max() < 4.5
    assert np.isnan(found.pair[0][above]).all()


def test_the_structure_factor_is_the_transform_of_correlations():
    """On a lattice of 2 by 3, of all configurations with their weights."""
    psi = asymmetric_state(6)
    by_pairs = structure_factor(of_exact(psi).pair[2], (2, 3))
    by_bits = np.tensordot(
        np.abs(psi) ** 2, structure_factors(1.0 - 2 * basis_bits(6), (2, 3)), axes=1
    )
    assert_allclose(by_pairs, by_bits, atol=1e-12)
    total = sum(pauli("".join("Z" if s == i else "I" for s in range(6))) for i in range(6))
    assert_allclose(by_pairs[0, 0], np.vdot(psi, total @ total @ psi).real / 6)


@pytest.mark.parametrize("readout", [None, (0.05, 0.1)])
def test_the_structure_factor_of_shots_lies_about_that_of_the_state(readout):
    """Six numbers, S(q) = S(−q): one beyond four and a half errors once in thirty thousand runs."""
    psi = asymmetric_state(6)
    exact = structure_factor(of_exact(psi).pair[2], (2, 3))
    data = simulate(psi, ["X" * 6, "Z" * 6], 4000, 3, readout=readout)
    found, error = structure_factor_of_shots(data, (2, 3))
    assert (error > 0).all()
    assert np.abs((found - exact) / error).max() < 4.5
    assert structure_factor_of_shots(simulate(psi, ["X" * 6], 10, 3), (2, 3)) is None
