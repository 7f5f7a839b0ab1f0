"""Errors of the Fisher matrix: known ones, covering ones, and numbers that shots leave open."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from nqs.evaluation.fidelity import projection
from nqs.evaluation.fisher import covariance
from nqs.evaluation.maximum_likelihood import as_likely, pure_maximum_likelihood
from nqs.evaluation.observables import expectation
from nqs.evaluation.scatter import Fisher, Refits
from nqs.measurement.dataset import joined
from nqs.state.simulate import chosen_settings, simulate
from nqs.systems import known
from nqs.systems.observable import observable


def fisher(psi, data, real=False):
    about = covariance(psi, data, real=real)
    others = about.psi[None] if real else as_likely(about.psi, data, about.open, 1)
    return Fisher(about.psi, others, True, about.matrix)


def of_words(scatter, text, sites):
    return scatter.interval(observable(text, sites).action(), -1, 1)


def test_shots_of_one_qubit_in_z_have_the_error_of_a_binomial():
    psi, shots = np.array([0.8, 0.6j]), 400
    data = simulate(psi, ["Z"], shots, seed=1)
    found = of_words(fisher(np.abs(psi), data, real=True), "Z0", 1)
    assert_allclose(found.error, np.sqrt((1 - 0.28**2) / shots), rtol=0.02)  # to second order
    ends = found.value + 1.959964 * found.error * np.array([-1, 1])
    assert_allclose([found.low, found.high], ends, atol=1e-3)  # and a little bias


def test_what_the_settings_leave_open_is_none():
    """The sign of a GHZ state is not in Z and one-site settings; a phase is not in Z."""
    settings = ["ZZZZ", "XZZZ", "ZXZZ", "ZZXZ", "ZZZX"]
    ghz = fisher(known.ghz(4), simulate(known.ghz(4), settings, 500, 1))
    assert of_words(ghz, "X0 X1 X2 X3", 4) is of_words(ghz, "Y0 Y1 X2 X3", 4) is None
    assert ghz.interval(projection(known.ghz(4)), 0, 1) is None
    assert of_words(ghz, "Z0 Z1", 4).error < 0.01
    psi = known.random_state(2, 3)
    in_z = fisher(psi, simulate(psi, ["ZZ"], 500, 1))
    assert of_words(in_z, "X0", 2) is None
    assert_allclose(of_words(in_z, "Z0", 2).value, expectation(psi, observable("Z0", 2)), atol=0.01)


def test_few_shots_hold_a_number_loosely():
    """A thousand shots in Z, one in X and two in Y: ⟨Y⟩ of |+⟩ is hardly known, and not open."""
    plus = np.sqrt([0.5, 0.5]).astype(complex)
    parts = [simulate(plus, [letter], n, 1) for letter, n in (("Z", 1000), ("X", 1), ("Y", 2))]
    found = of_words(fisher(plus, joined(parts)), "Y0", 1)
    assert found is not None
    assert found.error > 0.4


def test_intervals_cover():
    """95 % of 200 fits; fewer than 178 or more than 199 are chance once in ten thousand."""
    psi, other = known.random_state(2, 3), known.random_state(2, 8)
    settings = chosen_settings("pauli:9", 2, 1)
    asked = {
        "Z0": (observable("Z0", 2).action(), -1),
        "Y0 X1": (observable("Y0 X1", 2).action(), -1),
        "fidelity": (projection(other), 0),
        "fidelity of 1": (projection(psi), 0),
    }
    covered = dict.fromkeys(asked, 0)
    for seed in range(200):
        data = simulate(psi, settings, 60, seed=seed + 1)
        fit = pure_maximum_likelihood(data, seed, also_from=psi, starts=0).vector
        scatter = fisher(fit, data)
        for name, (action, least) in asked.items():
            found = scatter.interval(action, least, 1)
            covered[name] += (
                found.low <= np.vdot(psi, action(psi)).real + 1e-12 <= found.high + 2e-12
            )
    for name, times in covered.items():
        assert 178 <= times <= (200 if name == "fidelity of 1" else 199), covered


def test_refits_and_the_fisher_matrix_agree():
    """Errors from 60 refits are known to a tenth; four of those."""
    psi = known.random_state(2, 5)
    data = simulate(psi, chosen_settings("pauli:9", 2, 1), 200, seed=1)
    fit = pure_maximum_likelihood(data, 1).vector
    again = [
        pure_maximum_likelihood(
            simulate(fit, data.settings, 200, seed=s + 2), s, also_from=fit, starts=0
        ).vector
        for s in range(60)
    ]
    refits, told = Refits(fit, fit[None], True, np.array(again)), fisher(fit, data)
    for text in ("Z0", "X0 Y1", "Y1"):
        one, other = of_words(refits, text, 2), of_words(told, text, 2)
        assert one.error == pytest.approx(other.error, rel=0.4)
        assert abs(one.value - other.value) < other.error
