"""Energies of states: their errors cover, eigenstates have no variance, blind samples are found out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from lively import lively
from numpy.testing import assert_allclose

from nqs import statistics
from nqs.evaluation import alarms, checks, energy
from nqs.evaluation.energy import sampled_energy, summed_energy
from nqs.evaluation.heldout import Estimate
from nqs.state.listed import listed
from nqs.state.sampling import Samples, sample
from nqs.state.state import State
from nqs.systems.elements import elements
from nqs.systems.exact import lanczos
from nqs.systems.hamiltonians import heisenberg, ising, j1j2, rydberg
from nqs.systems.lattices import chain, square
from nqs.systems.pauli import PauliSum

OPTIMISED = True

COMPLEX = PauliSum.from_terms(
    [(0.5, "X0 Y2"), (1.0, "Z0 Z1 Z2"), (0.3, "Y1"), (0.2, "X4 X1"), (0.6, "X4 Y1 Z0"), (-1, "X3")]
)


class Table(nn.Module):
    """log ψ looked up, in parameters so that one program serves all tables."""

    @nn.compact
    def __call__(self, bits):
        log_psi = self.param("log_psi", nn.initializers.zeros, (2 ** bits.shape[-1],), complex)
        return log_psi[bits @ (1 << np.arange(bits.shape[-1])[::-1])]


def log_table(log_psi, sites):
    return State(Table(), {"params": {"log_psi": jnp.asarray(log_psi, complex)}}, sites)


def table(psi, sites):
    with np.errstate(divide="ignore"):
        return log_table(np.log(np.asarray(psi, complex)), sites)


def on_device(tree):
    return jax.tree.map(jnp.asarray, tree)


def exactly(total, psi):
    image = total.times(psi)
    energy = np.vdot(psi, image).real
    return energy, np.vdot(image, image).real - energy**2


@pytest.mark.parametrize("total", [COMPLEX, ising(chain(5), g=0.2)], ids=["complex", "ising"])
def test_a_sum_over_everything_is_the_expectation(total):
    state = lively("recurrent", 5, seed=1)
    found = summed_energy(state, on_device(listed(total)))
    energy, variance = exactly(total, state.vector())
    assert_allclose([found.energy.value, found.variance.value], [energy, variance], rtol=1e-9)
    assert found.energy.error is None


def test_the_error_bar_covers_the_sum_in_180_to_198_of_200_repeats():
    """At 95 % by chance outside once in five hundred."""
    total, state = COMPLEX, lively("recurrent", 5, seed=1)
    energy, _ = exactly(total, state.vector())
    e = on_device(elements(total))
    covered = 0
    for seed in range(200):
        found = sampled_energy(state, state.sample(300, seed), e, seed=seed)
        covered += abs(found.energy.value - energy) < 1.96 * found.energy.error
    assert 180 <= covered <= 198


@pytest.mark.parametrize(("chains", "draws", "memory"), [(16, 64, 4), (16, 256, 16), (256, 8, 10)])
def test_the_error_of_slow_chains_covers_as_well(chains, draws, memory):
    """Gaussian chains of known autocorrelation, few long ones and many short ones."""
    rng = np.random.default_rng(0)
    keep = np.exp(-1 / memory)
    covered = 0
    for _ in range(200):
        noise = rng.normal(size=(draws, chains)) * np.sqrt(1 - keep**2)
        x = [rng.normal(size=chains)]
        for step in noise[1:]:
            x.append(keep * x[-1] + step)
        x = np.array(x).T
        covered += abs(x.mean()) < 1.96 * statistics.chain_mean_error(x)
    assert 180 <= covered <= 198


@pytest.mark.parametrize(
    ("total", "magnetisation"), [(heisenberg(chain(6, True)), 0), (ising(chain(5)), None)]
)
def test_an_eigenvector_has_no_variance(total, magnetisation):
    found = lanczos(total, magnetisation)
    psi = np.zeros(2**total.sites)
    psi[found.states] = found.psi
    state = table(psi, total.sites)
    energy = sampled_energy(state, state.sample(500, 1), on_device(elements(total)), seed=1)
    assert_allclose(energy.energy.value, found.energy, rtol=1e-10)
    assert energy.variance.value < 1e-18
    assert energy.around.value < 1e-18
    assert energy.v_score(total.sites, total.constant).value < 1e-18


@pytest.mark.parametrize("method", ["exact", "metropolis"])
@pytest.mark.parametrize("seed", range(5))
def test_no_energy_lies_below_the_exact_one(seed, method):
    """By four errors, of states so near the ground state that the noise goes both ways."""
    total = rydberg(square(2, 3))
    ground = lanczos(total)
    noise = np.random.default_rng(seed).normal(size=64)
    state = table(np.abs(ground.psi) * np.exp(0.03 * noise), 6)
    drawn = sample(state.model, state.variables, 6, 3000, seed, method=method)
    found = sampled_energy(state, drawn, on_device(elements(total)), seed=seed)
    assert found.energy.error < 0.02
    assert found.energy.value > ground.energy - 4 * found.energy.error


@pytest.mark.parametrize("method", ["metropolis", "exchange"])
def test_the_error_of_metropolis_energies_covers_the_sum(method):
    """In 180 to 198 of 200 repeats; at 95 % by chance outside once in five hundred."""
    ones = 3 if method == "exchange" else None
    state = lively("rbm-positive", 6, seed=1, strength=0.8, **({} if ones is None else {"ones": 3}))
    total = heisenberg(chain(6)) if ones else ising(chain(6), g=0.3)
    energy, _ = exactly(total, state.vector())
    e = on_device(elements(total))
    covered = 0
    for seed in range(200):
        drawn = sample(state.model, state.variables, 6, 640, seed, method=method)
        found = sampled_energy(state, drawn, e, seed=seed)
        covered += abs(found.energy.value - energy) < 1.96 * found.energy.error
    assert 180 <= covered <= 198


@pytest.mark.parametrize("total", [COMPLEX, heisenberg(chain(5))], ids=["complex", "heisenberg"])
def test_the_variance_one_step_away_is_the_variance(total):
    state = lively("recurrent", 5, seed=3)
    _, variance = exactly(total, state.vector())
    found = sampled_energy(state, state.sample(20_000, 1), on_device(elements(total)), seed=2)
    for estimate in (found.variance, found.around):
        assert abs(estimate.value - variance) < 4 * estimate.error
        assert estimate.error < 0.2 * variance


def test_single_precision_is_used_only_where_it_is_harmless():
    total = ising(chain(5))
    e = on_device(elements(total))
    state = lively("recurrent", 5, seed=3, hidden=8)
    quick = state.model.clone(param_dtype=jnp.float32)
    drawn = state.sample(2000, 1)
    rough = sampled_energy(state, drawn, e, quick=quick, seed=1)
    exact = sampled_energy(state, drawn, e, seed=1)
    assert 0 < rough.rounding < 0.1 * exact.energy.error
    assert 0 < abs(rough.energy.value - exact.energy.value) <= rough.rounding
    ground = lanczos(total)
    assert exact.energy.value > ground.energy


SITES = 8
TRAINED = alarms.Training(0, 0, None)


def alarmed(*found):
    return checks.alarms(alarms.checks(*found))


def said(state, drawn, total, exact=None):
    e = on_device(elements(total))
    found = sampled_energy(state, drawn, e, seed=1)
    return alarmed(found, found.v_score(total.sites, 0.0), exact, TRAINED)


@pytest.mark.parametrize("seed", range(20))
def test_frozen_chains_are_not_taken_for_an_eigenstate(seed):
    """A peak at one random configuration: its chains stand still and have no variance at all."""
    rng = np.random.default_rng(seed)
    peak = rng.integers(0, 2**SITES)
    psi = np.exp(-60.0 * np.bitwise_count(np.arange(2**SITES) ^ peak))
    state = table(psi, SITES)
    bits = np.repeat((peak >> np.arange(SITES - 1, -1, -1)) & 1, 1600).reshape(SITES, -1).T
    drawn = Samples(bits.astype(np.uint8), "metropolis", 100, 0.0, 100.0, 1.0)
    total = ising(chain(SITES))
    found = sampled_energy(state, drawn, on_device(elements(total)), seed=1)
    assert found.variance.value < 1e-12
    assert_allclose(found.around.value, SITES, rtol=0.05)  # Σ h², as it is
    warnings = said(state, drawn, total)
    assert any("stand still" in w for w in warnings)
    assert any("samples miss" in w for w in warnings)
    direct = Samples(drawn.bits, "direct", 1600, None, 1600.0, None)
    assert any("samples miss" in w for w in said(state, direct, total))


@pytest.mark.parametrize("seed", range(20))
def test_samples_that_never_reach_half_of_the_basis_are_found_out(seed):
    """The lowest state of H cut down to half of its basis: no variance where it is not zero,
    and an energy far too high."""
    total = j1j2(square(2, 4, True))
    states = lanczos(total, 0).states
    dense = np.stack([total.times(column) for column in np.eye(2**SITES)[states]])[:, states]
    half = np.random.default_rng(seed).permutation(len(states))[: len(states) // 2]
    values, vectors = np.linalg.eigh(dense[np.ix_(half, half)])
    assert values[0] > np.linalg.eigvalsh(dense)[0] + 0.5
    psi = np.zeros(2**SITES)
    psi[states] = 1e-12
    psi[states[half]] = vectors[:, 0]
    state = table(psi, SITES)
    drawn = state.sample(4000, seed)
    found = sampled_energy(state, drawn, on_device(elements(total)), seed=1)
    assert found.variance.value < 1e-9
    assert_allclose(found.energy.value, values[0], rtol=1e-6)
    assert any("samples miss" in w for w in said(state, drawn, total))


@pytest.mark.parametrize("depth", [30.0, 400.0, np.inf])
def test_variance_is_found_where_psi_is_zero_or_nearly(depth):
    """A state of even parity, of which H makes odd ones: most of the variance lies there."""
    total = ising(chain(SITES), 1.0, np.linspace(0.5, 1.5, SITES))
    odd = np.bitwise_count(np.arange(2**SITES)) % 2 == 1
    amplitude = np.exp(np.random.default_rng(1).normal(size=2**SITES) * 0.3)
    state = log_table(np.log(amplitude) - np.where(odd, depth, 0.0), SITES)
    psi = np.where(odd, 0.0, amplitude)
    psi = psi / np.linalg.norm(psi)
    _, variance = exactly(total, psi)
    unseen = np.sum(total.times(psi)[odd] ** 2)
    drawn = Samples(state.sample(4000, 1).bits, "direct", 4000)
    found = sampled_energy(state, drawn, on_device(elements(total)), seed=1)
    assert found.variance.value < 0.2 * variance
    assert abs(found.around.value - unseen) < 5 * found.around.error
    assert any("samples miss" in w for w in said(state, drawn, total))


def test_chains_whose_last_draw_is_cut_short_have_an_error():
    state, total = lively("rbm", SITES, seed=2, strength=0.2), ising(chain(SITES))
    drawn = sample(state.model, state.variables, SITES, 1000, 1, method="metropolis")
    assert len(drawn.bits) % drawn.chains
    found = sampled_energy(state, drawn, on_device(elements(total)), seed=1)
    energy, _ = exactly(total, state.vector())
    assert found.samples == 1000
    assert 0 < abs(found.energy.value - energy) < 5 * found.energy.error


@pytest.mark.parametrize("seed", range(3))
def test_a_good_state_raises_no_alarm(seed):
    total = ising(chain(SITES))
    ground = lanczos(total)
    noise = np.random.default_rng(seed).normal(size=2**SITES)
    state = table(np.abs(ground.psi) * np.exp(0.02 * noise), SITES)
    assert said(state, state.sample(4000, seed), total, ground.energy) == []


def test_broken_bounds_poor_states_and_short_chains_are_told():
    found = sampled_energy(
        lively("recurrent", SITES),
        lively("recurrent", SITES).sample(500, 1),
        on_device(elements(ising(chain(SITES)))),
        seed=1,
    )

    def told(exact, **changed):
        from dataclasses import replace

        return " ".join(alarmed(replace(found, **changed), None, exact, TRAINED))

    assert "below the exact" in told(found.energy.value + 1)
    assert "above the exact" in told(-20.0)
    assert "R̂" in told(None, r_hat=1.3)
    assert "R̂" in told(None, r_hat=float("nan"))
    assert "independent samples" in told(None, effective_samples=20.0)
    assert "2 different" in told(None, distinct=2, around=Estimate(1e9, 1e8))
    assert "heavy tails" in told(None, heavy_tailed=True, around=Estimate(1e9, 1e8))
    assert "V-score" in " ".join(alarmed(found, Estimate(0.1, 0.01), None, TRAINED))
    stopped = alarms.Training(3, 1, "time limit")
    told_of_training = " ".join(alarmed(found, None, None, stopped))
    assert all(x in told_of_training for x in ("time limit", "3 steps", "1 time"))


def test_alarms_do_not_depend_on_the_constant_of_h():
    """0.5 % above exact is poor where E∞ is not counted, and H may have any constant."""
    state, total = lively("recurrent", SITES, seed=1), ising(chain(SITES))
    found = sampled_energy(state, state.sample(500, 1), on_device(elements(total)), seed=1)

    def told(constant):
        from dataclasses import replace

        shifted = replace(found, energy=Estimate(found.energy.value + constant, found.energy.error))
        exact = lanczos(total).energy + constant
        return alarmed(shifted, None, exact, TRAINED, constant)

    assert any("above the exact" in w for w in told(0.0))
    assert len(told(1e6)) == len(told(0.0))
    assert found.v_score(SITES, found.energy.value) is None


@pytest.mark.parametrize("total", [ising(chain(2)), heisenberg(chain(4))], ids=["two", "four"])
def test_a_small_system_is_no_frozen_one(total):
    """Two to six configurations are all there are."""
    ground = lanczos(total, None if total.sites == 2 else 0)
    psi = np.zeros(2**total.sites)
    psi[ground.states] = ground.psi
    state = table(psi, total.sites)
    assert said(state, state.sample(1000, 1), total, ground.energy) == []


def test_heavy_tails_are_told_from_light_ones():
    heavy = [np.random.default_rng(s).standard_t(1.5, 10_000) for s in range(20)]
    light = [np.random.default_rng(s).standard_t(10, 10_000) for s in range(20)]
    assert sum(map(statistics.heavy_tailed, heavy)) == 20
    assert sum(map(statistics.heavy_tailed, light)) <= 2
    assert not statistics.heavy_tailed(np.zeros(1000))
    assert statistics.top_share(np.zeros(1000)) == 0


def test_samples_read_in_parts_have_the_same_energies(monkeypatch):
    """Seven of them two at a time, the last alone."""
    state, e = lively("recurrent", 5, seed=1), on_device(elements(COMPLEX))
    drawn = state.sample(7, seed=1)
    whole = sampled_energy(state, drawn, e, seed=1)
    monkeypatch.setattr(energy, "_PART", 7 * 5 * len(e.flips) // 4)
    parts = sampled_energy(state, drawn, e, seed=1)
    assert len(parts.local) == 7
    assert_allclose(parts.local, whole.local, rtol=1e-12)
