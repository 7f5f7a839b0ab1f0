"""Every ansatz is a NetKet model: the same state, the same expectation values."""

import netket as nk
import numpy as np
import pytest
from exact import ising, pauli
from lively import NAMES, lively
from numpy.testing import assert_allclose

from nqs.config.menu import AUTOREGRESSIVE
from nqs.state.local_energy import local_energies
from nqs.systems.elements import elements
from nqs.systems.hamiltonians import heisenberg
from nqs.systems.lattices import chain
from nqs.systems.operator import PauliOperator
from nqs.systems.pauli import PauliSum

SITES = 3
HILBERT = nk.hilbert.Qubit(SITES)
TERMS = {"XIY": 0.7, "ZYI": -0.4, "YXZ": 0.3, "IZI": 0.5}


def transverse_ising():
    """NetKet writes −h ΣX + J ΣZZ: the other sign of J."""
    graph = nk.graph.Chain(SITES, pbc=False)
    return nk.operator.Ising(HILBERT, graph, h=0.8, J=-1.2), ising(SITES, J=1.2, h=0.8)


def local():
    """Imaginary matrix elements, no symmetry: a wrong Y or order of sites shows."""
    operator = nk.operator.LocalOperator(HILBERT, dtype=complex)
    for word, strength in TERMS.items():
        sites = [site for site in range(SITES) if word[site] != "I"]
        matrix = pauli("".join(word[site] for site in sites))
        operator += strength * nk.operator.LocalOperator(HILBERT, matrix, sites)
    return operator, sum(strength * pauli(word) for word, strength in TERMS.items())


OF_EACH_KIND = ("recurrent", "mps", "rbm", "rbm-phase", "conv")
"""Two that are normalised, a machine with complex parameters and one with real ones, and filters."""

OPERATORS = {"ising": transverse_ising, "local": local}


def expectation(state, matrix):
    psi = state.vector()
    return np.vdot(psi, matrix @ psi).real


@pytest.mark.parametrize("name", NAMES)
def test_netket_sums_to_the_dense_value(name):
    """Full sums over all basis states, to 1e-10: same bits, same order, same Y."""
    state = lively(name, SITES)
    full = nk.vqs.FullSumState(HILBERT, state.model, variables=state.variables)
    assert_allclose(abs(np.vdot(full.to_array(), state.vector())), 1, atol=1e-10)
    for make in OPERATORS.values():
        operator, matrix = make()
        assert_allclose(full.expect(operator).mean.real, expectation(state, matrix), atol=1e-10)


@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_netket_samples_to_the_dense_value(name):
    """Exact samples of autoregressive states, Metropolis of others, within five errors.

    By chance once in a million for independent samples; the error, below 0.1,
    would not hide a lost term.
    """
    state = lively(name, SITES)
    sampled = state.to_netket(n_samples=4096, seed=1, sampler_seed=2)
    sampler = "ARDirectSampler" if name in AUTOREGRESSIVE else "Metropolis"
    assert sampler in type(sampled.sampler).__name__
    for make in OPERATORS.values():
        operator, matrix = make()
        energy = sampled.expect(operator)
        assert 0 < energy.error_of_mean < 0.1
        assert abs(energy.mean.real - expectation(state, matrix)) < 5 * energy.error_of_mean


@pytest.mark.parametrize("name", NAMES)
def test_local_energies_are_those_of_netkets_kernels(name):
    """One by one and complex, on NetKet's samples: the same sum, the same ratios of ψ."""
    state = lively(name, SITES)
    sampled = state.to_netket(n_samples=64, seed=1, sampler_seed=2)
    bits = np.asarray(sampled.samples).reshape(-1, SITES).astype(np.int32)
    operator, _ = local()
    expected = np.asarray(sampled.local_estimators(operator).data).reshape(-1)
    total = PauliSum.from_terms([(c, spelt(word)) for word, c in TERMS.items()])
    found = local_energies(state.model, state.variables, elements(total), bits)
    assert np.abs(expected.imag).max() > 1e-3
    assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("name", ["rbm", "recurrent"])
def test_a_state_of_fixed_magnetisation_stays_in_its_sector_in_netket(name):
    """Within five errors, by chance once in a million."""
    state = lively(name, 5, ones=2)
    sampled = state.to_netket(n_samples=4096, seed=1, sampler_seed=2)
    assert (np.asarray(sampled.samples).sum(-1) == 2).all()
    total = heisenberg(chain(5), [0.4, 1.0, -0.3, 0.8])
    energy = sampled.expect(PauliOperator(total, sampled.hilbert))
    psi = state.vector()
    assert abs(energy.mean - np.vdot(psi, total.times(psi))) < 5 * energy.error_of_mean


def test_exchanges_in_netket_keep_the_magnetisation_of_each_half():
    """Within five binomial errors of effective samples, a tenth of all; by chance once in 10⁵."""
    state = lively("rbm", 6, ones=(2, 1))
    sampled = state.to_netket(n_samples=4096, seed=1, sampler_seed=2)
    bits = np.asarray(sampled.samples).reshape(-1, 6)
    assert (bits.reshape(-1, 2, 3).sum(axis=2) == [2, 1]).all()
    one = (np.abs(state.vector().reshape((2,) * 6)) ** 2)[:, :, :, 1].sum()
    assert abs(bits[:, 3].mean() - one) < 5 * np.sqrt(10 * one * (1 - one) / len(bits))


def spelt(word):
    return " ".join(f"{letter}{site}" for site, letter in enumerate(word) if letter != "I")


def test_another_sampler_may_be_asked_for():
    """An autoregressive state is sampled by Metropolis as well."""
    state = lively("recurrent", SITES)
    sampler = nk.sampler.MetropolisLocal(HILBERT, n_chains=64)
    sampled = state.to_netket(sampler, n_samples=4096, seed=1, sampler_seed=2)
    operator, matrix = transverse_ising()
    energy = sampled.expect(operator)
    assert abs(energy.mean.real - expectation(state, matrix)) < 5 * energy.error_of_mean


@pytest.mark.parametrize("name", AUTOREGRESSIVE)
def test_direct_samples_of_netket_follow_the_conditionals(name):
    """p(σ_n = 1) from 4,096 exact samples within five binomial errors, site by site."""
    state = lively(name, SITES)
    samples = np.asarray(state.to_netket(n_samples=4096, sampler_seed=3).samples)
    samples = samples.reshape(-1, SITES)
    p = np.abs(state.vector().reshape((2,) * SITES)) ** 2
    for site in range(SITES):
        one = p.take(1, axis=site).sum()
        error = np.sqrt(one * (1 - one) / len(samples))
        assert abs(samples[:, site].mean() - one) < 5 * error
