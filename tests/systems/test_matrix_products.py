"""Matrix products of known states against their vectors, and DMRG against Lanczos."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from nqs.state.simulate_large import of_matrices
from nqs.systems import known, matrix_products
from nqs.systems.exact import lanczos
from nqs.systems.pauli import PauliSum


@pytest.mark.parametrize("sites", [2, 5])
@pytest.mark.parametrize("name", matrix_products.KNOWN)
def test_known_states_are_their_vectors(name, sites):
    state = of_matrices(matrix_products.KNOWN[name](sites, 3))
    bits = np.array(list(np.ndindex(*[2] * sites)))
    amplitudes, vector = np.exp(state.log_psi(bits)), known.known(name, sites, 3)
    there = abs(vector) > 1e-12
    assert_allclose(amplitudes[there], vector[there], atol=1e-12)
    assert abs(amplitudes[~there]).max(initial=0) < 1e-12


def test_dmrg_finds_the_ground_state_of_any_sum_of_strings():
    """A complex, uneven Hamiltonian with a term of three distant sites."""
    pytest.importorskip("quimb")
    pytest.importorskip("networkx")
    sites = 8
    rng = np.random.default_rng(5)
    terms = [(float(rng.normal()), f"Z{i} Z{i + 1}") for i in range(sites - 1)]
    terms += [(float(rng.normal()), f"X{i} Y{i + 1}") for i in range(sites - 1)]
    terms += [(float(rng.normal()), f"X{i}") for i in range(sites)] + [(0.4, "Z0 X4 Y7"), (1.5, "")]
    total = PauliSum.from_terms(terms)
    exact, found = lanczos(total), matrix_products.dmrg(total)
    assert found.energy == pytest.approx(exact.energy, abs=1e-6)
    vector = of_matrices(found.matrices).vector()
    assert abs(np.vdot(exact.psi, vector)) ** 2 == pytest.approx(1, abs=1e-5)
