"""Figures: the same numbers give the same drawing, and what is free does not show."""

import csv
import io

import numpy as np
import pytest
from numpy.testing import assert_allclose

from nqs.report import figures
from nqs.report.drawing import Drawing, spread_labels
from tests.report import made_up

DRAWINGS = {
    "curve": lambda: figures.learning_curve(made_up.search_rows(), 1180, made_up.refit_rows()),
    "curve, long": lambda: figures.learning_curve(made_up.search_rows(2, 9000), 333),
    "curve, nothing held out": lambda: figures.learning_curve(
        [{**row, "held_out_nll": None} for row in made_up.search_rows()], None
    ),
    "curve, one number": lambda: figures.learning_curve(
        [{"phase": "search", "step": 1, "train_nll": 2.0, "held_out_nll": float("nan")}], 1
    ),
    "curve, with its floor": lambda: figures.learning_curve(
        made_up.search_rows(),
        1180,
        error=0.01,
        floor=figures.Floor("entropy of the target", 2.1),
    ),
    "curve, empty": lambda: figures.learning_curve([], None),
    "chi2": lambda: figures.chi2_per_setting(made_up.chi2_table()),
    "chi2, few": lambda: figures.chi2_per_setting(made_up.chi2_table(9)),
    "chi2, many": lambda: figures.chi2_per_setting(made_up.chi2_table(2500)),
    "chi2, null": lambda: figures.chi2_per_setting(
        [{"setting": "Z", "shots": 5, "cells": 1, "chi2": None, "expected": 0}]
    ),
    "chi2, empty": lambda: figures.chi2_per_setting([]),
    "counts": lambda: figures.histograms(made_up.histogram_table()),
    "counts, many sites": lambda: figures.histograms(made_up.histogram_table(7, 6)),
    "counts, empty": lambda: figures.histograms([]),
    "amplitudes": lambda: figures.amplitudes(made_up.amplitude_table()),
    "amplitudes, many": lambda: figures.amplitudes(made_up.amplitude_table(8, target=False)),
    "amplitudes, mixed": lambda: figures.amplitudes(
        [{"bits": row["bits"], "probability": 0.5} for row in made_up.amplitude_table(1)]
    ),
    "energy": lambda: figures.energy_curve(made_up.energy_rows(), -12.4),
    "energy, not known": lambda: figures.energy_curve(made_up.energy_rows(900), None),
    "energy, empty": lambda: figures.energy_curve([], None),
    "amplitudes, empty": lambda: figures.amplitudes([]),
    "magnetisation": lambda: figures.magnetisation(made_up.magnetisation_table()),
    "magnetisation, no shots": lambda: figures.magnetisation(
        made_up.magnetisation_table(40, "XZ", shots=False)
    ),
    "magnetisation, empty": lambda: figures.magnetisation([]),
    "correlations": lambda: figures.correlations(made_up.correlations_table()),
    "correlations, no shots": lambda: figures.correlations(
        made_up.correlations_table(30, "Z", shots=False)
    ),
    "correlations, empty": lambda: figures.correlations([]),
    "structure factor": lambda: figures.structure_factor(made_up.structure_table((9,))),
    "structure factor, of a grid": lambda: figures.structure_factor(
        made_up.structure_table((3, 4), shots=False)
    ),
    "structure factor, empty": lambda: figures.structure_factor([]),
    "variance": lambda: figures.variance(
        figures.variance_table(made_up.checkpoints(), [-12.4] + [None] * 6 + [-12.3] * 6, -12.41)
    ),
    "variance, no line": lambda: figures.variance(
        figures.variance_table(made_up.checkpoints(), None, None)
    ),
    "variance, empty": lambda: figures.variance([]),
    "local energies": lambda: figures.local_energies(made_up.local_table()),
    "local energies, all the same": lambda: figures.local_energies(
        [{"energy": -3.0, "width": 1.0, "samples": 900, "gaussian": 0.0}]
    ),
    "local energies, empty": lambda: figures.local_energies([]),
    "entropies": lambda: figures.entropies(made_up.entropies_table()),
    "entropies, sampled": lambda: figures.entropies(made_up.entropies_table(exact=False)),
    "entropies, empty": lambda: figures.entropies([]),
}


def table(drawing):
    return list(csv.DictReader(io.StringIO(drawing.csv)))


@pytest.mark.parametrize("name", DRAWINGS)
def test_labels_are_text_as_it_is_read(name):
    """No TeX, which nobody sets here: a power of ten is written with its exponent raised."""
    assert "$" not in DRAWINGS[name]().svg


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS.keys())
def test_a_figure_is_drawn_again_from_its_numbers(draw):
    drawing = draw()
    assert figures.from_csv(drawing.name, drawing.csv) == drawing


def test_global_phases_do_not_show():
    """The state and the target may each be turned; the phases drawn stay."""
    rows = made_up.amplitude_table()
    turned = [
        {**row, "phase": row["phase"] + 1.3, "target_phase": row["target_phase"] - 2.1}
        for row in rows
    ]
    for key in ("phase", "target_phase"):
        one, other = (
            np.array([float(row[key]) for row in table(figures.amplitudes(given))])
            for given in (rows, turned)
        )
        assert_allclose(np.exp(1j * one), np.exp(1j * other), atol=1e-12)


def test_the_largest_amplitudes_are_kept():
    rows = made_up.amplitude_table(8, target=False)
    kept = [float(row["probability"]) for row in table(figures.amplitudes(rows))]
    largest = sorted((row["probability"] for row in rows), reverse=True)[:64]
    assert_allclose(sorted(kept, reverse=True), largest)


def test_only_what_chance_cannot_make_is_coloured():
    """χ² as it should be leaves every bar blue; the setting that is wrong is orange."""
    drawing = figures.chi2_per_setting(made_up.chi2_table())
    assert drawing.svg.count("fill: #d55e00") == 1
    assert "1 found" in drawing.caption
    good = [{**row, "chi2": row["expected"]} for row in made_up.chi2_table()]
    assert "#d55e00" not in figures.chi2_per_setting(good).svg


def test_the_kept_restart_is_the_best_on_held_out_shots():
    drawing = figures.learning_curve(made_up.search_rows(), 1180)
    kept = [row for row in table(drawing) if row["phase"] == "kept"]
    held_out = np.array([row["held_out_nll"] for row in made_up.search_rows()])
    best = str(held_out.min(axis=0).argmin())
    assert [(row["step"], row["restart"]) for row in kept] == [("1180", best)]


def test_a_users_style_sheet_changes_nothing():
    """Somebody's LaTeX and large fonts neither reach the figures nor are lost."""
    import matplotlib

    before = figures.amplitudes(made_up.amplitude_table())
    with matplotlib.rc_context({"text.usetex": True, "font.size": 30, "axes.grid": False}):
        assert figures.amplitudes(made_up.amplitude_table()) == before
        assert matplotlib.rcParams["font.size"] == 30


def test_a_drawing_stays_in_its_folder():
    with pytest.raises(ValueError, match="small letters"):
        Drawing("../report", "", "<svg/>", "")
    with pytest.raises(ValueError, match="There is no figure 'pie'"):
        figures.from_csv("pie", "")


def test_labels_keep_their_distance():
    weights = [5.0, 4.0, 1.0, 3.0, 2.0]
    assert spread_labels(weights, 9, 2) == [0, 3]
    assert spread_labels(weights, 2, 1) == [0, 1]
