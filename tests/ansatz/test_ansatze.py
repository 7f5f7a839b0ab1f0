"""What each ansatz promises about log ψ, against its formula written out."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lively import NAMES, lively
from numpy.testing import assert_allclose, assert_array_equal

from nqs.ansatz import build
from nqs.ansatz.rbm import RBMComplex
from nqs.ansatz.recurrent import Recurrent

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

    value, gradient = jax.jit(jax.value_and_grad(total))(large)
    assert np.isfinite(value)
    assert value > 1000
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_names_are_a_menu():
    with pytest.raises(ValueError, match=r"unknown ansatz 'rbn'.*recurrent, mps, recurrent-2d"):
        build("rbn", SITES)
    with pytest.raises(ValueError, match=r"no option 'width'; it has .*hidden"):
        build("recurrent", SITES, width=3)
    assert isinstance(build("recurrent", SITES, hidden=7), Recurrent)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_counted_as_real_numbers(name):
    """What the leaves hold, and none of them complex."""
    state = lively(name, SITES)
    leaves = jax.tree.leaves(parameters(state))
    assert state.parameters == sum(leaf.size for leaf in leaves)
    assert not any(np.iscomplexobj(leaf) for leaf in leaves)
