"""Generalised measurements have the outcomes that dense algebra says, of pure and of mixed states."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact import asymmetric_state, kron, mixed_state, pauli_projectors, random_projectors
from lively import lively, moved
from numpy.testing import assert_allclose

from nqs.ansatz.density import LowRank, Noisy
from nqs.ansatz.recurrent import Recurrent
from nqs.measurement.effects import named_effects, outcome_probabilities, pieces_of
from nqs.state.born import log_probabilities, rotations
from nqs.training.flat import flattened

SITES = 3
UNITARY = np.linalg.qr(np.random.default_rng(1).normal(size=(2, 2)) + 1j)[0]
EFFECTS = {
    "T": UNITARY @ named_effects("tetrahedral") @ UNITARY.conj().T,
    "P": named_effects("pauli-6"),
    "Q": named_effects("pauli-4"),
    "A": random_projectors(2),
}
SETTINGS = {
    "rank one": ("TTT", "TXA", "ITZ"),
    "pieces": ("QQQ", "QTX", "ZIQ"),
    "six": ("PQZ", "XYP"),
}


def dense(rho, setting):
    """Tr ρ ⊗ E, padded to as many outcomes at every site; both outcomes of a site not measured its marginal."""
    levels = {"six": 6}.get(next(k for k, s in SETTINGS.items() if setting in s), 4)
    sites = []
    for letter in setting:
        operators = np.zeros((levels, 2, 2), complex)
        own = EFFECTS.get(letter)
        own = pauli_projectors(letter)[:2] if own is None else own
        operators[: len(own)] = own
        if letter == "I":
            operators[:] = np.eye(2)
        sites.append(operators)
    return np.array([np.trace(rho @ kron(e)).real for e in product(*sites)])


STATES = {
    "pure": lively("recurrent", SITES, hidden=4),
    "mixed": moved(LowRank(SITES, rank=3), SITES),
    "noisy": moved(Noisy(SITES, inner=Recurrent(SITES, hidden=4), white=True), SITES),
}


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", STATES)
def test_outcomes_are_those_of_dense_algebra(name, settings):
    state, settings = STATES[name], SETTINGS[settings]
    found = np.exp(state.log_probabilities(settings, EFFECTS))
    for row, setting in zip(found, settings, strict=True):
        assert_allclose(row, dense(state.density_matrix(), setting), atol=1e-12)


@pytest.mark.parametrize("name", STATES)
def test_derivatives_are_those_of_finite_differences(name):
    state = STATES[name]
    plan = rotations(SETTINGS["pieces"], EFFECTS)
    vector, rebuilt = flattened(state.variables)
    weights = np.random.default_rng(1).normal(size=(3, 4**SITES))

    @jax.jit
    def value(x):
        # where a letter has fewer outcomes nothing ever falls, and its logarithm is that of the floor
        p = jnp.exp(log_probabilities(state.model, rebuilt(x), SITES, plan))
        return jnp.sum(weights * p)

    slope = jax.jit(jax.grad(value))(vector)
    along = np.random.default_rng(2).normal(size=len(vector))
    difference = (value(vector + 1e-5 * along) - value(vector - 1e-5 * along)) / 2e-5
    assert_allclose(slope @ along, difference, rtol=1e-6)


@pytest.mark.parametrize("name", ["tetrahedral", "pauli-6", "pauli-4"])
def test_named_measurements_are_positive_and_sum_to_one(name):
    effects = named_effects(name)
    assert_allclose(effects.sum(axis=0), np.eye(2), atol=1e-14)
    assert np.linalg.eigvalsh(effects).min() > -1e-14
    assert np.linalg.matrix_rank(effects.reshape(len(effects), 4)) == 4  # informationally complete


def test_a_tetrahedron_has_its_angles():
    """Tr E E' = 1/12 of different corners, 1/4 of the same: Renes et al., J. Math. Phys. 45, 2171 (2004)."""
    effects = named_effects("tetrahedral")
    overlaps = np.einsum("aij,bji->ab", effects, effects).real
    assert_allclose(overlaps, np.full((4, 4), 1 / 12) + np.eye(4) / 6, atol=1e-14)


@pytest.mark.parametrize("letter", EFFECTS)
def test_pieces_of_rank_one_make_up_the_effects(letter):
    rows, outcome = pieces_of(letter, EFFECTS)
    built = np.zeros_like(EFFECTS[letter])
    np.add.at(built, outcome, rows.conj()[:, :, None] * rows[:, None, :])
    assert_allclose(built, EFFECTS[letter], atol=1e-12)


@pytest.mark.parametrize(
    "state", [asymmetric_state(SITES), mixed_state(SITES)], ids=["pure", "mixed"]
)
def test_probabilities_without_a_network(state):
    rho = np.outer(state, state.conj()) if state.ndim == 1 else state
    found = outcome_probabilities(state, "QTX", EFFECTS)
    assert_allclose(found, dense(rho, "QTX"), atol=1e-12)
    unmeasured = outcome_probabilities(state, "ITZ", EFFECTS).reshape(4, 4, 4)
    assert unmeasured[1:].sum() == 0
    assert_allclose(unmeasured[0], dense(rho, "ITZ").reshape(4, 4, 4)[0], atol=1e-12)
    assert unmeasured.sum() == pytest.approx(1)


def test_readout_errors_belong_into_the_effects():
    with pytest.raises(ValueError, match="part of their effects"):
        rotations(("TT",), EFFECTS, np.broadcast_to(np.eye(2), (2, 2, 2)))
