"""What each ansatz promises about log ψ, against its formula written out."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lively import NAMES, lively
from numpy.testing import assert_allclose, assert_array_equal

from nqs.ansatz import build
from nqs.ansatz.autoregressive import Autoregressive
from nqs.ansatz.rbm import RBMComplex
from nqs.ansatz.recurrent import Recurrent
from nqs.state.state import State

SITES = 3
BITS = np.array(list(product((0, 1), repeat=SITES)))


def parameters(state):
    return jax.tree.map(np.asarray, state.variables["params"])


def marginal(energy, bits):
    """Σ_h exp(b·v + h·(W v + c)), the hidden units summed one by one."""
    hidden = np.array(list(product((0, 1), repeat=len(energy["hidden_bias"]))))
    exponent = hidden @ (energy["weights"] @ bits + energy["hidden_bias"])
    return np.sum(np.exp(exponent + energy["visible_bias"] @ bits))


@pytest.mark.parametrize("name", NAMES)
def test_log_psi_of_a_row_does_not_depend_on_its_company(name):
    """Any leading axes, any batch, any integer type: the same complex numbers."""
    state = lively(name, SITES)
    together = state.log_psi(BITS)
    assert together.shape == (8,)
    assert np.iscomplexobj(together)
    assert_allclose(state.log_psi(BITS.reshape(2, 4, SITES)), together.reshape(2, 4), atol=1e-12)
    assert_allclose(state.log_psi(BITS[5].astype(np.uint8)), together[5], atol=1e-12)
    assert together.std() > 0.1  # of a state that tells its bits apart


@pytest.mark.parametrize("name", NAMES)
def test_a_state_begins_where_its_seed_says(name):
    first, again, other = (lively(name, SITES, seed, strength=0) for seed in (1, 1, 2))
    assert_array_equal(first.vector(), again.vector())
    assert np.abs(first.vector() - other.vector()).max() > 1e-3


def test_amplitude_of_a_boltzmann_machine_is_the_root_of_its_marginal():
    state = lively("rbm-positive", SITES, hidden=4)
    p = [marginal(parameters(state)["amplitude"], bits) for bits in BITS]
    assert_allclose(np.exp(state.log_psi(BITS)), np.sqrt(p), rtol=1e-12)


def test_phase_of_a_boltzmann_machine_is_half_the_log_of_a_second_marginal():
    state = lively("rbm-phase", SITES, hidden=4)
    energies = parameters(state)
    psi = [
        np.sqrt(marginal(energies["amplitude"], bits))
        * np.exp(0.5j * np.log(marginal(energies["phase"], bits)))
        for bits in BITS
    ]
    assert_allclose(np.exp(state.log_psi(BITS)), psi, rtol=1e-12)


@pytest.mark.parametrize("name", ["rbm-positive", "rbm-phase"])
def test_fields_of_a_boltzmann_machine_are_the_log_odds_of_its_joint_law(name):
    """p(h, v) ∝ exp(b·v + h·(W v + c)): one unit on or off changes it by its field."""
    state = lively(name, SITES, hidden=4)
    energy = parameters(state)["amplitude"]
    v, h = np.array([1.0, 0, 1]), np.array([0.0, 1, 1, 0])

    def joint(h, v):
        fields = energy["weights"] @ v + energy["hidden_bias"]
        return energy["visible_bias"] @ v + h @ fields

    def odds(energy_of, at):
        on = [energy_of(np.where(np.arange(len(at)) == i, 1, at)) for i in range(len(at))]
        off = [energy_of(np.where(np.arange(len(at)) == i, 0, at)) for i in range(len(at))]
        return np.subtract(on, off)

    hidden = state.model.apply(state.variables, v, method="hidden_field")
    visible = state.model.apply(state.variables, h, method="visible_field")
    assert_allclose(hidden, odds(lambda at: joint(at, v), h), atol=1e-12)
    assert_allclose(visible, odds(lambda at: joint(h, at), v), atol=1e-12)


def test_complex_boltzmann_machine_is_a_product_of_hyperbolic_cosines():
    """ψ = exp(a·z) ∏ 2 cosh(W z + b), z = ±1."""
    state = lively("rbm", SITES, hidden=4)
    p = parameters(state)
    a, b, w = (
        p[f"{which}_real"] + 1j * p[f"{which}_imaginary"]
        for which in ("visible_bias", "hidden_bias", "weights")
    )
    z = 1 - 2 * BITS
    psi = np.exp(z @ a) * np.prod(2 * np.cosh(z @ w + b), axis=1)
    assert_allclose(np.exp(state.log_psi(BITS)), psi, rtol=1e-12)


def test_large_weights_do_not_overflow():
    """cosh(1000) is beyond double precision, its logarithm and gradient are not."""
    state = lively("rbm", SITES, strength=0)
    large = jax.tree.map(lambda leaf: 1e4 * leaf, state.variables)

    def total(variables):
        return RBMComplex(SITES).apply(variables, jnp.asarray(BITS)).real.sum()

    value, gradient = jax.value_and_grad(total)(large)
    assert np.isfinite(value)
    assert value > 1000
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_recurrent_state_is_normalised_without_being_asked():
    """Σ |ψ|² = 1 over all 32 bit strings."""
    state = lively("recurrent", 5)
    bits = np.array(list(product((0, 1), repeat=5)))
    assert_allclose(np.sum(np.exp(2 * state.log_psi(bits).real)), 1, atol=1e-12)


def test_a_site_is_not_told_what_comes_after_it():
    """p(σ_0 … σ_n), summed from the joint law, is what the first n conditionals multiply to."""
    state = lively("recurrent", SITES)
    joint = np.exp(2 * state.log_psi(BITS).real).reshape((2,) * SITES)

    def leading(module):
        first = module.next_bit(module.start(1), 0)
        after = module.advance(jnp.tile(module.start(1), (2, 1)), jnp.arange(2), 0)
        second = module.next_bit(after, 1)
        return [
            jnp.stack([jnp.exp(2 * given.log_modulus(bit)) for bit in (0, 1)], axis=1)
            for given in (first, second)
        ]

    first, second = state.model.apply(state.variables, method=leading)
    assert_allclose(first[0], joint.sum((1, 2)), atol=1e-12)
    assert_allclose(first[0][:, None] * second, joint.sum(2), atol=1e-12)


def test_recurrent_state_holds_a_product_state_exactly():
    """Biases alone: p_n(1) = sigmoid(b_n) and a phase c_n for bit 1, site by site."""
    state = lively("recurrent", SITES)
    params = dict(parameters(state))
    for head in ("amplitude_head", "phase_head"):
        params[head] = np.zeros_like(params[head])
    p1 = 1 / (1 + np.exp(-params["amplitude_bias"]))
    one = np.sqrt(p1) * np.exp(1j * params["phase_bias"])
    sites = np.where(BITS == 1, one, np.sqrt(1 - p1))
    psi = np.exp(State(state.model, {"params": params}, SITES).log_psi(BITS))
    assert_allclose(psi, sites.prod(axis=1), atol=1e-12)


def test_recurrent_state_without_phase_is_positive():
    state = lively("recurrent", SITES, phase=False)
    psi = np.exp(state.log_psi(BITS))
    assert_allclose(psi.imag, 0, atol=1e-15)
    assert psi.real.min() > 0


def test_memory_of_a_long_chain_does_not_fade_into_nan():
    state = lively("recurrent", 100, strength=3.0)
    bits = np.random.default_rng(0).integers(0, 2, (4, 100))
    assert np.isfinite(state.log_psi(bits)).all()


def test_names_are_a_menu():
    with pytest.raises(ValueError, match=r"unknown ansatz 'rbn'.*recurrent, mps, recurrent-2d"):
        build("rbn", SITES)
    with pytest.raises(ValueError, match=r"no option 'width'; it has .*hidden"):
        build("recurrent", SITES, width=3)
    assert isinstance(build("recurrent", SITES, hidden=7), Recurrent)
    assert issubclass(Recurrent, Autoregressive)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_counted_as_real_numbers(name):
    """What the leaves hold, and none of them complex."""
    state = lively(name, SITES)
    leaves = jax.tree.leaves(parameters(state))
    assert state.parameters == sum(leaf.size for leaf in leaves)
    assert not any(np.iscomplexobj(leaf) for leaf in leaves)
