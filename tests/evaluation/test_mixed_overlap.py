"""Mixed states that are too large for a density matrix, sampled, against those of the density matrix."""

import numpy as np
import pytest
from exact import asymmetric_state
from lively import moved
from numpy.testing import assert_allclose

from nqs.ansatz import build
from nqs.evaluation import correlations, entropy, mixed, observables
from nqs.evaluation.mixed_overlap import conjugate_of, fidelity_of_samples, likeness, overlap
from nqs.state.state import State
from nqs.systems.observable import observable

SITES, SAMPLES, FAR = 4, 2**15, 5
"""Five standard errors: by chance once in a million and a half."""

MODELS = {
    "purification": build("purification", SITES, ancillas=2, hidden=4),
    "noisy": build("recurrent", SITES, hidden=4, white_noise=True),
    "noisy lpdo": build("lpdo", SITES, bond=3, white_noise=True),
}


@pytest.fixture(params=MODELS)
def state(request):
    found = moved(MODELS[request.param], SITES, 3, 0.7)
    if found.white():  # a tenth, so that it shows
        params = {**found.variables["params"], "noise": np.asarray(-2.2)}
        found = State(found.model, {"params": params}, SITES)
    return found


@pytest.fixture
def rho(state):
    return state.density_matrix()


@pytest.fixture
def large(rho, monkeypatch):
    """As if no density matrix reached."""
    monkeypatch.setattr(State, "dense", property(lambda self: False))


def close(found, expected):
    """Exact where few strings are all that there are."""
    assert abs(found.value - expected) < FAR * (found.error or 1e-10)


def test_overlaps_with_pure_and_mixed_states(state, rho):
    psi = asymmetric_state(SITES)
    close(fidelity_of_samples(state, psi, SAMPLES), np.vdot(psi, rho @ psi).real)
    other = moved(MODELS["purification"], SITES, 8, 0.7)
    close(overlap(state, other, SAMPLES), np.trace(rho @ other.density_matrix()).real)
    with pytest.raises(ValueError, match="one of them has to be pure"):
        fidelity_of_samples(state, other)
    mirrored = np.trace(rho @ rho.conj()).real / mixed.purity(rho)
    assert likeness(state, conjugate_of(state), SAMPLES) == pytest.approx(mirrored, abs=0.05)
    assert likeness(state, state, SAMPLES) == pytest.approx(1, abs=0.05)
    assert likeness(state, other, SAMPLES) < 0.9


def test_expectation_values_are_those_of_the_density_matrix(state, rho, large):
    totals = [observable(text, SITES) for text in ("X0 Y1", "0.5 Z3 - Z0 Z2", "Y2 Z3")]
    found = observables.of_state(state, totals, SAMPLES)
    for own, total in zip(found, totals, strict=True):
        close(own, observables.expectation(rho, total))


def test_entropies_of_parts_are_those_of_the_density_matrix(state, rho):
    whole = state.whole()
    copies = whole.sample(SAMPLES, 5), whole.sample(SAMPLES, 6)
    for part in ((0, 1), (2,), range(SITES)):
        own = entropy.renyi2_of_part(state, *copies, part)
        close(own, -np.log(mixed.purity(mixed.reduced(rho, part))))


def test_moments_are_those_of_the_density_matrix(state, rho, large):
    found = correlations.of_samples(state, state.whole().sample(SAMPLES, 4))
    exact = correlations.of_exact(rho)
    for own, error, known in (
        (found.site, found.site_error, exact.site),
        (found.pair[2], found.pair_error[2], exact.pair[2]),
    ):
        assert_allclose((own - known) / (error + 1e-10), 0, atol=FAR)
