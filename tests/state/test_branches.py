"""Interfering branches and contractions against all amplitudes at once."""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact import FALSE_ALARM, random_projectors
from lively import lively
from numpy.testing import assert_allclose
from scipy.stats import chi2

from nqs.measurement.effects import basis_index, each_cell_once
from nqs.measurement.kinds import every_pauli_setting, kind
from nqs.state import born, sampling
from nqs.state.reading import Reader, log_probabilities, shot_log_probabilities
from nqs.state.state import State

SITES = 7
GROUPS = (
    ("ZZZZZZZ",),
    ("XZZYZZZ", "ZZYZZXZ", "AZZZZZB"),
    ("ZIZXZYZ", "YZXZZZI"),
    ("XYYXZYX",),
)
WHOLE = tuple(group for group in GROUPS if "I" not in "".join(group))
EFFECTS = {"A": random_projectors(1), "B": random_projectors(2)}
NORMALISED = ["recurrent", "mps", "transformer"]


def some_shots(groups, seed=0, shots=40):
    rng = np.random.default_rng(seed)
    return [
        (rng.integers(0, 2, (shots, SITES)).astype(np.uint8), rng.integers(0, len(group), shots))
        for group in groups
    ]


@partial(jax.jit, static_argnums=0)
def every_log_probability(model, variables, plan):
    return born.log_probabilities(model, variables, SITES, plan)


def dense(state, groups, parts):
    """log P of the same shots from all amplitudes, (shots,)."""
    settings = tuple(s for group in groups for s in group)
    table = every_log_probability(state.model, state.variables, born.rotations(settings, EFFECTS))
    first = np.cumsum([0, *map(len, groups)])
    return jnp.concatenate(
        [
            table[start + index, basis_index(bits)]
            for (bits, index), start in zip(parts, first, strict=False)
        ]
    )


@pytest.mark.parametrize(
    ("name", "groups"),
    [*((name, GROUPS) for name in NORMALISED), ("mps", WHOLE)],
    ids=[*NORMALISED, "mps, every site measured"],
)
def test_branches_are_the_dense_born_rule(name, groups):
    """Value to 1e-10 and gradient to 1e-8, of a complex state without symmetry."""
    state = lively(name, SITES)
    parts = some_shots(groups)
    reading = Reader.of(state.model, groups, EFFECTS).read(parts)

    def by_branches(variables, reading):
        log_p = log_probabilities(state.model, variables, reading)
        return jnp.arange(len(log_p)) @ log_p, log_p

    def by_all(variables, _):
        log_p = dense(State(state.model, variables, SITES), groups, parts)
        return jnp.arange(len(log_p)) @ log_p, log_p

    (ours, found), (theirs, expected) = (
        jax.jit(jax.grad(f, has_aux=True))(state.variables, reading) for f in (by_branches, by_all)
    )
    assert_allclose(found, expected, atol=1e-10)
    jax.tree.map(lambda a, b: assert_allclose(a, b, atol=1e-8, rtol=1e-8), ours, theirs)


@pytest.mark.parametrize("name", ["rbm", "rbm-phase"])
def test_branches_of_an_unnormalised_state_miss_its_norm_alone(name):
    state = lively(name, SITES)
    parts = some_shots(GROUPS)
    reading = Reader.of(state.model, GROUPS, EFFECTS).read(parts)
    found = jax.jit(log_probabilities, static_argnums=0)(state.model, state.variables, reading)
    log_z = np.log(
        np.sum(np.abs(np.exp(state.log_psi(np.array(list(np.ndindex(*[2] * SITES)))))) ** 2)
    )
    assert_allclose(found - log_z, dense(state, GROUPS, parts), atol=1e-10)


def test_beginnings_and_strings_are_read_once():
    """GHZ-like shots: every shot has the same few strings, however many shots there are."""
    bits = np.repeat([[0] * SITES, [1] * SITES], 500, axis=0).astype(np.uint8)
    reader = Reader.of(lively("recurrent", SITES).model, [("XXZZZZZ",)])
    tree = reader.read([(bits, np.zeros(1000, int))]).tree
    assert len(tree[-1].parents) == 8


def test_pieces_give_the_same_numbers():
    state = lively("recurrent", SITES)
    reader = Reader.of(state.model, GROUPS, EFFECTS)
    parts = some_shots(GROUPS, shots=101)
    found = shot_log_probabilities(state.model, state.variables, reader, parts, strings=300)
    assert [len(log_p) for log_p in found] == [101] * len(GROUPS)
    assert_allclose(np.concatenate(found), dense(state, GROUPS, parts), atol=1e-10)


def test_too_many_terms_are_refused_with_their_number():
    state = lively("recurrent", 20)
    with pytest.raises(ValueError, match=r"rotates 18 sites.*2\^18 = 262,144 amplitudes"):
        Reader.of(state.model, [("X" * 18 + "ZZ",)])
    with pytest.raises(ValueError, match="leaves 15 unmeasured"):
        Reader.of(state.model, [("X" + "I" * 15 + "ZZZZ",)])
    assert Reader.of(lively("mps", 20).model, [("X" * 18 + "ZZ",)]).contracted


def test_kinds_of_settings_count_letters_that_rotate():
    assert kind("XZIYA", EFFECTS) == (3, 1)
    assert kind("ZZIIZ") == (0, 2)


@pytest.mark.parametrize("name", ["recurrent", "mps", "rbm-phase"])
def test_shots_in_a_rotated_setting_of_a_large_state(name, monkeypatch):
    """Chi-square over all outcomes of a setting; fails by chance once in ten thousand."""
    monkeypatch.setattr(sampling, "DENSE_SITES", 2)
    state, setting, shots = lively(name, SITES), "XZYIZXY", 40_000
    drawn = state.sample(shots, seed=3, setting=setting).bits
    (p,) = each_cell_once(np.exp(state.log_probabilities([setting])), [setting])
    counts = np.bincount(basis_index(drawn), minlength=2**SITES)
    seen = p * shots > 5
    misfit = ((counts - p * shots)[seen] ** 2 / (p * shots)[seen]).sum()
    assert misfit < chi2.ppf(1 - FALSE_ALARM, seen.sum())
    assert not drawn[:, 3].any()


def test_all_settings_of_paulis_are_counted_once():
    words = ["".join(letters) for letters in product("XYZ", repeat=2)]
    assert every_pauli_setting((*words, "XX", "IZ"))
    assert not every_pauli_setting(("XX", *words[:8], "IZ"))
