"""Sectors hold the basis states of their magnetisation, of all sites or of each part."""

import numpy as np
import pytest

from nqs.systems.sectors import ones_of, sector, sector_size


@pytest.mark.parametrize(
    ("sites", "magnetisation"),
    [(3, 3), (3, 1), (6, (1, -1)), (6, [2, 0, -2]), (8, (0, 4)), (4, None)],
)
def test_sectors_hold_the_states_of_their_magnetisation(sites, magnetisation):
    """Gone through one by one, the first site the most significant bit."""
    bits = (np.arange(2**sites)[:, None] >> np.arange(sites - 1, -1, -1)) & 1
    inside = np.ones(2**sites, bool)
    if magnetisation is not None:
        each = np.atleast_1d(magnetisation)
        z = (1 - 2 * bits).reshape(2**sites, len(each), -1).sum(axis=-1)
        inside = (z == each).all(axis=-1)
    found = sector(sites, magnetisation)
    assert found.tolist() == np.flatnonzero(inside).tolist()
    assert sector_size(sites, magnetisation) == len(found)


def test_few_spins_turned_over_among_many_are_listed():
    assert sector(40, 38).tolist() == [1 << n for n in range(40)]
    pairs = [1 << a | 1 << b for a in range(28, 56) for b in range(28)]
    assert sector(56, (26, 26)).tolist() == sorted(pairs)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sector(4, 1), "no basis state of 4 sites has Σ Z = 1; expected -4, -2, … 4"),
        (lambda: sector(4, 6), "no basis state"),
        (lambda: sector(8, (0, 1)), "no basis state of a part of 4 sites has Σ Z = 1"),
        (lambda: ones_of(5, (1, 1)), "5 sites are not cut into 2 equal parts"),
        (lambda: sector(40, 0), "too many"),
        (lambda: sector(70, 70), "limit is 62 sites"),
        (lambda: sector(40, None), "limit is 26 sites"),
    ],
)
def test_what_is_out_of_reach_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
