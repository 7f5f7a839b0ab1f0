"""Simulated shots follow the Born rule of the noisy state, and their settings are those asked for."""

from itertools import product

import numpy as np
import pytest
from exact import FALSE_ALARM, asymmetric_state, chance, mixed_state, pauli, probabilities
from numpy.testing import assert_allclose, assert_array_equal

from nqs.state.simulate import chosen_settings, simulate

SETTINGS = ("XYZ", "YZX", "ZIY", "IXI")
READOUT = np.array([[0.02, 0.10], [0.15, 0.01], [0.05, 0.08]])


def true_probabilities(state, setting, depolarising=0.0, pairs=None):
    """By dense algebra; an outcome where nothing is measured counts as 0."""
    rho = np.outer(state, state.conj()) if state.ndim == 1 else state
    rho = (1 - depolarising) * rho + depolarising * np.eye(len(rho)) / len(rho)
    readout = None
    if pairs is not None:
        readout = [[[1 - up, down], [up, 1 - down]] for up, down in pairs]
    everything = probabilities(rho, setting, readout=readout)
    ignored = np.array([letter == "I" for letter in setting])
    bits = np.array(list(product((0, 1), repeat=len(setting))))
    return np.where((bits & ignored).any(axis=1), 0, everything)


@pytest.mark.parametrize("state", [asymmetric_state(3), mixed_state(3)], ids=["vector", "matrix"])
@pytest.mark.parametrize(("depolarising", "pairs"), [(0.0, None), (0.3, None), (0.2, READOUT)])
def test_shots_follow_the_noisy_born_rule(state, depolarising, pairs):
    """Chi-square in four settings; by chance one run in 2,500 fails."""
    data = simulate(state, SETTINGS, 20_000, 5, depolarising=depolarising, readout=pairs)
    for counts, setting in zip(data.table(), SETTINGS, strict=True):
        assert chance(counts, true_probabilities(state, setting, depolarising, pairs)) > FALSE_ALARM


@pytest.mark.parametrize("state", [asymmetric_state(3), mixed_state(3)], ids=["vector", "matrix"])
def test_local_noise_loses_each_site_by_itself(state):
    """Against ρ → (1 − p) ρ + p Tr_site ρ ⊗ 1/2 of every site in turn; by chance one run in 2,500 fails."""
    rho, p = np.outer(state, state.conj()) if state.ndim == 1 else state, 0.3
    for site in range(3):
        paulis = [pauli("I" * site + letter + "I" * (2 - site)) for letter in "IXYZ"]
        lost = sum(each @ rho @ each for each in paulis) / 4
        rho = (1 - p) * rho + p * lost
    data = simulate(state, SETTINGS, 20_000, 5, local=p, readout=READOUT)
    for counts, setting in zip(data.table(), SETTINGS, strict=True):
        assert chance(counts, true_probabilities(rho, setting, 0.0, READOUT)) > FALSE_ALARM


@pytest.mark.parametrize("wrong", [(0.0, READOUT), (0.2, None), (0.2, READOUT[:, ::-1])])
def test_twenty_thousand_shots_tell_one_noise_from_another(wrong):
    """The chi-square above is able to fail."""
    state = asymmetric_state(3)
    data = simulate(state, SETTINGS, 20_000, 5, depolarising=0.2, readout=READOUT)
    worst = min(
        chance(counts, true_probabilities(state, setting, *wrong))
        for counts, setting in zip(data.table(), SETTINGS, strict=True)
    )
    assert worst < FALSE_ALARM


def test_a_pure_density_matrix_gives_the_shots_of_its_vector():
    psi = asymmetric_state(3)
    vector = simulate(psi, SETTINGS, 500, 1)
    matrix = simulate(np.outer(psi, psi.conj()), SETTINGS, 500, 1)
    assert_array_equal(vector.table(), matrix.table())


def test_readout_errors_turn_the_bit_they_are_named_after():
    """P(1|0) = 1 turns |00⟩ into 11; P(0|1) = 1 leaves it alone."""
    up = np.array([1, 0, 0, 0])
    assert_array_equal(simulate(up, ["ZZ"], 10, 0, readout=(1, 0)).table(), [[0, 0, 0, 10]])
    assert_array_equal(simulate(up, ["ZZ"], 10, 0, readout=(0, 1)).table(), [[10, 0, 0, 0]])
    first_site = simulate(up, ["ZZ"], 10, 0, readout=[(1, 0), (0, 0)])
    assert_array_equal(first_site.table(), [[0, 0, 10, 0]])


def test_shots_know_where_they_come_from():
    psi = asymmetric_state(3)
    data = simulate(psi, SETTINGS, 123, 7, depolarising=0.25, readout=(0.02, 0.03))
    assert_array_equal(data.shots_per_setting, [123] * 4)
    assert data.settings == SETTINGS
    assert_allclose(data.target, psi)
    assert_allclose(data.readout, [[[0.98, 0.03], [0.02, 0.97]]] * 3)
    for word in ("3 sites", "123 shots", "seed 7", "0.25", "0.02", "0.03"):
        assert word in data.source
    assert len(data.merged().counts) == len(data.counts)


def test_shots_are_a_function_of_the_seed():
    psi = asymmetric_state(3)
    first, again, other = (simulate(psi, SETTINGS, 500, seed) for seed in (1, 1, 2))
    assert_array_equal(first.table(), again.table())
    assert (first.table() != other.table()).any()
    longer = simulate(psi, (*SETTINGS, "ZZZ"), 500, 1)
    assert_array_equal(longer.table()[:4], first.table())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": np.ones(8)}, "squared norm 8"),
        ({"target": np.ones(7)}, r"shape \(7,\)"),
        ({"settings": ["XX"]}, "'XX' names 2 sites but the target has 3"),
        ({"settings": ["XXQ"]}, "unknown measurement letter 'Q'"),
        ({"settings": []}, "no setting"),
        ({"shots": 0}, "shots is 0"),
        ({"depolarising": 1.5}, "depolarising is 1.5"),
        ({"readout": (0.1, 2)}, r"readout is \[0.1 2"),
    ],
)
def test_what_cannot_be_simulated_is_refused_by_name(change, message):
    arguments = {"target": asymmetric_state(3), "settings": ["XXX"], "shots": 5, "seed": 0}
    with pytest.raises(ValueError, match=message):
        simulate(**{**arguments, **change})


def test_settings_may_be_written_out():
    assert chosen_settings("Z", 4, 0) == ("ZZZZ",)
    assert chosen_settings("Z,XXZZ, IIYX", 4, 0) == ("ZZZZ", "XXZZ", "IIYX")


def test_all_settings_are_all_of_them():
    expected = {"".join(letters) for letters in product("XYZ", repeat=3)}
    settings = chosen_settings("all", 3, 0)
    assert len(settings) == 27
    assert set(settings) == expected


@pytest.mark.parametrize("text", ["pauli:5+Z+X", "Z,X,pauli:5", "Z,pauli:5,X"])
@pytest.mark.parametrize("sites", [2, 12])
def test_random_settings_are_distinct_from_each_other_and_from_those_listed(text, sites):
    for seed in range(20):
        settings = chosen_settings(text, sites, seed)
        assert len(settings) == len(set(settings)) == 7
        listed = text.replace("+", ",").split(",")
        place = [i + 4 * ("pauli:5" in listed[:i]) for i, part in enumerate(listed)]
        for i, part in zip(place, listed, strict=True):
            if len(part) == 1:
                assert settings[i] == part * sites
        assert set("".join(settings)) <= set("XYZ")
        assert settings == chosen_settings(text, sites, seed)


def test_random_settings_are_uniform():
    """Three of nine, a thousand times: chi-square, by chance one run in 10,000 fails."""
    names = ["".join(letters) for letters in product("XYZ", repeat=2)]
    drawn = [setting for seed in range(1000) for setting in chosen_settings("pauli:3", 2, seed)]
    # without replacement the counts vary less than independent ones, by (9 − 3) / (9 − 1)
    assert chance([drawn.count(name) for name in names], np.full(9, 1 / 9)) > FALSE_ALARM


@pytest.mark.parametrize(
    ("text", "sites", "message"),
    [
        ("all", 20, "3,486,784,401 settings"),
        ("pauli:10", 2, "only 9 of the"),
        ("Z,pauli:9", 2, "only 8 of the"),
        ("pauli:some", 2, "no number"),
        ("pauli:0", 2, "no number"),
        ("z", 2, "part 'z' is not understood"),
        ("XXX", 2, "2 letters of X, Y, Z, I"),
        ("", 2, "part '' is not understood"),
        ("Z,ZZ", 2, "'ZZ' is listed twice"),
        ("I", 2, "measures no site"),
    ],
)
def test_what_is_no_setting_is_refused_with_the_part(text, sites, message):
    with pytest.raises(ValueError, match=message):
        chosen_settings(text, sites, 0)


def test_a_few_rotated_sites_are_asked_for_in_words():
    settings = chosen_settings("Z,pauli:12/3", 9, seed=2)
    assert settings[0] == "Z" * 9
    assert len(set(settings)) == 13
    assert all(sum(c in "XY" for c in s) == 3 for s in settings[1:])
    assert settings == chosen_settings("Z,pauli:12/3", 9, seed=2)
    with pytest.raises(ValueError, match="how many sites to rotate"):
        chosen_settings("pauli:12/", 9, seed=2)
    with pytest.raises(ValueError, match="asks for 40 settings, but only 4"):
        chosen_settings("pauli:40/1", 2, seed=2)
