"""The likelihood of shots is the one that dense algebra gives, and its gradient is its slope."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from exact import asymmetric_state, probabilities
from lively import lively
from numpy.testing import assert_allclose

from nqs.state.simulate import simulate
from nqs.training.likelihood import NegativeLogLikelihood, shots

SETTINGS = ("ZZ", "XY", "YZ", "IX")
READOUT = (0.03, 0.08)


@pytest.fixture(scope="module")
def parts():
    data = simulate(asymmetric_state(2), SETTINGS, 150, 3, readout=READOUT)
    return data.split(0.3, 1)


@pytest.fixture(scope="module")
def state():
    return lively("rbm-phase", 2, seed=2, hidden=3)


def dense(state, data) -> float:
    """Nats per shot, by projectors."""
    psi, table = state.vector(), data.table()
    log_p = [np.log(probabilities(psi, s, readout=data.readout)) for s in data.settings]
    return float(-(table * np.array(log_p)).sum() / table.sum())


def test_it_is_the_mean_of_the_born_rule(state, parts):
    train, held_out = parts
    objective = NegativeLogLikelihood(state.model, 2)
    batch = shots(train, held_out)
    assert_allclose(objective(state.variables, batch), dense(state, train), rtol=1e-12)
    assert_allclose(objective.judge(state.variables, batch), dense(state, held_out), rtol=1e-12)


def test_its_gradient_is_its_slope(state, parts):
    objective = NegativeLogLikelihood(state.model, 2)
    batch = shots(*parts)
    gradient = jax.jit(jax.grad(objective))(state.variables, batch)
    value = jax.jit(objective)
    rng = np.random.default_rng(5)
    direction = jax.tree.map(lambda x: rng.normal(size=x.shape), state.variables)

    def at(t):
        moved = jax.tree.map(lambda x, d: x + t * d, state.variables, direction)
        return float(value(moved, batch))

    slope = (at(1e-5) - at(-1e-5)) / 2e-5
    along = sum(map(np.vdot, jax.tree.leaves(gradient), jax.tree.leaves(direction)))
    assert_allclose(along, slope, rtol=1e-7)
    assert abs(slope) > 1e-2


def test_without_shots_held_out_there_is_no_judge(state, parts):
    objective = NegativeLogLikelihood(state.model, 2)
    assert np.isnan(objective.judge(state.variables, shots(parts[0])))


def test_parts_with_other_settings_are_refused(parts):
    train, held_out = parts
    other = replace(held_out, settings=("ZZ", "XY", "YX", "IX"))
    with pytest.raises(ValueError, match="same settings in the same order"):
        shots(train, other)
