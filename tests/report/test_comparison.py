"""Runs side by side: a column and a curve for each, whatever they have in common."""

import csv
import json
from functools import cache

import pytest

from nqs.report import comparison, figures, page
from tests.report import made_up
from tests.report.test_page import assert_complete_in_itself, drawings

HOSTILE = "<b>&run"


@pytest.fixture
def tomography(tmp_path):
    return made(tmp_path / "shots", made_up.summary(), drawings())


@pytest.fixture
def ground_state(tmp_path):
    summary = {
        "job": "ground-state",
        "verdict": "warning",
        "warnings": ["far"],
        "sites": 12,
        "ansatz": {"name": "rbm", "parameters": 168},
        "energy": {"value": -12.4, "error": 0.01, "per_site": {"value": -1.0333, "error": 0.001}},
        "exact": {"energy": -12.41, "method": "Lanczos"},
        "v_score": 0.001,
        "seed": 3,
    }
    return made(tmp_path / HOSTILE, summary, energy_drawings())


@cache
def energy_drawings():
    return [
        figures.energy_curve(made_up.energy_rows(), -12.41),
        figures.entropies(made_up.entropies_table(exact=False)),
        figures.structure_factor(made_up.structure_table((12,), shots=False)),
    ]


def made(folder, summary, drawn):
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps(summary))
    page.write(folder, summary, drawn)
    return folder


def test_a_column_for_each_run(tmp_path, tomography, ground_state):
    written = comparison.write([tomography, ground_state], tmp_path / "both")
    reader = assert_complete_in_itself(written.read_text())
    for words in ("2 runs side by side", HOSTILE, "Warning", "8,100", "−12.400(10)", "168"):
        assert words in reader.text
    table = list(csv.reader((tmp_path / "both" / "comparison.csv").open(encoding="utf-8")))
    assert table[0] == ["", "shots", HOSTILE]
    lines = {row[0]: row[1:] for row in table[1:]}
    assert lines["sites"] == ["4", "12"]
    assert lines["energy"] == ["", "−12.400(10)"]
    assert lines["shots"] == ["8,100", ""]


def test_curves_of_all_that_have_them(tmp_path, tomography, ground_state):
    comparison.write([tomography, ground_state], tmp_path / "both")
    kept = tmp_path / "both" / "figures"
    found = {path.stem for path in kept.glob("*.csv")}
    assert found == {
        "energies",
        "likelihoods",
        "magnetisations",
        "entropies",
        "structure_factors",
    }
    rows = list(csv.DictReader((kept / "entropies.csv").open(encoding="utf-8")))
    assert {row["run"] for row in rows} == {"shots", HOSTILE}
    own = list(csv.DictReader((ground_state / "figures" / "entropies.csv").open(encoding="utf-8")))
    theirs = [float(row["y"]) for row in rows if row["run"] == HOSTILE]
    assert theirs == [float(row["renyi2"]) for row in own]
    energies = list(csv.DictReader((kept / "energies.csv").open(encoding="utf-8")))
    assert all(float(row["y"]) < 1 for row in energies)  # above the exact one, relative


def test_again_and_again_but_over_nothing_else(tmp_path, tomography, ground_state):
    runs = [tomography, ground_state]
    first = comparison.write(runs, tmp_path / "both").read_text()
    assert comparison.write(runs, tmp_path / "both").read_text() == first
    with pytest.raises(ValueError, match="exists already"):
        comparison.write(runs, tomography)
    with pytest.raises(ValueError, match="twice"):
        comparison.write([tomography, tomography / ".." / "shots"], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_equal_names_are_told_apart(tmp_path):
    runs = []
    for parent in ("a", "b"):
        (tmp_path / parent).mkdir()
        runs.append(made(tmp_path / parent / "run", made_up.summary(), []))
    comparison.write(runs, tmp_path / "both")
    first = (tmp_path / "both" / "comparison.csv").read_text(encoding="utf-8").splitlines()[0]
    assert first == ",a/run,b/run"
