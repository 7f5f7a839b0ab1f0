"""Did the device drift? Shots of the same setting in different blocks of time, compared."""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from nqs.evaluation.checks import Check
from nqs.measurement.dataset import Measurements
from nqs.measurement.effects import UNMEASURED
from nqs.statistics import SIGNIFICANT

_LEAST_EXPECTED = 5.0
"""Shots that a cell of a table must expect in every block, for χ² to hold; blocks of fewer are joined to the
next."""

_MOST = 2**28
"""Outcomes of single sites that are looked at."""

_MOST_GROUPS = 8
"""Groups of blocks that rare outcomes are still compared in."""


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

    None where no setting was taken in two blocks with shots enough, and where there are too many to look at.
    """
    if data.block is None or data.outcomes.size > _MOST:
        return None
    blocks, place = np.unique(data.block, return_inverse=True)
    number = len(blocks)
    if number < 2:
        return None
    total, degrees = np.zeros(data.sites + 1), np.zeros(data.sites + 1)
    off = np.zeros((data.sites + 1, number))
    order = np.argsort(data.setting_index, kind="stable")
    ends = np.searchsorted(data.setting_index[order], np.arange(len(data.settings) + 1))
    for setting, first, last in zip(data.settings, ends[:-1], ends[1:], strict=True):
        rows = order[first:last]
        if len(np.unique(place[rows])) < 2:
            continue
        read = np.array([letter != UNMEASURED for letter in setting])
        bits = data.outcomes[rows] * read
        _, whole = np.unique(bits, axis=0, return_inverse=True)
        for site, cells in enumerate([*bits.T, whole.reshape(-1)]):
            table = np.zeros((int(cells.max()) + 1, number))
            np.add.at(table, (cells.astype(int), place[rows]), data.counts[rows])
            chi2, freedom, by_block = _compared(table)
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


def _compared(table: np.ndarray) -> tuple[float, int, np.ndarray]:
    """χ² of a table of cells by blocks, its degrees of freedom, and what each block adds.

    Rare cells are counted as one, and neighbouring blocks joined until each cell expects shots enough.
    """
    number, used = table.shape[1], np.flatnonzero(table.sum(axis=0))
    table = table[table.sum(axis=1) > 0][:, used]
    nothing = 0.0, 0, np.zeros(number)
    rare = table.sum(axis=1) < _LEAST_EXPECTED * min(len(used), _MOST_GROUPS)
    if rare.any():
        table = np.vstack([table[~rare], table[rare].sum(axis=0)])
    cells = table.sum(axis=1)
    cells, table = cells[cells > 0], table[cells > 0]
    if len(cells) < 2:
        return nothing
    needed = _LEAST_EXPECTED * cells.sum() / cells.min()
    groups = _groups(table.sum(axis=0), needed)
    joined = np.stack([table[:, groups == g].sum(axis=1) for g in range(groups.max() + 1)], axis=1)
    if joined.shape[1] < 2:
        return nothing
    expected = cells[:, None] * joined.sum(axis=0) / joined.sum()
    apart = ((joined - expected) ** 2 / expected).sum(axis=0)
    by_block = np.zeros(number)
    by_block[used] = apart[groups]
    return float(apart.sum()), (len(cells) - 1) * (joined.shape[1] - 1), by_block


def _groups(shots: np.ndarray, needed: float) -> np.ndarray:
    """Group of every block: neighbours that have so many shots together; too few at the end join those before."""
    found, group, filled = np.zeros(len(shots), int), 0, 0.0
    for block, number in enumerate(shots):
        found[block] = group
        filled += number
        if filled >= needed:
            group, filled = group + 1, 0.0
    if filled < needed and group:
        found[found == group] = group - 1
    return found


def check(data: Measurements) -> Check:
    """Whether the blocks of time look like one experiment."""
    name, expected = "blocks of time alike, p", f"≥ {SIGNIFICANT:g}"
    found = drift(data)
    if found is None:
        few = "too few shots of any setting in two blocks"
        told = (
            None if data.block is None else few if data.outcomes.size <= _MOST else "too many shots"
        )
        return Check(name, told, expected, None)
    alarm = None
    if found.p_value < SIGNIFICANT:
        where = "the outcomes" if found.site is None else f"site {found.site}"
        alarm = (
            f"The device drifted: {where} differ{'' if found.site is None else 's'} between {found.blocks} blocks of "
            f"time (p = {found.p_value:.2g}), most in block {found.worst}. One state does not describe them all; "
            "reconstruct from blocks that agree."
        )
    return Check(name, found.p_value, expected, alarm)
