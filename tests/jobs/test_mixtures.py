"""Mixed states are learnt, judged, kept and loaded like pure ones."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from exact import asymmetric_state, mixed_state, probabilities
from numpy.testing import assert_allclose

import nqs
from nqs.evaluation.fidelity import fidelity
from nqs.evaluation.mixed import purity
from nqs.jobs.evaluate import evaluate
from nqs.measurement import file
from nqs.measurement.effects import named_effects
from nqs.state.simulate import simulate
from nqs.systems.pauli import PauliSum

SITES = 2
SETTINGS = ["".join(c) for c in product("XYZ", repeat=SITES)]
NETWORKS = {
    "purification": {"ancillas": 2, "hidden": 6, "steps": 800},
    "density-rbm": {"ancillas": 4, "hidden": 8, "steps": 3000},
}


def shots_of(state, shots=2000, seed=1, **noise):
    return simulate(state, SETTINGS, shots, seed, **noise)


@pytest.fixture(scope="module")
def shots():
    return shots_of(mixed_state(SITES))


def test_the_most_likely_mixture_is_found_and_judged(shots, tmp_path):
    found = nqs.tomography(shots, ansatz="low-rank", out=tmp_path / "run", bootstrap=20)
    rho, target = found.state.density_matrix(), mixed_state(SITES)
    assert fidelity(rho, target) > 0.999
    assert found.fidelity(target) == pytest.approx(fidelity(rho, target))
    summary = found.summary
    assert summary["verdict"] == "ok", summary["warnings"]
    assert summary["ansatz"]["parameters"] == 15
    assert summary["identifiability"]["determined"] is True
    low, high = summary["mixture"]["purity"]["interval"]
    assert low < purity(target) < high
    assert 0.99 < summary["fidelity"]["interval"][0] <= summary["fidelity"]["interval"][1] <= 1
    again = nqs.load(tmp_path / "run")
    assert_allclose(again.state.density_matrix(), rho, atol=1e-14)
    assert (tmp_path / "run" / "figures" / "density_matrix.csv").is_file()
    assert "Purity" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_come_near_the_most_likely_mixture(shots, name, tmp_path):
    found = nqs.tomography(shots, ansatz=name, restarts=2, out=tmp_path / "run", **NETWORKS[name])
    summary = found.summary
    assert abs(summary["likelihood"]["nll"]["value"] - summary["baseline"]["nll"]) < 2e-3
    rho = found.state.density_matrix()
    assert np.linalg.eigvalsh(rho).min() > -1e-14
    assert np.trace(rho).real == pytest.approx(1)
    again = nqs.load(tmp_path / "run").state
    assert_allclose(again.density_matrix(), rho, atol=1e-12)


def test_noise_beside_a_network_is_learnt():
    psi = asymmetric_state(SITES)
    data = shots_of(psi, 8000, depolarising=0.2, readout=(0.05, 0.02))
    found = nqs.tomography(data, ansatz="recurrent", white_noise=True, steps=600, restarts=2)
    assert found.summary["mixture"]["white_noise"]["value"] == pytest.approx(0.2, abs=0.03)
    assert fidelity(found.state.mixture().amplitudes[:, 0], psi) > 0.99


def test_readout_errors_that_are_learnt_are_not_taken_for_certain():
    data = replace(shots_of(asymmetric_state(SITES), readout=(0.05, 0.08)), readout=None)
    found = nqs.tomography(data, ansatz="low-rank", rank=1, readout_errors=True)
    assert found.summary["identifiability"]["determined"] is False
    assert any("learnt from the same shots" in text for text in found.summary["warnings"])


def test_the_ladder_is_climbed_and_told(tmp_path):
    data = shots_of(asymmetric_state(SITES), 4000, depolarising=0.1, readout=(0.02, 0.04))
    found = nqs.tomography(data, ansatz="auto", out=tmp_path / "run")
    chosen = [row["ansatz"] for row in found.summary["ladder"] if row["chosen"]]
    assert chosen == ["pure with noise"]
    assert found.summary["mixture"]["white_noise"]["value"] == pytest.approx(0.1, abs=0.02)
    assert_allclose(
        nqs.load(tmp_path / "run").state.density_matrix(), found.state.density_matrix(), atol=1e-12
    )


def test_calibration_shots_are_used_where_no_matrix_is_declared():
    data = replace(
        shots_of(mixed_state(SITES), 20_000, readout=(0.1, 0.2), calibration=20_000), readout=None
    )
    found = nqs.tomography(data, ansatz="low-rank")
    assert fidelity(found.state.density_matrix(), mixed_state(SITES)) > 0.998
    assert {"key": "data.readout", "value": "calibrated"}.items() <= found.summary["chosen"][
        0
    ].items()
    blind = nqs.tomography(data, ansatz="low-rank", readout="none")
    assert fidelity(blind.state.density_matrix(), mixed_state(SITES)) < 0.99
    assert any("Calibration shots contradict" in text for text in blind.summary["warnings"])


def test_what_the_settings_do_not_tell_is_left_open():
    ghz = np.zeros(4, complex)
    ghz[[0, 3]] = 1 / np.sqrt(2)
    data = simulate(ghz, ["ZZ"], 2000, 1)
    found = nqs.tomography(
        data, ansatz="low-rank", bootstrap=5, observables=["X0 X1", "Z0 Z1"], target=ghz
    ).summary
    x, z = found["observables"]
    assert x["statistical"]["open"]
    assert z["statistical"]["open"] is False
    assert found["fidelity"]["statistical"]["open"]
    assert found["mixture"]["purity"]["interval"] is None
    assert any("3 of the 15 expectation values" in text for text in found["warnings"])


def test_a_run_says_later_as_well_what_is_open(tmp_path):
    ghz = np.zeros(4, complex)
    ghz[[0, 3]] = 1 / np.sqrt(2)
    data = simulate(ghz, ["ZZ"], 500, 1)
    nqs.tomography(data, ansatz="low-rank", out=tmp_path / "run")
    x, z = evaluate(tmp_path / "run", wanted=["X0 X1", "Z0 Z1"])["observables"]
    assert x["statistical"]["open"]
    assert z["statistical"] is None
    again = evaluate(tmp_path / "run", wanted=["Z0 Z1"], bootstrap=5)["observables"][0]
    assert again["statistical"]["error"] is not None


def test_a_pure_description_is_a_vector_again(tmp_path):
    psi = asymmetric_state(SITES)
    found = nqs.tomography(shots_of(psi, 200), ansatz="auto")
    assert [row["ansatz"] for row in found.summary["ladder"] if row["chosen"]] == ["pure"]
    assert found.state.exact().shape == (4,)
    assert fidelity(found.state.exact(), psi) > 0.98
    other = nqs.tomography(shots_of(psi, 200), ansatz="low-rank", target=found.state).summary
    assert 0.9 < other["fidelity"]["fitted"] < 1


def test_a_mixture_has_shots_observables_and_entropies(shots, tmp_path):
    found = nqs.tomography(shots, ansatz="low-rank", out=tmp_path / "run")
    rho = found.state.density_matrix()
    drawn = found.state.sample(20_000, seed=2, setting="XY").bits
    share = np.bincount(drawn @ [2, 1], minlength=4) / len(drawn)
    assert_allclose(share, probabilities(rho, "XY"), atol=0.02)  # six standard errors
    told = found.observable("X0 Y1")
    assert told.value == pytest.approx(np.dot([1, -1, -1, 1], probabilities(rho, "XY")))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ansatz": "low-rank", "steps": 50}, "steps has no effect"),
        ({"ansatz": "low-rank", "rank": 5}, "at most 4 vectors"),
        ({"ansatz": "purification", "optimiser": "natural"}, "natural gradients are those of pure"),
        ({"ansatz": "purification", "ancillas": 9}, "purification has 1 to 8"),
        ({"ansatz": "low-rank", "likelihood": "branch"}, "low-rank is learnt from all amplitudes"),
        ({"ansatz": "recurrent", "readout": "calibrated"}, "no calibration shots"),
        ({"ansatz": "recurrent", "readout": "declared"}, "declares no readout errors"),
    ],
)
def test_what_cannot_be_is_said(shots, given, said):
    with pytest.raises(ValueError, match=said):
        nqs.tomography(shots, **given)


def test_many_sites_are_left_to_networks():
    data = simulate(np.eye(2**7)[0], ["Z" * 7], 10, 1)
    with pytest.raises(ValueError, match="up to 6 sites"):
        nqs.tomography(data, ansatz="low-rank")


def test_ground_states_are_pure():
    ising = PauliSum.from_terms([(-1.0, "Z0 Z1"), (-1.0, "X0"), (-1.0, "X1")], 2)
    with pytest.raises(ValueError, match="ground states are pure"):
        nqs.ground_state(ising, ansatz="low-rank")


@pytest.mark.parametrize("name", ["tetrahedral", "pauli-4"])
def test_generalised_measurements_are_learnt_from(name, tmp_path):
    """One setting of four outcomes a site tells all of a mixed state."""
    rho = mixed_state(SITES)
    shots = simulate(rho, ["TT"], 40_000, 1, effects={"T": named_effects(name)})
    file.write(tmp_path / "shots.h5", shots)
    found = nqs.tomography(tmp_path / "shots.h5", ansatz="low-rank", out=tmp_path / "run")
    assert fidelity(found.state.density_matrix(), rho) > 0.998
    assert found.summary["identifiability"]["determined"] is True
    assert found.summary["verdict"] == "ok", found.summary["warnings"]


def test_a_pure_network_reads_generalised_measurements_beside_others():
    psi = asymmetric_state(SITES)
    effects = {"T": named_effects("tetrahedral")}
    data = simulate(psi, ["TT", "XT", "ZI"], 4000, 1, depolarising=0.0, effects=effects)
    found = nqs.tomography(data, ansatz="recurrent", steps=500, restarts=2)
    assert fidelity(found.state.vector(), psi) > 0.99
    auto = nqs.tomography(data, ansatz="auto").summary
    assert [row["ansatz"] for row in auto["ladder"] if row["chosen"]] == ["pure"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"ansatz": "recurrent", "likelihood": "branch"},
            "generalised measurements are read from all",
        ),
        ({"ansatz": "low-rank", "readout_errors": True}, "for two outcomes a site"),
        ({"ansatz": "recurrent", "optimiser": "natural"}, "projective measurements"),
    ],
)
def test_what_generalised_measurements_cannot_do_is_said(given, said):
    effects = {"T": named_effects("tetrahedral")}
    data = simulate(asymmetric_state(SITES), ["TT"], 10, 1, effects=effects)
    with pytest.raises(ValueError, match=said):
        nqs.tomography(data, **given)
