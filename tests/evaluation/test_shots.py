"""What shots alone say: unbiased, pooled over settings, with errors that cover."""

from itertools import product

import numpy as np
import pytest
from exact import asymmetric_state, pauli
from numpy.testing import assert_allclose

from nqs.evaluation.correlations import of_exact
from nqs.evaluation.correlations import of_shots as moments_of_shots
from nqs.evaluation.shots import from_shots
from nqs.measurement.dataset import Measurements
from nqs.state.simulate import simulate
from nqs.systems.known import ghz
from nqs.systems.observable import observable

SETTINGS = ["".join(letters) for letters in product("XYZ", repeat=3)]
STRINGS = ["X0 Y1 Z2", "Y2", "0.5 X0 Y1 - 2 Z1 + 0.3 X2 + 1", "Z0 X2"]


def dense(text):
    """The operator of a sum of three sites, built from its words."""
    return {
        "X0 Y1 Z2": pauli("XYZ"),
        "Y2": pauli("IIY"),
        "0.5 X0 Y1 - 2 Z1 + 0.3 X2 + 1": 0.5 * pauli("XYI")
        - 2 * pauli("IZI")
        + 0.3 * pauli("IIX")
        + np.eye(8),
        "Z0 X2": pauli("ZIX"),
    }[text]


@pytest.mark.parametrize("text", STRINGS)
@pytest.mark.parametrize("readout", [None, np.array([[0.03, 0.1], [0.0, 0.05], [0.2, 0.02]])])
def test_errors_cover_in_180_to_199_of_200(text, readout):
    """With readout errors undone as well. Binomial(200, 0.95) lies outside once in a thousand."""
    psi = asymmetric_state(3)
    truth, inside, values = np.vdot(psi, dense(text) @ psi).real, 0, []
    for seed in range(200):
        data = simulate(psi, SETTINGS, 100, seed, readout=readout)
        value, error = from_shots(data, observable(text, 3))
        values.append(value)
        inside += abs(value - truth) < 1.96 * error
    assert 180 <= inside <= 199
    assert abs(np.mean(values) - truth) < 4 * np.std(values) / np.sqrt(200)


def test_a_string_that_no_setting_tells_is_not_estimated():
    data = simulate(asymmetric_state(3), ["ZZZ", "XIZ"], 50, 1)
    assert from_shots(data, observable("X0 Z2", 3)) is not None
    assert from_shots(data, observable("X0 Z1", 3)) is None
    assert from_shots(data, observable("Z0 Z1 + Y2", 3)) is None


def test_shots_that_all_agree_are_not_called_exact():
    """Five hundred heads do not exclude one tail in five hundred."""
    value, error = from_shots(simulate(ghz(3), ["ZZZ"], 500, 1), observable("Z0 Z1", 3))
    assert value == 1
    assert 1 / 500 < error < 6 / 500
    value, error = from_shots(simulate(ghz(3), ["ZZZ"], 500, 1), observable("Z0 Z1 + Z1 Z2", 3))
    assert value == 2
    assert 2 / 500 < error < 12 / 500


def test_what_is_called_by_another_letter_is_not_mistaken_for_a_pauli():
    effects = {"A": np.array([np.diag([1, 0]), np.diag([0, 1])], complex)}
    data = Measurements(np.zeros((4, 1)).astype(int), ("A",), np.zeros(4, int), effects=effects)
    assert from_shots(data, observable("Z0", 1)) is None


def test_moments_are_those_of_their_strings():
    psi = asymmetric_state(3)
    data = simulate(psi, ["XXZ", "XYZ", "ZZZ", "YYX", "IZX"], 200, 3)
    found, exact = moments_of_shots(data), of_exact(psi)
    for number, letter in enumerate("XYZ"):
        for i in range(3):
            _agrees(data, f"{letter}{i}", found.site[number, i], found.site_error[number, i])
            word = "".join(letter if site == i else "I" for site in range(3))
            assert_allclose(exact.site[number, i], np.vdot(psi, pauli(word) @ psi).real, atol=1e-12)
            for j in range(i):
                number_of = (number, i, j)
                string = f"{letter}{j} {letter}{i}"
                _agrees(data, string, found.pair[number_of], found.pair_error[number_of])
                word = "".join(letter if site in (i, j) else "I" for site in range(3))
                expected = np.vdot(psi, pauli(word) @ psi).real
                assert_allclose(exact.pair[number_of], expected, atol=1e-12)
    assert_allclose(exact.pair, exact.pair.swapaxes(1, 2))
    apart = ~np.eye(3, dtype=bool)
    off = (found.pair - exact.pair)[:, apart] / found.pair_error[:, apart]
    assert np.nanmax(np.abs(off)) < 4


def _agrees(data, text, value, error):
    alone = from_shots(data, observable(text, 3))
    if alone is None:
        assert np.isnan([value, error]).all()
    else:
        assert_allclose([value, error], alone)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Q0", "'Q0'"),
        ("x0", "'x0'"),
        ("X3", "site 3"),
        ("X0 Y0", "site 0 twice"),
        ("X", "'X'"),
        ("X0Z1", "'X0Z1'"),
        ("", "ends too early"),
        ("X0 +", "ends too early"),
        ("X0 + - Z1", "two signs"),
        ("X0 0.5", "factor comes first"),
        ("nan X0", "'nan'"),
    ],
)
def test_what_is_no_observable_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        observable(text, 3)


def test_sums_are_read_as_written():
    total = observable("-X0 X1 + 0.5*Z2 - .25 Y1 -3", 3)
    assert {text: value for value, text in total.terms()[1:]} == {
        "X0 X1": -1.0,
        "Z2": 0.5,
        "Y1": -0.25,
    }
    assert total.constant == -3


def test_a_readout_that_tells_nothing_is_refused():
    data = simulate(asymmetric_state(2), ["ZZ"], 50, 1, readout=[(0.1, 0.2), (0.5, 0.5)])
    with pytest.raises(ValueError, match="readout of site 1 is the same"):
        from_shots(data, observable("Z0", 2))
