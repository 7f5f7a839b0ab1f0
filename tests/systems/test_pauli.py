"""Sums of Pauli strings against dense matrices built letter by letter."""

import numpy as np
import pytest
from exact import pauli
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from nqs.systems.pauli import PauliSum
from nqs.systems.sectors import sector

SITES = 3

terms = st.lists(
    st.tuples(st.floats(-2, 2).filter(lambda c: abs(c) > 1e-3), st.text("IXYZ", min_size=SITES, max_size=SITES)),
    min_size=1,
    max_size=6,
)  # fmt: skip


def words(string: str) -> str:
    return " ".join(f"{letter}{site}" for site, letter in enumerate(string))


def summed(pairs) -> PauliSum:
    return PauliSum.from_terms([(c, words(s)) for c, s in pairs], SITES)


def dense(pairs) -> np.ndarray:
    return sum(c * pauli(s) for c, s in pairs)


def matrix(total: PauliSum) -> np.ndarray:
    columns = [total.times(column) for column in np.eye(2**total.sites, dtype=complex)]
    return np.stack(columns, axis=1)


@settings(deadline=None, max_examples=60)
@given(terms)
def test_the_action_is_that_of_the_dense_matrix(pairs):
    total = summed(pairs)
    assert_allclose(matrix(total), dense(pairs), atol=1e-12)
    assert_allclose(total.constant, np.trace(dense(pairs)).real / 8, atol=1e-12)
    if total.real:
        assert_allclose(dense(pairs).imag, 0, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(terms)
def test_magnetisation_is_conserved_where_it_commutes(pairs):
    up = sum(pauli("I" * i + "Z" + "I" * (SITES - 1 - i)) for i in range(SITES))
    h = dense(pairs)
    assert summed(pairs).conserves_magnetisation() == np.allclose(h @ up, up @ h, atol=1e-10)


@pytest.mark.parametrize(
    ("pairs", "conserved"),
    [
        ([(1.0, "XXI"), (1.0, "YYI")], True),
        ([(1.0, "XXI"), (0.9, "YYI")], False),
        ([(1.0, "XXZ"), (1.0, "YYZ")], True),
        ([(1.0, "XXZ"), (1.0, "YYI")], False),
        ([(1.0, "XYI"), (-1.0, "YXI")], True),
        ([(1.0, "XII")], False),
    ],
)
def test_exchange_conserves_and_its_halves_do_not(pairs, conserved):
    assert summed(pairs).conserves_magnetisation() is conserved


def test_within_a_sector_the_action_is_the_block():
    pairs = [(1.0, "XXI"), (1.0, "YYI"), (0.5, "IXY"), (-0.5, "IYX"), (0.3, "ZIZ"), (0.7, "IZI")]
    states = sector(SITES, 1)
    total = summed(pairs)
    block = dense(pairs)[np.ix_(states, states)]
    columns = [total.action(states)(column) for column in np.eye(len(states), dtype=complex)]
    assert_allclose(np.stack(columns, axis=1), block, atol=1e-12)


def test_equal_strings_are_added_and_zeros_left_out():
    total = PauliSum.from_terms(
        [(0.5, "X0 Z2"), (0.25, "Z2 X0"), (1.0, "Y1"), (-1.0, "Y1"), (2.0, "")]
    )
    assert total.sites == 3
    assert total.coefficients.tolist() == [0.75]
    assert total.constant == 2.0


@pytest.mark.parametrize(
    ("given_terms", "message"),
    [
        ([(1.0, "X0 Q1")], r"term 0 \('X0 Q1'\) holds 'Q1'; expected I, X, Y or Z and a site"),
        ([(1.0, "x0")], "holds 'x0'"),
        ([(1.0, "X")], "holds 'X'"),
        ([(1.0, "X0"), (1.0, "X1 Z1")], "term 1 .* names site 1 twice"),
        ([(1j, "X0")], "not real: the sum is not hermitian"),
        ([(float("nan"), "X0")], "not finite"),
        ([(1.0, "X5")], "names site 5; the system has 4 sites"),
        ([], "empty"),
    ],
)  # fmt: skip
def test_what_is_no_hermitian_sum_is_refused(given_terms, message):
    with pytest.raises(ValueError, match=message):
        PauliSum.from_terms(given_terms, 4)
