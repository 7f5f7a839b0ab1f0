"""Commands do what they say: JSON alone, nothing on a dry run, and the same shots everywhere."""

import json
import os
import shutil
import signal
import tomllib

import numpy as np
import pytest
from exact import chance, probabilities

import nqs as library
from nqs.config import toml
from nqs.config.tomography import Tomography
from nqs.measurement import file
from nqs.systems.known import random_state


def everything(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def strict_json(text):
    def refused(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refused)


def test_a_run_with_json_prints_its_summary_and_nothing_else(nqs, shots, quick, finished, tmp_path):
    said = nqs("tomography", shots, "--out", "run", "--json", *quick)
    assert said.status == 0
    summary = strict_json(said.out)
    assert summary == strict_json((tmp_path / "run" / "summary.json").read_text())
    again = strict_json((finished / "summary.json").read_text())
    for one in (summary, again):
        del one["training"]["seconds"], one["training"]["seconds_compiling"]
    assert summary == again  # the same seed


def test_a_run_prints_verdict_choices_and_where_it_lies(nqs, shots, quick, tmp_path):
    said = nqs("tomography", shots, *quick)
    assert said.status == 0
    assert "verdict: ok" in said.out
    assert "runs/tomography-shots-001" in said.out
    assert "ansatz.hidden = 16" in said.err
    assert (tmp_path / "runs" / "tomography-shots-001" / "report.html").is_file()


def test_strict_exits_4_on_a_warning_and_0_without(nqs, shots, quick, tmp_path):
    """A budget used up before the first step is a warning."""
    words = ("tomography", shots, *quick, "--quiet", "--strict")
    assert nqs(*words, "--out", "a").status == 0
    assert nqs(*words, "--out", "b", "--budget", "0.000001").status == 4
    assert nqs(*words[:-1], "--out", "c", "--budget", "0.000001").status == 0
    found = strict_json((tmp_path / "b" / "summary.json").read_text())
    assert (found["verdict"], found["stopped"]) == ("warning", "budget")


def test_a_time_limit_exits_75_and_resume_ends_with_0(nqs, shots, quick, finished, tmp_path):
    assert nqs("tomography", shots, *quick, "--out", "run", "--time-limit", "0.000001").status == 75
    said = nqs("resume", "run", "--json")
    assert said.status == 0
    assert strict_json(said.out)["stopped"] is None
    for name in ("metrics.jsonl", "figures/amplitudes.csv"):
        assert (tmp_path / "run" / name).read_text() == (finished / name).read_text()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_exits_with_its_status_and_says_how_to_go_on(
    nqs, shots, quick, finished, tmp_path, monkeypatch, number, status
):
    from nqs.training.run import Run

    log = Run.log

    def logged(run, row):
        log(run, row)
        if (row["phase"], row["step"]) == ("search", 150):
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Run, "log", logged)
    said = nqs("tomography", shots, *quick, "--out", "run", "--quiet")
    monkeypatch.undo()
    assert said.status == status
    assert "nqs resume" in said.err
    assert "Traceback" not in said.err
    assert nqs("resume", tmp_path / "run", "--quiet").status == 0
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == (
        finished / "metrics.jsonl"
    ).read_text()


def test_numbers_that_fail_exit_3(nqs, shots, quick, monkeypatch):
    """A normalised state does not fail of itself, so the failure is put in by hand."""
    from nqs.jobs import reconstruct
    from nqs.training.run import NumericalFailure

    def failing(*_, **__):
        raise NumericalFailure("every restart met numbers that are not finite at step 0")

    monkeypatch.setattr(reconstruct, "train", failing)
    said = nqs("tomography", shots, *quick, "--out", "run", "--quiet")
    assert said.status == 3
    assert said.err == "nqs: every restart met numbers that are not finite at step 0\n"


def test_a_dry_run_tells_the_plan_and_writes_nothing(nqs, shots, tmp_path):
    said = nqs("tomography", shots, "--dry-run", "--out", "run", "--seed", 5)
    assert said.status == 0
    assert everything(tmp_path) == []
    tables = tomllib.loads(said.out)
    assert tables["seed"] == 5
    assert tables["data"]["file"] == [str(shots)]
    assert tables["training"]["steps"] == 2000
    assert toml.checked(Tomography, tables)
    plan = strict_json(nqs("tomography", shots, "--dry-run", "--seed", 5, "--json").out)
    assert plan["config"] == tables
    assert plan["parameters"] > 0
    assert plan["memory_mb"] > 0
    assert everything(tmp_path) == []


def test_the_commented_config_is_accepted_as_it_is(nqs, shots, tmp_path):
    said = nqs("config", "tomography")
    assert said.status == 0
    (tmp_path / "c.toml").write_text(said.out)
    plan = nqs("tomography", shots, "--config", "c.toml", "--dry-run", "--json")
    assert plan.status == 0
    assert strict_json(plan.out) == strict_json(nqs("tomography", shots, "--dry-run", "--json").out)


def test_flags_win_over_the_config_and_set_over_flags(nqs, shots, tmp_path):
    (tmp_path / "c.toml").write_text("seed = 3\n[ansatz]\nname = 'rbm'\nhidden = 7\n")
    words = ("tomography", shots, "--config", "c.toml", "--dry-run", "--json")

    def resolved(*more):
        return strict_json(nqs(*words, *more).out)["config"]

    assert resolved()["seed"] == 3
    assert resolved()["ansatz"] == {"name": "rbm", "hidden": 7}
    assert resolved("--seed", 4)["seed"] == 4
    assert resolved("--seed", 4, "--set", "seed=5")["seed"] == 5
    assert resolved("--ansatz", "rbm-phase")["ansatz"] == {"name": "rbm-phase", "hidden": 7}


def test_paths_are_absolute_once_resolved(nqs, shots, tmp_path):
    """Relative to the config in a config, to the working folder on the command line."""
    (tmp_path / "deep").mkdir()
    shutil.copy(shots, tmp_path / "deep" / "a.h5")
    np.save(tmp_path / "deep" / "psi.npy", random_state(3, 5))
    (tmp_path / "deep" / "c.toml").write_text("target = 'psi.npy'\n[data]\nfile = 'a.h5'\n")
    here, target = str(tmp_path / "deep" / "a.h5"), str(tmp_path / "deep" / "psi.npy")
    for words in (
        ("--config", "deep/c.toml"),
        ("deep/a.h5", "--target", "deep/psi.npy"),
        ("--set", "data.file=deep/a.h5", "--set", "target=deep/psi.npy"),
        ("--set", "data.file=['deep/a.h5']", "--set", "target=['deep/psi.npy']"),
    ):
        config = strict_json(nqs("tomography", *words, "--dry-run", "--json").out)["config"]
        assert config["data"]["file"] == [here], words
        assert config["target"] == [target], words


def test_overwrite_replaces_a_run_and_keeps_what_is_not_its_own(
    nqs, shots, quick, finished, tmp_path
):
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    (tmp_path / "run" / "summary.json").write_text("old")
    said = nqs("tomography", shots, *quick, "--out", "run", "--overwrite", "--quiet")
    assert said.status == 0
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"
    assert strict_json((tmp_path / "run" / "summary.json").read_text())["sites"] == 3


# Finished runs


def test_fidelity_either_way_round(nqs, finished, tmp_path):
    np.save(tmp_path / "psi.npy", random_state(3, 5))
    forth = nqs("fidelity", finished, "psi.npy")
    assert forth.status == 0
    assert forth == nqs("fidelity", "psi.npy", finished)
    number = strict_json(nqs("fidelity", finished, "psi.npy", "--json").out)["fidelity"]
    assert number["error"] is None
    assert number["value"] == pytest.approx(float(forth.out), abs=1e-8)
    assert number["value"] == pytest.approx(
        strict_json((finished / "summary.json").read_text())["fidelity"]["value"], abs=1e-12
    )


@pytest.mark.parametrize("suffix", ["npy", "h5", "txt"])
def test_an_exported_state_is_the_state_of_the_run(nqs, finished, tmp_path, suffix):
    assert nqs("export", finished, f"psi.{suffix}").status == 0
    value = strict_json(nqs("fidelity", f"psi.{suffix}", finished, "--json").out)["fidelity"]
    assert value["value"] == pytest.approx(1, abs=1e-12)
    assert nqs("export", finished, f"psi.{suffix}").status == 2  # it is there already
    assert nqs("export", finished, "psi.csv").status == 2


def test_samples_follow_the_state_in_every_setting(nqs, finished, tmp_path):
    """Chi-square in three settings; by chance one run in 3,000 fails."""
    words = ("--shots", 5000, "--setting", "XYZ", "--setting", "ZZX", "--setting", "YYY")
    assert nqs("sample", finished, "new.h5", *words).status == 0
    drawn, psi = file.read(tmp_path / "new.h5"), library.load(finished).state.vector()
    assert drawn.settings == ("XYZ", "ZZX", "YYY")
    for counts, setting in zip(drawn.table(), drawn.settings, strict=True):
        assert counts.sum() == 5000
        assert chance(counts, probabilities(psi, setting)) > 1e-4
    assert nqs("sample", finished, "z.h5", "--shots", 10).status == 0
    assert file.read(tmp_path / "z.h5").settings == ("ZZZ",)
    for wrong in (("--shots", 0), ("--setting", "XQZ"), ("--setting", "XX")):
        assert nqs("sample", finished, "wrong.h5", *wrong).status == 2
    assert not (tmp_path / "wrong.h5").exists()


def test_a_report_is_built_again(nqs, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    before = (tmp_path / "run" / "report.html").read_text()
    (tmp_path / "run" / "report.html").unlink()
    assert nqs("report", "run").status == 0
    assert (tmp_path / "run" / "report.html").read_text() == before


# Measurement files


def test_simulated_shots_are_inspected_converted_and_still_the_same(nqs, tmp_path):
    words = ("--sites", 3, "--settings", "all", "--shots", 50, "--seed", 4)
    assert nqs("data", "simulate", "random", "a.h5", *words).status == 0
    assert nqs("data", "simulate", "random", "b.h5", *words).status == 0
    assert nqs("data", "convert", "a.h5", "c.h5").status == 0
    a, b, c = (file.read(tmp_path / f"{name}.h5") for name in "abc")
    assert np.array_equal(a.table(), b.table())
    assert np.array_equal(a.table(), c.table())
    assert np.array_equal(a.target, random_state(3, 4))
    facts = strict_json(nqs("data", "inspect", "a.h5", "--json").out)
    assert (facts["sites"], facts["shots"], facts["settings"]) == (3, 1350, 27)
    said = nqs("data", "inspect", "a.h5")
    assert said.status == 0
    assert "1,350" in said.out


def test_a_sweep_of_many_atoms_is_listed_inspected_and_converted(nqs, tmp_path):
    """⟨Z⟩ of all 256 sites and a decoded row, within the width of a terminal."""
    rng = np.random.default_rng(6)
    atoms = rng.random((16, 16, 3, 40)) < np.linspace(0.1, 0.9, 256).reshape(16, 16, 1, 1)
    np.savez(tmp_path / "sweep.npz", rydberg_data=atoms, params=np.array([-1.5, 0.0, 2.5]))
    listed = nqs("data", "inspect", "sweep.npz")
    assert listed.status == 0
    assert [line.split()[-1] for line in listed.out.splitlines()[1:]] == [
        f"detuning={i}" for i in range(3)
    ]
    said = nqs("data", "inspect", "sweep.npz", "--select", "detuning=2")
    assert said.status == 0
    assert max(map(len, said.out.splitlines())) <= 80
    assert said.out.count("±") == 256
    assert "(256), outcome" in said.out
    assert "Rydberg state" in " ".join(said.out.split())
    assert nqs("data", "convert", "sweep.npz", "a.h5").status == 2
    assert nqs("data", "convert", "sweep.npz", "a.h5", "--select", "detuning=2").status == 0
    data = file.read(tmp_path / "a.h5")
    assert np.array_equal(data.outcomes, atoms[:, :, 2].reshape(256, 40).T)
    assert "detuning=2 ('params' 2.5)" in data.source


def test_undeclared_readout_errors_are_not_in_the_file(nqs, tmp_path):
    words = ("--sites", 3, "--settings", "Z,X", "--readout", "0.02,0.1")
    assert nqs("data", "simulate", "w", "a.h5", *words).status == 0
    assert nqs("data", "simulate", "w", "b.h5", *words, "--undeclared").status == 0
    a, b = file.read(tmp_path / "a.h5"), file.read(tmp_path / "b.h5")
    assert np.allclose(a.readout, [[[0.98, 0.1], [0.02, 0.9]]] * 3)
    assert b.readout is None
    assert np.array_equal(a.table(), b.table())


def test_fidelity_beyond_state_vectors_is_sampled(nqs, finished, tmp_path, monkeypatch):
    """As if three sites were too many: a run with itself is the same to the last sample."""
    exact = strict_json(nqs("fidelity", finished, "--json", _saved(tmp_path)).out)["fidelity"]
    monkeypatch.setattr("nqs.state.state.VECTOR_SITES", 2)
    said = nqs("fidelity", finished, finished, "--json", "--samples", 500)
    assert said.status == 0
    assert strict_json(said.out) == {"fidelity": {"value": 1.0, "error": None}}
    found = strict_json(nqs("fidelity", finished, "psi.npy", "--json").out)["fidelity"]
    assert abs(found["value"] - exact["value"]) < 5 * found["error"]  # once in two million


def _saved(folder):
    np.save(folder / "psi.npy", random_state(3, 5))
    return "psi.npy"


def test_calibration_shots_become_readout_errors(nqs, tmp_path):
    made = "data simulate random shots.h5 --sites 3 --settings all --readout 0.05,0.1 --undeclared"
    assert nqs(*made.split(), "--calibration", "500").status == 0
    assert "1,000 shots of prepared states" in nqs("data", "inspect", "shots.h5").out
    said = nqs("data", "calibrate", "shots.h5", "shots.h5", "out.h5")
    assert said.status == 0
    assert "P(1 | 0)" in said.out
    data = file.read(tmp_path / "out.h5")
    assert data.readout == pytest.approx(np.array([[[0.95, 0.1], [0.05, 0.9]]] * 3), abs=0.07)
