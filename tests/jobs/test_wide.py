"""States of more sites than a vector holds, learnt from shots of states that are known."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from interrupted import stopped_at
from numpy.testing import assert_array_equal

import nqs
from nqs.config.tomography import Data, Tomography
from nqs.jobs import rungs, wide, wide_shots
from nqs.jobs.rungs import Rung, climb
from nqs.jobs.wide_fit import SEARCH, Fit
from nqs.measurement.dataset import Measurements
from nqs.state.partition import Normalised
from nqs.state.simulate_large import of_matrices
from nqs.training.run import Run
from nqs.training.stream import BatchLikelihood

SITES = 18


@pytest.fixture(autouse=True, scope="module")
def short_ladders():
    """Few sizes, as each is a program to compile."""
    with pytest.MonkeyPatch.context() as patch:
        few = {"mps": ("bond", (1, 2, 4)), "recurrent": ("hidden", (8,))}
        patch.setattr(rungs, "_SIZES", {**rungs._SIZES, **few})
        yield


def product_angles():
    rng = np.random.default_rng(8)
    return rng.uniform(0.4, 2.6, SITES), rng.uniform(-3, 3, SITES)


def product_shots(settings, shots, seed=0):
    """Shots of ⊗ (cos θ/2 |0⟩ + e^{iφ} sin θ/2 |1⟩), site by site."""
    theta, phi = product_angles()
    rng = np.random.default_rng(seed)
    means = {
        "X": np.sin(theta) * np.cos(phi),
        "Y": np.sin(theta) * np.sin(phi),
        "Z": np.cos(theta),
    }
    outcomes = [
        rng.random((shots, SITES)) > (1 + np.array([means[c][n] for n, c in enumerate(s)])) / 2
        for s in settings
    ]
    index = np.repeat(np.arange(len(settings)), shots)
    return Measurements(np.concatenate(outcomes).astype(np.uint8), tuple(settings), index)


def settings_of(letters):
    """All Z, and each pair of neighbours in these letters."""
    found = ["Z" * SITES]
    for first in range(0, SITES, 2):
        found += ["Z" * first + pair + "Z" * (SITES - 2 - first) for pair in letters]
    return found


def product():
    """The state of those shots, as matrices of one element."""
    theta, phi = product_angles()
    amplitudes = np.stack([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)], axis=1)
    return of_matrices(amplitudes[:, :, None, None])


@pytest.fixture(scope="module")
def determined():
    data = product_shots(settings_of(["XY", "YX"]), 800)
    return nqs.tomography(data, ansatz="mps", bond=1, steps=300, seed=2, target=product())


def test_a_target_is_compared_with_by_samples(determined):
    """Where no vector is, a State; its likelihood beside that of the fit, on the same shots.

    Of 2 · 18 parameters and 15,200 shots: about 18 / 15,200 nats are lost, and 0.005 of fidelity.
    """
    found, told = determined.summary["fidelity"], determined.summary["likelihood"]
    assert 0.97 < found["value"] <= 1 + 1e-9
    assert found["samples"] > 1000
    assert abs(told["above_target"]["value"]) < 0.01
    assert told["held_out_nll"]["value"] - told["floor"]["value"] == pytest.approx(
        told["above_target"]["value"]
    )


def test_a_product_state_of_eighteen_sites_is_found(determined):
    """Its ⟨X⟩, ⟨Y⟩ and ⟨Z⟩ at every site, within five errors of the shots of one setting."""
    theta, phi = product_angles()
    summary = determined.summary
    assert summary["training"]["likelihood"] == "branch"
    assert summary["identifiability"]["determined"] is True
    assert summary["identifiability"]["phases_linked"] is True
    assert "training on all shots" not in {row["check"] for row in summary["checks"]}
    for site in (0, 7, 17):
        assert determined.observable(f"X{site}").value == pytest.approx(
            np.sin(theta[site]) * np.cos(phi[site]), abs=0.18
        )
        assert determined.observable(f"Y{site}").value == pytest.approx(
            np.sin(theta[site]) * np.sin(phi[site]), abs=0.18
        )
    assert abs(summary["likelihood"]["held_out_nll"]["value"] - entropy()) < 0.2


def entropy():
    """Mean −log P of the shots under the state they are of, nats per shot."""
    theta, phi = product_angles()
    of = {"X": np.sin(theta) * np.cos(phi), "Y": np.sin(theta) * np.sin(phi), "Z": np.cos(theta)}
    total = []
    for setting in settings_of(["XY", "YX"]):
        p = (1 + np.array([of[c][n] for n, c in enumerate(setting)])) / 2
        total.append(-(p * np.log(p) + (1 - p) * np.log(1 - p)).sum())
    return np.mean(total)


def test_sites_that_no_setting_rotates_are_named():
    data = product_shots(settings_of(["XY", "YX"])[:-4], 500)
    summary = nqs.tomography(data, ansatz="mps", bond=1, steps=200, seed=2).summary
    assert summary["identifiability"]["determined"] is False
    assert summary["verdict"] == "warning"
    (named,) = [w for w in summary["warnings"] if "No setting rotates sites" in w]
    assert "sites 14-17" in named


def test_a_cat_state_measured_on_few_sites_is_called_open():
    """(|0…0⟩ + i |1…1⟩)/√2: rotated in pairs its two halves never meet."""
    rng = np.random.default_rng(3)
    settings, shots = settings_of(["XY"]), 400
    outcomes = np.repeat(rng.integers(0, 2, (len(settings) * shots, 1)), SITES, axis=1)
    index = np.repeat(np.arange(len(settings)), shots)
    for number, setting in enumerate(settings):
        for site in [n for n, c in enumerate(setting) if c != "Z"]:
            outcomes[index == number, site] = rng.integers(0, 2, shots)
    data = Measurements(outcomes.astype(np.uint8), tuple(settings), index)
    summary = nqs.tomography(data, ansatz="mps", bond=2, steps=300, seed=1).summary
    assert summary["identifiability"]["determined"] is False
    assert any("XXXXXXXXXXXXXXXXXX" in warning for warning in summary["warnings"])


def test_shots_that_contradict_the_state_are_told():
    """Readout flips of five percent in the rotated settings alone."""
    data = product_shots(settings_of(["XX", "YY"]), 2000)
    flips = np.random.default_rng(1).random(data.outcomes.shape) < 0.05
    flipped = np.where(data.setting_index[:, None] > 0, data.outcomes ^ flips, data.outcomes)
    noisy = replace(data, outcomes=flipped.astype(np.uint8))
    summary = nqs.tomography(noisy, ansatz="mps", bond=1, steps=300, seed=1).summary
    assert summary["likelihood"]["p_value"] < 0.01


def test_the_same_seed_gives_the_same_summary_from_a_folder_or_not(tmp_path, determined):
    data = product_shots(settings_of(["XY", "YX"]), 800)
    again = nqs.tomography(
        data, ansatz="mps", bond=1, steps=300, seed=2, out=tmp_path / "run", target=product()
    ).summary
    for key in ("likelihood", "identifiability", "baseline", "verdict"):
        assert again[key] == determined.summary[key]
    loaded = nqs.load(tmp_path / "run")
    assert loaded.state.parameters == determined.state.parameters
    assert (tmp_path / "run" / "report.html").is_file()


def test_sizes_are_tried_and_the_simplest_that_is_as_good_is_kept():
    """Correlated pairs need a bond of two, and no more."""
    rng = np.random.default_rng(6)
    pairs = rng.integers(0, 2, (6000, SITES // 2))
    flips = rng.random(pairs.shape) < 0.1
    outcomes = np.stack([pairs, pairs ^ flips], axis=2).reshape(6000, SITES)
    data = Measurements(outcomes.astype(np.uint8), ("Z" * SITES,), np.zeros(6000, np.uint32))
    result = nqs.tomography(data, steps=240, seed=1, restarts=1)
    summary = result.summary
    tried = {row["ansatz"]: row["held_out_nll"]["value"] for row in summary["ladder"]}
    best = SITES / 2 * (np.log(2) - 0.1 * np.log(0.1) - 0.9 * np.log(0.9))
    assert tried["mps 2"] < tried["mps 1"] - 1
    assert any(name.startswith("recurrent") for name in tried)
    assert summary["likelihood"]["held_out_nll"]["value"] == pytest.approx(best, abs=0.25)
    assert summary["baseline"]["method"] == "mps"
    assert [row["chosen"] for row in summary["ladder"]].count(True) == 1


def test_a_ladder_is_climbed_for_as_long_as_it_pays():
    values = {1: 5.0, 2: 4.0, 4: 4.1, 8: 1.0}
    assert climbed([values]) == [[1, 2, 4]]


def test_a_family_that_cannot_catch_up_is_left():
    """Two more gains of 0.1 do not bridge 0.5; two of 0.3 may."""
    first, slow = {1: 5.0, 2: 4.0, 4: 4.0}, {1: 4.6, 2: 4.5, 4: 4.4, 8: 4.3}
    assert climbed([first, slow]) == [[1, 2, 4], [1, 2]]
    fast = {1: 4.8, 2: 4.5, 4: 4.2, 8: 3.9}
    assert climbed([first, fast]) == [[1, 2, 4], [1, 2, 4, 8]]


def climbed(families):
    """The sizes tried of each family, whose held-out NLL is known."""
    ladders = [[Rung(str(n), {"bond": bond}) for bond in f] for n, f in enumerate(families)]
    found = climb(
        ladders,
        lambda rung: (int(rung.name), families[int(rung.name)][rung.options["bond"]], rung),
        lambda new, old: old[1] - new[1],
    )
    return [
        [rung.options["bond"] for family, _, rung in found if family == n]
        for n in range(len(families))
    ]


def test_what_is_out_of_reach_is_refused_in_a_sentence():
    data = product_shots(["Z" * SITES, "X" * SITES], 100)
    with pytest.raises(ValueError, match=r"rotates 18 sites.*2\^18.*--ansatz mps"):
        nqs.tomography(data, ansatz="recurrent", steps=10)
    with pytest.raises(ValueError, match=r"rotates 18 sites.*--ansatz mps"):
        nqs.tomography(data, ansatz="rbm", steps=10)
    with pytest.raises(ValueError, match="refits every data set"):
        nqs.tomography(data, ansatz="mps", bootstrap=10)
    readout = np.tile([[0.9, 0.1], [0.1, 0.9]], (SITES, 1, 1))
    with pytest.raises(ValueError, match="matrix products alone do in one go"):
        nqs.tomography(replace(data, readout=readout), ansatz="recurrent")
    with pytest.raises(ValueError, match="low-rank is learnt from all amplitudes"):
        nqs.tomography(data, ansatz="low-rank")
    with pytest.raises(ValueError, match="rbm is not normalised"):
        nqs.tomography(data, ansatz="rbm", white_noise=True)


def test_held_out_shots_are_no_more_than_tell_states_apart():
    data = product_shots(["Z" * SITES], 1000)
    config = Tomography(data=Data(held_out=0.2), seed=1)
    parts = wide_shots.divided(data, config)
    assert parts.held_out[0].shots == 200
    assert parts.train[0].shots == 800


def test_a_size_that_was_tried_is_trained_on_beside_a_fresh_start():
    data = product_shots(["Z" * SITES], 400)
    asked = Tomography(ansatz={"name": "mps", "bond": 2}, training={"steps": 60, "restarts": 2})
    config, _, _ = wide.choose(asked, data)
    shots = wide_shots.divided(data, config)
    fit = Fit(shots, config, SITES, None, Run(), wide_shots.near(shots))
    tried = fit.briefly(Rung("mps", {"bond": 2, "phase": False}))
    model = tried.state.model
    begun = fit._start(BatchLikelihood(model, Normalised()), SEARCH, tried).variables
    jax.tree.map(lambda all, one: assert_array_equal(all[0], one), begun, tried.state.variables)
    assert all((leaf[0] != leaf[1]).any() for leaf in jax.tree.leaves(begun))


@pytest.mark.parametrize("log_p", [{3: -1.0, 5: -2.0}, {3: -2.0, 5: -1.0}])
def test_the_state_that_all_shots_held_out_favour_is_kept(log_p):
    """The best in training, at step 3, or the last, at step 5."""
    config = Tomography(data=Data(held_out=0.2), seed=1)
    shots = wide_shots.divided(product_shots(["Z" * SITES], 100), config)
    fit = Fit(shots, config, SITES, None, Run(), wide_shots.near(shots))
    passed = SimpleNamespace(best={}, average={}, best_step=[3], step=[5])

    def look(variables, step):
        return SimpleNamespace(step=step, log_p=[np.full(20, log_p[step])])

    assert fit._kept(look, passed, 0).step == max(log_p, key=log_p.get)


def test_a_ladder_can_be_asked_for_at_any_size():
    data = replace(product_shots(["Z" * SITES], 400))
    small = Measurements(data.outcomes[:, :4], ("ZZZZ",), data.setting_index)
    result = nqs.tomography(small, ansatz="auto", likelihood="branch", steps=60, restarts=1)
    assert len(result.summary["ladder"]) >= 3
    seven = Measurements(data.outcomes[:, :7], ("Z" * 7,), data.setting_index)
    with pytest.raises(ValueError, match=r"Leave out training\.likelihood"):
        nqs.tomography(seven, ansatz="auto", likelihood="dense")


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    """Shots, options, and the summary of a run that nobody interrupted."""
    data = product_shots(["Z" * SITES], 600)
    options = {"steps": 90, "restarts": 1, "seed": 4, "strings": 128}  # other shots at each step
    folder = tmp_path_factory.mktemp("whole") / "run"
    return data, options, nqs.tomography(data, out=folder, **options).summary


@pytest.mark.parametrize("cut", [1, 3])
def test_an_interrupted_ladder_goes_on_bit_for_bit(ladder, tmp_path, cut):
    """Stopped by a signal within a size, and between sizes."""
    data, options, whole = ladder
    stopped_at(cut + 1, lambda: nqs.tomography(data, out=tmp_path / "cut", **options))
    again = nqs.resume(tmp_path / "cut").summary
    for key in ("likelihood", "ladder", "baseline", "ansatz"):
        assert again[key] == whole[key]
