"""What density matrices are like, against dense algebra and states that know their own answers."""

import numpy as np
import pytest
from exact import asymmetric_state, kron, mixed_state, pauli
from numpy.testing import assert_allclose

from nqs.evaluation import entropy, mixed
from nqs.evaluation.observables import expectation
from nqs.evaluation.scatter import Refits
from nqs.systems.observable import observable

SITES = 3


def bell(weight: float) -> np.ndarray:
    """weight |Φ⁺⟩⟨Φ⁺| + (1 − weight) 1/4."""
    psi = np.array([1, 0, 0, 1]) / np.sqrt(2)
    return weight * np.outer(psi, psi) + (1 - weight) * np.eye(4) / 4


def test_a_pure_state_has_purity_one_and_the_entropies_of_its_vector():
    psi = asymmetric_state(SITES)
    rho = np.outer(psi, psi.conj())
    assert mixed.purity(rho) == pytest.approx(1)
    assert mixed.von_neumann(rho) == pytest.approx(0, abs=1e-12)
    for part in ([0], [2], [0, 2]):
        reduced = mixed.reduced(rho, part)
        known = entropy.entropies(psi, part)
        assert mixed.von_neumann(reduced) == pytest.approx(known.von_neumann)
        assert -np.log(mixed.purity(reduced)) == pytest.approx(known.renyi2)


def test_a_part_is_the_partial_trace():
    """Of a product of three different states each part is the product of its own."""
    states = [mixed_state(1, seed) for seed in range(SITES)]
    rho = kron(states)
    assert_allclose(mixed.reduced(rho, [0, 2]), np.kron(states[0], states[2]), atol=1e-14)
    assert_allclose(mixed.reduced(rho, [1]), states[1], atol=1e-14)


@pytest.mark.parametrize("weight", [0.2, 1 / 3, 0.6, 1.0])
def test_negativity_of_a_werner_state(weight):
    """(3w − 1) / 4 above w = 1/3, nothing below: Peres, Phys. Rev. Lett. 77, 1413 (1996)."""
    assert mixed.negativity(bell(weight), [0]) == pytest.approx(
        max(0, (3 * weight - 1) / 4), abs=1e-12
    )


def test_negativity_tells_parts_apart():
    rho = np.kron(bell(1.0), mixed_state(1))
    assert mixed.negativity(rho, [0]) == pytest.approx(0.5)
    assert mixed.negativity(rho, [2]) == pytest.approx(0, abs=1e-12)
    assert mixed.negativity(rho, [0, 1]) == pytest.approx(0, abs=1e-12)


def test_trace_distance_is_that_of_the_best_measurement():
    """½ |p − q| of states that commute, √(1 − F) of pure ones."""
    p, q = np.diag([0.5, 0.3, 0.2, 0]), np.diag([0.1, 0.3, 0.2, 0.4])
    assert mixed.trace_distance(p, q) == pytest.approx(0.4)
    a, b = asymmetric_state(2, 1), asymmetric_state(2, 2)
    known = np.sqrt(1 - abs(np.vdot(a, b)) ** 2)
    assert mixed.trace_distance(a, b) == pytest.approx(known)


def test_expectation_values_of_a_mixture_are_traces():
    rho, total = mixed_state(SITES), observable("X0 Y2 - 0.5 Z1", SITES)
    known = np.trace(rho @ (pauli("XIY") - 0.5 * pauli("IZI"))).real
    assert expectation(rho, total) == pytest.approx(known)
    refits = Refits(rho, rho[None], True, np.stack([rho, rho]))
    found = refits.interval(total.action(), -2, 2)
    assert found is not None
    assert found.value == pytest.approx(known)


def test_the_nearest_pure_state_is_the_first_eigenvector():
    psi = asymmetric_state(2)
    rho = 0.9 * np.outer(psi, psi.conj()) + 0.1 * np.eye(4) / 4
    found, fidelity = mixed.nearest_pure(rho)
    assert abs(np.vdot(found, psi)) ** 2 == pytest.approx(1)
    assert fidelity == pytest.approx(0.925)


def test_a_part_that_is_no_part_is_refused():
    with pytest.raises(ValueError, match="sites from 0 to 2"):
        mixed.reduced(mixed_state(SITES), [3])
