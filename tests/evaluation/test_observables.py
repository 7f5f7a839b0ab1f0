"""A Pauli string's expectation is that of the dense operator."""

from itertools import product

import numpy as np
import pytest
from exact import asymmetric_state, pauli
from numpy.testing import assert_allclose

from nqs.evaluation.observables import expectation, pauli_string


def text(word: str) -> str:
    return " ".join(f"{letter}{site}" for site, letter in enumerate(word) if letter != "I")


def test_every_string_of_three_sites_agrees_with_dense_algebra():
    psi = asymmetric_state(3)
    for letters in product("IXYZ", repeat=3):
        word = "".join(letters)
        dense = np.vdot(psi, pauli(word) @ psi).real
        assert_allclose(expectation(psi, text(word)), dense, atol=1e-14, err_msg=word)


def test_the_order_of_factors_means_nothing_and_that_of_sites_much():
    psi = asymmetric_state(3)
    assert expectation(psi, "X0 Z2") == expectation(psi, "  Z2   X0 ")
    assert abs(expectation(psi, "X0 Z2") - expectation(psi, "Z0 X2")) > 1e-3


def test_a_site_of_two_digits_is_one_site():
    psi = np.zeros(2**11)
    psi[1] = 1  # only site 10 is down
    assert expectation(psi, "Z10") == -1
    assert expectation(psi, "Z1 Z0") == 1


@pytest.mark.parametrize(
    ("string", "message"),
    [
        ("X3", "names site 3; the sites are 0 to 2"),
        ("X0 Y0", "names site 0 twice"),
        ("Q0", "'Q0'"),
        ("x0", "'x0'"),
        ("X", "'X'"),
        ("X-1", "'X-1'"),
        ("X0Z1", "'X0Z1'"),
        ("0.5 X0", "'0.5'"),
    ],
)
def test_what_is_no_string_is_named(string, message):
    with pytest.raises(ValueError, match=message):
        pauli_string(string, 3)
