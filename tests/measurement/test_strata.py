"""Shots in random order lose nothing and tell nothing by their place."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from nqs.measurement.dataset import Measurements
from nqs.measurement.strata import shares, strata

SITES = 11


def some_data():
    rng = np.random.default_rng(4)
    outcomes = np.unique(rng.integers(0, 2, (300, SITES)), axis=0).astype(np.uint8)
    rows = len(outcomes)
    settings = ("Z" * SITES, "X" + "Z" * (SITES - 1), "Z" * (SITES - 1) + "Y")
    return Measurements(outcomes, settings, rng.integers(0, 3, rows), rng.integers(1, 9, rows))


def rotated(setting):
    return sum(c != "Z" for c in setting)


def test_every_shot_is_there_once():
    data = some_data()
    parts = strata(data, rotated, seed=1)
    assert sum(p.shots for p in parts.values()) == data.shots
    found, settings = [], []
    for part in parts.values():
        bits, index = part.taken(slice(None))
        found.append(bits)
        settings += [part.settings[i] for i in index]
    again = Measurements.from_rows(np.concatenate(found), settings).merged()
    order = np.argsort(data.settings)
    expected = Measurements(
        data.outcomes,
        tuple(np.array(data.settings)[order].tolist()),
        np.argsort(order)[data.setting_index],
        data.counts,
    ).merged()
    assert again.settings == expected.settings
    for name in ("outcomes", "setting_index", "counts"):
        assert_array_equal(getattr(again, name), getattr(expected, name))


def test_kinds_are_kept_apart_and_weighed_by_their_shots():
    data = some_data()
    parts = strata(data, rotated, seed=1)
    assert {kind: set(map(rotated, p.settings)) for kind, p in parts.items()} == {0: {0}, 1: {1}}
    z = data.shots_per_setting[0]
    assert_allclose(shares(list(parts.values())), [z / data.shots, 1 - z / data.shots])


def test_the_order_is_that_of_the_seed():
    data = some_data()
    one, same, other = (strata(data, rotated, seed)[1] for seed in (1, 1, 2))
    assert_array_equal(one.packed, same.packed)
    assert not np.array_equal(one.packed, other.packed)
