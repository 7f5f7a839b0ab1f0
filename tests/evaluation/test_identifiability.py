"""What settings leave open: the Fisher matrix is the curvature, and its rank counts directions."""

from itertools import product

import numpy as np
import pytest
from exact import asymmetric_state, pauli_projectors, probabilities, random_projectors
from numpy.testing import assert_allclose

from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.identifiability import (
    blind_to_conjugation,
    fisher_matrix,
    fisher_rank,
    least_agreement,
)
from nqs.evaluation.maximum_likelihood import pure_maximum_likelihood
from nqs.measurement.dataset import Measurements
from nqs.state.simulate import chosen_settings, simulate
from nqs.systems.known import ghz

EFFECTS = {"A": random_projectors(1), "B": random_projectors(2)}


def taken(settings, shots, effects=None, readout=None) -> Measurements:
    """So many shots in each setting; what came out does not matter here."""
    shots = np.broadcast_to(shots, len(settings))
    return Measurements(
        outcomes=np.zeros((len(settings), len(settings[0])), int),
        settings=settings,
        setting_index=np.arange(len(settings)),
        counts=shots,
        effects=effects or {},
        readout=readout,
    )


def expected_log_likelihood(x, truth, data) -> float:
    psi = x[: truth.size] + 1j * x[truth.size :]
    psi = psi / np.linalg.norm(psi)
    total = 0.0
    for setting, shots in zip(data.settings, data.shots_per_setting, strict=True):
        p, q = (probabilities(v, setting, data.effects, data.readout) for v in (truth, psi))
        # where a site is not measured its marginal stands at both outcomes
        total += shots * (p @ np.log(q)) / 2 ** setting.count("I")
    return total


@pytest.mark.parametrize("settings", [("ZZ", "XY", "YZ"), ("AB", "ZX", "IY"), ("XX", "ZI")])
@pytest.mark.parametrize(
    "readout", [None, [[[0.9, 0.2], [0.1, 0.8]], [[0.97, 0.05], [0.03, 0.95]]]]
)
def test_the_fisher_matrix_is_the_curvature_of_the_expected_likelihood(settings, readout):
    """At a complex state, by second differences of the likelihood of dense algebra."""
    truth = asymmetric_state(2, 4)
    data = taken(settings, [500, 200, 70][: len(settings)], EFFECTS, readout)
    x, h = np.r_[truth.real, truth.imag], 1e-4
    hessian, steps = np.zeros((8, 8)), h * np.eye(8)
    for i, j in product(range(8), repeat=2):
        corners = [
            a * b * expected_log_likelihood(x + a * steps[i] + b * steps[j], truth, data)
            for a, b in product((1, -1), repeat=2)
        ]
        hessian[i, j] = sum(corners) / (4 * h**2)
    assert_allclose(fisher_matrix(truth, data), -hessian, atol=1e-3 * data.shots**0.5)


def test_norm_and_global_phase_carry_no_information():
    psi = asymmetric_state(3)
    fisher = fisher_matrix(psi, taken(chosen_settings("all", 3, 1), 100))
    for along in (psi, 1j * psi):
        assert_allclose(fisher @ np.r_[along.real, along.imag], 0, atol=1e-8)
    values = np.linalg.eigvalsh(fisher)
    assert_allclose(values[:2], 0, atol=1e-8)
    assert values[2] > 1


def test_it_grows_with_the_shots_and_not_with_the_phase():
    psi, settings = asymmetric_state(2), ("ZZ", "XY")
    once = fisher_matrix(psi, taken(settings, [100, 40]))
    assert_allclose(fisher_matrix(psi, taken(settings, [300, 120])), 3 * once)
    turned = fisher_matrix(np.exp(0.7j) * psi, taken(settings, [100, 40]))
    assert_allclose(np.linalg.eigvalsh(turned), np.linalg.eigvalsh(once), atol=1e-9)


@pytest.mark.parametrize("sites", [2, 3, 4])
def test_random_settings_fix_a_random_state(sites):
    settings = chosen_settings("pauli:9" if sites == 2 else "pauli:20", sites, 3)
    rank = fisher_rank(asymmetric_state(sites), taken(settings, 100_000))
    assert rank == (2 * 2**sites - 2, 2 * 2**sites - 2)


def test_one_phase_of_ghz_is_open_to_settings_of_one_rotated_site():
    """The phase between |0000⟩ and |1111⟩: 29 of 30 directions, and 30 with XXXX and YXXX."""
    one_site = [f"{'Z' * n}{p}{'Z' * (3 - n)}" for n in range(4) for p in "XY"]
    settings = ("ZZZZ", *one_site)
    assert fisher_rank(ghz(4), taken(settings, 10_000)) == (29, 30)
    settings += ("XXXX", "YXXX")
    assert fisher_rank(ghz(4), taken(settings, 10_000)) == (30, 30)


@pytest.mark.parametrize("sites", [1, 2, 3])
def test_shots_in_z_fix_the_moduli(sites):
    settings = ("Z" * sites,)
    data = taken(settings, 10_000)
    assert fisher_rank(asymmetric_state(sites), data) == (2**sites - 1, 2 * 2**sites - 2)


def test_the_moduli_are_what_the_matrix_of_z_shots_knows_as_well():
    """The closed answer for Z is that of the general path."""
    psi = asymmetric_state(2)
    values = np.linalg.eigvalsh(fisher_matrix(psi, taken(("ZZ",), 10_000)))
    assert (values > 0.3**-2).sum() == 3


def test_a_direction_is_fixed_only_by_enough_shots():
    psi, settings = asymmetric_state(2), ("ZZ", "XY", "YX", "XX")
    ranks = [fisher_rank(psi, taken(settings, n)).rank for n in (1, 10, 100, 1000)]
    assert ranks == sorted(ranks)
    assert ranks[0] < 6
    assert ranks[-1] == 6


def test_beyond_reach_the_rank_is_not_computed():
    settings = ("X" * 11,)
    rank = fisher_rank(np.full(2**11, 2**-5.5), taken(settings, 10))
    assert rank == (None, 2**12 - 2)


@pytest.mark.parametrize(
    ("settings", "effects", "blind"),
    [
        (("ZZ", "XX", "XZ"), {}, True),
        (("ZZ",), {}, True),
        (("IX", "ZI"), {}, True),
        (("ZZ", "XY"), {}, False),
        (("YY",), {}, False),
        (("ZZ", "AZ"), EFFECTS, False),
        (("ZZ", "HX"), {"H": (pauli_projectors("X") + pauli_projectors("Z")) / 2}, True),
    ],
)
def test_conjugation_is_invisible_where_no_effect_is_complex(settings, effects, blind):
    if "H" in effects:  # a real direction between X and Z
        c, s = np.cos(0.3), np.sin(0.3)
        effects = {
            "H": np.array([[[c * c, c * s], [c * s, s * s]], [[s * s, -c * s], [-c * s, c * c]]])
        }
    data = taken(settings, 10, effects)
    psi = asymmetric_state(2)
    same = all(
        np.allclose(probabilities(psi, s, effects), probabilities(psi.conj(), s, effects))
        for s in settings
    )
    assert blind_to_conjugation(data) is same is blind


def test_agreement_is_the_least_fidelity():
    a, b = asymmetric_state(2, 1), asymmetric_state(2, 2)
    assert least_agreement(a, []) is None
    assert_allclose(least_agreement(a, [a, b, 1j * a]), abs(np.vdot(a, b)) ** 2, rtol=1e-12)


def test_the_matrix_says_how_far_a_fit_strays():
    """Infidelity of 60 exact fits is the trace of the inverse: within four errors (1 in 16,000).

    Near the truth 1 − F = |δψ|², δψ orthogonal to ψ with the inverse as its covariance.
    """
    psi, settings = asymmetric_state(2, 1), chosen_settings("all", 2, 1)
    expected = np.trace(np.linalg.pinv(fisher_matrix(psi, taken(settings, 2000)), rcond=1e-6))
    lost = []
    for seed in range(60):
        data = simulate(psi, settings, 2000, seed)
        fit = pure_maximum_likelihood(data, 1, also_from=psi, starts=0)
        lost.append(1 - fidelity(fit.vector, psi))
    assert abs(np.mean(lost) - expected) < 4 * np.std(lost) / np.sqrt(60)


def test_the_rank_by_parts_is_that_of_the_whole(monkeypatch):
    """With a limit that all settings together pass and the first sixteen do not; out of reach: None."""
    from nqs.evaluation import identifiability

    psi, settings = asymmetric_state(3, 1), chosen_settings("all", 3, 1)
    data = taken(settings, 100)
    weakest = [  # the two smallest belong to norm and global phase
        np.linalg.eigvalsh(fisher_matrix(psi, data, part))[2] for part in (range(16), range(27))
    ]
    assert weakest[1] > 1.2 * weakest[0]
    monkeypatch.setattr(identifiability, "PINNED", np.mean(weakest) ** -0.5)
    assert fisher_rank(psi, data) == (14, 14)
    monkeypatch.setattr(identifiability, "FISHER_WORK", 16 * 4**3)
    assert fisher_rank(psi, data) == (None, 14)
    assert fisher_rank(psi, taken(settings, 1000)) == (14, 14)  # there the first are enough
