"""Symmetries read off the strings are those of the matrices."""

import numpy as np
import pytest
from exact import kron, pauli
from numpy.testing import assert_allclose

from nqs.systems.exact import lanczos
from nqs.systems.hamiltonians import heisenberg, ising, j1j2, xxz
from nqs.systems.lattices import chain, from_edges, square
from nqs.systems.pauli import PauliSum
from nqs.systems.symmetry import (
    flip_invariant,
    lowest_magnetisation,
    spin_rotation_invariant,
    stoquastic,
    sublattice,
    translation_invariant,
)


def dense(total):
    return np.stack([total.times(column) for column in np.eye(2**total.sites, dtype=complex)], 1)


def test_translations_of_a_uniform_ring_alone():
    assert translation_invariant(ising(chain(5, True)), (5,))
    assert not translation_invariant(ising(chain(5)), (5,))
    assert not translation_invariant(ising(chain(5, True), 1.0, [1, 1, 1, 1, 1.1]), (5,))
    assert translation_invariant(j1j2(square(3, 4, True)), (3, 4))
    assert not translation_invariant(heisenberg(square(3, 4)), (3, 4))


SUMS = {
    "ising": ising(chain(4)),
    "field along Z": ising(chain(4), g=0.3),
    "heisenberg": heisenberg(chain(4, True)),
    "field along X": xxz(chain(4), hx=0.2),
    "frustrated": j1j2(square(2, 2)),
    "mixed": PauliSum.from_terms([(-0.5, "X0 X1"), (0.3, "X0 X1 Z2 Z3"), (-0.1, "X2")]),
    "too strong": PauliSum.from_terms([(-0.5, "X0 X1"), (0.6, "X0 X1 Z2"), (0.1, "Z3")]),
    "complex": PauliSum.from_terms([(-0.5, "X0 Y1"), (0.1, "Z3")]),
}


@pytest.mark.parametrize("total", SUMS.values(), ids=list(SUMS))
def test_flips_and_signs_as_in_the_matrix(total):
    matrix = dense(total)
    flip = pauli("X" * total.sites)
    assert flip_invariant(total) == np.allclose(flip @ matrix, matrix @ flip)
    for rotated in ((), (1, 3), (0,)):
        sign = np.diag(kron([np.array([1, -1 if i in rotated else 1]) for i in range(4)]))
        turned = sign @ matrix @ sign
        off = turned - np.diag(np.diag(turned))
        expected = bool(np.abs(off.imag).max() < 1e-12 and off.real.max() <= 1e-12)
        assert stoquastic(total, rotated) == expected, rotated


@pytest.mark.parametrize("total", SUMS.values(), ids=list(SUMS))
def test_rotations_of_all_spins_as_in_the_matrix(total):
    matrix = dense(total)
    turns = [sum(pauli("I" * i + letter + "I" * (3 - i)) for i in range(4)) for letter in "XYZ"]
    expected = all(np.allclose(turn @ matrix, matrix @ turn) for turn in turns)
    assert spin_rotation_invariant(total) == expected
    assert total.conserves_magnetisation() == np.allclose(turns[2] @ matrix, matrix @ turns[2])


LOWEST = {
    "ring": heisenberg(chain(6, True)),
    "odd ring": heisenberg(chain(5, True)),
    "ferromagnet": heisenberg(chain(6), -1.0),
    "frustrated": j1j2(square(2, 3)),
    "easy plane": xxz(chain(6, True), 1.0, 0.3),
    "antiferromagnetic plane": xxz(chain(5), [0.4, 1.0, 0.7, 1.2], -0.9),
    "easy axis": xxz(chain(6, True), 1.0, -2.0),
    "in a field": xxz(chain(6, True), 1.0, 0.5, hz=3.0),
    "chiral": PauliSum.from_terms([(1.0, "X0 Y1"), (-1.0, "Y0 X1"), (0.4, "Z2")]),
}


@pytest.mark.parametrize("name", LOWEST)
def test_a_ground_state_has_the_magnetisation_that_theory_tells(name):
    total = LOWEST[name]
    rotated = tuple(range(1, total.sites, 2))
    told = lowest_magnetisation(total, None if name in ("odd ring", "frustrated") else rotated)
    if name in ("easy axis", "in a field", "chiral"):
        assert told is None
    else:
        assert_allclose(lanczos(total, told).energy, lanczos(total).energy, atol=1e-9)


def test_what_rounding_leaves_is_no_term_and_small_units_change_nothing():
    cancelled = PauliSum.from_terms([(0.1, "Y0"), (0.2, "Y0"), (-0.3, "Y0"), (1.0, "X0 X1")])
    assert cancelled.real
    tiny = ising(chain(4), 1e-13, 1e-13)
    assert not tiny.conserves_magnetisation()
    assert not stoquastic(ising(chain(4), 1e-13, -1e-13))


def test_two_sublattices_where_no_edge_frustrates_them():
    assert sublattice(chain(4)) == (1, 3)
    assert sublattice(chain(5, True)) is None
    assert sublattice(square(2, 3)) == (1, 3, 5)
    assert sublattice(from_edges([[0, 1], [2, 3]])) == (1, 3)
    assert sublattice(from_edges([[0, 1], [1, 2], [2, 0]])) is None


def test_the_terms_of_a_sum_make_it_again():
    total = SUMS["mixed"]
    again = PauliSum.from_terms(total.terms())
    assert again.sha256() == total.sha256()
    assert again.sha256() != ising(chain(4)).sha256()
    assert_allclose(dense(again), dense(total))
