"""Norms by weighted chains against sums over all strings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact import FALSE_ALARM, chance, frequencies
from lively import lively
from numpy.testing import assert_allclose
from scipy.stats import chi2

from nqs.evaluation import norm
from nqs.evaluation.norm import annealed_norm, log_norm, of_weights
from nqs.measurement.effects import basis_bits
from nqs.state import annealing, born
from nqs.state.annealing import Between, Chains, Way
from nqs.state.partition import Normalised, Sampled, partition_of
from nqs.state.state import initial_variables

SITES = 8
STRENGTH = {"rbm-phase": 0.5, "rbm": 0.2}


def state_of(name):
    return lively(name, SITES, strength=STRENGTH[name])


def exact_log_z(model, variables, sites=SITES):
    return jax.nn.logsumexp(2 * born.all_log_psi(model, variables, sites).real)


def log_odds(state):
    p = np.clip(np.abs(state.vector()) ** 2 @ basis_bits(state.sites), 0.05, 0.95)
    return np.log(p / (1 - p))


def every_string(sites=SITES):
    return Chains(jnp.asarray(basis_bits(sites), jnp.int32), jnp.zeros(2**sites), jnp.zeros(()))


@pytest.mark.parametrize("name", STRENGTH)
def test_all_strings_once_give_log_z_and_its_gradient(name):
    state = state_of(name)

    def sampled(variables):
        return annealing.log_norm(state.model, variables, every_string())

    def summed(variables):
        return exact_log_z(state.model, variables)

    ours, theirs = (jax.jit(jax.value_and_grad(f))(state.variables) for f in (sampled, summed))
    jax.tree.map(lambda a, b: assert_allclose(a, b, atol=1e-9), ours, theirs)


@pytest.mark.parametrize("name", STRENGTH)
def test_annealed_log_z_lies_within_its_errors(name):
    """Σ ((value − exact)/error)² of eight seeds is chi-square; fails by chance once in ten thousand."""
    state = state_of(name)
    odds, exact = log_odds(state), float(exact_log_z(state.model, state.variables))
    found = [annealed_norm(state, odds, seed, 64) for seed in range(8)]
    z = np.array([(each.value - exact) / each.error for each in found])
    assert (z**2).sum() < chi2.ppf(1 - FALSE_ALARM, len(z))
    assert (z**2).sum() > chi2.ppf(FALSE_ALARM, len(z))
    assert max(each.error for each in found) < 0.1


def test_chains_on_the_way_are_of_the_state_between():
    """Block Gibbs of the scaled machine: all strings, chi-square; once in ten thousand by chance."""
    state = lively("rbm-phase", 4)
    way = Way(state.variables, jnp.array([0.5, -1.0, 0.2, 1.5]), 0.6)
    model, number = Between(state.model), 20_000
    key = jax.random.key(1)
    begun = annealing.from_product(way.log_odds, number, key)
    moved, _ = annealing.swept("gibbs", model, way, begun, jax.random.key(2), 30)
    weights = np.exp(2 * np.asarray(model.apply(way, jnp.asarray(basis_bits(4)))))
    assert chance(frequencies(np.asarray(moved.bits)), weights / weights.sum()) > FALSE_ALARM


def test_at_the_end_of_the_way_is_the_state():
    """Both differ by a constant alone."""
    state = state_of("rbm-phase")
    bits = jnp.asarray(basis_bits(SITES))
    end = Between(state.model).apply(Way(state.variables, jnp.ones(SITES), 1.0), bits)
    assert_allclose(np.ptp(end - state.log_psi(bits).real), 0, atol=1e-12)


def test_drawing_again_keeps_what_the_weights_stand_for():
    """log Z, and the mean of a bit within four errors of 400 draws; once in 16,000 by chance."""
    state = state_of("rbm-phase")
    rng = np.random.default_rng(0)
    bits = jnp.asarray(rng.integers(0, 2, (256, SITES)), jnp.int32)
    chains = Chains(bits, jnp.full(256, SITES * np.log(2) - np.log(256)), jnp.zeros(()))
    model, variables = state.model, state.variables
    weights = jax.nn.softmax(chains.log_weight + annealing.log_density(model, variables, bits))
    keys = jax.random.split(jax.random.key(3), 400)
    again = jax.vmap(lambda key: annealing.drawn_again(model, variables, chains, key))(keys)
    means = np.asarray(again.bits[:, :, 0]).mean(axis=1)
    expected = float(weights @ bits[:, 0])
    assert abs(means.mean() - expected) < 4 * means.std() / 20 + 1e-12
    assert_allclose(
        annealing.log_norm(model, variables, jax.tree.map(lambda leaf: leaf[0], again)),
        annealing.log_norm(model, variables, chains),
    )


@pytest.mark.parametrize("name", STRENGTH)
def test_witnesses_follow_a_state_that_learns_from_the_teachers(name):
    """Steps against the teachers' own gradient; log Z within four of the errors that it states,
    which fails by chance once in 16,000."""
    model = lively(name, SITES).model
    variables = initial_variables(model, SITES, 1, 1)
    partition = Sampled(model, SITES, chains=256, sweeps=1)
    kept = partition.begun(variables, np.zeros(SITES), 1)
    first, kept = (jax.tree.map(lambda leaf: leaf[0], tree) for tree in (variables, kept))
    shots = jnp.asarray(np.repeat(np.random.default_rng(1).integers(0, 2, (50, 1)), SITES, axis=1))

    def nll(v, kept):
        return partition.log_z(v, kept) - annealing.log_density(model, v, shots).mean()

    def step(carry, number):
        v, kept = carry
        v = jax.tree.map(lambda x, g: x - 0.02 * g, v, jax.grad(nll)(v, kept))
        return (v, partition.followed(v, v, kept, number)), None

    (last, kept), _ = jax.jit(lambda c: jax.lax.scan(step, c, jnp.arange(60)))((first, kept))
    value, error = partition.judged(last, kept)
    exact = float(exact_log_z(model, last))
    assert abs(exact - float(exact_log_z(model, first))) > 0.3
    assert abs(float(value) - exact) < 4 * float(error) < 0.8


def test_log_z_is_left_as_it_is_where_time_runs_out(monkeypatch):
    """The next attempt takes four times as long as the one before; it is asked for once."""
    monkeypatch.setattr(norm, "VECTOR_SITES", 2)
    state, asked = state_of("rbm-phase"), []

    def late(seconds):
        asked.append(seconds)
        return True

    found = log_norm(state, np.zeros(SITES), 1, 1e-9, late)
    assert (found.temperatures, len(asked)) == (256, 1)
    assert asked[0] > 0
    assert log_norm(state, np.zeros(SITES), 1, np.inf, late).temperatures == 256
    assert len(asked) == 1


def test_a_normalised_state_costs_nothing():
    state = lively("recurrent", SITES)
    partition = partition_of(state.model, SITES, 256, 1)
    assert partition == Normalised()
    assert partition.begun(None, np.zeros(SITES), 1) == ()
    assert log_norm(state, np.zeros(SITES), 1, 0.0) == (0.0, None, None, None, None)


def test_a_memory_that_knows_nothing_has_the_shape_of_one_that_does():
    model = lively("rbm", SITES).model
    partition = Sampled(model, SITES, chains=16, sweeps=1)
    variables = initial_variables(model, SITES, 1, 2)
    begun = jax.eval_shape(lambda v: partition.begun(v, np.zeros(SITES), 1), variables)
    shapes = [
        jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)
        for tree in (begun, partition.blank(2))
    ]
    assert shapes[0] == shapes[1]


def test_equal_weights_have_no_error():
    found = of_weights(np.full(100, np.log(0.01) + 3.0))
    assert found.value == pytest.approx(3.0)
    assert found.error == pytest.approx(0.0, abs=1e-7)
    assert found.effective_samples == pytest.approx(100)
