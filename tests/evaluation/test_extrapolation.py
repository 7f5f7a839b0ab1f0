"""Energies on a line in the variance are extended to none; others are not."""

import numpy as np
from numpy.testing import assert_allclose

from nqs.evaluation.extrapolation import checkpoints, lined_up


def rows(energies, variances, phase="train"):
    return [
        {"phase": phase, "step": 10 * (i + 1), "energy": e, "variance": v}
        for i, (e, v) in enumerate(zip(energies, variances, strict=True))
    ]


def test_a_line_is_found_again():
    variance = np.geomspace(4, 0.05, 40)
    points = checkpoints(rows(-12.5 + 0.3 * variance, variance), 10, 0.0)
    found = lined_up(points)
    assert_allclose(found[0], -12.5)
    used = ~np.isnan(found[1:])
    assert used.sum() >= 5
    assert not used.all()  # those far away are left out
    assert_allclose(found[1:][used], [p["energy"] for p, u in zip(points, used, strict=True) if u])


def test_stretches_are_means_and_of_the_last_phase():
    before = rows([-1.0, -2.0], [1.0, 1.0], "grow-4")
    points = checkpoints(before + rows([-3.0, -4.0, -5.0], [0.3, 0.2, 0.1]), 4, 1.0)
    assert [p["step"] for p in points] == [10, 20, 30]
    assert_allclose([p["v_score"] for p in points], [4 * 0.3 / 16, 4 * 0.2 / 25, 4 * 0.1 / 36])
    many = checkpoints(rows(np.linspace(-1, -2, 400), np.ones(400)), 4, 0.0)
    assert len(many) < 25
    assert many[-1]["step"] == 4000
    assert many[-1]["energy"] > -2  # of more than one step


def test_no_line_where_there_is_none():
    flat = np.full(40, 0.1)
    assert lined_up(checkpoints(rows(-12.5 + flat, flat), 10, 0.0)) is None
    variance = np.geomspace(4, 0.05, 40)
    assert lined_up(checkpoints(rows(-12.5 - variance, variance), 10, 0.0)) is None
    assert lined_up(checkpoints(rows([-1.0], [0.1]), 10, 0.0)) is None
    assert lined_up(checkpoints([], 10, 0.0)) is None
    frozen = rows(np.full(40, -3.0), np.zeros(40))
    assert lined_up(checkpoints(frozen, 10, 0.0)) is None
