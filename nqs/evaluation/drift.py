"""Did the device drift? Shots of the same setting in different blocks of time, compared."""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from nqs.evaluation.checks import Check
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import UNMEASURED
from nqs.statistics import SIGNIFICANT

_LEAST_EXPECTED = 5.0
"""Shots that a cell of a table must expect in the mean, for χ² to hold."""


class Drift(NamedTuple):
    """p_value: of blocks as different as these where nothing drifts: the least of all sites and of whole outcomes,
    times their number. site: where blocks differ most, None where whole outcomes do. blocks: how many there are.
    worst: block that is farthest off there."""

    p_value: float
    site: int | None
    blocks: int
    worst: int


def drift(data: Measurements) -> Drift | None:
    """χ² between the blocks of each setting, of every site by itself and of whole outcomes.

    None where no setting was taken in two blocks with shots enough.
    """
    if data.block is None:
        return None
    blocks, place = np.unique(data.block, return_inverse=True)
    number = len(blocks)
    if number < 2:
        return None
    total, degrees = np.zeros(data.sites + 1), np.zeros(data.sites + 1)
    off = np.zeros((data.sites + 1, number))
    for index, setting in enumerate(data.settings):
        rows = np.flatnonzero(data.setting_index == index)
        weight, where = data.counts[rows].astype(float), place[rows]
        read = np.array([letter != UNMEASURED for letter in setting])
        bits = data.outcomes[rows] * read
        for site in range(data.sites + 1):
            if site < data.sites:
                cells = bits[:, site].astype(int)
            else:
                _, cells = np.unique(bits, axis=0, return_inverse=True)
                cells = _common(cells.reshape(-1), weight, number)
            chi2, freedom, by_block = _table(cells, where, weight, number)
            total[site] += chi2
            degrees[site] += freedom
            off[site] += by_block
    there = degrees > 0
    if not there.any():
        return None
    p = np.where(there, chdtrc(np.maximum(degrees, 1), total), 1.0)
    least = float(min(1.0, p.min() * there.sum()))
    worst = int(np.argmin(p))
    if p[:-1].min() * there.sum() < SIGNIFICANT:  # one site by itself says more than all together
        worst = int(np.argmin(p[:-1]))
    return Drift(
        least,
        worst if worst < data.sites else None,
        number,
        int(blocks[np.argmax(off[worst])]),
    )


def _common(cells: np.ndarray, weight: np.ndarray, blocks: int) -> np.ndarray:
    """Outcomes that are too rare to be compared counted as one."""
    seen = np.bincount(cells, weights=weight)
    rare = seen < _LEAST_EXPECTED * blocks
    kept = np.cumsum(~rare) - 1
    return np.where(rare[cells], (~rare).sum(), kept[cells])


def _table(
    cells: np.ndarray, where: np.ndarray, weight: np.ndarray, blocks: int
) -> tuple[float, int, np.ndarray]:
    """χ² of a table of cells by blocks, its degrees of freedom, and what each block adds."""
    table = np.zeros((int(cells.max()) + 1, blocks))
    np.add.at(table, (cells, where), weight)
    table = table[table.sum(axis=1) > 0]
    used = table.sum(axis=0) > 0
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    expected = rows[:, None] * columns / max(table.sum(), 1)
    # a row that expects too little anywhere says nothing, and could say too much
    kept = (expected[:, used] >= _LEAST_EXPECTED).all(axis=1) if used.any() else np.zeros(0, bool)
    if kept.sum() < 2 or used.sum() < 2:
        return 0.0, 0, np.zeros(blocks)
    table = table[kept]
    expected = table.sum(axis=1)[:, None] * table.sum(axis=0) / table.sum()
    off = np.divide((table - expected) ** 2, expected, out=np.zeros_like(table), where=expected > 0)
    return float(off.sum()), int((kept.sum() - 1) * (used.sum() - 1)), off.sum(axis=0)


def check(data: Measurements) -> Check:
    """Whether the blocks of time look like one experiment."""
    name, expected = "blocks of time alike, p", f"≥ {SIGNIFICANT:g}"
    found = drift(data)
    if found is None:
        return Check(name, None, expected, None)
    alarm = None
    if found.p_value < SIGNIFICANT:
        where = "the outcomes" if found.site is None else f"site {found.site}"
        alarm = (
            f"The device drifted: {where} differ{'' if found.site is None else 's'} between {found.blocks} blocks of "
            f"time (p = {found.p_value:.2g}), most in block {found.worst}. One state does not describe them all; "
            "reconstruct from blocks that agree."
        )
    return Check(name, found.p_value, expected, alarm)
