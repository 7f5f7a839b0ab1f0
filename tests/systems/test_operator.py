"""Elements of Pauli sums under compilation and in NetKet, against the sum's own action."""

import jax
import netket as nk
import numpy as np
import pytest
from numpy.testing import assert_allclose

from nqs.measurement.effects import basis_bits
from nqs.systems import elements as looked_up
from nqs.systems.elements import diagonal, elements, off_diagonal
from nqs.systems.hamiltonians import heisenberg, ising, rydberg, xxz
from nqs.systems.lattices import chain, from_edges, square
from nqs.systems.operator import PauliOperator, from_netket
from nqs.systems.pauli import PauliSum

SUMS = {
    "ising": ising(chain(4, True), [1.0, 2.0, 3.0, 0.5], [0.1, 0.2, 0.3, 0.4], 0.7),
    "xxz": xxz(from_edges([[0, 3], [2, 1]]), [0.4, -1.1], 0.3, 0.2, 0.6),
    "rydberg": rydberg(square(2, 3), 0.7, 0.4, 3.0),
    "mixed": PauliSum.from_terms(
        [(0.5, "X0 Y2"), (0.7, "X0 X2 Z1"), (1.1, "Z0 Z1 Z2"), (0.3, "Y1"), (-2.0, "")]
    ),
}


def matrix(total) -> np.ndarray:
    columns = [total.times(column) for column in np.eye(2**total.sites, dtype=complex)]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("many_pairs", [0, 1000])
def test_elements_are_those_of_the_matrix(name, many_pairs, monkeypatch):
    """With pairs of Z as one dense matrix, and gathered."""
    monkeypatch.setattr(looked_up, "_MANY_PAIRS", many_pairs)
    total = SUMS[name]
    dense, bits = matrix(total), basis_bits(total.sites).astype(int)
    e = elements(total)
    assert_allclose(jax.jit(diagonal)(e, bits), np.diagonal(dense).real, atol=1e-12)
    weights = 1 << np.arange(total.sites)[::-1]
    rows = np.arange(len(bits))
    found = np.zeros_like(dense)
    for flip, column in zip(e.flips, np.asarray(jax.jit(off_diagonal)(e, bits)).T, strict=True):
        found[rows, (bits ^ flip) @ weights] = column
    assert_allclose(found, dense - np.diag(np.diagonal(dense)), atol=1e-12)


@pytest.mark.parametrize("name", SUMS)
def test_netket_sees_the_same_matrix(name):
    """By what NetKet asks for, every configuration with all that it is connected to."""
    operator = PauliOperator(SUMS[name])
    bits = basis_bits(operator.hilbert.size).astype(int)
    connected, elements_of = jax.jit(operator.get_conn_padded)(bits)
    place = np.asarray(connected) @ (1 << np.arange(bits.shape[1])[::-1])
    dense = np.zeros((len(bits),) * 2, complex)
    np.add.at(dense, (np.arange(len(bits))[:, None], place), np.asarray(elements_of))
    assert_allclose(dense, matrix(SUMS[name]), atol=1e-12)


def test_netkets_own_operators_are_read():
    spins, graph = nk.hilbert.Spin(0.5, 4), nk.graph.Chain(4)
    theirs = nk.operator.Ising(spins, graph, h=0.7, J=0.3)
    assert_allclose(matrix(from_netket(theirs)), theirs.to_dense(), atol=1e-12)
    assert_allclose(
        matrix(from_netket(theirs)), matrix(ising(chain(4, True), -0.3, 0.7)), atol=1e-12
    )
    theirs = nk.operator.Heisenberg(spins, graph, sign_rule=False)
    assert_allclose(matrix(from_netket(theirs)), matrix(heisenberg(chain(4, True))), atol=1e-12)
    theirs = nk.operator.PauliStrings(["XYI", "IYZ"], [0.3, 0.2])
    assert_allclose(matrix(from_netket(theirs)), theirs.to_dense(), atol=1e-12)


def test_spins_are_read_with_their_signs():
    """A field along Z and one along Y, which a wrong order of local states would turn round."""
    spins = nk.hilbert.Spin(0.5, 3)
    theirs = 0.7 * nk.operator.spin.sigmaz(spins, 0) + 0.4 * nk.operator.spin.sigmay(spins, 2)
    expected = PauliSum.from_terms([(0.7, "Z0"), (0.4, "Y2")])
    assert_allclose(matrix(from_netket(theirs)), matrix(expected), atol=1e-12)


def test_a_space_that_is_not_of_bits_is_refused():
    with pytest.raises(ValueError, match="expected bits 0 and 1"):
        PauliOperator(SUMS["ising"], nk.hilbert.Spin(0.5, 4))
    with pytest.raises(ValueError, match="3 sites and the operator 4"):
        PauliOperator(SUMS["ising"], nk.hilbert.Qubit(3))


def test_what_is_no_pauli_sum_is_refused():
    with pytest.raises(ValueError, match="cannot be written as a sum of Pauli strings"):
        from_netket(nk.operator.BoseHubbard(nk.hilbert.Fock(2, 3), nk.graph.Chain(3), U=1.0))


def test_it_serves_netkets_states():
    """Full sums over a state of all 16 amplitudes: exact expectation and variance."""
    total = SUMS["ising"]
    state = nk.vqs.FullSumState(nk.hilbert.Qubit(4), nk.models.RBM(alpha=1), seed=3)
    psi = state.to_array()
    found = state.expect(PauliOperator(total))
    image = matrix(total) @ psi
    assert_allclose(found.mean, np.vdot(psi, image), rtol=1e-8)
    assert_allclose(found.variance, np.linalg.norm(image) ** 2 - abs(np.vdot(psi, image)) ** 2)
