"""Sweeps: values of a key one after another, each begun from the state before it."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from nqs.config import toml
from nqs.jobs.sweep import over, sweep
from nqs.systems.exact import ising_chain_energy

CONFIG = """
job = "ground-state"
[hamiltonian]
name = "ising"
lattice = "chain"
size = [4]
[ansatz]
hidden = 4
[training]
steps = 60
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "chain.toml"
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("hamiltonian.h=0.5:0.9:3", (0.5, 0.7, 0.9)),
        ("hamiltonian.h=2:1:2", (2.0, 1.0)),
        ("seed=1,2,3", (1, 2, 3)),
        ("hamiltonian.size=[4],[6]", ([4], [6])),
        ("ansatz.name='mps','rbm'", ("mps", "rbm")),
    ],
)
def test_values_are_a_range_or_a_list(text, values):
    found = over(text)
    assert (found.key, found.values) == (text.partition("=")[0], values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hamiltonian.h", "not of the form"),
        ("hamiltonian.h=1:2", "neither first:last:points nor a list"),
        ("hamiltonian.h=1:2:x", "expected first:last:points"),
        ("hamiltonian.h=0:1:1", "2 to 10,000 points"),
        ("hamiltonian.h=0:inf:3", "finite ends"),
    ],
)
def test_what_is_no_range_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        over(text)


def test_each_point_begins_from_the_one_before_and_is_run_once(config, tmp_path):
    """The second run of it reads what is there; a point that is lost is run again."""
    swept, out = over("hamiltonian.h=0.8:1.2:3"), tmp_path / "out"
    rows = list(sweep(config, swept, out, observables=["X1"]))
    assert [row["run"] for row in rows] == ["000-h=0.8", "001-h=1.0", "002-h=1.2"]
    exact = [ising_chain_energy(np.ones(3), np.full(4, h)) for h in swept.values]
    assert_allclose([row["exact"] for row in rows], exact)
    assert_allclose([row["energy"] for row in rows], exact, rtol=2e-3)
    assert [row["X1"] for row in rows] == sorted(row["X1"] for row in rows)
    second = toml.read(out / "001-h=1.0" / "config.toml")["training"]
    assert second["begin_from"] == str(out / "000-h=0.8")
    assert "begin_from" not in toml.read(out / "000-h=0.8" / "config.toml")["training"]
    (out / "001-h=1.0" / "summary.json").unlink()
    before = (out / "000-h=0.8" / "summary.json").stat().st_mtime_ns
    said: list[str] = []
    again = list(sweep(config, swept, out, observables=["X1"], tell=said.append))
    assert said == ["001-h=1.0: gone on with"]
    assert [row["energy"] for row in again] == [row["energy"] for row in rows]
    assert (out / "000-h=0.8" / "summary.json").stat().st_mtime_ns == before


def test_another_size_begins_from_a_smaller_one(config, tmp_path):
    rows = list(sweep(config, over("hamiltonian.size=[4],[6]"), tmp_path / "out"))
    assert [row["sites"] for row in rows] == [4, 6]
    assert_allclose([r["energy"] for r in rows], [r["exact"] for r in rows], rtol=2e-3)


def test_a_state_to_begin_from_takes_the_place_of_growth(config, tmp_path):
    settings = ["training.grow_from=[3]", "training.grow_steps=[20]", "training.steps=20"]
    swept, out = over("hamiltonian.h=0.8,1.2"), tmp_path / "out"
    assert len(list(sweep(config, swept, out, settings=settings))) == 2
    first, second = (
        toml.read(folder / "config.toml")["training"] for folder in sorted(out.glob("00*"))
    )
    assert first["grow_from"] == [3]
    assert second["grow_from"] == []
    assert second["begin_from"] == str(out / "000-h=0.8")


def test_a_point_that_cannot_begin_from_the_one_before_begins_at_random(config, tmp_path):
    said: list[str] = []
    swept = over("ansatz.hidden=3,4")
    settings = ["training.steps=20"]
    assert (
        len(list(sweep(config, swept, tmp_path / "out", settings=settings, tell=said.append))) == 2
    )
    (told,) = said
    assert told.startswith("001-hidden=4: begins at random. training.begin_from names")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hamiltonian.hh=1,2", "unknown key"),
        ("hamiltonian.h='a','b'", "hamiltonian.h"),
        ("ansatz.name='conv','rbm'", "has no option 'hidden'"),
    ],
)
def test_all_points_are_checked_before_any_is_run(config, tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        next(sweep(config, over(text), tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(config, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "sweep.json").write_text(json.dumps({"over": "seed"}))
    with pytest.raises(ValueError, match="holds another sweep"):
        next(sweep(config, over("seed=1,2"), out))
    (out / "sweep.json").rename(out / "mine.json")
    with pytest.raises(ValueError, match="is not empty and holds no sweep"):
        next(sweep(config, over("seed=1,2"), out))
