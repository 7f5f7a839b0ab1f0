"""What a step of a training draws: the right distribution, the right energies."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact import FALSE_ALARM, chance, frequencies
from lively import lively
from numpy.testing import assert_allclose

from nqs.state.draws import Draws, Given, begin, draw
from nqs.state.listed import list_energies, listed, log_weights
from nqs.state.local_energy import joined, local_energies
from nqs.systems.elements import elements
from nqs.systems.exact import lanczos
from nqs.systems.hamiltonians import heisenberg, ising, j1j2
from nqs.systems.lattices import chain, square

SITES = 6
HEISENBERG = heisenberg(chain(SITES, True))


def on_device(tree):
    return jax.tree.map(jnp.asarray, tree)


def drawn(draws, state, total, states=None, steps=1, levels=None):
    """The bits of `steps` draws one after another, (steps · samples, sites)."""
    e = on_device(elements(total))
    blocks = joined(np.asarray(e.flips))
    given = Given(e, states, levels)
    once = jax.jit(partial(draw, draws, state.model, state.variables, given, blocks))
    chains, found = begin(draws, state.sites, jax.random.key(0)), []
    for step in range(steps):
        one = once(chains, jax.random.key(100 + step))
        chains = one.chains
        # of all that are listed each has the share of the samples that fell on it
        each = np.rint(np.asarray(one.weights) * draws.samples).astype(int)
        found.append(np.repeat(np.asarray(one.bits), each, axis=0))
    return np.concatenate(found), one


@pytest.mark.parametrize(
    ("name", "method", "ones"),
    [
        ("recurrent", "direct", None),
        ("recurrent", "direct", (2,)),
        ("rbm", "metropolis", None),
        ("rbm", "exchange", (2,)),
        ("rbm", "exchange", (2, 1)),
        ("recurrent", "direct", (2, 0)),
        ("conv", "exact", None),
    ],
)
def test_configurations_follow_the_square_of_psi(name, method, ones):
    """Chains are read every forty sweeps, long after what they remember."""
    options = {} if ones is None else {"ones": ones}
    state = lively(name, SITES, seed=2, **options)
    total = HEISENBERG if ones else ising(chain(SITES))  # its exchanges leave a half
    states = on_device(listed(total)) if method == "exact" else None
    draws = Draws(method, 1000, sweeps=40, ones=ones)
    bits, last = drawn(draws, state, total, states, steps=5)
    assert chance(frequencies(bits[1000:]), np.abs(state.vector()) ** 2) > FALSE_ALARM
    assert len(bits) == 5000
    assert_allclose(last.weights.sum(), 1)
    energies = local_energies(state.model, state.variables, elements(total), last.bits)
    assert_allclose(last.energy, energies, rtol=1e-9)
    if method in ("metropolis", "exchange"):
        assert 0.05 < last.acceptance < 1


def test_exchanges_keep_the_number_of_ones():
    state = lively("rbm", 7, seed=1, ones=3)
    bits, _ = drawn(Draws("exchange", 64, 3, (3,)), state, heisenberg(chain(7)), steps=3)
    assert (bits.sum(axis=1) == 3).all()


CASES = {
    "ring": (ising(chain(6, True)), None, (6,), True, (), False),
    "heisenberg": (HEISENBERG, 0, (6,), True, (1, 3, 5), False),
    "frustrated": (j1j2(square(2, 4, True)), 0, (2, 4), True, (), False),
    "turned": (ising(square(3, 3, True)), None, (3, 3), True, (), True),
    "no symmetry": (ising(chain(5), g=0.2), None, None, False, (), False),
}


@pytest.mark.parametrize(
    ("total", "magnetisation", "size", "flip", "rotated", "point"), CASES.values(), ids=list(CASES)
)
def test_orbits_have_the_energies_of_their_members_and_all_of_their_weight(
    total, magnetisation, size, flip, rotated, point
):
    """Six sites with three bits 1: Marshall's sign of a translated state is the opposite."""
    name = "recurrent" if size is None else "conv"
    options = {"rotated": rotated} if rotated else {}
    if magnetisation is not None:
        options["ones"] = total.sites // 2
    if size is not None:
        options |= {"size": size, "signed": True, "point_group": point}
    state = lively(name, total.sites, seed=4, **options)
    symmetries = {"size": size, "point": point, "flip": flip, "rotated": rotated}
    states = on_device(listed(total, magnetisation, **symmetries))
    compiled = jax.jit(list_energies, static_argnums=0)
    log_psi, energy = compiled(state.model, state.variables, states)
    expected = local_energies(
        state.model, state.variables, elements(total), np.asarray(states.bits)
    )
    assert_allclose(energy, expected, rtol=1e-9)
    weights = np.exp(log_weights(log_psi, states))
    psi = state.vector()
    assert_allclose(np.sum(weights * energy).real, np.vdot(psi, total.times(psi)).real, rtol=1e-9)
    full = 2**total.sites if magnetisation is None else len(lanczos(total, magnetisation).states)
    assert_allclose(np.exp(states.log_length).sum(), full)
    if size is not None:
        assert len(states.bits) < full / (total.sites - 2)
    if point:
        fewer = listed(total, magnetisation, **symmetries | {"point": False})
        assert len(states.bits) < len(fewer.bits)


def test_of_an_odd_state_orbits_where_it_vanishes_are_left_out():
    """Those that a translation flips as a whole: 010101 and 000111 of a ring of six, among others."""
    total = ising(chain(6, True), h=1.3)
    state = lively("conv", 6, seed=4, strength=0.1, signed=True, odd=True)
    states = on_device(listed(total, size=(6,), odd=True))
    log_psi, energy = jax.jit(list_energies, static_argnums=0)(state.model, state.variables, states)
    expected = local_energies(state.model, state.variables, elements(total), states.bits)
    assert_allclose(energy, expected, rtol=1e-9)
    psi = state.vector()
    mean = np.vdot(psi, total.times(psi)).real
    assert_allclose(jnp.exp(log_weights(log_psi, states)) @ energy, mean, rtol=1e-9)
    found = {"".join(map(str, row)) for row in np.asarray(states.bits)}
    assert not found & {"010101", "000111"}
    assert len(found) == 12
