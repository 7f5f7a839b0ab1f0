"""Outcome probabilities in rotated settings against dense algebra, and gradients of the likelihood."""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact import asymmetric_state, probabilities, random_projectors
from lively import NAMES, lively
from numpy.testing import assert_allclose

from nqs.measurement.dataset import Measurements
from nqs.state import born
from nqs.state.simulate import simulate
from nqs.training.likelihood import NegativeLogLikelihood, shots

SITES = 3
EVERY_SETTING = tuple("".join(s) for s in product("XYZI", repeat=SITES))
SOME_SETTINGS = {
    "one": ("XYZ",),
    "Z first": ("ZXY", "ZIZ", "IYX"),
    "Z last": ("XXZ", "YIZ", "IZI", "YXZ"),
    "Z alone": ("ZZZ",),
    "Z in the middle": ("XZY", "YIX", "XIZ"),
    "in no order": ("YYX", "XZZ", "YYZ", "ZXX", "XZX"),
}

readouts = np.array(
    [[[0.9, 0.2], [0.1, 0.8]], [[1.0, 0.05], [0.0, 0.95]], [[0.7, 0.1], [0.3, 0.9]]]
)
born_rule = jax.jit(born.vector_log_probabilities)


def born_probabilities(psi, settings, effects=None, readout=None):
    return np.exp(born_rule(psi, born.rotations(settings, effects, readout)))


@pytest.mark.parametrize("readout", [None, readouts], ids=["clean", "readout"])
def test_every_pauli_setting_obeys_the_born_rule(readout):
    """All 64 settings of X, Y, Z and I on three sites, for several complex vectors."""
    for seed in range(3):
        psi = asymmetric_state(SITES, seed)
        expected = [probabilities(psi, setting, readout=readout) for setting in EVERY_SETTING]
        found = born_probabilities(psi, EVERY_SETTING, readout=readout)
        assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("settings", SOME_SETTINGS.values(), ids=SOME_SETTINGS)
def test_settings_that_share_a_beginning_do_not_mix(settings):
    """The tree of rotations gives each setting what it gets alone."""
    psi = asymmetric_state(SITES)
    expected = [probabilities(psi, setting) for setting in settings]
    assert_allclose(born_probabilities(psi, settings), expected, atol=1e-10)


@pytest.mark.parametrize("letters", ["AB", "ZB"], ids=["new letters", "Z with another meaning"])
def test_measurements_may_be_named_by_their_effects(letters):
    """Projectors on random complex directions, beside the Paulis and with readout errors."""
    first, second = letters
    effects = {first: random_projectors(1), second: random_projectors(2)}
    settings = tuple(
        text.replace("a", first).replace("b", second) for text in ("aXb", "bba", "Iab", "aaa")
    )
    psi = asymmetric_state(SITES)
    expected = [probabilities(psi, setting, effects, readouts) for setting in settings]
    assert_allclose(born_probabilities(psi, settings, effects, readouts), expected, atol=1e-10)


def test_effects_that_are_not_projectors_are_read_as_well():
    blurred = {"A": 0.9 * random_projectors(1) + 0.05 * np.eye(2)}
    psi, settings = asymmetric_state(SITES), ("AXZ", "IAA")
    expected = [probabilities(psi, setting, blurred) for setting in settings]
    assert_allclose(born_probabilities(psi, settings, blurred), expected, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_of_an_ansatz_sum_to_one(name):
    """In every setting, whatever the norm of the ansatz; and they are those of its vector."""
    state = lively(name, SITES)
    settings = ("XYZ", "ZZZ", "YIX")
    p = np.exp(state.log_probabilities(settings))
    # an ignored site carries the marginal twice
    assert_allclose(p.sum(axis=1), [1, 1, 2], atol=1e-10)
    assert_allclose(p, [probabilities(state.vector(), s) for s in settings], atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sites", [1, 3, 7])
def test_all_amplitudes_are_those_asked_for_one_by_one(name, sites):
    """The tree of beginnings against the row by row call, on both sides of where it doubles."""
    state = lively(name, sites)
    bits = np.array(list(product((0, 1), repeat=sites)))
    tree = jax.jit(partial(born.all_log_psi, state.model, sites=sites))(state.variables)
    assert_allclose(tree, state.log_psi(bits), atol=1e-10)


def test_a_vector_is_normalised_even_where_its_norm_overflows():
    log_psi = np.array([1000.0 + 1j, 999.0, -5000.0, 1000.0])
    psi = np.asarray(born.normalised(jnp.asarray(log_psi)))
    assert_allclose(np.linalg.norm(psi), 1, atol=1e-12)
    assert_allclose(psi[0] / psi[3], np.exp(1j), atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_likelihood_and_its_gradient(name):
    """−Σ counts log P / Σ counts by dense algebra; gradients by central differences to 1e-6."""
    state = lively(name, SITES)
    readout = (0.03, 0.08)
    data = simulate(asymmetric_state(SITES), ("XYZ", "ZZY", "YIX"), 200, 3, readout=readout)
    batch = shots(data)
    likelihood = NegativeLogLikelihood(state.model, SITES)
    value_and_gradient = jax.jit(jax.value_and_grad(likelihood))
    value, gradient = value_and_gradient(state.variables, batch)

    p = np.array([probabilities(state.vector(), s, readout=data.readout) for s in data.settings])
    assert_allclose(value, -np.sum(data.table() * np.log(p)) / data.shots, atol=1e-10)

    rng = np.random.default_rng(0)
    step = 2e-6
    for _ in range(3):
        along = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), state.variables)
        ahead, behind = (
            value_and_gradient(
                jax.tree.map(lambda x, d, s=sign: x + s * step * d, state.variables, along), batch
            )[0]
            for sign in (1, -1)
        )
        slope = sum(jax.tree.leaves(jax.tree.map(jnp.vdot, gradient, along)))
        assert_allclose(slope, (ahead - behind) / (2 * step), atol=1e-6)
        assert abs(slope) > 1e-4  # a direction in which something happens


def test_likelihood_counts_training_and_held_out_shots_apart():
    state = lively("rbm-phase", SITES)
    data = simulate(asymmetric_state(SITES), ("XYZ", "ZZY"), 300, 3)
    train, held_out = data.split(0.2, seed=0)
    likelihood = NegativeLogLikelihood(state.model, SITES)
    log_p = state.log_probabilities(data.settings)
    batch = shots(train, held_out)
    for value, part in (
        (likelihood(state.variables, batch), train),
        (likelihood.judge(state.variables, batch), held_out),
    ):
        assert_allclose(value, -np.sum(part.table() * log_p) / part.shots, atol=1e-10)


def test_likelihood_refuses_two_parts_that_list_other_settings():
    one, other = (
        Measurements(np.zeros((1, 2), int), (setting,), np.zeros(1, int))
        for setting in ("ZZ", "XX")
    )
    with pytest.raises(ValueError, match="same settings"):
        shots(one, other)


def test_what_is_out_of_reach_is_refused_with_the_number_of_terms():
    """2^17 amplitudes of one setting; 2^26 of 1,024 settings at 16 sites; 2^21 of a vector."""
    with pytest.raises(ValueError, match=r"need 1\.31e\+05 amplitudes.*16 sites"):
        born.rotations(("X" * 17,))
    many = tuple("X" * 6 + "".join(s) for s in product("XYZI", repeat=10))[:1024]
    with pytest.raises(ValueError, match=r"1024 settings.*need 6\.71e\+07.*at most 512 settings"):
        born.rotations(many)
    with pytest.raises(ValueError, match=r"2\^21 entries"):
        lively("rbm", 21, hidden=1).vector()
