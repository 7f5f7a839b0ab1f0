"""Measurements: what is counted stays counted, however it is held."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from nqs.measurement.dataset import Measurements, joined


@st.composite
def shots(draw, letters="XYZI"):
    sites = draw(st.integers(1, 5))
    rows = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    names = draw(
        st.lists(
            st.text(letters, min_size=sites, max_size=sites), min_size=1, max_size=4, unique=True
        )
    )
    return Measurements(
        rng.integers(0, 2, (rows, sites)),
        tuple(names),
        rng.integers(0, len(names), rows),
        counts=rng.integers(1, 5, rows),
    )


@settings(deadline=None)
@given(shots())
def test_merging_keeps_every_count(data):
    """Equal rows become one; the table of counts does not notice."""
    merged = data.merged()
    assert_array_equal(merged.table(), data.table())
    assert data.table().sum() == data.shots
    seen = [
        (int(s), tuple(row))
        for s, row in zip(merged.setting_index, merged.outcomes.tolist(), strict=True)
    ]
    assert seen == sorted(set(seen))


@settings(deadline=None)
@given(shots(), st.floats(0, 0.99), st.integers(0, 1000))
def test_a_split_loses_no_shot(data, fraction, seed):
    train, held = data.split(fraction, seed)
    total = train.table() + (0 if held is None else held.table())
    assert_array_equal(total, data.table())
    again, _ = data.split(fraction, seed)
    assert_array_equal(again.table(), train.table())


@settings(deadline=None)
@given(shots(), st.integers(0, 1000))
def test_a_split_takes_its_share_of_every_setting(data, seed):
    """Within every setting the held-out number is the fraction, rounded up or down."""
    _, held = data.split(0.3, seed)
    taken = 0 if held is None else held.shots_per_setting
    if held is not None:
        assert (np.abs(taken - 0.3 * data.shots_per_setting) < 1).all()


@settings(deadline=None)
@given(shots("XYZ"), st.integers(1, 39))
def test_parts_joined_are_the_whole(data, cut):
    rows = len(data.counts)
    cut = min(cut, rows)
    parts = [
        Measurements(
            data.outcomes[part],
            data.settings,
            data.setting_index[part],
            counts=data.counts[part],
        )
        for part in (slice(0, cut), slice(cut, rows))
        if len(data.counts[part])
    ]
    whole = joined(parts)
    order = [whole.settings.index(s) for s in data.settings]
    assert_array_equal(whole.table()[order], data.table())


@pytest.mark.parametrize("sites", [3, 70])
def test_merging_tells_apart_more_than_two_levels(sites):
    """(0, 2) and (1, 0) would have one index if outcomes were taken for bits."""
    trine = np.stack([np.eye(2)] * 3) / 3
    outcomes = np.zeros((4, sites), int)
    outcomes[0, 1] = outcomes[3, 1] = 2
    outcomes[1, 0] = 1
    data = Measurements(outcomes, ("T" * sites,), np.zeros(4, int), effects={"T": trine})
    merged = data.merged()
    assert sorted(merged.counts.tolist()) == [1, 1, 2]
    assert merged.outcomes[merged.counts == 2][0, :2].tolist() == [0, 2]


def test_an_unmeasured_site_is_ignored():
    data = Measurements(np.array([[0, 1], [0, 0]]), ("ZI",), np.zeros(2, int))
    assert data.merged().outcomes.tolist() == [[0, 0]]
    assert data.table().tolist() == [[2, 0, 0, 0]]


def test_rows_with_their_settings_written_out():
    data = Measurements.from_rows(np.array([[0, 1], [1, 1], [0, 0]]), ["XZ", "IZ", "XZ"])
    assert data.settings == ("IZ", "XZ")
    assert data.shots_per_setting.tolist() == [1, 2]


def test_as_many_settings_as_shots_are_accepted():
    rng = np.random.default_rng(0)
    letters = np.frombuffer(b"XYZ", np.uint8)[rng.integers(0, 3, (100_000, 40))]
    names = tuple(row.tobytes().decode() for row in letters)
    data = Measurements(np.zeros((100_000, 40), int), names, np.arange(100_000))
    assert not data.only_z


ZERO = np.zeros((2, 2), int)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((np.zeros(3, int), ("ZZ",), [0, 0]), "shape"),
        ((np.zeros((0, 2), int), ("ZZ",), []), "shape"),
        ((ZERO, ("ZZZ",), [0, 0]), "names 3"),
        ((ZERO, ("Zx",), [0, 0]), "unknown letter 'x'"),
        ((ZERO, ("ZZ", "ZZ"), [0, 1]), "listed twice"),
        ((ZERO, ("ZZ",), [0, 1]), "row 1 refers to setting 1"),
        ((ZERO, ("ZZ",), [0, -1]), "row 1"),
        ((ZERO, ("ZZ",), [0.0, 0.0]), "type float64"),
        ((ZERO, ("ZZ",), [0, 0], [1, 0]), "row 1 has the count 0"),
        ((ZERO, ("ZZ",), [0, 0], [1]), "counts has shape (1,)"),
        ((np.array([[0, 1], [-1, 1]]), ("ZZ",), [0, 0]), "±1 must be converted"),
        ((np.array([[0, 1], [0, 2]]), ("ZZ",), [0, 0]), "row 1, site 1"),
        ((ZERO + 0.5, ("ZZ",), [0, 0]), "whole numbers"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(arguments, said):
    outcomes, names, index, *counts = arguments
    with pytest.raises(ValueError, match=r"expected|refers|counts|twice|names") as refusal:
        Measurements(outcomes, names, np.array(index), *map(np.array, counts))
    assert said in str(refusal.value)


def test_files_of_different_size_are_not_joined():
    one = Measurements(ZERO, ("ZZ",), np.zeros(2, int), source="a.txt")
    two = Measurements(np.zeros((2, 3), int), ("ZZZ",), np.zeros(2, int), source="b.txt")
    with pytest.raises(ValueError, match=r"b\.txt.*has 3"):
        joined([one, two])


@pytest.mark.parametrize(
    ("letter", "operators", "message"),
    [
        ("Z", np.stack([np.eye(2)] * 2) / 2, "named 'Z'; expected one letter other than X, Y, Z"),
        ("I", np.stack([np.eye(2)] * 2) / 2, "named 'I'"),
        ("AB", np.stack([np.eye(2)] * 2) / 2, "named 'AB'"),
        ("A", np.eye(2), r"shape \(2, 2\)"),
        ("A", np.stack([np.diag([2, 1]), np.diag([-1, 0])]), "hermitian and positive"),
        ("A", np.array([[[0.5, 0.3], [0, 0.5]], [[0.5, -0.3], [0, 0.5]]]), "hermitian"),
        ("A", np.stack([np.eye(2)] * 3) / 2, "sum to the identity"),
    ],
    ids=str,
)
def test_effects_that_are_no_measurement_are_refused(letter, operators, message):
    with pytest.raises(ValueError, match=message):
        Measurements(np.array([[0, 1]]), ("ZZ",), np.zeros(1, int), effects={letter: operators})
