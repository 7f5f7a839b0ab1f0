"""Directions of descent against finite differences and dense algebra."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lively import lively
from numpy.testing import assert_allclose

from nqs.measurement.effects import basis_bits
from nqs.training.descent import (
    OPTIMISERS,
    Recipe,
    Sampled,
    learning_rate,
    memory_of,
    moved,
    surprise,
    temperature,
    trusted,
)
from nqs.training.flat import flattened

SITES = 4
H = np.random.default_rng(1).normal(size=(2, 16, 16))
H = H[0] + H[0].T + 1j * (H[1] - H[1].T)


def everything(state):
    """All configurations with their weight, and the deviation of their local energy."""
    psi = state.vector()
    local = (H @ psi) / psi
    weights = np.abs(psi) ** 2
    return Sampled(
        jnp.asarray(basis_bits(SITES), jnp.int32), weights, local - np.vdot(psi, H @ psi).real
    )


@partial(jax.jit, static_argnums=(0, 1))
def stepped(recipe, model, *rest):
    return OPTIMISERS[recipe.optimiser].step(recipe, model, *rest)


def displaced(state):
    """log ψ of everything with each parameter 1e-6 higher, and lower, (parameters, 16) each."""
    vector, rebuilt = flattened(state.variables)
    bits = basis_bits(SITES).astype(np.int32)
    every = jax.jit(jax.vmap(lambda x: state.model.apply(rebuilt(x), bits)))
    step = 1e-6 * np.eye(len(vector))
    return np.asarray(every(vector + step)), np.asarray(every(vector - step))


def energies(log_psi):
    """⟨H⟩ of each row of amplitudes."""
    psi = np.exp(log_psi)
    return (psi.conj() * (psi @ H.T)).sum(axis=1).real / (np.abs(psi) ** 2).sum(axis=1)


def centred(state):
    """∂ log ψ − mean of all configurations, (16, parameters), by finite differences."""
    higher, lower = displaced(state)
    rows = (higher - lower).T / 2e-6
    return rows - np.abs(state.vector()) ** 2 @ rows


STATES = {
    "fewer parameters than rows": lively("rbm", SITES, seed=1, hidden=1),
    "more": lively("recurrent", SITES, seed=2, hidden=4),
    "positive": lively("rbm-positive", SITES, seed=3, hidden=3),
}


@pytest.mark.parametrize("state", STATES.values(), ids=list(STATES))
def test_adam_goes_down_the_gradient_of_the_energy(state):
    higher, lower = displaced(state)
    slope = (energies(higher) - energies(lower)) / 2e-6
    recipe = Recipe(optimiser="adam")
    memory = memory_of(recipe, state.variables)
    update, _ = stepped(recipe, state.model, state.variables, everything(state), memory, 0, 1.0)
    # the first step of Adam is the sign of the gradient
    assert np.abs(slope).max() > 0.1
    assert_allclose(update, slope / (np.abs(slope) + 1e-8), atol=1e-4)


@pytest.mark.parametrize("optimiser", ["natural", "march"])
@pytest.mark.parametrize("state", STATES.values(), ids=list(STATES))
def test_natural_gradients_solve_the_regularised_equations(state, optimiser):
    """Both ways to solve them, with momentum and second moments, against one dense least-squares problem."""
    jacobian, drawn = centred(state), everything(state)
    root = np.sqrt(np.asarray(drawn.weights))[:, None]
    rows = np.concatenate([(root * jacobian).real, (root * jacobian).imag])
    target = root[:, 0] * np.asarray(drawn.residual)
    target = np.concatenate([target.real, target.imag])
    if state.model is STATES["positive"].model:
        rows, target = rows[:16], target[:16]
    number, parameters = rows.shape
    recipe = Recipe(optimiser, shift=0.05, shift_decay=1.0, trust=1e9, momentum=0.7)
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=parameters), rng.uniform(0.1, 3.0, parameters)
    memory = memory_of(recipe, state.variables)
    scales = np.ones(parameters)
    if optimiser == "march":
        memory, scales = memory._replace(first=first, second=second), second**0.25
    else:
        memory = jnp.asarray(first)
    update, kept = stepped(recipe, state.model, state.variables, drawn, memory, 50, 0.1)
    scaled = rows * scales
    shift = 0.05 * (scaled**2).sum() / min(number, parameters)
    left = np.concatenate([scaled, np.sqrt(shift) * np.eye(parameters)])
    right = np.concatenate([target - 0.7 * rows @ first, np.zeros(parameters)])
    expected = scales * np.linalg.lstsq(left, right, rcond=None)[0] + 0.7 * first
    if optimiser == "march":
        kept, changed = kept
        assert_allclose(changed, 0.995 * second + (kept - first) ** 2)
    assert_allclose(kept, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())
    assert_allclose(update, 0.1 * kept)


def test_without_second_moments_a_first_step_of_march_is_a_natural_one():
    state = STATES["more"]
    updates = []
    for optimiser in ("natural", "march"):
        recipe = Recipe(optimiser)
        memory = memory_of(recipe, state.variables)
        drawn = everything(state)
        update, _ = stepped(recipe, state.model, state.variables, drawn, memory, 0, 0.1)
        updates.append(update)
    assert_allclose(*updates, rtol=1e-9)


def test_a_temperature_goes_down_the_gradient_of_the_free_energy():
    """⟨H⟩ − T S with S = −Σ p log p, of a state that is not normalised."""
    state, heat = STATES["fewer parameters than rows"], 0.8
    higher, lower = displaced(state)

    def free_energies(log_psi):
        p = np.abs(np.exp(log_psi)) ** 2
        p = p / p.sum(axis=1, keepdims=True)
        return energies(log_psi) + heat * (p * np.log(p)).sum(axis=1)

    slope = (free_energies(higher) - free_energies(lower)) / 2e-6
    drawn, recipe = everything(state), Recipe(optimiser="adam")
    heated = heat * surprise(state.model, state.variables, drawn.bits, drawn.weights)
    drawn = drawn._replace(residual=drawn.residual + heated)
    memory = memory_of(recipe, state.variables)
    update, _ = stepped(recipe, state.model, state.variables, drawn, memory, 0, 1.0)
    assert_allclose(update, slope / (np.abs(slope) + 1e-8), atol=1e-4)


def test_the_temperature_falls_to_nothing_at_half_the_schedule():
    recipe = Recipe(temperature=2.0, cooled=0.5)
    found = [float(temperature(recipe, step, 1000)) for step in (0, 250, 500, 900)]
    assert_allclose(found, [2.0, 1.0, 0.0, 0.0])


def test_a_step_changes_the_state_no_more_than_it_is_trusted():
    state = STATES["more"]
    recipe = Recipe(trust=1e-3)
    memory = memory_of(recipe, state.variables)
    after, _ = moved(recipe, state.model, state.variables, everything(state), memory, 0, 0.5)
    bits = basis_bits(SITES).astype(np.int32)
    change = np.asarray(state.model.apply(after, bits) - state.model.apply(state.variables, bits))
    weights = np.abs(state.vector()) ** 2
    change = change - weights @ change
    assert_allclose(np.sqrt(weights @ np.abs(change) ** 2), 1e-3, rtol=0.02)


def test_the_rate_rests_and_then_falls_geometrically():
    recipe = Recipe(rate=0.1, last_rate=0.1, plateau=0.3)
    rates = [float(learning_rate(recipe, step, 1000)) for step in (0, 300, 650, 1000)]
    assert_allclose(rates, [0.1, 0.1, 0.1 * 0.1**0.5, 0.01])


def test_complex_parameters_count_twice_and_come_back():
    tree = {"a": jnp.arange(3.0), "b": jnp.array([[1 + 2j, 3 - 1j]])}
    vector, rebuilt = flattened(tree)
    assert vector.shape == (7,)
    assert not jnp.iscomplexobj(vector)
    for leaf, again in zip(jax.tree.leaves(tree), jax.tree.leaves(rebuilt(vector)), strict=True):
        assert_allclose(leaf, again)


def test_samples_whose_energy_is_far_off_count_less():
    """As if their residual and derivatives were as many times smaller as they are too far."""
    rng = np.random.default_rng(3)
    energy = rng.normal(size=999) + 1j * rng.normal(size=999) - 7
    energy[::250] = [1e3, -1e6, 1e9j, 400]
    distance = np.abs(energy - np.median(energy.real) - 1j * np.median(energy.imag))
    spread = np.sqrt(np.mean(np.sort(distance)[:995] ** 2))
    expected = np.minimum(1, 5 * spread / distance) ** 2
    assert (expected < 1).sum() == 4
    found = np.asarray(trusted(jnp.asarray(energy), 5.0))
    assert_allclose(found, expected / expected.sum(), rtol=1e-9)
    assert_allclose(trusted(jnp.full(5, 2.0 + 0j), 5.0), 0.2)
