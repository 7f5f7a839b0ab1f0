"""Symmetries read off the strings are those of the matrices."""

import numpy as np
import pytest
from exact import kron, pauli
from numpy.testing import assert_allclose

from nqs.systems.hamiltonians import heisenberg, ising, j1j2, xxz
from nqs.systems.lattices import chain, from_edges, square
from nqs.systems.pauli import PauliSum
from nqs.systems.symmetry import flip_invariant, stoquastic, sublattice, translation_invariant


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
