"""Fidelity is the squared overlap of Uhlmann, whatever the states are and however they come."""

import numpy as np
import pytest
from exact import asymmetric_state, mixed_state
from numpy.testing import assert_allclose
from scipy.linalg import sqrtm

from nqs.evaluation.fidelity import fidelity


def projector(psi):
    return np.outer(psi, psi.conj())


def uhlmann(a, b) -> float:
    root = sqrtm(a)
    return float(np.trace(sqrtm(root @ b @ root)).real ** 2)


@pytest.mark.parametrize("seed", range(3))
def test_two_vectors_give_the_squared_overlap(seed):
    a, b = asymmetric_state(3, seed), asymmetric_state(3, seed + 10)
    assert_allclose(fidelity(a, b), abs(np.vdot(a, b)) ** 2, rtol=1e-13)
    assert fidelity(a, a.conj()) < 0.9  # the conjugate is another state


def test_a_vector_and_a_matrix_give_the_expectation():
    a, rho = asymmetric_state(3), mixed_state(3)
    assert_allclose(fidelity(a, rho), (a.conj() @ rho @ a).real, rtol=1e-13)
    assert abs(fidelity(a, rho) - fidelity(a.conj(), rho)) > 1e-3


def test_two_matrices_give_the_formula_of_uhlmann():
    assert_allclose(
        fidelity(mixed_state(3, 1), mixed_state(3, 2)),
        uhlmann(mixed_state(3, 1), mixed_state(3, 2)),
        rtol=1e-9,
    )


def test_a_pure_matrix_is_its_vector():
    a, b, rho = asymmetric_state(3, 1), asymmetric_state(3, 2), mixed_state(3)
    assert_allclose(fidelity(projector(a), projector(b)), fidelity(a, b), atol=1e-12)
    assert_allclose(fidelity(projector(a), rho), fidelity(a, rho), atol=1e-12)


def test_diagonal_matrices_give_the_fidelity_of_distributions():
    """(Σ √(p q))², closed form; and depolarised pure states against their purest."""
    p, q = np.array([0.7, 0.2, 0.1, 0.0]), np.array([0.25, 0.25, 0.25, 0.25])
    expected = np.sqrt(p * q).sum() ** 2
    assert_allclose(fidelity(np.diag(p), np.diag(q)), expected, rtol=1e-12)
    psi, share = asymmetric_state(2), 0.3
    noisy = (1 - share) * projector(psi) + share * np.eye(4) / 4
    assert_allclose(fidelity(psi, noisy), 1 - share * 3 / 4, rtol=1e-12)


def states():
    vectors = [asymmetric_state(2, seed) for seed in range(3)]
    return [*vectors, *(mixed_state(2, seed) for seed in range(3)), projector(vectors[0])]


def test_it_is_symmetric_bounded_and_one_for_equal_states_only():
    for i, a in enumerate(states()):
        assert_allclose(fidelity(a, a), 1, atol=1e-12)
        for j, b in enumerate(states()):
            assert_allclose(fidelity(a, b), fidelity(b, a), atol=1e-7)  # roots of rounding
            assert 0 <= fidelity(a, b) <= 1
            if i != j and {i, j} != {0, 6}:
                assert fidelity(a, b) < 0.999


def test_norm_and_global_phase_mean_nothing():
    a, b, rho = asymmetric_state(3, 1), asymmetric_state(3, 2), mixed_state(3)
    assert_allclose(fidelity(3 * np.exp(0.7j) * a, b), fidelity(a, b), rtol=1e-12)
    assert_allclose(fidelity(0.1j * a, 5 * rho), fidelity(a, rho), rtol=1e-12)


def test_a_common_rotation_means_nothing():
    rng = np.random.default_rng(0)
    u, _ = np.linalg.qr(rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)))
    for a in states():
        for b in states():
            turned = [u @ s if s.ndim == 1 else u @ s @ u.conj().T for s in (a, b)]
            assert_allclose(fidelity(*turned), fidelity(a, b), atol=1e-7)


def test_orthogonal_states_have_none():
    a = np.array([1, 1j, 0, 0]) / np.sqrt(2)
    b = np.array([1, -1j, 0, 0]) / np.sqrt(2)
    assert fidelity(a, b) == pytest.approx(0, abs=1e-15)
    assert fidelity(a, projector(b)) == pytest.approx(0, abs=1e-15)


def test_states_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="4 and 8 amplitudes"):
        fidelity(asymmetric_state(2), asymmetric_state(3))
    with pytest.raises(ValueError, match="positive norm"):
        fidelity(np.zeros(4), asymmetric_state(2))
    with pytest.raises(ValueError, match="positive norm"):
        fidelity(np.full(4, np.nan), asymmetric_state(2))
