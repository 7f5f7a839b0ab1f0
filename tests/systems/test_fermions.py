"""Fermions on qubits against matrices of creators and annihilators, and known energies."""

from functools import reduce

import numpy as np
import pytest
from numpy.testing import assert_allclose

from nqs.systems.exact import lanczos
from nqs.systems.fermions import electronic, hubbard, jordan_wigner, molecule
from nqs.systems.lattices import chain, from_edges

RNG = np.random.default_rng(3)
Z, LOWER = np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [0.0, 0.0]])


def annihilator(mode, modes):
    """a_m on 2^modes amplitudes, mode 0 the most significant bit."""
    return reduce(np.kron, [Z] * mode + [LOWER] + [np.eye(2)] * (modes - mode - 1))


def matrix(total):
    return np.stack([total.times(c) for c in np.eye(2**total.sites, dtype=complex)], axis=1)


def test_annihilators_anticommute():
    """What the matrices here are: {a_i, a_j†} = δ_ij."""
    a = [annihilator(m, 3) for m in range(3)]
    for i in range(3):
        for j in range(3):
            assert_allclose(a[i] @ a[j].T + a[j].T @ a[i], (i == j) * np.eye(8), atol=1e-14)


def test_products_are_those_of_the_matrices():
    """Complex hoppings over and back, and a product of four with its conjugate."""
    a = [annihilator(m, 4) for m in range(4)]
    hop, pair = 0.3 - 0.7j, 0.2 + 0.5j
    terms = [
        (hop, ((0, True), (3, False))),
        (hop.conjugate(), ((3, True), (0, False))),
        (pair, ((0, True), (2, True), (3, False), (1, False))),
        (pair.conjugate(), ((1, True), (3, True), (2, False), (0, False))),
        (0.9, ((2, True), (2, False))),
    ]
    one = hop * a[0].T @ a[3] + pair * a[0].T @ a[2].T @ a[3] @ a[1]
    expected = one + one.conj().T + 0.9 * a[2].T @ a[2]
    assert_allclose(matrix(jordan_wigner(terms, 4)), expected, atol=1e-14)


def test_hubbard_keeps_the_electrons_of_either_spin_and_not_those_of_a_site():
    assert hubbard(chain(3)).conserves_magnetisation(2)
    assert not hubbard(chain(4)).conserves_magnetisation(4)


def test_hubbard_is_its_formula():
    graph = from_edges([[0, 1], [2, 1]])
    a = [annihilator(m, 6) for m in range(6)]
    expected = np.zeros((64, 64))
    for i, j in graph.edges:
        for s in (0, 3):
            hop = a[s + i].T @ a[s + j]
            expected -= 0.7 * (hop + hop.T)
    for i in range(3):
        expected += 2.5 * a[i].T @ a[i] @ a[i + 3].T @ a[i + 3]
    assert_allclose(matrix(hubbard(graph, 0.7, 2.5)), expected, atol=1e-13)


def test_two_sites_of_hubbard_at_half_filling():
    """E = (U − √(U² + 16 t²)) / 2."""
    found = lanczos(hubbard(chain(2), 1.0, 4.0), 0).energy
    assert found == pytest.approx((4 - np.sqrt(32)) / 2)


def test_electrons_have_their_integrals():
    """Random integrals with the symmetries of real orbitals, against matrices."""
    one = RNG.normal(size=(2, 2))
    one = one + one.T
    two = RNG.normal(size=(2, 2, 2, 2))
    for order in ((1, 0, 2, 3), (0, 1, 3, 2), (2, 3, 0, 1)):
        two = two + two.transpose(order)
    a = [annihilator(m, 4) for m in range(4)]
    expected = 0.4 * np.eye(16)
    for p, q in np.ndindex(2, 2):
        for s in (0, 2):
            expected = expected + one[p, q] * a[s + p].T @ a[s + q]
    for p, q, r, t in np.ndindex(2, 2, 2, 2):
        for s, u in np.ndindex(2, 2):
            factors = a[2 * s + p].T @ a[2 * u + r].T @ a[2 * u + t] @ a[2 * s + q]
            expected = expected + 0.5 * two[p, q, r, t] * factors
    assert_allclose(matrix(electronic(one, two, 0.4)), expected, atol=1e-13)


def test_lithium_hydride_has_the_energy_of_full_configuration_interaction():
    """STO-3G at 1.5949 Å, twelve qubits, four electrons: −7.8824034 hartree."""
    pytest.importorskip("pyscf")
    total, electrons = molecule("Li 0 0 0; H 0 0 1.5949")
    assert (total.sites, electrons) == (12, (2, 2))
    assert total.conserves_magnetisation()
    assert lanczos(total, 12 - 2 * 4).energy == pytest.approx(-7.8824034, abs=1e-6)


def test_what_is_no_molecule_is_refused():
    pytest.importorskip("pyscf")
    with pytest.raises(ValueError, match="pyscf refuses 'Qq 0 0 0'"):
        molecule("Qq 0 0 0")
    with pytest.raises(ValueError, match="refuses 'H 0 0 0'"):  # one electron has a spin
        molecule("H 0 0 0")
