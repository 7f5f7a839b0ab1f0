"""A tomography from shots to a verdict: right, repeatable, and blind to the shots it held out."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from numpy.testing import assert_allclose, assert_array_equal

import nqs
from nqs.config.summary import read_summary
from nqs.evaluation.fidelity import fidelity
from nqs.jobs import reconstruct
from nqs.report import page
from nqs.state.simulate import chosen_settings, simulate
from nqs.systems.exact import lanczos
from nqs.systems.hamiltonians import ising
from nqs.systems.known import random_state
from nqs.systems.lattices import chain
from nqs.training.run import NumericalFailure

QUICK = {"steps": 300, "restarts": 2}


@pytest.fixture(scope="module")
def result(data):
    return nqs.tomography(data, seed=1, **QUICK)


def timeless(summary):
    """Without what the clock says."""
    training = {k: v for k, v in summary["training"].items() if not k.startswith("seconds")}
    return {**summary, "training": training}


def test_a_random_state_is_found(result, data, truth):
    """Exact maximum likelihood loses 1 − F of about 14 directions / (2 · 5,400 shots · ½)."""
    assert result.fidelity(truth) > 0.99
    assert result.summary["fidelity"]["value"] == pytest.approx(result.fidelity(truth), rel=1e-12)
    assert result.summary["identifiability"]["determined"] is True
    assert result.summary["likelihood"]["p_value"] > 1e-3
    assert result.summary["baseline"]["nll"] <= result.summary["likelihood"]["nll"]["value"] + 1e-12
    assert result.summary["data"]["shots"] == data.shots == 5400


def test_its_likelihood_and_observables_are_those_of_its_vector(result, data, truth):
    from exact import pauli, probabilities

    psi = result.state.vector()
    log_p = np.log([probabilities(psi, s) for s in data.settings])
    expected = -(data.table() * log_p).sum() / data.shots
    assert_allclose(result.summary["likelihood"]["nll"]["value"], expected, rtol=1e-12)
    found = result.observable("X0 Y2")
    assert_allclose(found.value, np.vdot(psi, pauli("XIY") @ psi).real, atol=1e-13)
    assert found.error is None
    assert abs(found.value - np.vdot(truth, pauli("XIY") @ truth).real) < 0.1


def test_the_summary_has_the_keys_promised_and_no_nan(result):
    promised = (
        "nqs job verdict warnings stopped seed versions sites ansatz training data likelihood "
        "identifiability baseline fidelity"
    )
    assert set(promised.split()) <= set(result.summary)
    json.dumps(result.summary, allow_nan=False)
    inner = {
        "ansatz": "name parameters",
        "training": "steps seconds seconds_compiling best_step",
        "data": "file select sha256 shots settings held_out_shots",
        "likelihood": "train_nll held_out_nll chi2_per_dof p_value p_value_method",
        "identifiability": "rank directions restarts_agree conjugate_excluded determined",
        "baseline": "method train_nll held_out_nll fidelity",
        "fidelity": "value error interval target",
    }
    for table, keys in inner.items():
        assert set(keys.split()) <= set(result.summary[table]), table


def test_the_same_seed_gives_the_same_summary_and_state(result, data):
    again = nqs.tomography(data, seed=1, **QUICK)
    assert timeless(again.summary) == timeless(result.summary)
    assert_array_equal(again.state.vector(), result.state.vector())


def test_another_seed_gives_another_run_to_the_same_state(result, data):
    other = nqs.tomography(data, seed=2, method="none", **QUICK)
    assert not np.array_equal(other.state.vector(), result.state.vector())
    assert fidelity(other.state.vector(), result.state.vector()) > 0.99


def test_a_run_is_loaded_as_it_was(tmp_path, data):
    written = nqs.tomography(data, out=tmp_path / "run", method="none", **QUICK)
    read = nqs.load(tmp_path / "run")
    assert_array_equal(read.state.vector(), written.state.vector())
    assert read.summary == json.loads(json.dumps(written.summary))
    assert read.folder == written.folder
    assert repr(read) == repr(written)
    for name in ("config.toml", "metrics.jsonl", "checkpoint.h5", "best.h5", "report.html"):
        assert (tmp_path / "run" / name).is_file(), name
    with pytest.raises(ValueError, match="not empty"):
        nqs.tomography(data, out=tmp_path / "run", method="none", **QUICK)


def test_training_never_sees_the_shots_held_out(data, monkeypatch):
    """What each phase is given: parts that add up to the data, then everything."""
    seen = {}

    def spy(run, phase, objective, recipe, variables, batch, **rest):
        seen[phase] = batch
        return train(run, phase, objective, recipe, variables, batch, **rest)

    train = reconstruct.train
    monkeypatch.setattr(reconstruct, "train", spy)
    found = nqs.tomography(data, held_out=0.25, method="none", **QUICK)
    search, refit = seen["search"], seen["refit"]
    assert_array_equal(search.train + search.held_out, data.table())
    assert_array_equal(search.held_out.sum(axis=1), 50)  # of 200 in every setting
    assert found.summary["data"]["held_out_shots"] == search.held_out.sum() == 27 * 50
    assert_array_equal(refit.train, data.table())
    assert not refit.held_out.any()


def test_without_shots_held_out_all_train(data):
    found = nqs.tomography(data, held_out=0.0, method="none", **QUICK)
    assert found.summary["likelihood"]["held_out_nll"] is None
    assert found.summary["data"]["held_out_shots"] == 0
    json.dumps(found.summary, allow_nan=False)


class Table(nn.Module):
    """A free log ψ for each basis state: every state, exactly."""

    @nn.compact
    def __call__(self, bits):
        size = 2 ** bits.shape[-1]
        real, imaginary = (
            self.param(name, nn.initializers.normal(1.0), (size,), float) for name in "ri"
        )
        index = bits @ (2 ** np.arange(bits.shape[-1])[::-1])
        return real[index] + 1j * imaginary[index]


def test_a_module_of_the_user_is_trained(data, truth, tmp_path):
    found = nqs.tomography(data, Table(), rate=0.05, out=tmp_path / "run", method="none", **QUICK)
    assert found.fidelity(truth) > 0.99
    assert found.summary["ansatz"] == {"name": "Table", "parameters": 16}
    with pytest.raises(ValueError, match=r"load it in Python with nqs.load\(folder, Table"):
        nqs.load(tmp_path / "run")
    again = nqs.load(tmp_path / "run", Table()).state
    assert_array_equal(again.vector(), found.state.vector())


class Single(nn.Module):
    """A free real log ψ of single precision for each basis state: every positive state."""

    @nn.compact
    def __call__(self, bits):
        table = self.param("table", nn.initializers.normal(0.1), (8,), jnp.float32)
        return table[bits @ (2 ** np.arange(3)[::-1])]


def test_a_real_module_of_single_precision_is_trained():
    psi = np.abs(random_state(3, 4))
    shots = simulate(psi, ("ZZZ",), 3000, seed=1)
    found = nqs.tomography(shots, Single(), rate=0.03, steps=600, restarts=2, method="none")
    assert found.fidelity(psi) > 0.98
    assert found.state.vector().dtype == complex


def test_a_single_restart_agrees_with_nobody(data):
    found = nqs.tomography(data, steps=300, restarts=1, method="none").summary["identifiability"]
    assert found["restarts_agree"] is None
    assert found["determined"] is None


class Failing(nn.Module):
    """log ψ whose gradient is not a number."""

    @nn.compact
    def __call__(self, bits):
        w = self.param("w", nn.initializers.zeros, (), float)
        return jnp.sqrt(w) * bits.sum(-1) + 0j


def test_numbers_that_fail_leave_a_summary_that_says_so(data, tmp_path):
    with pytest.raises(NumericalFailure, match="not finite"):
        nqs.tomography(data, Failing(), out=tmp_path / "run", method="none", rate=0.1, **QUICK)
    summary = read_summary(tmp_path / "run")
    assert summary["verdict"] == "failed"
    assert "not finite" in summary["warnings"][0]
    assert (tmp_path / "run" / "checkpoint.h5").exists()
    page.rebuild(tmp_path / "run")
    with pytest.raises(ValueError, match="failed: every restart"):
        nqs.load(tmp_path / "run")


def test_numbers_that_fail_in_training_on_all_shots_keep_the_search(data, truth, monkeypatch):
    train = reconstruct.train

    def failing(run, phase, *rest, **more):
        if phase != "search":
            raise NumericalFailure("made to")
        return train(run, phase, *rest, **more)

    monkeypatch.setattr(reconstruct, "train", failing)
    found = nqs.tomography(data, method="none", **QUICK)
    assert found.fidelity(truth) > 0.98
    assert "did not see the shots held out" in " ".join(found.summary["warnings"])
    assert found.summary["identifiability"]["conjugate_excluded"] is None
    assert found.summary["training"]["refit_steps"] is None


class Wide(nn.Module):
    """log ψ with an axis too many."""

    @nn.compact
    def __call__(self, bits):
        return nn.Dense(2)(bits.astype(float)) + 0j


class Remembering(nn.Module):
    """Keeps a collection beside its parameters."""

    @nn.compact
    def __call__(self, bits):
        x = nn.BatchNorm(use_running_average=True)(nn.Dense(1)(bits.astype(float)))
        return x[..., 0] + 0j


class Short(nn.Module):
    """Made for two sites."""

    @nn.compact
    def __call__(self, bits):
        return bits @ self.param("w", nn.initializers.ones, (2,)) + 0j


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Wide(), r"Wide maps bits of shape \(3, 3\) to complex.* of shape \(3, 2\)"),
        (Remembering(), "collections batch_stats, params"),
        (Short(), r"Short does not map bits of shape \(3, 3\)"),
        (Short, "the class Short; give an instance"),
        (3, "type int; expected a name or a Flax linen module"),
    ],
    ids=str,
)
def test_a_module_that_is_no_log_psi_is_refused_before_anything_is_written(
    data, model, message, tmp_path
):
    with pytest.raises(ValueError, match=message):
        nqs.tomography(data, model, out=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ansatz": "recurent"}, r"'recurent' \(did you mean recurrent\?\); choose one of"),
        ({"stepps": 100}, "'stepps'; did you mean 'steps'"),
        ({"zzz": 1}, "'zzz'; expected one of .*steps"),
        ({"ansatz": "rbm", "phase": True}, "has no option 'phase'"),
        ({"held_out": 0.9}, "held_out"),
        ({"target": np.ones(4) / 2}, "target has shape"),
        ({"target": np.ones(8)}, "norm 2.82"),
        ({"target": np.diag([1.5, -0.5, 0, 0, 0, 0, 0, 0])}, "eigenvalue -0.5"),
        ({"select": "a"}, "select has no effect beside shots"),
        ({"seed": True}, "seed = True is not accepted"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_before_training(data, wrong, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        nqs.tomography(data, **{**QUICK, **wrong}, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_measurements_are_left_as_they_were(data):
    before = replace(data, outcomes=data.outcomes.copy(), counts=data.counts.copy())
    nqs.tomography(data, method="none", **QUICK)
    assert_array_equal(data.outcomes, before.outcomes)
    assert_array_equal(data.counts, before.counts)


# Settings that leave sites out, and readout errors


@pytest.fixture(scope="module")
def two_sites():
    """Shots with 8 % and 15 % of the readings wrong, declared; some settings of one site."""
    settings = ("IX", "YI", *chosen_settings("all", 2, 1))
    return simulate(random_state(2, 3), settings, 2000, seed=1, readout=(0.08, 0.15))


def test_a_state_averaged_over_a_symmetry_is_learnt():
    """Of a ground state that a reflection leaves as it is, from shots that are a little off it."""
    target = np.abs(lanczos(ising(chain(4), h=[0.5, 1.1, 1.1, 0.5])).psi)
    shots = simulate(target, ("ZZZZ", "XXXX"), 2000, seed=1)
    given = {"hidden": 6, "phase": False, "average": ["flip", "point"], **QUICK}
    found = nqs.tomography(shots, **given)
    psi = found.state.vector().reshape((2,) * 4)
    assert_allclose(psi, psi[::-1, ::-1, ::-1, ::-1], atol=1e-12)
    assert_allclose(psi, psi.transpose(3, 2, 1, 0), atol=1e-12)
    assert found.fidelity(target) > 0.99
    assert found.summary["ansatz"]["name"] == "recurrent"


def test_declared_readout_errors_are_undone(two_sites):
    """By fidelity, and by likelihood: the shots do not fit any pure state read without errors."""
    truth = random_state(2, 3)
    declared = nqs.tomography(two_sites, Table(), rate=0.05, method="none", **QUICK)
    undeclared = nqs.tomography(
        replace(two_sites, readout=None), Table(), rate=0.05, method="none", **QUICK
    )
    assert declared.fidelity(truth) > 0.99
    assert undeclared.fidelity(truth) < declared.fidelity(truth) - 0.005
    assert declared.summary["likelihood"]["p_value"] > 1e-3
    assert undeclared.summary["likelihood"]["p_value"] < 0.01
    assert "contradict" in " ".join(undeclared.summary["warnings"])


def test_every_leaf_of_a_state_is_finite(result):
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.state.variables))


def test_the_restart_that_explains_all_shots_best_wins():
    """By more than two paired errors, where another was favoured; NaN never wins."""
    counts = np.array([[400.0, 600.0]])
    tables = [np.log([[p, 1 - p]]) for p in (0.40, 0.42, 0.55)] + [np.full((1, 2), np.nan)]
    assert reconstruct._winner(tables, counts, None) == 0
    assert reconstruct._winner(tables, counts, 1) == 1  # Δ·n = 0.8, within two paired errors
    assert reconstruct._winner(tables, counts, 2) == 0  # Δ·n = 46
    assert reconstruct._winner(tables[::-1], counts, None) == 3
