"""Lower levels as a part of the Hamiltonian: λ |φ⟩⟨φ|, by exact sums and by samples."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lively import lively
from numpy.testing import assert_allclose

from nqs.measurement.effects import basis_bits
from nqs.state.levels import Levels, of_list, of_samples
from nqs.state.listed import listed, log_weights
from nqs.systems.hamiltonians import ising
from nqs.systems.lattices import chain

SITES, STRENGTH = 6, 0.7


def levels(*states):
    return Levels(tuple(s.variables for s in states), jnp.float64(STRENGTH))


def written_out(state, lower):
    """λ φ(σ)/ψ(σ) · ⟨φ|ψ⟩ of every basis state, and its mean, by vectors."""
    psi, phi = state.vector(), lower.vector()
    overlap = np.vdot(phi, psi)
    return STRENGTH * phi / psi * overlap, STRENGTH * np.abs(overlap) ** 2


@pytest.mark.parametrize("size", [None, (SITES,)], ids=["all states", "orbits"])
def test_of_a_list_they_are_exact_whatever_the_norms(size):
    """ψ unnormalised and complex, or summed by orbits; two lower states add up."""
    names = ("rbm", "rbm", "recurrent") if size is None else ("conv", "conv", "rbm-symmetric")
    signed = {"signed": True, "strength": 0.2} if size else {}
    state, one = lively(names[0], SITES, 1, **signed), lively(names[1], SITES, 2, **signed)
    other = lively(names[2], SITES, 3)
    states = jax.tree.map(
        jnp.asarray, listed(ising(chain(SITES, True)), size=size, flip=bool(size))
    )
    log_psi = state.model.apply(state.variables, states.bits)
    found = of_list((one.model, other.model), levels(one, other), log_psi, states)
    each = [written_out(state, lower) for lower in (one, other)]
    index = np.asarray(states.bits) @ (1 << np.arange(SITES - 1, -1, -1))
    assert_allclose(found, sum(values for values, _ in each)[index], rtol=1e-9)
    mean = np.sum(np.exp(log_weights(log_psi, states)) * found)
    assert_allclose(mean, sum(mean for _, mean in each), rtol=1e-9)
    assert sum(mean for _, mean in each) > 1e-3


def test_of_samples_they_are_right_on_average():
    """The same factor is wrong at all configurations; within five errors of 200 draws, by chance once in a million."""
    state, lower = lively("rbm", SITES, 1, strength=0.3), lively("recurrent", SITES, 2)
    bits = jnp.asarray(basis_bits(SITES), jnp.int32)
    once = jax.jit(partial(of_samples, (lower.model,), levels(lower), state.model, state.variables))
    expected, _ = written_out(state, lower)
    factors = np.stack([once(bits, jax.random.key(n)) / expected for n in range(200)])
    assert_allclose(factors, np.broadcast_to(factors[:, :1], factors.shape), rtol=1e-9)
    error = factors[:, 0].std() / np.sqrt(len(factors))
    assert 1e-4 < error < 0.1
    assert abs(factors[:, 0].mean() - 1) < 5 * error


def test_states_of_different_sectors_do_not_meet():
    state, lower = (lively("recurrent", SITES, 1, ones=ones) for ones in (2, 3))
    bits = jnp.asarray(basis_bits(SITES)[[3, 5, 6]], jnp.int32)
    found = of_samples(
        (lower.model,), levels(lower), state.model, state.variables, bits, jax.random.key(0)
    )
    assert_allclose(found, 0)
