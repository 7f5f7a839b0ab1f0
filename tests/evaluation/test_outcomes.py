"""What outcomes say of operators and Pauli strings, against dense algebra."""

import numpy as np
import pytest
from exact import asymmetric_state, mixed_state
from numpy.testing import assert_allclose, assert_array_equal

from nqs.evaluation import outcomes as said
from nqs.evaluation.observables import expectation
from nqs.measurement.effects import named_effects, outcome_probabilities
from nqs.measurement.outcomes import coded, decoded
from nqs.systems.observable import observable

SITES = 3
NAMES = ("tetrahedral", "pauli-4", "pauli-6")


def table_of(state, name):
    effects = named_effects(name)
    p = outcome_probabilities(state, "T" * SITES, {"T": effects})
    return p.reshape((len(effects),) * SITES), said.values_of(np.stack([effects] * SITES))


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_of_all_outcomes_are_the_density_matrix(name):
    rho = mixed_state(SITES)
    assert_allclose(said.operator_of(*table_of(rho, name)), rho, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["X0 Y1 Z2", "0.5 Y0 - Z1 X2"])
def test_pauli_strings_are_means_of_numbers_of_outcomes(name, text):
    psi, total = asymmetric_state(SITES), observable(text, SITES)
    table, values = table_of(psi, name)
    symbols = np.array(list(np.ndindex(*table.shape)))
    found = said.expectation(symbols, values, total, 1e6 * table.reshape(-1))
    assert found.value == pytest.approx(expectation(psi, total), abs=1e-10)


@pytest.mark.parametrize("levels", [2, 4, 6])
def test_bits_hold_outcomes(levels):
    symbols = np.random.default_rng(1).integers(0, levels, (50, 5)).astype(np.uint8)
    assert_array_equal(decoded(coded(symbols, levels), levels), symbols)


def test_a_witness_is_the_eigenvalue_in_its_direction():
    """Of two sites that agree in every basis: −1/2, from 30,000 outcomes, within five errors."""
    rng, effects = np.random.default_rng(4), named_effects("pauli-6")
    values = said.values_of(np.stack([effects] * 2))
    letters, bits = rng.integers(0, 3, (60_000, 2)), rng.integers(0, 2, (60_000, 2))
    same = letters[:, 0] == letters[:, 1]
    bits[same, 1] = bits[same, 0]
    found = said._witness(2 * letters + bits, values)
    assert abs(found.value + 0.5) < 5 * found.error
    assert found.error < 0.05
