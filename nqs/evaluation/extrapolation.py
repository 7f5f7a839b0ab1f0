"""Energy at zero variance, from the states that a training passed through."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_PARTS = 24
"""Stretches of the training that are looked at, each the mean of its logged steps."""

_NEAR = 10.0
"""Variances up to this many times the last one lie on the line."""

_FEWEST, _SPAN = 5, 2.0
"""Points of a line, and the ratio of their variances, below which there is none."""


def checkpoints(
    rows: Sequence[Mapping[str, Any]], sites: int, infinite_temperature: float | None
) -> list[dict[str, Any]]:
    """Energy, variance and V-score of successive stretches of the last phase of a training.

    rows: as in metrics.jsonl. infinite_temperature: energy from which a V-score counts, None where it
    means nothing. The first stretches are short, for there the state changes fast.
    """
    last = [row for row in rows if row["phase"] == rows[-1]["phase"]] if rows else []
    values = np.array(
        [
            (row["step"], row["energy"], row["variance"])
            for row in last
            if row.get("energy") is not None and row.get("variance") is not None
        ],
        float,
    ).reshape(-1, 3)
    if not len(values):
        return []
    ends = np.unique(np.geomspace(1, len(values), _PARTS).round().astype(int))
    found = []
    for part in np.split(values, ends[:-1]):
        step, (energy, variance) = part[-1, 0], part[:, 1:].mean(axis=0)
        above = 0.0 if infinite_temperature is None else energy - infinite_temperature
        found.append(
            {
                "step": int(step),
                "energy": float(energy),
                "variance": float(variance),
                "v_score": float(sites * variance / above**2) if above else None,
            }
        )
    return found


def lined_up(points: Sequence[Mapping[str, Any]]) -> np.ndarray | None:
    """E₀ + c·Var through the last points: the line at no variance, E₀, and then at every point.

    NaN where a point was left out. None where there is no line: too few points, too little change
    of the variance, or an energy that falls as the variance grows. E₀ is a guide and no bound: states
    lie on the line where the excited part of them keeps its shape while it shrinks. Kwon et al.,
    Phys. Rev. B 48, 12037 (1993).
    """
    energy, variance = (
        np.array([(p["energy"], p["variance"]) for p in points], float).reshape(-1, 2).T
    )
    if len(points) < _FEWEST or not variance[-1] > 0:
        return None
    used = (variance > 0) & (variance <= _NEAR * variance[-1])
    if used.sum() < _FEWEST or np.ptp(np.log(variance[used])) < np.log(_SPAN):
        return None
    # an energy of independent samples scatters by the root of its variance
    slope, start = np.polyfit(variance[used], energy[used], 1, w=1 / np.sqrt(variance[used]))
    if slope <= 0:
        return None
    return np.r_[start, np.where(used, start + slope * variance, np.nan)]
