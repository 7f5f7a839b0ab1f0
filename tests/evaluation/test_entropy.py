"""Entropies agree with dense partial traces, and those of samples with their errors."""

import jax.numpy as jnp
import numpy as np
import pytest
from exact import asymmetric_state
from flax import linen as nn
from lively import lively
from numpy.testing import assert_allclose

from nqs.evaluation.entropy import (
    PurityTooSmall,
    entropies,
    mutual_information,
    renyi2,
    renyi2_information,
    renyi2_of_samples,
)
from nqs.state.state import State
from nqs.systems.known import ghz, product, w

OPTIMISED = True


def reduced(psi, part):
    """Density matrix of `part`, by a sum over all of the rest."""
    sites = int(np.log2(psi.size))
    rest = [site for site in range(sites) if site not in part]
    tensor = psi.reshape((2,) * sites)
    rho = np.tensordot(tensor, tensor.conj(), axes=(rest, rest))
    return rho.reshape(2 ** len(part), 2 ** len(part))


@pytest.mark.parametrize("part", [[0], [2], [0, 3], [1, 2, 4], [0, 1, 2, 3]])
def test_they_are_those_of_the_reduced_density_matrix(part):
    psi = asymmetric_state(5)
    p = np.linalg.eigvalsh(reduced(psi, part))
    found = entropies(psi, part)
    assert_allclose(found.von_neumann, -(p * np.log(p.clip(1e-30))).sum(), atol=1e-12)
    assert_allclose(found.renyi2, -np.log((p**2).sum()), atol=1e-12)
    rest = [site for site in range(5) if site not in part]
    assert_allclose(entropies(psi, rest), found, atol=1e-12)


def test_states_whose_entropies_are_known():
    assert_allclose(entropies(ghz(6), [0, 4]), [np.log(2)] * 2)
    assert_allclose(entropies(product(5, seed=3), [1, 2]), [0, 0], atol=1e-12)
    p = np.array([1 / 3, 2 / 3])  # one site of W-3
    assert_allclose(entropies(w(3), [1]), [-(p * np.log(p)).sum(), -np.log((p**2).sum())])
    assert_allclose(mutual_information(ghz(6), [0], [3]), np.log(2))
    assert_allclose(mutual_information(product(4, seed=1), [0, 1], [3]), 0, atol=1e-12)
    assert_allclose(mutual_information(ghz(2), [0], [1]), 2 * np.log(2))


@pytest.mark.parametrize("name", ["recurrent", "rbm", "rbm-phase"])
@pytest.mark.parametrize("part", [[0, 1, 2], [1, 4]])
def test_two_copies_tell_the_purity(name, part):
    """Complex states, a cut and scattered sites. Chance of four standard errors: once in ten thousand."""
    state = lively(name, 6, seed=3)
    value, error = renyi2(state, [part], 8000, seed=4)[0]
    assert error < 0.05
    assert abs(value - entropies(state.vector(), part).renyi2) < 4 * error


def test_errors_cover_in_180_to_199_of_200():
    """Binomial(200, 0.95) lies outside once in a thousand; seeds are fixed."""
    state, part, inside = lively("rbm", 6, seed=5), [0, 2, 3], 0
    truth = entropies(state.vector(), part).renyi2
    for seed in range(200):
        one, other = state.sample(1000, 2 * seed), state.sample(1000, 2 * seed + 1)
        value, error = renyi2_of_samples(state, one, other, part)
        inside += abs(value - truth) < 1.96 * error
    assert 180 <= inside <= 199


class Ghz(nn.Module):
    """(|00…0⟩ + i |11…1⟩) / √2."""

    @nn.compact
    def __call__(self, bits):
        self.param("none", nn.initializers.zeros, (1,))
        ones = bits.sum(axis=-1)
        ends = (ones == 0) | (ones == bits.shape[-1])
        return jnp.where(ends, 0.5j * jnp.pi * (ones > 0), -jnp.inf)


def test_what_vanishes_has_no_part_in_it():
    """GHZ, where a swap leads to zero in half of the pairs. Four standard errors: once in 10,000."""
    value, error = renyi2(State.initial(Ghz(), 6, 0), [[0, 1]], 4000)[0]
    assert abs(value - np.log(2)) < 4 * error


class Pairs(nn.Module):
    """∏ CZ between site i and its partner i + N/2 on |+⟩^N: half of the sites has N/2 ln 2."""

    @nn.compact
    def __call__(self, bits):
        self.param("none", nn.initializers.zeros, (1,))
        one, other = jnp.split(bits, 2, axis=-1)
        return 1j * jnp.pi * (one * other).sum(axis=-1)


def test_a_product_of_its_parts_has_none_exactly():
    """A pair and its partner are no entanglement with the rest: every swap is worth one."""
    value, error = renyi2(State.initial(Pairs(), 8, 0), [[0, 4]], 500)[0]
    assert_allclose(value, 0, atol=1e-12)
    assert error is None


def test_a_purity_too_small_for_the_samples_is_refused():
    with pytest.raises(PurityTooSmall, match="take more"):
        renyi2(State.initial(Pairs(), 20, 0), [range(10)], 100)


@pytest.mark.parametrize("part", [[], [6], [-1]])
def test_a_part_that_is_none_is_refused(part):
    with pytest.raises(ValueError, match="not made of sites from 0 to 5"):
        entropies(asymmetric_state(6), part)
    with pytest.raises(ValueError, match="site 1 is in both"):
        mutual_information(asymmetric_state(6), [0, 1], [1, 2])


def test_information_of_two_parts_has_the_error_of_one_number():
    """95 % of 60 lie within two errors; fewer than 48 is chance once in ten thousand."""
    state = lively("recurrent", 6, seed=3)
    a, b = [0, 1], [3]
    vector = state.vector()
    one, other, both = (entropies(vector, part).renyi2 for part in (a, b, a + b))
    truth, within = one + other - both, 0
    for seed in range(60):
        drawn = state.sample(2000, 2 * seed), state.sample(2000, 2 * seed + 1)
        value, error = renyi2_information(state, *drawn, a, b)
        within += abs(value - truth) < 2 * error
    assert within >= 48
    with pytest.raises(ValueError, match="site 1 is in both"):
        renyi2_information(state, *drawn, a, [1, 2])
