"""Shots of states that are too large for a vector, against those of the same state as a vector."""

import numpy as np
import pytest
from exact import FALSE_ALARM
from lively import lively
from scipy.stats import chi2

from nqs.measurement.effects import basis_index
from nqs.state import simulate_large as large
from nqs.state.simulate_large import of_matrices, simulate_large

SITES, SETTINGS, SHOTS = 5, ("ZZZZZ", "XZYIZ"), 20_000
READOUT = [(0.02, 0.1), (0.0, 0.3), (0.1, 0.1), (0.05, 0.2), (0.3, 0.0)]


def probabilities(state, depolarising, *turned):
    """Of every outcome in each setting, once each, from all amplitudes."""
    table = np.exp(state.log_probabilities(SETTINGS, None, None))
    for row, setting in zip(table, SETTINGS, strict=True):
        for site, letter in enumerate(setting):
            if letter == "I":
                row.reshape(2**site, 2, -1)[:, 1] = 0
    free = np.array([2.0 ** sum(c != "I" for c in s) for s in SETTINGS])
    table = (1 - depolarising) * table + depolarising * (table > 0) / free[:, None]
    each = [(site, pair) for flips in turned for site, pair in enumerate(flips or [])]
    for site, (up, down) in each:
        for row, setting in zip(table, SETTINGS, strict=True):
            if setting[site] != "I":
                block = row.reshape(2**site, 2, -1)
                block[:] = np.einsum("rt,ltk->lrk", [[1 - up, down], [up, 1 - down]], block)
    return table


@pytest.mark.parametrize(("depolarising", "local"), [(0.0, 0.0), (0.2, 0.0), (0.0, 0.4)])
@pytest.mark.parametrize("flips", [None, READOUT], ids=["clean", "readout"])
def test_shots_follow_the_born_rule_and_the_noise(depolarising, local, flips, monkeypatch):
    """Chi-square over all outcomes, drawn in three pieces; fails by chance once in ten thousand."""
    monkeypatch.setattr(large, "_AT_ONCE", 7000)
    state = lively("mps", SITES)
    noise = {"depolarising": depolarising, "local": local, "readout": flips}
    data = simulate_large(state, SETTINGS, SHOTS, 4, **noise)
    expected = SHOTS * probabilities(state, depolarising, [(local / 2, local / 2)] * SITES, flips)
    counts = np.zeros_like(expected)
    np.add.at(counts, (data.setting_index, basis_index(data.outcomes)), data.counts)
    seen = expected > 5
    misfit = ((counts - expected)[seen] ** 2 / expected[seen]).sum()
    assert misfit < chi2.ppf(1 - FALSE_ALARM, seen.sum())
    assert (data.readout is None) == (flips is None)


def test_neighbouring_seeds_and_settings_share_no_draw():
    """Outcomes of fair coins agree at half of all places; further off than 5 σ once in 10⁶."""
    state = of_matrices(np.full((24, 2, 1, 1), np.sqrt(0.5)))
    one = state.sample(500, 3, "XYZ" + "Z" * 21).bits
    other = state.sample(500, 3, "Z" * 21 + "ZXY").bits
    here = slice(3, 21)  # read in Z by both
    assert abs((one[:, here] == other[:, here]).mean() - 0.5) < 5 * 0.5 / np.sqrt(500 * 18)
    z = "Z" * 24
    first = simulate_large(state, [z[:-1] + "X", z], 400, seed=5)
    second = simulate_large(state, [z, z[:-1] + "X"], 400, seed=4)
    a = first.outcomes[first.setting_index == first.settings.index(z)]
    b = second.outcomes[second.setting_index == second.settings.index(z)]
    assert len({row.tobytes() for row in a} & {row.tobytes() for row in b}) < 5
