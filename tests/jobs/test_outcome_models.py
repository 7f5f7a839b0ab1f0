"""Distributions of outcomes learnt by themselves, against those of states that are known."""

import numpy as np
import pytest
from exact import asymmetric_state, mixed_state
from interrupted import stopped_at

import nqs
from nqs.evaluation.observables import expectation
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import named_effects, outcome_probabilities
from nqs.state.simulate import chosen_settings, simulate
from nqs.systems.observable import observable

SITES, OPTIONS = 2, {"hidden": 8, "steps": 300, "seed": 3, "observables": ["X0 Z1", "Y1"]}


def shots_of(state, name="tetrahedral", shots=20_000):
    return simulate(state, ["T" * SITES], shots, 1, effects={"T": named_effects(name)})


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    rho = mixed_state(SITES)
    folder = tmp_path_factory.mktemp("outcomes") / "run"
    data = shots_of(rho)
    return rho, data, nqs.tomography(data, ansatz="outcome", out=folder, target=rho, **OPTIONS)


def test_outcomes_of_a_mixed_state_are_learnt(learnt):
    """15 probabilities from 20,000 shots: some 15 / 40,000 nats and as much of the fidelity are lost."""
    rho, _, found = learnt
    summary = found.summary
    assert summary["classical_fidelity"]["value"] > 0.998
    known = outcome_probabilities(rho, "TT", {"T": named_effects("tetrahedral")})
    entropy = -(known * np.log(known)).sum()
    held = summary["likelihood"]["held_out_nll"]
    assert abs(held["value"] - entropy) < 4 * held["error"]
    assert summary["likelihood"]["p_value"] > 1e-3
    assert summary["physicality"]["sites"] == [0, 1]
    assert summary["verdict"] == "ok"


def test_observables_are_told_by_outcomes(learnt):
    rho, _, found = learnt
    for row in found.summary["observables"]:
        exact = expectation(rho, observable(row["name"], SITES))
        assert abs(row["shots"]["value"] - exact) < 5 * row["shots"]["error"]
        assert row["state"]["value"] == pytest.approx(exact, abs=0.1)


def test_a_model_of_outcomes_is_no_state_and_says_so(learnt):
    _, _, found = learnt
    with pytest.raises(ValueError, match="holds a model of outcomes, which is no state"):
        nqs.load(found.folder)
    model = nqs.load_outcomes(found.folder)
    drawn = model.sample(1000, 1)
    assert drawn.shape == (1000, SITES)
    assert drawn.max() < 4
    assert "Outcomes of a state?" in (found.folder / "report.html").read_text()


def test_an_interrupted_run_goes_on_bit_for_bit(learnt, tmp_path):
    _, data, found = learnt
    stopped_at(3, lambda: nqs.tomography(data, ansatz="outcome", out=tmp_path / "cut", **OPTIONS))
    again = nqs.resume(tmp_path / "cut").summary
    assert again["likelihood"] == found.summary["likelihood"]


def test_outcomes_of_no_state_are_called_so():
    """Two sites that agree in X, in Y and in Z always: ⟨XX⟩ = ⟨YY⟩ = ⟨ZZ⟩ = 1, of eigenvalues 1 and −1/2."""
    rng = np.random.default_rng(2)
    settings = chosen_settings("all", SITES, 1)
    index = np.repeat(np.arange(len(settings)), 2000)
    bits = rng.integers(0, 2, (len(index), SITES)).astype(np.uint8)
    same = np.array([s[0] == s[1] for s in settings])[index]
    bits[same, 1] = bits[same, 0]
    data = Measurements(bits, settings, index)
    summary = nqs.tomography(data, ansatz="outcome", **OPTIONS).summary
    assert summary["physicality"]["smallest_eigenvalue"]["value"] == pytest.approx(-0.5, abs=0.1)
    assert any("No state has these outcomes" in text for text in summary["warnings"])


def test_random_pauli_settings_are_outcomes_too():
    psi = asymmetric_state(SITES)
    data = simulate(psi, chosen_settings("all", SITES, 1), 2000, 1, readout=(0.05, 0.1))
    summary = nqs.tomography(data, ansatz="outcome", **OPTIONS).summary
    assert summary["ansatz"]["outcomes"] == 6
    for row in summary["observables"]:
        exact = expectation(psi, observable(row["name"], SITES))
        assert abs(row["shots"]["value"] - exact) < 5 * row["shots"]["error"]


def test_what_is_no_outcome_of_one_measurement_is_refused():
    psi = asymmetric_state(SITES)
    chosen = simulate(psi, ["XX", "YY", "ZZ"], 1000, 1)
    with pytest.raises(ValueError, match="are not as often as each other"):
        nqs.tomography(chosen, ansatz="outcome", **OPTIONS)
    with pytest.raises(ValueError, match="models outcomes of one measurement a site"):
        nqs.tomography(simulate(psi, ["ZI", "XZ"], 100, 1), ansatz="outcome", **OPTIONS)
    blind = {"T": np.stack([np.eye(2) / 4] * 4)}
    with pytest.raises(ValueError, match="do not tell all of X, Y and Z"):
        nqs.tomography(simulate(psi, ["TT"], 100, 1, effects=blind), ansatz="outcome", **OPTIONS)
    with pytest.raises(ValueError, match="leave the noise out"):
        nqs.tomography(shots_of(psi), ansatz="outcome", white_noise=True, **OPTIONS)
