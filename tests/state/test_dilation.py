"""Mixed states read by branches and contractions, against all of their amplitudes at once."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact import FALSE_ALARM, random_projectors
from lively import moved
from numpy.testing import assert_allclose
from scipy.stats import chi2

from nqs.ansatz import build
from nqs.measurement.effects import basis_index, each_cell_once
from nqs.state import born, sampling
from nqs.state.dilation import dilation
from nqs.state.reading import Reader, log_probabilities
from nqs.state.state import State

SITES = 4
GROUPS = (("ZZZZ",), ("XZZY", "AZZX"), ("ZIXZ", "IZZY"), ("YIIX",))
MEASURED = tuple(group for group in GROUPS if "I" not in "".join(group))
EFFECTS = {"A": random_projectors(1)}
READOUT = np.array(
    [[[0.9, 0.2], [0.1, 0.8]], [[1, 0.1], [0, 0.9]], [[0.7, 0], [0.3, 1]], np.eye(2)]
)

MODELS = {
    "purification": build("purification", SITES, ancillas=2, hidden=4),
    "noisy": build("recurrent", SITES, hidden=4, white_noise=True),
    "noisy purification": build("purification", SITES, ancillas=1, hidden=4, white_noise=True),
    "lpdo": build("lpdo", SITES, bond=3),
    "noisy lpdo": build("lpdo", SITES, bond=3, white_noise=True),
    "mps": build("mps", SITES, bond=3),
}
MISREAD = ("noisy lpdo", "mps")
CONTRACTED = [name for name in MODELS if "lpdo" in name or name == "mps"]


def state_of(name: str, strength: float = 0.5) -> State:
    return moved(MODELS[name], SITES, 3, strength)


def some_shots(groups, shots=30):
    rng = np.random.default_rng(5)
    return [
        (rng.integers(0, 2, (shots, SITES)).astype(np.uint8), rng.integers(0, len(group), shots))
        for group in groups
    ]


@partial(jax.jit, static_argnums=0)
def every_log_probability(model, variables, plan):
    return born.log_probabilities(model, variables, SITES, plan)


def dense(model, variables, groups, parts, readout=None):
    """log P of the same shots from all amplitudes, (shots,)."""
    settings = tuple(s for group in groups for s in group)
    plan = born.rotations(settings, EFFECTS, readout)
    table = every_log_probability(model, variables, plan)
    first = np.cumsum([0, *map(len, groups)])
    rows = [
        table[start + index, basis_index(bits)]
        for (bits, index), start in zip(parts, first, strict=False)
    ]
    return jnp.concatenate(rows)


@pytest.mark.parametrize(
    ("name", "readout"),
    [*((name, None) for name in MODELS), *((name, READOUT) for name in MISREAD)],
    ids=[*MODELS, *(f"{name} misread" for name in MISREAD)],
)
def test_shots_of_mixed_states_are_those_of_the_density_matrix(name, readout):
    """Value to 1e-10 and gradient to 1e-8."""
    state, parts = state_of(name), some_shots(GROUPS)
    reading = Reader.of(state.model, GROUPS, EFFECTS, readout).read(parts)

    def by_strings(variables, reading):
        log_p = log_probabilities(state.model, variables, reading)
        return jnp.arange(len(log_p)) @ log_p, log_p

    def by_all(variables, _):
        log_p = dense(state.model, variables, GROUPS, parts, readout)
        return jnp.arange(len(log_p)) @ log_p, log_p

    (ours, found), (theirs, expected) = (
        jax.jit(jax.grad(f, has_aux=True))(state.variables, reading) for f in (by_strings, by_all)
    )
    assert_allclose(found, expected, atol=1e-10)
    jax.tree.map(lambda a, b: assert_allclose(a, b, atol=1e-8, rtol=1e-8), ours, theirs)


def test_a_matrix_product_state_reads_every_setting_in_one_contraction():
    for name, model in MODELS.items():
        assert Reader.of(model, GROUPS, EFFECTS).contracted == (name in CONTRACTED)


def test_what_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match="misread shots are sums over all strings"):
        Reader.of(MODELS["purification"], MEASURED, EFFECTS, READOUT)
    with pytest.raises(ValueError, match="all of its amplitudes"):
        dilation(build("low-rank", SITES, rank=2))
    with pytest.raises(ValueError, match="RBMComplex is not normalised"):
        dilation(build("rbm", SITES, hidden=2, white_noise=True))
    with pytest.raises(ValueError, match="need all outcomes at once"):
        dilation(build("recurrent", SITES, hidden=4, readout_errors=True))


@pytest.mark.parametrize("name", ["purification", "noisy purification", "noisy lpdo"])
def test_shots_of_a_mixed_state_too_large_for_all_amplitudes(name, monkeypatch):
    """Chi-square over all outcomes of a setting; fails by chance once in ten thousand."""
    monkeypatch.setattr(sampling, "DENSE_SITES", 2)
    state, setting, shots = state_of(name), "XZIY", 40_000
    drawn = state.sample(shots, seed=3, setting=setting).bits
    (p,) = each_cell_once(np.exp(state.log_probabilities([setting])), [setting])
    counts = np.bincount(basis_index(drawn), minlength=2**SITES)
    seen = p > 0
    assert counts[~seen].sum() == 0
    statistic = ((counts[seen] - shots * p[seen]) ** 2 / (shots * p[seen])).sum()
    assert chi2.sf(statistic, seen.sum() - 1) > FALSE_ALARM


def test_the_pure_state_behind_a_mixed_one_has_it_as_a_part():
    state = state_of("noisy lpdo")
    whole, places = state.whole(), list(state.dilation.places(SITES))
    rest = [n for n in range(whole.sites) if n not in places]
    vector = whole.vector().reshape((2,) * whole.sites).transpose(places + rest)
    a = vector.reshape(2**SITES, -1)
    s = state.white()
    rho = (1 - s) * a @ a.conj().T + s * np.eye(2**SITES) / 2**SITES
    assert_allclose(state.density_matrix(), rho, atol=1e-13)
