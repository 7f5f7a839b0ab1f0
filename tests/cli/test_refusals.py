"""What is wrong ends in one message, status 2, and nothing written."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
from exact import random_projectors

from nqs.measurement import file
from nqs.measurement.dataset import Measurements

POVM = np.stack([np.eye(2) / 3] * 3)


@pytest.fixture(autouse=True)
def files(tmp_path, shots):
    """Good and bad files in the working folder."""
    (tmp_path / "shots.h5").write_bytes(shots.read_bytes())
    (tmp_path / "cut.h5").write_bytes(shots.read_bytes()[:3000])
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "words.txt").write_text("not a measurement\nat all\n")
    (tmp_path / "signs.txt").write_text("0 1 -1\n1 0 1\n")
    (tmp_path / "short.txt").write_text("1 0\n0 1\n")
    (tmp_path / "bad.toml").write_text("seed = \n")
    (tmp_path / "key.toml").write_text("[training]\nstepps = 100\n")
    (tmp_path / "table.toml").write_text("[hamiltonian]\nname = 'ising'\n")
    (tmp_path / "away.toml").write_text("[data]\nfile = 'nowhere.h5'\n")
    (tmp_path / "psi4.npy").write_bytes(b"")
    np.save(tmp_path / "psi4.npy", np.ones(4) / 2)
    np.save(tmp_path / "long.npy", np.ones(8))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").write_text("years of work")
    tables = {
        "two": {"00": {"00": 9}, "11": {"11": 9}},
        "zeros": {"000": {"000": 9}},
        "swapped": {"000": {"111": 9}, "111": {"000": 9}},
        "coins": {"000": {"000": 9, "111": 9}, "111": {"000": 9, "111": 9}},
    }
    for name, table in tables.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(table))
    one = np.zeros((1, 2), int)
    many = Measurements(one, ("PP",), [0], effects={"P": POVM})
    file.write(tmp_path / "povm.h5", many)
    wide = Measurements(np.zeros((1, 30), int), ("X" * 30,), [0])
    file.write(tmp_path / "wide.h5", wide)
    blurred = 0.9 * random_projectors(1) + 0.05 * np.eye(2)
    file.write(tmp_path / "blurred.h5", Measurements(one, ("BB",), [0], effects={"B": blurred}))


TOMOGRAPHY = {
    "nothing": ("", "no measurement file"),
    "no such file": ("nowhere.h5", "nowhere.h5"),
    "a folder": ("taken", "folder"),
    "cut off": ("cut.h5", "cut.h5"),
    "empty": ("empty.txt", "empty.txt"),
    "words": ("words.txt", "words.txt"),
    "signs among bits": ("signs.txt", "signs.txt"),
    "sites differ": ("shots.h5 short.txt", "sites"),
    "format": ("shots.h5 --format qucmber", "did you mean qucumber"),
    "select": ("shots.h5 --select run=3", "select"),
    "sites": ("shots.h5 --sites 4", "--sites"),
    "ansatz": ("shots.h5 --ansatz recurent", "choose one of recurrent"),
    "ansatz nearly": ("shots.h5 --ansatz lowrank", "did you mean low-rank"),
    "pairs": ("shots.h5 --ansatz pair-product", "as many spins up as down"),
    "ansatz option": ("shots.h5 --ansatz rbm --set ansatz.phase=true", "'phase'"),
    "heads": ("shots.h5 --ansatz transformer --set ansatz.heads=3", "number of heads"),
    "even average": (
        "shots.h5 --ansatz mps --set ansatz.even=true --set ansatz.average=['flip']",
        "take one",
    ),
    "generalised": ("povm.h5 --set training.likelihood=branch", "read from all outcomes"),
    "not projective": ("blurred.h5 --set training.optimiser=natural", "projective measurements"),
    "mixed steps": ("shots.h5 --ansatz low-rank --set training.steps=50", "steps has no effect"),
    "mixed rank": ("shots.h5 --ansatz low-rank --set ansatz.rank=0", "ansatz.rank = 0"),
    "mixed ancillas": (
        "shots.h5 --ansatz purification --set ansatz.ancillas=9",
        "has 1 to 8 of them",
    ),
    "mixed option": ("shots.h5 --ansatz low-rank --set ansatz.hidden=4", "'hidden'"),
    "mixed and wide": ("wide.h5 --ansatz low-rank", "up to 12 sites"),
    "no calibration": ("shots.h5 --set data.readout=calibrated", "nqs data calibrate"),
    "no readout": ("shots.h5 --set data.readout=declared", "declares no readout errors"),
    "option beside a ladder": ("wide.h5 --set ansatz.hidden=5", "hidden has no effect beside"),
    "too many rotated": ("wide.h5 --ansatz recurrent", "rotates 30 sites"),
    "no square": ("shots.h5 --ansatz recurrent-2d", "are no square"),
    "seed": ("shots.h5 --seed -1", "seed = -1"),
    "seed word": ("shots.h5 --seed one", "--seed"),
    "budget": ("shots.h5 --budget soon", "1h30m"),
    "time limit": ("shots.h5 --time-limit 0s", "1h30m"),
    "flag": ("shots.h5 --anstaz rbm", "--anstaz"),
    "config away": ("shots.h5 --config none.toml", "none.toml"),
    "config broken": ("shots.h5 --config bad.toml", "not valid TOML"),
    "config folder": ("shots.h5 --config taken", "cannot be read"),
    "config key": ("shots.h5 --config key.toml", "did you mean 'steps'"),
    "config table": ("shots.h5 --config table.toml", "hamiltonian"),
    "config file away": ("--config away.toml", "nowhere.h5"),
    "set form": ("shots.h5 --set training.steps", "key.sub=value"),
    "set key": ("shots.h5 --set trainin.steps=100", "did you mean 'training'"),
    "set value": ("shots.h5 --set training.steps=many", "training.steps = 'many'"),
    "set inside a value": ("shots.h5 --seed 3 --set seed.x=1", "seed is a value"),
    "target away": ("shots.h5 --target psi.npy", "psi.npy"),
    "target of other sites": ("shots.h5 --target psi4.npy", "psi4.npy"),
    "target not normalised": ("shots.h5 --target long.npy", "norm"),
    "target no state": ("shots.h5 --target words.txt", "words.txt"),
    "three targets": ("shots.h5 " + "--target psi4.npy " * 3, "3 target files"),
    "bases": ("short.txt --bases empty.txt", "empty.txt"),
}
OTHERS = {
    "command": ("tomografy shots.h5", "tomografy"),
    "job": ("config ground-stat", "tomography"),
    "resume nothing": ("resume nowhere", "no run folder"),
    "resume no run": ("resume taken", "config.toml"),
    "report": ("report taken", "summary.json"),
    "report nothing": ("report nowhere", "summary.json"),
    "sample": ("sample taken new.h5", "summary.json"),
    "sample onto a file": ("sample taken shots.h5", "exists already"),
    "export": ("export taken psi.npy", "summary.json"),
    "fidelity": ("fidelity psi4.npy long.npy", "norm"),
    "fidelity of other sites": ("fidelity psi4.npy shots.h5", "amplitudes"),
    "fidelity of nothing": ("fidelity psi4.npy none.npy", "none.npy"),
    "inspect": ("data inspect words.txt", "words.txt"),
    "convert": ("data convert shots.h5", "file to write"),
    "convert onto": ("data convert shots.h5 cut.h5", "exists already"),
    "convert away": ("data convert shots.h5 no/such/folder.h5", "does not exist"),
    "calibrate by nothing": ("data calibrate shots.h5 none.json new.h5", "none.json"),
    "calibrate by words": ("data calibrate shots.h5 words.txt new.h5", "neither JSON"),
    "calibrate by shots": ("data calibrate shots.h5 shots.h5 new.h5", "no calibration shots"),
    "calibrate other sites": ("data calibrate shots.h5 two.json new.h5", "calibrates 2 sites"),
    "calibrate one state": ("data calibrate shots.h5 zeros.json new.h5", "never prepared as 1"),
    "calibrate inverted": ("data calibrate shots.h5 swapped.json new.h5", "look inverted"),
    "calibrate blind": ("data calibrate shots.h5 coins.json new.h5", "says nothing"),
    "simulate what": ("data simulate ghzz new.h5 --sites 3", "ghz, w, cluster"),
    "simulate sites": ("data simulate ghz new.h5", "--sites N"),
    "simulate too many": ("data simulate random new.h5 --sites 50", "up to 20 sites"),
    "simulate settings": ("data simulate ghz new.h5 --sites 3 --settings XQ", "'XQ'"),
    "simulate shots": ("data simulate ghz new.h5 --sites 3 --shots 0", "shots"),
    "simulate readout": ("data simulate ghz new.h5 --sites 3 --readout 0.1", "p01,p10"),
    "simulate readout sign": ("data simulate ghz new.h5 --sites 3 --readout 2,2", "2"),
    "simulate noise": ("data simulate ghz new.h5 --sites 3 --depolarising 1.5", "1.5"),
    "simulate seed": ("data simulate ghz new.h5 --sites 3 --seed -1", "negative"),
}


def everything(folder):
    return {p: p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def refused(said, remedy):
    assert said.status == 2
    assert said.out == ""
    assert remedy in said.err
    assert "Traceback" not in said.err
    assert "bug" not in said.err
    if not said.err.startswith("Usage:"):  # a word that typer did not accept
        assert said.err.startswith("nqs: ")
        assert said.err.count("\n") == 1


@pytest.mark.parametrize("case", TOMOGRAPHY)
def test_a_tomography_that_cannot_be_done(nqs, tmp_path, case):
    words, remedy = TOMOGRAPHY[case]
    before = everything(tmp_path)
    refused(nqs("tomography", *words.split(), "--out", "run"), remedy)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("case", OTHERS)
def test_another_command_that_cannot_be_done(nqs, tmp_path, case):
    words, remedy = OTHERS[case]
    before = everything(tmp_path)
    refused(nqs(*words.split()), remedy)
    assert everything(tmp_path) == before


def test_with_debug_the_traceback_is_shown(nqs):
    said = nqs("tomography", "nowhere.h5", "--debug")
    assert said.status == 2
    assert "Traceback" in said.err
    assert said.err.splitlines()[-1].startswith("nqs: ")


def test_a_name_full_of_control_characters_is_printed_safely(nqs, tmp_path):
    (tmp_path / "a\x1b[31m.txt").write_text("x")
    said = nqs("data", "inspect", "a\x1b[31m.txt")
    assert said.status == 2
    assert "\x1b" not in said.err


def test_a_file_of_many_experiments_lists_them(nqs, tmp_path):
    settings = [a + b for a in "XYZ" for b in "XYZ"]
    with h5py.File(tmp_path / "table.h5", "w") as out:
        table = out.create_dataset("ions", data=np.full((2, 9, 4), 0.25))
        table.attrs["tomo_order"] = settings
        table.attrs["state_order"] = ["bell", "mixed"]
    words = ("table.h5", "--shots-per-setting", 100)
    listed = nqs("data", "inspect", *words)
    assert listed.status == 0
    assert all(f"--select ions/{name}" in listed.out for name in ("bell", "mixed"))
    for choice in ((), ("--select", "ions/none")):
        said = nqs("tomography", *words, *choice, "--out", "run")
        refused(said, "bell")
        assert "mixed" in said.err
    assert nqs("data", "inspect", *words, "--select", "ions/mixed").status == 0
    assert not (tmp_path / "run").exists()


# Folders


def test_a_folder_that_holds_something_is_refused_and_untouched(nqs, tmp_path):
    before = everything(tmp_path)
    refused(nqs("tomography", "shots.h5", "--out", "taken"), "--overwrite")
    refused(nqs("tomography", "shots.h5", "--out", "taken", "--overwrite"), "runs only")
    refused(nqs("tomography", "shots.h5", "--out", "words.txt"), "words.txt")
    refused(nqs("tomography", "shots.h5", "--out", "words.txt", "--overwrite"), "words.txt")
    refused(nqs("tomography", "shots.h5", "--out", "words.txt/run"), "words.txt")
    assert everything(tmp_path) == before


def test_a_folder_with_a_config_of_the_user_is_no_run(nqs, tmp_path):
    """Shots and config side by side, written by a person: --overwrite must not take them."""
    (tmp_path / "config.toml").write_text("[data]\nfile = 'shots.h5'\n")
    before = everything(tmp_path)
    refused(nqs("tomography", "--config", "config.toml", "--out", ".", "--overwrite"), "runs only")
    assert everything(tmp_path) == before


def test_a_run_may_not_take_the_place_of_its_own_shots(nqs, tmp_path, finished):
    """The only copy of the shots lies in the folder of an earlier run."""
    run = tmp_path / "run"
    run.mkdir()
    for name in ("config.toml", "begun.json"):
        (run / name).write_bytes((finished / name).read_bytes())
    (run / "shots.h5").write_bytes((tmp_path / "shots.h5").read_bytes())
    before = everything(tmp_path)
    refused(nqs("tomography", "run/shots.h5", "--out", "run", "--overwrite"), "shots.h5")
    assert everything(tmp_path) == before


def test_an_interrupted_run_whose_files_are_gone_or_changed(nqs, tmp_path, finished, shots):
    run = tmp_path / "run"
    run.mkdir()
    for name in ("config.toml", "begun.json", "checkpoint.h5", "metrics.jsonl"):
        (run / name).write_bytes((finished / name).read_bytes())
    config = (run / "config.toml").read_text()
    (run / "config.toml").write_text(config.replace(str(shots), str(tmp_path / "shots.h5")))
    (tmp_path / "shots.h5").write_bytes((tmp_path / "povm.h5").read_bytes())
    before = everything(tmp_path)
    refused(nqs("resume", "run"), "changed since the run began")
    (tmp_path / "shots.h5").unlink()
    refused(nqs("resume", "run"), "shots.h5")
    (tmp_path / "shots.h5").write_bytes(shots.read_bytes())
    (run / "begun.json").write_text("{")
    refused(nqs("resume", "run"), "begun.json")
    (run / "begun.json").write_bytes(before[run / "begun.json"])
    (run / "config.toml").write_text("seed = ")
    refused(nqs("resume", "run"), "config.toml")


def test_a_run_of_a_module_of_the_user_cannot_be_resumed_here(nqs, tmp_path, finished):
    run = tmp_path / "run"
    run.mkdir()
    for name in ("config.toml", "begun.json", "checkpoint.h5", "metrics.jsonl"):
        (run / name).write_bytes((finished / name).read_bytes())
    config = (run / "config.toml").read_text()
    (run / "config.toml").write_text(config.replace('"recurrent"', '"MyNetwork"'))
    refused(nqs("resume", "run"), "MyNetwork")


@pytest.mark.parametrize("name", ["checkpoint.h5", "best.h5"])
def test_damaged_files_of_a_run_are_named(nqs, tmp_path, finished, name):
    run = tmp_path / "run"
    run.mkdir()
    for path in finished.iterdir():
        if path.is_file() and path.name != "checkpoint.previous.h5":
            (run / path.name).write_bytes(path.read_bytes())
    (run / name).write_bytes((run / name).read_bytes()[:-50])
    command = ("resume", "run") if name == "checkpoint.h5" else ("export", "run", "psi.npy")
    said = nqs(*command)
    assert said.status == 2
    assert "checkpoint" in said.err
    assert "Traceback" not in said.err


# In a process of its own


def test_a_reader_that_goes_away_is_no_error():
    """`nqs … | head -0` ends quietly."""
    code = "import sys; from nqs.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", f"import time; time.sleep(0.2); {code}", "config", "tomography"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    complaint = process.stderr.read()
    assert process.wait(timeout=60) == 0
    assert complaint == b""


def test_help_and_version_need_no_jax():
    code = (
        "import sys; from nqs.cli import refused, main\n"
        "status = refused.exit_status(main.app, False)\n"
        "assert 'jax' not in sys.modules; sys.exit(status)"
    )
    for words in (["--help"], ["--version"], ["data", "--help"], ["config", "tomography"]):
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout
        assert json.dumps(done.stderr) == '""'
