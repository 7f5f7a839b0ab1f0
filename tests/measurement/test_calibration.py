"""Calibration shots tell readout errors, and whether errors that are assumed can be right."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from exact import asymmetric_state

from nqs.evaluation import checks
from nqs.measurement import file
from nqs.measurement.calibration import Calibration
from nqs.measurement.dataset import Measurements, joined
from nqs.measurement.formats.calibrations import read_calibration
from nqs.measurement.problems import FormatError
from nqs.state.simulate import calibrated, flips_of, simulate

SITES = 3
FLIPS = flips_of([(0.02, 0.10), (0.05, 0.0), (0.01, 0.03)], SITES)


def test_rates_are_those_of_the_device_within_their_errors():
    """Five standard errors: one number in two million is farther by chance."""
    found = calibrated(SITES, FLIPS, 4000, seed=1).confusion()
    assert (np.abs(found.readout - FLIPS) < 5 * found.error).all()
    assert found.readout.sum(axis=1) == pytest.approx(1)


def test_the_right_errors_are_believed_and_wrong_ones_are_not():
    shots = calibrated(SITES, FLIPS, 4000, seed=1)
    assert shots.p_value(FLIPS) > 1e-3
    assert shots.p_value(None) == 0
    assert shots.p_value(flips_of((0.03, 0.03), SITES)) < 1e-6
    assert shots.p_value(shots.confusion().readout) == pytest.approx(1)


def test_p_values_are_uniform_under_the_right_errors():
    """Of 200 calibrations 20 ± 5 σ are below a tenth; a chance of 1e-6 to fail."""
    readout = flips_of((0.05, 0.1), SITES)
    below = sum(calibrated(SITES, readout, 500, seed).p_value(readout) < 0.1 for seed in range(200))
    assert abs(below - 20) < 5 * np.sqrt(18)


def test_sites_that_are_misread_together_are_named():
    rng = np.random.default_rng(2)
    prepared = rng.integers(0, 2, (2000, SITES)).astype(np.uint8)
    wrong = rng.random((2000, SITES)) < 0.05
    wrong[:, 2] = wrong[:, 0] ^ (rng.random(2000) < 0.01)
    pairs = Calibration(prepared, prepared ^ wrong).together()
    assert [pair[:2] for pair in pairs] == [(0, 2)]
    assert not calibrated(SITES, FLIPS, 4000, seed=1).together()


def test_sites_of_unequal_rates_are_not_called_dependent():
    """All bits 0 against all bits 1: errors of every pair are more frequent in one of both. 20 times a
    chance of 1e-3 that a pair is named."""
    readout = flips_of((0.02, 0.10), SITES)
    named = [calibrated(SITES, readout, 10_000, seed).together() for seed in range(20)]
    assert sum(map(bool, named)) <= 1


def test_a_file_keeps_its_calibration(tmp_path):
    data = simulate(
        asymmetric_state(SITES), ["ZZZ", "XYZ"], 50, 1, readout=(0.1, 0.2), calibration=70
    )
    file.write(tmp_path / "shots.h5", data)
    again = file.read(tmp_path / "shots.h5").calibration
    assert again is not None
    assert again.shots == 140
    for name in ("prepared", "outcomes", "counts"):
        np.testing.assert_array_equal(getattr(again, name), getattr(data.calibration, name))
    assert joined([data, data]).calibration.shots == 140  # the same shots beside both
    other = replace(data, calibration=calibrated(SITES, FLIPS, 30, seed=2))
    assert joined([data, other]).calibration.shots == 200


COUNTS = {"cal_001": {"001": 90, "101": 10}, "cal_110": {"110": 95, "1 00": 5}}


def test_counts_by_prepared_state_are_read_rightmost_site_first(tmp_path):
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(COUNTS))
    found = read_calibration(path, SITES).confusion().readout
    assert found[2, 1, 0] == pytest.approx(0.1)  # site 2 is the leftmost letter: 001 read as 101
    assert found[1, 0, 1] == pytest.approx(0.05)
    leftmost = read_calibration(path, SITES, leftmost=True).confusion().readout
    assert leftmost[0, 1, 0] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "neither JSON"),
        ("[]", "by prepared state"),
        ('{"000": 3}', "no table"),
        ('{"000": {"00": 3}}', "as many bits"),
        ('{"000": {"000": -1}}', "whole number"),
        ('{"abc": {"000": 1}}', "does not end in bits"),
        ('{"00": {"00": 5}, "11": {"11": 5}}', "calibrates 2 sites, and the shots have 3"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, said):
    path = tmp_path / "calibration.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=said):
        read_calibration(path, SITES)


def test_a_state_never_prepared_leaves_a_site_uncalibrated():
    zeros = np.zeros((10, SITES), np.uint8)
    with pytest.raises(ValueError, match="never prepared as 1"):
        Calibration(zeros, zeros).confusion()


def test_calibration_of_other_sites_is_refused():
    shots = calibrated(2, None, 10, seed=1)
    with pytest.raises(ValueError, match="calibration shots have 2 sites"):
        Measurements(np.zeros((1, SITES), np.uint8), ("ZZZ",), np.zeros(1, int), calibration=shots)


def test_calibration_shots_raise_the_alarm_where_nothing_else_does():
    settings = ["".join(c) for c in product("XYZ", repeat=2)]
    data = simulate(asymmetric_state(2), settings, 500, 1, readout=(0.03, 0.06), calibration=2000)
    assert checks.of_calibration(data).alarm is None
    said = checks.of_calibration(replace(data, readout=None)).alarm
    assert said is not None
    assert "data.readout to calibrated" in said
    assert "perfect readout" in said
    assert checks.of_calibration(replace(data, calibration=None)).found is None
