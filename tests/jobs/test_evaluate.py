"""A finished run asked what it says, beside shots it saw and shots it did not."""

import shutil

import numpy as np
import pytest
from exact import asymmetric_state, pauli
from numpy.testing import assert_allclose

import nqs
from nqs.evaluation import entropy
from nqs.evaluation.fidelity import fidelity
from nqs.jobs.bootstrap import refit, replicas
from nqs.jobs.evaluate import evaluate
from nqs.state.simulate import simulate
from nqs.systems.hamiltonians import ising
from nqs.systems.lattices import chain

QUICK = {"steps": 300, "restarts": 2, "method": "none"}
WORDS = ["X0 Y2", "0.5 Z0 - Z1 Z2"]
DENSE = [pauli("XIY"), 0.5 * pauli("ZII") - pauli("IZZ")]


@pytest.fixture(scope="module")
def run(tmp_path_factory, data, truth):
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    nqs.tomography(data, seed=1, out=folder, target=truth, observables=WORDS, bootstrap=40, **QUICK)
    return folder


def test_a_tomography_has_its_observables_from_both_sides(run, truth):
    result = nqs.load(run)
    psi = result.state.vector()
    rows = result.summary["observables"]
    assert [row["name"] for row in rows] == WORDS
    for row, dense in zip(rows, DENSE, strict=True):
        assert_allclose(row["state"]["value"], np.vdot(psi, dense @ psi).real, atol=1e-10)
        assert row["state"]["error"] is None
        exact = np.vdot(truth, dense @ truth).real
        assert abs(row["shots"]["value"] - exact) < 4 * row["shots"]["error"]
        low, high = row["statistical"]["interval"]
        assert low < row["statistical"]["value"] < high
        assert abs(row["statistical"]["value"] - exact) < 4 * row["statistical"]["error"]
        assert (
            row["statistical"]["error"] < row["shots"]["error"]
        )  # a pure state ties them together
        assert abs(row["pull"]) < 4
    found = result.summary["fidelity"]
    assert found["fitted"] < found["value"] <= 1
    assert found["interval"][0] <= found["value"] <= found["interval"][1]
    told = result.summary["fidelity_from_shots"]
    assert abs(told["value"] - 1) < 4 * told["error"] + 0.02


def test_a_run_shows_the_figures_of_its_report(run):
    result = nqs.load(run)
    every = result.plot()
    assert set(every.names) == {path.stem for path in (run / "figures").glob("*.svg")}
    assert every["entropies"].svg == (run / "figures" / "entropies.svg").read_text()
    some = result.plot("entropies", "correlations")
    assert some.names == ("entropies", "correlations")
    assert some._repr_html_().count("<svg") == 2
    with pytest.raises(KeyError, match="no figure 'pie'"):
        result.plot("pie")


def test_evaluating_says_the_same_as_the_run(run):
    """Its errors come from the Fisher matrix where no refits are asked for, within a third."""
    found, summary = evaluate(run, wanted=WORDS), nqs.load(run).summary
    for row, before in zip(found["observables"], summary["observables"], strict=True):
        told, refitted = row["statistical"], before["statistical"]
        assert (told["method"], refitted["method"]) == ("Fisher matrix", "bootstrap")
        assert told["error"] == pytest.approx(refitted["error"], rel=0.4)  # of 40: four errors
    assert found["likelihood"]["nll"] == pytest.approx(summary["likelihood"]["nll"])
    for row, before in zip(found["observables"], summary["observables"], strict=True):
        assert row["state"] == pytest.approx(before["state"])
        assert row["shots"] == pytest.approx(before["shots"])


def test_shots_that_the_run_did_not_see(run, truth, tmp_path):
    """Their likelihood, and a fidelity that owes nothing to the fit; then those of another state."""
    np.save("truth.npy", truth)
    (tmp_path / "ising.toml").write_text(
        "[hamiltonian]\nname = 'ising'\nlattice = 'chain'\nsize = [3]\nh = 0.7\n"
    )
    fresh = simulate(truth, ["XXX", "ZZZ", "XYZ", "ZXY", "YYX", "YZX"], 500, 9)
    found = evaluate(run, data=fresh, target="truth.npy", config=tmp_path / "ising.toml")
    psi = nqs.load(run).state.vector()
    assert found["fidelity"]["value"] == pytest.approx(fidelity(psi, truth))
    dense = -pauli("ZZI") - pauli("IZZ") - 0.7 * (pauli("XII") + pauli("IXI") + pauli("IIX"))
    energy = np.vdot(psi, dense @ psi).real
    assert found["energy"]["state"]["value"] == pytest.approx(energy)
    variance = np.vdot(psi, dense @ dense @ psi).real - energy**2
    assert found["energy"]["variance"]["value"] == pytest.approx(variance)
    exact = np.vdot(truth, dense @ truth).real
    assert abs(found["energy"]["shots"]["value"] - exact) < 4 * found["energy"]["shots"]["error"]
    assert "measure" in found["fidelity_from_shots"]["method"]  # six settings do not tell it
    other = simulate(asymmetric_state(3, 8), ["ZZZ"], 500, 9)
    assert evaluate(run, data=other)["likelihood"]["nll"]["value"] > 1.2 * np.log(2)


def test_shots_of_another_state_do_not_fit(run):
    """A p-value of one seed; of 1,000 about one would be below 1e-3 where they do."""
    psi, words = nqs.load(run).state.vector(), ["XXX", "ZZZ", "XYZ"]
    own, other = (simulate(state, words, 500, 9) for state in (psi, asymmetric_state(3, 8)))
    fits, not_at_all = (evaluate(run, data=shots)["likelihood"] for shots in (own, other))
    assert fits["p_value"] > 1e-3
    assert not_at_all["p_value"] < 1e-9
    assert (
        "p_value" not in evaluate(run)["likelihood"]
    )  # of shots it was fitted to the run tells it


def test_a_large_ground_state_is_asked_by_samples(tmp_path):
    """Chance of four standard errors: once in ten thousand each."""
    nqs.ground_state(
        ising(chain(22), 1.0, 0.7),
        "rbm-positive",
        steps=10,
        samples=64,
        hidden=2,
        evaluation={"samples": 500},
        out=tmp_path / "run",
    )
    found = evaluate(tmp_path / "run", wanted=["X0", "Z3 Z4"], samples=2000)
    state = nqs.load(tmp_path / "run").state
    for row, word in zip(found["observables"], ["X0", "Z3 Z4"], strict=True):
        again = nqs.load(tmp_path / "run").observable(word, 4000, seed=77)
        error = np.hypot(row["state"]["error"], again.error)
        assert abs(row["state"]["value"] - again.value) < 4 * error
        assert row["shots"] is row["pull"] is None
    assert found["energy"]["state"]["error"] > 0
    assert found["entropies"][0]["von_neumann"] is None
    assert found["entropies"][0]["sites"] == list(range(11))
    assert state.sites == found["sites"] == 22


def test_replicas_scatter_as_the_fit_does(data, truth):
    """The fidelity that refits lose to the fit is what the fit lost to the truth, within a factor."""
    result = nqs.tomography(data, seed=2, **QUICK)
    psi = result.state.vector()
    again = replicas(result.state, data, 30, 1, refit(result.state, data, result.summary))
    assert again.shape == (30, 8)
    assert_allclose(np.linalg.norm(again, axis=1), 1)
    lost = np.mean([1 - fidelity(other, psi) for other in again])
    assert 0.3 < lost / (1 - fidelity(psi, truth)) < 3


def test_fidelity_of_any_two(run, truth):
    """A folder, a result, a state, a vector, a matrix: all the same, either way round, and exact."""
    result = nqs.load(run)
    psi = result.state.vector()
    rho = 0.9 * np.outer(truth, truth.conj()) + 0.1 * np.eye(8) / 8
    pure, mixed = abs(np.vdot(psi, truth)) ** 2, np.vdot(psi, rho @ psi).real
    for thing in (run, str(run), result, result.state, psi):
        for other, expected in ((truth, pure), (rho, mixed)):
            for found in (nqs.fidelity(thing, other), nqs.fidelity(other, thing)):
                assert found.error is None
                assert found.value == pytest.approx(expected)


def test_a_run_that_was_moved_is_evaluated_as_before(run, tmp_path):
    before = evaluate(run, wanted=["X0"])
    moved = shutil.copytree(run, tmp_path / "elsewhere")
    hidden = run.rename(run.with_name("away"))
    try:
        after = evaluate(moved, wanted=["X0"])
    finally:
        hidden.rename(run)
    assert after["observables"] == before["observables"]


def test_regions_have_entropies_and_pairs_of_them_mutual_information(run):
    psi = nqs.load(run).state.vector()
    found = evaluate(run, regions=["0,2", "1", "0-1"])
    assert [row["sites"] for row in found["entropies"]] == [[0, 2], [1], [0, 1]]
    for row in found["entropies"]:
        exact = entropy.entropies(psi, row["sites"])
        assert row["renyi2"] == {"value": pytest.approx(exact.renyi2), "error": None}
        assert row["von_neumann"]["value"] == pytest.approx(exact.von_neumann)
    [pair] = found["mutual_information"]  # of the others a site is in both
    assert (pair["a"], pair["b"]) == ([0, 2], [1])
    twice = 2 * entropy.entropies(psi, [1]).von_neumann  # the whole is pure
    assert pair["von_neumann"]["value"] == pytest.approx(twice)
    for wrong, what in (
        ("0-3", "from 0 to 2"),
        ("2-1", "from 0"),
        ("a", "list of sites"),
        ("0-2", "whole"),
    ):
        with pytest.raises(ValueError, match=what):
            evaluate(run, regions=[wrong])


def test_what_cannot_be_asked_is_refused(run, tmp_path, data):
    with pytest.raises(ValueError, match="site 7"):
        evaluate(run, wanted=["X7"])
    with pytest.raises(ValueError, match="3 sites and the shots 4"):
        evaluate(run, data=simulate(asymmetric_state(4), ["ZZZZ"], 10, 1))
    with pytest.raises(ValueError, match="site 3"):
        nqs.tomography(data, observables=["X3"])
    with pytest.raises(ValueError, match="no spread"):
        nqs.tomography(data, bootstrap=1)
    with pytest.raises(ValueError, match="no spread"):
        evaluate(run, bootstrap=1)
    nqs.ground_state(ising(chain(3)), "rbm", steps=10, samples="all", out=tmp_path / "ground")
    with pytest.raises(ValueError, match="taught by none"):
        evaluate(tmp_path / "ground", bootstrap=10)
