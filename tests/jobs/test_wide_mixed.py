"""Mixed states of more sites than a density matrix holds, and shots that were misread, against what is known."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from interrupted import stopped_at

import nqs
from nqs.ansatz import accompanied
from nqs.config.tomography import Tomography
from nqs.evaluation.norm import Norm
from nqs.jobs import rungs, wide
from nqs.jobs.evaluate import evaluate
from nqs.jobs.properties import fidelity_to
from nqs.jobs.tried import Tried
from nqs.jobs.wide_shots import together
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import basis_index
from nqs.state.reading import JUDGED, log_probabilities
from nqs.state.simulate_large import of_matrices, simulate_large

SITES, WHITE, SHOTS = 14, 0.3, 500


@pytest.fixture(autouse=True, scope="module")
def short_ladders():
    """Few sizes, as each is a program to compile."""
    few = {"mps": ("bond", (1,)), "recurrent": ("hidden", (4,))}
    few |= {"purification": ("ancillas", (1,)), "lpdo": ("bond", (2,))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rungs, "_SIZES", few)
        yield


def product():
    """⊗ (cos θ/2 |0⟩ + e^{iφ} sin θ/2 |1⟩)."""
    rng = np.random.default_rng(8)
    theta, phi = rng.uniform(0.4, 2.6, SITES), rng.uniform(-3, 3, SITES)
    amplitudes = np.stack([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)], axis=1)
    return of_matrices(amplitudes[:, :, None, None])


def settings():
    """All Z, and each pair of neighbours in X and Y, both ways."""
    found = ["Z" * SITES]
    for first in range(0, SITES, 2):
        found += ["Z" * first + pair + "Z" * (SITES - 2 - first) for pair in ("XY", "YX")]
    return found


OPTIONS = {"steps": 240, "strings": 1024, "restarts": 1, "seed": 4, "observables": ["Z0 Z1", "Z5"]}


@pytest.fixture(scope="module")
def noisy():
    return simulate_large(product(), settings(), SHOTS, 3, depolarising=WHITE)


@pytest.fixture(scope="module")
def found(noisy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    return nqs.tomography(noisy, ansatz="auto", out=folder, target=product(), **OPTIONS)


def test_white_noise_beside_a_pure_state_is_found(found):
    """Of 7,500 shots the share of those lost is known to 0.006; the purity is (1 − s)²."""
    summary = found.summary
    labels = [row["ansatz"] for row in summary["ladder"]]
    assert summary["ansatz"]["white_noise"] is True
    assert any("purification" in label for label in labels)
    assert any("lpdo" in label for label in labels)
    white = summary["mixture"]["white_noise"]["value"]
    assert white == pytest.approx(WHITE, abs=0.03)
    purity = summary["mixture"]["purity"]
    assert abs(purity["value"] - (1 - white) ** 2) < 5 * (purity["error"] or 0) + 1e-4
    assert summary["fidelity"]["fitted"] == pytest.approx(1 - white, abs=0.05)
    assert summary["likelihood"]["p_value"] > 1e-3
    assert summary["baseline"]["method"] in ("mps", "lpdo")


def test_observables_are_those_of_the_noisy_state(found):
    """Each is told by some 6,500 shots: five standard errors are 0.06."""
    exact = [(1 - WHITE) * e.value for e in map(nqs_value(product()), OPTIONS["observables"])]
    for row, known in zip(found.summary["observables"], exact, strict=True):
        assert row["state"]["value"] == pytest.approx(known, abs=0.06)


def nqs_value(state):
    from nqs.evaluation.observables import of_state
    from nqs.systems.observable import observable

    return lambda text: of_state(state, [observable(text, SITES)])[0]


def test_a_run_is_evaluated_sampled_and_loaded_like_a_pure_one(found, noisy):
    again = evaluate(found.folder, wanted=["Z0 Z1"], regions=["0-2", "5"], samples=2000)
    assert again["observables"][0]["state"]["value"] == pytest.approx(
        found.summary["observables"][0]["state"]["value"], abs=0.1
    )
    assert again["entropies"][0]["renyi2"]["value"] > 0
    nll, own = again["likelihood"]["nll"]["value"], found.summary["likelihood"]["nll"]["value"]
    assert again["likelihood"]["shots"] == noisy.shots
    assert nll == pytest.approx(own, abs=0.05)
    fresh = [simulate_large(product(), settings(), 100, 9, depolarising=s) for s in (WHITE, 0.0)]
    fits, too_pure = (evaluate(found.folder, data=d, samples=200)["likelihood"] for d in fresh)
    assert fits["p_value"] > 1e-3  # of one seed
    assert too_pure["p_value"] < 1e-9
    mixed = fidelity_to(found.state, "itself", found.state, None, 1)
    assert mixed["fitted"] is None
    assert "two mixed states" in mixed["why"]
    assert evaluate(found.folder, samples=200)["observables"] == []
    loaded = nqs.load(found.folder)
    with pytest.raises(ValueError, match="Draw samples instead"):
        loaded.state.exact()
    assert loaded.state.sample(100, 1, "XY" + "Z" * (SITES - 2)).bits.shape == (100, SITES)
    assert (found.folder / "report.html").read_text().count("White noise learnt") == 1


def test_every_phase_that_a_run_may_come_to_can_be_taken_up():
    """What a ladder, or a named ansatz beside matrix products, trains stands among the templates, in Z alone as well."""
    for words, name in (
        (settings(), "auto"),
        (settings(), "purification"),
        (["Z" * SITES], "lpdo"),
    ):
        data = simulate_large(product(), words, 20, 3)
        asked = Tomography.model_validate({"ansatz": {"name": name}})
        config, _, _ = wide.choose(asked, data)
        phases = set(wide.templates(config, None, data))
        expected = {
            "auto": {"ladder mps 1 + white noise", "search lpdo 2", "ladder purification 4 + 1"}
            | {f"{purpose} purification 4 + {SITES}" for purpose in ("ladder", "search")},
            "purification": {
                "ladder recurrent 16",
                "baseline lpdo 2",
                "search purification 16 + 2",
            },
            "lpdo": {"search lpdo 8"},
        }[name]
        assert expected <= phases


@pytest.mark.parametrize("lpdo", [9.9, 10.1])
def test_an_ancilla_a_site_is_tried_where_that_of_matrix_products_is_the_best(lpdo):
    """Of states that were never trained, which explain every shot held out equally well."""
    data = Measurements(np.zeros((2, SITES), np.uint8), tuple(settings()[:2]), [0, 1])
    told = {"mps 1": 11.0, "recurrent 4": 10.0, "lpdo 2": lpdo}

    def train(rung, tried=None):
        log_p = [np.full(10, -told.get(rung.label, 10.5))]
        state = SimpleNamespace(parameters=10)
        return Tried(rung, [state], [1], [Norm(0.0, None)], [log_p], [], (1.0,), 0)

    recurrent = rungs.Rung("recurrent", {"hidden": 4, "phase": True})
    pure = [train(rung) for rung in (*rungs.matrix_products(data), recurrent)]
    labels = [tried.rung.label for tried in wide.mixed_beside(pure, data, train)]
    few = ["recurrent 4 + white noise", "purification 4 + 1", "lpdo 2"]
    assert labels == (few if lpdo > 10 else [*few, f"purification 4 + {SITES}"])


@pytest.mark.parametrize("cut", [4, 7])
def test_an_interrupted_ladder_of_descriptions_goes_on_bit_for_bit(found, noisy, tmp_path, cut):
    work = {"ansatz": "auto", "out": tmp_path / "cut", "target": product(), **OPTIONS}
    stopped_at(cut, lambda: nqs.tomography(noisy, **work))
    again = nqs.resume(tmp_path / "cut").summary
    for key in ("ladder", "ansatz", "mixture", "observables", "verdict"):
        assert again[key] == found.summary[key]
    assert again["likelihood"]["nll"] == found.summary["likelihood"]["nll"]


def test_readout_errors_are_undone_by_matrix_products():
    """A tenth of all ones is read as zero; ⟨Z⟩ of the state itself within five errors of 7,500 shots."""
    pairs = [(0.02, 0.1)] * SITES
    data = simulate_large(product(), settings(), SHOTS, 5, readout=pairs)
    blind = replace(data, readout=None)
    told, misled = (
        nqs.tomography(d, ansatz="mps", bond=1, steps=300, likelihood="branch", target=product())
        for d in (data, blind)
    )
    assert told.summary["fidelity"]["fitted"] > 0.97
    assert misled.summary["fidelity"]["fitted"] < 0.9
    assert told.summary["likelihood"]["p_value"] > 1e-3


def test_ancillas_are_learnt_beyond_all_amplitudes():
    """|0…0⟩ and |1…1⟩ in equal parts, without a phase between them: purity 1/2, and no pure state explains it."""
    rng = np.random.default_rng(3)
    sites, shots = 13, 400
    words = ["Z" * sites, "XX" + "Z" * (sites - 2), "X" * 6 + "Z" * (sites - 6)]
    cat = np.repeat(rng.integers(0, 2, (len(words) * shots, 1)), sites, axis=1)
    index = np.repeat(np.arange(len(words)), shots)
    for number, word in enumerate(words):
        for site in [n for n, c in enumerate(word) if c == "X"]:
            cat[index == number, site] = rng.integers(0, 2, shots)
    data = Measurements(cat.astype(np.uint8), tuple(words), index)
    brief = {"steps": 300, "seed": 1, "restarts": 1, "method": "none"}
    result = nqs.tomography(
        data, ansatz="purification", ancillas=1, hidden=8, strings=1024, **brief
    )
    assert result.summary["ansatz"]["ancillas"] == 1
    assert result.summary["likelihood"]["held_out_nll"]["value"] == pytest.approx(
        np.log(2) * (1 + 3 + 7) / 3, abs=0.15
    )


def test_ancillas_that_are_drawn_tell_a_bound_and_how_far_it_is_from_the_truth(
    tmp_path, monkeypatch
):
    """Nine sites and ancillas, few enough to sum over all: in the mean of thirty draws the exact likelihood lies
    between the bound and what is told of it, within five errors; few strings are farther off."""
    monkeypatch.setattr(accompanied, "_RARE", 0.0)  # both values of an ancilla are likely
    sites, out = 9, tmp_path / "run"
    words = ("Z" * sites, "XY" + "Z" * (sites - 2), "Z" * 4 + "YX" + "Z" * 3)
    rng = np.random.default_rng(2)
    bits = (rng.random((3 * SHOTS, sites)) < 0.3).astype(np.uint8)
    bits[::2] = bits[::2, :1]  # half of the shots are all alike
    data = Measurements(bits, words, np.repeat(np.arange(3), SHOTS))
    brief = {"hidden": 6, "steps": 40, "restarts": 1, "likelihood": "branch", "method": "none"}
    brief["strings"] = 2048
    found = nqs.tomography(data, ansatz="purification", ancillas=9, out=out, seed=2, **brief)
    likelihood = found.summary["likelihood"]
    bound = likelihood["ancilla_bound"]
    assert bound["strings"] == JUDGED
    assert "NLL of the ancillas drawn too high, in errors" in {
        row["check"] for row in found.summary["checks"]
    }
    assert "a bound, too high by" in (out / "report.html").read_text()
    assert found.state.dense
    log_p = found.state.log_probabilities(words)
    strata = together(data, seed=0)
    parts = [p.taken(slice(None)) for p in strata.train]
    place = {word: row for row, word in enumerate(words)}
    exact = [
        log_p[[place[group[n]] for n in index], basis_index(bits)]
        for group, (bits, index) in zip(strata.groups, parts, strict=True)
    ]
    model, variables = found.state.model, found.state.variables
    compiled = jax.jit(log_probabilities, static_argnums=0)

    def above_exact(reader):
        """In the mean of draws, of which one is as far off as the bound is."""
        read = [compiled(model, variables, reader.read(parts, step)) for step in range(1, 31)]
        return float(np.mean([np.mean(np.concatenate(exact) - one) for one in read]))

    reader = strata.reader(model)
    above, farther = above_exact(reader.judging()), above_exact(reader)
    bias = bound["bias"]
    assert -1e-4 < above < bias["value"] + 5 * bias["error"]
    assert farther > max(2 * above, 1e-3)
