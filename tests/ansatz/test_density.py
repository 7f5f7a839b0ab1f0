"""Mixed states are positive, of unit trace, and have the outcomes that dense algebra says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact import probabilities, random_projectors
from lively import moved
from numpy.testing import assert_allclose

from nqs.ansatz.density import DensityRBM, LowRank, Noisy, Purification
from nqs.ansatz.rbm import RBMComplex
from nqs.ansatz.recurrent import Recurrent
from nqs.measurement.effects import basis_bits
from nqs.state.state import State

SITES = 3
SETTINGS = ("XZY", "ZZZ", "YIX", "AZA")
EFFECTS = {"A": random_projectors(4)}
READOUT = np.array([[[0.9, 0.2], [0.1, 0.8]], [[1.0, 0.1], [0.0, 0.9]], [[0.7, 0.0], [0.3, 1.0]]])
MIXED = {
    "low rank": (LowRank(SITES, rank=3), 3),
    "purification": (Purification(SITES, ancillas=2, hidden=4), 4),
    "purification, sites apart": (Purification(SITES, 1, hidden=4, site_dependent=True), 2),
    "Boltzmann machines": (DensityRBM(SITES, ancillas=2, hidden=4), 4),
    "white noise": (Noisy(SITES, inner=Recurrent(SITES, hidden=4), white=True), 8),
    "misread": (Noisy(SITES, inner=RBMComplex(SITES), readout=True), 1),
    "all": (Noisy(SITES, inner=LowRank(SITES, rank=2), white=True, readout=True), 8),
}


@pytest.fixture(params=MIXED)
def made(request):
    model, rank = MIXED[request.param]
    return moved(model, SITES, 2, 0.5), rank


def test_density_matrices_are_positive_of_unit_trace_and_of_their_rank(made):
    state, rank = made
    rho = state.density_matrix()
    assert_allclose(rho, rho.conj().T, atol=1e-15)
    values = np.linalg.eigvalsh(rho)
    assert values.min() > -1e-14
    assert values.sum() == pytest.approx(1, abs=1e-12)
    assert (values > 1e-12).sum() == rank


@pytest.mark.parametrize("readout", [None, READOUT])
def test_outcomes_are_those_of_dense_algebra(made, readout):
    state, _ = made
    found = np.exp(state.log_probabilities(SETTINGS, EFFECTS, readout))
    own = state.mixture().confusion
    flips = [c for c in (readout, own) if c is not None]
    both = None if not flips else flips[0] if len(flips) == 1 else own @ readout
    for row, setting in zip(found, SETTINGS, strict=True):
        expected = probabilities(state.density_matrix(), setting, EFFECTS, both)
        assert_allclose(row, expected, atol=1e-12)


def test_a_module_says_the_diagonal(made):
    state, _ = made
    diagonal = np.exp(state.model.apply(state.variables, jnp.asarray(basis_bits(SITES))))
    amplitudes = state.mixture().amplitudes
    assert_allclose(diagonal / diagonal.sum(), (np.abs(amplitudes) ** 2).sum(1), atol=1e-12)


def test_a_purification_traces_its_ancillas_out():
    """Against the partial trace of the whole vector, index by index."""
    model = Purification(SITES, ancillas=2, hidden=4)
    state = moved(model, SITES, 3, 0.5)
    inner = Recurrent(sites=SITES + 2, hidden=4, ends=True)
    whole = State(inner, {"params": state.variables["params"]["whole"]}, SITES + 2).vector()
    parts = whole.reshape(8, 4)
    rho = sum(np.outer(parts[:, k], parts[:, k].conj()) for k in range(4))
    assert_allclose(state.density_matrix(), rho, atol=1e-13)


def test_a_boltzmann_density_operator_is_the_published_one():
    """ρ(σ, σ') = e^{Γ + iΠ}: hidden units by softplus, ancillas traced out by hand."""
    model = DensityRBM(SITES, ancillas=2, hidden=3)
    state = moved(model, SITES, 4, 0.7)
    p = state.variables["params"]
    bits = basis_bits(SITES).astype(float)

    def marginal(machine):
        field = bits @ p[machine]["weights"].T + p[machine]["hidden_bias"]
        return bits @ p[machine]["visible_bias"] + np.log1p(np.exp(field)).sum(1)

    gamma, phi = marginal("amplitude"), marginal("phase")
    a, b = bits @ p["amplitude_weights"].T, bits @ p["phase_weights"].T
    inside = (a[:, None] + a[None]) / 2 + p["ancilla_bias"] + 0.5j * (b[:, None] - b[None])
    log_rho = (gamma[:, None] + gamma[None]) / 2 + 0.5j * (phi[:, None] - phi[None])
    rho = np.exp(log_rho) * np.prod(1 + np.exp(inside), axis=2)
    assert_allclose(state.density_matrix(), rho / np.trace(rho), atol=1e-12)


@pytest.mark.parametrize("name", ["purification", "Boltzmann machines", "all"])
def test_derivatives_are_those_of_finite_differences(name):
    state = moved(MIXED[name][0], SITES, 2, 0.5)
    from nqs.state.born import log_probabilities, rotations
    from nqs.training.flat import flattened

    plan = rotations(SETTINGS[:3])
    vector, rebuilt = flattened(state.variables)
    weights = np.random.default_rng(1).normal(size=(3, 2**SITES))

    @jax.jit
    def value(x):
        return jnp.sum(weights * log_probabilities(state.model, rebuilt(x), SITES, plan))

    slope = jax.jit(jax.grad(value))(vector)
    along = np.random.default_rng(2).normal(size=len(vector))
    step = 1e-5
    difference = (value(vector + step * along) - value(vector - step * along)) / (2 * step)
    assert_allclose(slope @ along, difference, rtol=1e-6)


def test_a_mixed_state_has_no_vector():
    with pytest.raises(ValueError, match="density matrix"):
        State.initial(LowRank(SITES), SITES, seed=1).vector()


@pytest.mark.parametrize("ancillas", [0, 9])
def test_ancillas_out_of_reach_are_refused(ancillas):
    with pytest.raises(ValueError, match=f"ancillas is {ancillas}"):
        State.initial(Purification(SITES, ancillas=ancillas), SITES, seed=1)


def test_shots_follow_the_state_and_not_its_misreading():
    """In two settings, at a chance of 1e-4 each."""
    from exact import FALSE_ALARM, chance, frequencies

    model = Noisy(SITES, inner=LowRank(SITES, rank=2), white=True, readout=True)
    state = moved(model, SITES, 5, 0.5)
    for setting in ("ZZZ", "XYZ"):
        drawn = state.sample(4096, seed=3, setting=setting)
        expected = probabilities(state.density_matrix(), setting)
        assert chance(frequencies(drawn.bits), expected) > FALSE_ALARM
