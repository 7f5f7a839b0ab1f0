"""Natural gradients of the likelihood against dense algebra that shares nothing with them."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact import asymmetric_state, probabilities
from flax import linen as nn
from lively import lively
from numpy.testing import assert_allclose, assert_array_equal

from nqs.ansatz import build
from nqs.evaluation.maximum_likelihood import pure_maximum_likelihood
from nqs.measurement.effects import basis_bits
from nqs.measurement.strata import shares, strata
from nqs.state import checkpoint
from nqs.state.partition import Normalised
from nqs.state.reading import Reader
from nqs.state.simulate import chosen_settings, simulate
from nqs.state.state import initial_variables
from nqs.training.batches import Batches
from nqs.training.fit import OPTIMISERS, Recipe, advance, begin
from nqs.training.flat import flattened
from nqs.training.likelihood import NegativeLogLikelihood, shots
from nqs.training.natural import Local, direction
from nqs.training.stream import BatchLikelihood

SITES = 3
SETTINGS = ("ZZZ", "XYZ", "YZY", "IXI", "ZYX")


@pytest.fixture(scope="module")
def data():
    return simulate(asymmetric_state(SITES), SETTINGS, 150, 3, readout=(0.03, 0.08))


STATES = {
    "parameters": (lively("rbm-phase", SITES, seed=2, hidden=1), 40),
    "complex parameters": (lively("rbm", SITES, seed=1, hidden=1), 40),
    "directions": (lively("rbm-phase", SITES, seed=2, hidden=2), 16),
    "positive": (lively("rbm-positive", SITES, seed=3, hidden=4), 16),
    "cells": (lively("rbm-phase", SITES, seed=4, hidden=2), 8),
}
"""States, and the rows of what is solved for each."""


def with_slopes(state, of_psi):
    """What a function says of ψ, and ∂ of it for every parameter, by finite differences."""
    vector, rebuilt = flattened(state.variables)
    bits = basis_bits(state.sites).astype(np.int32)
    step = 1e-5 * np.eye(len(vector))
    every = jax.jit(jax.vmap(lambda x: state.model.apply(rebuilt(x), bits)))
    psi = np.exp(every(vector + np.concatenate([step, -step, 0 * step[:1]])))
    said = np.array([of_psi(row / np.linalg.norm(row)) for row in psi])
    higher, lower = said[: len(vector)], said[len(vector) : -1]
    return said[-1], (higher - lower) / 2e-5


def dense(state, data):
    """The gradient and the Fisher matrix Σ w E[∂ log P ∂ log Pᵀ], by finite differences."""

    def table(psi):
        return [probabilities(psi, s, readout=data.readout) for s in data.settings]

    p, slopes = with_slopes(state, table)
    share = data.table() / data.table().sum()
    times = np.array([2 ** s.count("I") for s in data.settings])  # a cell stands that often
    weight = share.sum(axis=1)[:, None] / times[:, None] * p
    scores = slopes / p
    gradient = -(share * scores).sum(axis=(1, 2))
    return gradient, np.einsum("so,aso,bso->ab", weight, scores, scores)


@pytest.mark.parametrize("space", STATES)
def test_the_direction_is_the_gradient_over_the_fisher_matrix_of_all_outcomes(space, data):
    """Solved for parameters, and for directions of the state where these are fewer."""
    state, rows = STATES[space]
    if space == "cells":
        data = simulate(asymmetric_state(SITES), ("XYZ",), 400, 3)
    gradient, fisher = dense(state, data)
    objective = NegativeLogLikelihood(state.model, SITES)
    batch = shots(data)
    value, local = jax.jit(objective.local)(state.variables, batch)
    assert_allclose(value, jax.jit(objective)(state.variables, batch), rtol=1e-12)
    parameters = len(gradient)
    assert local.jacobian.shape == (rows, parameters)
    assert (parameters < rows) == ("parameters" in space)
    assert_allclose(local.jacobian.T @ local.slope, gradient, atol=1e-7)
    memory = jnp.asarray(np.random.default_rng(0).normal(size=parameters))
    shift = 0.03 * np.trace(fisher) / min(rows, parameters)
    push = gradient - 0.7 * fisher @ memory
    expected = np.linalg.solve(fisher + shift * np.eye(parameters), push) + 0.7 * memory
    found = jax.jit(direction)(local, memory, 0.7, 0.03)
    assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert_allclose(local.size(found), np.sqrt(found @ fisher @ found), rtol=1e-5)


@pytest.mark.parametrize(("name", "many"), [("recurrent", True), ("mps", False)])
def test_shots_of_a_batch_tell_their_own_fisher_matrix(name, many):
    """Branches and contractions, fewer shots than parameters and more."""
    data = simulate(asymmetric_state(3), ("ZZZ", "XYZ", "YXX"), 200 if many else 5, 1)
    size = {"hidden": 2} if name == "recurrent" else {"bond": 2}
    state = lively(name, 3, seed=1, **size)
    parts = list(strata(data, lambda s: sum(c != "Z" for c in s), 1).values())
    reader = Reader.of(state.model, [p.settings for p in parts])
    (batch,) = Batches.of(reader, parts, shares(parts), 64).in_pieces(10**6)
    seen = [p.taken(slice(None)) for p in parts]

    def of_shots(psi):
        found = []
        for part, (bits, index) in zip(parts, seen, strict=True):
            every = np.log([probabilities(psi, s) for s in part.settings])
            found.append(every[index, bits @ np.array([4, 2, 1])])
        return np.concatenate(found)

    log_p, scores = with_slopes(state, of_shots)
    objective = BatchLikelihood(state.model, Normalised())
    value, local = jax.jit(objective.local)(state.variables, batch)
    weights = np.asarray(batch.weights)
    fisher, gradient = (scores * weights) @ scores.T, -scores @ weights
    assert_allclose(value, -weights @ log_p, rtol=1e-10)
    assert (local.jacobian.shape[0] > len(scores)) == many
    shift = 0.01 * np.trace(fisher) / min(local.jacobian.shape)
    expected = np.linalg.solve(fisher + shift * np.eye(len(scores)), gradient)
    found = direction(local, jnp.zeros(len(scores)), 0.0, 0.01)
    assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("metric", [None, "some"])
def test_a_small_shift_leaves_a_step_that_no_choice_of_parameters_changes(metric):
    """θ = A φ: the step of φ is A⁻¹ that of θ, so what it does to the outcomes is the same."""
    rng = np.random.default_rng(1)
    jacobian, slope = rng.normal(size=(9, 4)), rng.normal(size=9)
    root = rng.normal(size=(9, 9))
    g = None if metric is None else jnp.asarray(root @ root.T)
    a = rng.normal(size=(4, 4)) + 3 * np.eye(4)
    theta = direction(Local(jacobian, slope, g), jnp.zeros(4), 0.0, 1e-12)
    phi = direction(Local(jacobian @ a, slope, g), jnp.zeros(4), 0.0, 1e-12)
    assert_allclose(a @ phi, theta, rtol=1e-6)
    plain = jacobian.T @ slope
    assert not np.allclose(a @ (a.T @ plain), plain, rtol=0.1)  # a gradient would have changed


def test_a_step_changes_no_outcome_more_than_it_is_trusted(data):
    """√(Σ w P (δ log P)²) of the first step at the full rate."""
    state, _ = STATES["directions"]
    recipe = Recipe(0.7, optimiser="natural", trust=1e-3)
    objective, batch = NegativeLogLikelihood(state.model, SITES), shots(data)
    p = begin(jax.tree.map(lambda x: x[None], state.variables), "natural")
    p = jax.tree.map(lambda x: x[0], p)
    step = jax.jit(partial(OPTIMISERS["natural"].step, recipe, objective))
    _, update, _ = step(batch, 0.7, p)
    _, fisher = dense(state, data)
    change = flattened(update)[0]
    assert_allclose(np.sqrt(change @ fisher @ change), 1e-3, rtol=1e-4)


@pytest.fixture(scope="module")
def small():
    """Three sites, all settings: a network that holds any state, its starts, and the shots."""
    shots_of = simulate(asymmetric_state(3), chosen_settings("all", 3, 1), 300, 1)
    model = build("recurrent", 3, hidden=6)
    return model, initial_variables(model, 3, 2, 3), shots_of


def test_sixty_steps_reach_the_most_likely_state(small):
    model, variables, data = small
    recipe = Recipe(1.0, optimiser="natural")
    batch, objective = jax.device_put(shots(data)), NegativeLogLikelihood(model, 3)
    progress, _ = advance(objective, recipe, begin(variables, "natural"), batch, np.int32(60), 6)
    reached = min(
        float(objective(jax.tree.map(lambda x, i=i: x[i], progress.variables), batch))
        for i in range(3)
    )
    exact = pure_maximum_likelihood(data, 1).nll
    assert exact - 1e-9 < reached < exact + 1e-5
    assert_array_equal(progress.skipped, 0)


def test_ten_steps_a_checkpoint_and_ten_more_equal_twenty(tmp_path, small):
    model, variables, data = small
    objective = NegativeLogLikelihood(model, 3)
    recipe = Recipe(0.5, optimiser="natural", momentum=0.8)
    batch = jax.device_put(shots(*data.split(0.2, 1)))
    half, _ = advance(objective, recipe, begin(variables, "natural"), batch, np.int32(30), 1)
    whole, curve = advance(objective, recipe, half, batch, np.int32(30), 1)
    checkpoint.save(tmp_path / "c.h5", half, {})
    template = jax.tree.map(jnp.zeros_like, begin(variables, "natural"))
    found, _ = checkpoint.load(tmp_path / "c.h5", template)
    again, curve_again = advance(objective, recipe, jax.device_put(found), batch, np.int32(30), 1)
    for a, b in zip(
        jax.tree.leaves((whole, curve)), jax.tree.leaves((again, curve_again)), strict=True
    ):
        assert_array_equal(np.asarray(a), np.asarray(b))
    assert np.any(np.asarray(half.moments) != np.asarray(whole.moments))


class Broken(nn.Module):
    """A state whose amplitudes are no numbers where a parameter is above 3."""

    @nn.compact
    def __call__(self, bits):
        x = self.param("x", nn.initializers.normal(0.1), (2, SITES))
        return jnp.where(x[0, 0] > 3, jnp.nan, 1.0) * (bits @ (x[0] + 1j * x[1]))


def test_a_direction_that_is_not_finite_is_skipped_and_counted(data):
    variables = initial_variables(Broken(), SITES, 1, 2)
    variables = {"params": {"x": variables["params"]["x"].at[0, 0, 0].set(5.0)}}
    recipe = Recipe(0.5, optimiser="natural")
    start = begin(variables, "natural")
    progress, _ = advance(
        NegativeLogLikelihood(Broken(), SITES), recipe, start, shots(data), np.int32(10), 1
    )
    assert_array_equal(progress.skipped, [10, 0])
    assert_array_equal(progress.variables["params"]["x"][0], variables["params"]["x"][0])
    assert_array_equal(progress.moments[0], 0)
    assert np.isfinite(np.asarray(progress.moments)).all()
    assert np.any(progress.variables["params"]["x"][1] != variables["params"]["x"][1])
